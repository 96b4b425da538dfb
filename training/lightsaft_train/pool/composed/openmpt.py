"""Tracker modules by libopenmpt: their instruments, the notes they play, and the sound of each alone.

Audio is float32 (2, samples) at 44.1 kHz. An instrument is a sample in formats without instruments.
See libopenmpt/libopenmpt_ext.h, interface "interactive".
"""

import collections
import ctypes
import ctypes.util

import numpy as np

from ..score import SAMPLE_RATE

BLOCK = 1 << 16
SET_INSTRUMENT_MUTE = 12  # place of the function in the interface
FUNCTIONS = 16
INTERPOLATION, TAPS = 3, 8
NOTE, INSTRUMENT = 0, 1  # parts of a pattern's cell
LAST_NOTE = 120
SIGNATURES = {  # results that are not int
    "openmpt_module_ext_create_from_memory": ctypes.c_void_p,
    "openmpt_module_ext_get_module": ctypes.c_void_p,
    "openmpt_module_get_duration_seconds": ctypes.c_double,
    "openmpt_module_get_instrument_name": ctypes.c_void_p,
    "openmpt_module_get_sample_name": ctypes.c_void_p,
    "openmpt_module_read_interleaved_float_stereo": ctypes.c_size_t,
    "openmpt_free_string": None,
    "openmpt_module_ext_destroy": None,
}


def library():
    """libopenmpt, or None where it is not installed (Debian: libopenmpt0)."""
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
    """A module in memory. RuntimeError: libopenmpt does not read it, or there is no libopenmpt."""

    def __init__(self, data):
        self.data, self._library = data, library()
        if self._library is None:
            raise RuntimeError("libopenmpt is missing: apt-get install libopenmpt0")
        ext, module = self._open()
        try:
            ask = lambda what: int(getattr(self._library, f"openmpt_module_{what}")(module))  # noqa: E731
            self.seconds = self._library.openmpt_module_get_duration_seconds(module)
            by_instruments = ask("get_num_instruments") > 0
            self.sample_names = self._names(module, "sample", ask("get_num_samples"))
            self.names = self._names(module, "instrument", ask("get_num_instruments"))
            self.names = self.names if by_instruments else self.sample_names
            self.notes = self._read_notes(module, ask("get_num_patterns"), ask("get_num_channels"))
        finally:
            self._library.openmpt_module_ext_destroy(ext)

    def _open(self):
        ext = self._library.openmpt_module_ext_create_from_memory(
            self.data, ctypes.c_size_t(len(self.data)), *([None] * 7)
        )
        if not ext:
            raise RuntimeError("not a module that libopenmpt reads")
        ext = ctypes.c_void_p(ext)
        module = ctypes.c_void_p(self._library.openmpt_module_ext_get_module(ext))
        self._library.openmpt_module_select_subsong(module, -1)
        self._library.openmpt_module_set_render_param(module, INTERPOLATION, TAPS)
        self._library.openmpt_module_ctl_set(module, b"render.resampler.emulate_amiga", b"0")
        return ext, module

    def _names(self, module, kind, count):
        names = []
        for index in range(count):
            text = getattr(self._library, f"openmpt_module_get_{kind}_name")(module, index)
            names.append(ctypes.string_at(text).decode("utf-8", "replace").strip())
            self._library.openmpt_free_string(ctypes.c_void_p(text))
        return names

    def _read_notes(self, module, patterns, channels):
        """How often each instrument plays each note in the patterns: [Counter of notes], C of octave 0 being 1."""
        notes = [collections.Counter() for _ in self.names]
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

    def render(self, seconds, instrument=None):
        """The first `seconds` of the song, played once: of one instrument (its index) alone, or of all."""
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

    def _mute_others(self, ext, instrument):
        table = (ctypes.c_void_p * FUNCTIONS)()
        found = self._library.openmpt_module_ext_get_interface(
            ext, b"interactive", table, ctypes.c_size_t(ctypes.sizeof(table))
        )
        if not found:
            raise RuntimeError("this libopenmpt has no interface 'interactive'")
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int)
        mute = kind(table[SET_INSTRUMENT_MUTE])
        for index in range(len(self.names)):
            mute(ext, index, int(index != instrument))
