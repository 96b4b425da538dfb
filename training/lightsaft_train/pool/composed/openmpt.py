"""Tracker modules, read by libopenmpt: their instruments, the notes that these play, and the sound of each alone.

Audio is float32 (2, samples) at 44.1 kHz. In formats without instruments, an instrument is a sample.
See libopenmpt/libopenmpt_ext.h, interface "interactive".
"""

import collections
import ctypes
import ctypes.util
from typing import Any

import numpy as np

from ...arrays import Audio
from ...errors import ToolError
from ..score import SAMPLE_RATE

BLOCK = 1 << 16
SET_INSTRUMENT_MUTE = 12  # place of the function in the interface
FUNCTIONS = 16
INTERPOLATION, TAPS = 3, 8
NOTE, INSTRUMENT = 0, 1  # parts of a pattern's cell
LAST_NOTE = 120
SIGNATURES: dict[str, Any] = {  # results that are not int
    "openmpt_module_ext_create_from_memory": ctypes.c_void_p,
    "openmpt_module_ext_get_module": ctypes.c_void_p,
    "openmpt_module_get_duration_seconds": ctypes.c_double,
    "openmpt_module_get_instrument_name": ctypes.c_void_p,
    "openmpt_module_get_sample_name": ctypes.c_void_p,
    "openmpt_module_read_interleaved_float_stereo": ctypes.c_size_t,
    "openmpt_free_string": None,
    "openmpt_module_ext_destroy": None,
}


def library() -> ctypes.CDLL | None:
    """Return libopenmpt; None if it is not installed (Debian: libopenmpt0)."""
    for name in (ctypes.util.find_library("openmpt"), "libopenmpt.so.0"):
        try:
            loaded = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if loaded:
            for function, result in SIGNATURES.items():
                getattr(loaded, function).restype = result
            return loaded
    return None


class Module:
    """A module in memory.

    Parameters
    ----------
    data
        The content of the file.

    Raises
    ------
    ToolError
        If libopenmpt is missing, or cannot read the module.
    """

    def __init__(self, data: bytes) -> None:
        found = library()
        if found is None:
            raise ToolError("libopenmpt is missing: apt-get install libopenmpt0")
        self.data, self._library = data, found
        ext, module = self._open()
        try:
            names = ("samples", "instruments", "patterns", "channels")
            counts = {name: int(getattr(self._library, f"openmpt_module_get_num_{name}")(module)) for name in names}
            self.seconds = float(self._library.openmpt_module_get_duration_seconds(module))
            self.sample_names = self._names(module, "sample", counts["samples"])
            self.names = self._names(module, "instrument", counts["instruments"]) or self.sample_names
            self.notes = self._read_notes(module, counts["patterns"], counts["channels"])
        finally:
            self._library.openmpt_module_ext_destroy(ext)

    def _open(self) -> tuple[ctypes.c_void_p, ctypes.c_void_p]:
        ext = self._library.openmpt_module_ext_create_from_memory(
            self.data, ctypes.c_size_t(len(self.data)), *([None] * 7)
        )
        if not ext:
            raise ToolError("not a module that libopenmpt can read")
        ext = ctypes.c_void_p(ext)
        module = ctypes.c_void_p(self._library.openmpt_module_ext_get_module(ext))
        self._library.openmpt_module_select_subsong(module, -1)
        self._library.openmpt_module_set_render_param(module, INTERPOLATION, TAPS)
        self._library.openmpt_module_ctl_set(module, b"render.resampler.emulate_amiga", b"0")
        return ext, module

    def _names(self, module: ctypes.c_void_p, kind: str, count: int) -> list[str]:
        names = []
        for index in range(count):
            text = getattr(self._library, f"openmpt_module_get_{kind}_name")(module, index)
            names.append(ctypes.string_at(text).decode("utf-8", "replace").strip())
            self._library.openmpt_free_string(ctypes.c_void_p(text))
        return names

    def _read_notes(self, module: ctypes.c_void_p, patterns: int, channels: int) -> list[collections.Counter[int]]:
        """Return how often each instrument plays each note in the patterns; C of octave 0 is 1."""
        notes: list[collections.Counter[int]] = [collections.Counter() for _ in self.names]
        cell = self._library.openmpt_module_get_pattern_row_channel_command
        current = [0] * channels
        for pattern in range(patterns):
            for row in range(self._library.openmpt_module_get_pattern_num_rows(module, pattern)):
                for channel in range(channels):
                    note, instrument = (cell(module, pattern, row, channel, part) & 255 for part in (NOTE, INSTRUMENT))
                    current[channel] = instrument or current[channel]
                    if 0 < note <= LAST_NOTE and 0 < current[channel] <= len(notes):
                        notes[current[channel] - 1][note] += 1
        return notes

    def render(self, seconds: float, instrument: int | None = None) -> Audio:
        """Return the first seconds of the song, played once: one instrument (its index) alone, or all of them."""
        ext, module = self._open()
        try:
            if instrument is not None:
                self._mute_others(ext, instrument)
            blocks, left = [], round(min(seconds, self.seconds + 5) * SAMPLE_RATE)
            block = np.empty((BLOCK, 2), np.float32)
            while left > 0:
                read = self._library.openmpt_module_read_interleaved_float_stereo(
                    module, SAMPLE_RATE, ctypes.c_size_t(min(BLOCK, left)), block.ctypes.data_as(ctypes.c_void_p)
                )
                if not read:
                    break
                blocks.append(block[:read].copy())
                left -= read
            return np.concatenate(blocks).T if blocks else np.zeros((2, 0), np.float32)
        finally:
            self._library.openmpt_module_ext_destroy(ext)

    def _mute_others(self, ext: ctypes.c_void_p, instrument: int) -> None:
        table = (ctypes.c_void_p * FUNCTIONS)()
        found = self._library.openmpt_module_ext_get_interface(
            ext, b"interactive", table, ctypes.c_size_t(ctypes.sizeof(table))
        )
        address = table[SET_INSTRUMENT_MUTE]
        if not found or not address:
            raise ToolError("this libopenmpt has no interface 'interactive'")
        mute = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int)(address)
        for index in range(len(self.names)):
            mute(ext, index, int(index != instrument))
