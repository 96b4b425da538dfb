"""WAV into a stream that cannot seek, such as a pipe or a socket.

Audio is float32 (channels, samples), full scale 1.0.
"""

import io
import struct
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np

from ..arguments import whole_number
from ..arrays import Audio
from ..errors import ArgumentError, OutputError, reason
from .stem_checks import check_clip, check_stem
from .wav_format import MAX_CHANNELS, MAX_RATE, SUBTYPES, UNKNOWN_SIZE, WAV_BYTES

WRITTEN = ("FLOAT", "PCM_16", "PCM_24", "PCM_32")


class WavStreamWriter:
    """Writes one stem as WAV to a file that need not be seekable. It takes the same blocks as `StemWriter`.

    Parameters
    ----------
    file : binary file
        Any object with the methods `write` and `flush` of one.
    target : str
        Name of the stem in a block.
    sample_rate : int
        In Hz.
    channels : int
    samples : int, optional
        Samples per channel that will be written, if known. If they are not known, or are too many for a WAV file, the
        header declares sizes of 0xFFFFFFFF. Readers then continue to the end of the stream.
    subtype : str, optional
        FLOAT, PCM_16, PCM_24 or PCM_32. Default: FLOAT.
    clip : str, optional
        "clamp" or "error": limit samples beyond full scale, or raise an error, if the subtype is not FLOAT. "scale"
        needs FLOAT, which has no full scale, as the gain is known only at the end of the stream.

    Attributes
    ----------
    peaks : dict of str to float
        Largest magnitude written so far, by target.

    Raises
    ------
    OutputError
        If the subtype cannot be written to a stream, the stream cannot be written, or samples would clip and `clip` is
        "error".
    BrokenPipeError
        If the reader of the pipe has closed it.
    ArgumentError
        If `clip` is not known, or another argument is wrong.
    """

    def __init__(
        self,
        file: BinaryIO,
        target: str,
        *,
        sample_rate: int,
        channels: int,
        samples: int | None = None,
        subtype: str | None = None,
        clip: str = "clamp",
    ) -> None:
        self._subtype = stream_subtype(subtype, clip)
        _check_writable(file)
        self._file, self._target, self._clip = file, target, clip
        self._sample_rate = whole_number(sample_rate, "sample_rate", most=MAX_RATE)
        self._channels = whole_number(channels, "channels", most=MAX_CHANNELS)
        length = None if samples is None else whole_number(samples, "samples", least=0)
        self.peaks = {target: 0.0}
        header, self._padding = _header(self._sample_rate, self._channels, length, self._subtype)
        self._write(header)

    def write(self, stems: Mapping[str, Audio]) -> None:
        """Append a block.

        Parameters
        ----------
        stems : dict of str to float32 array, shape (channels, samples)
            Only the target of this writer is used.

        Raises
        ------
        OutputError, BrokenPipeError
            See `WavStreamWriter`.
        ArgumentError
            If the block does not contain the target, or its array has another shape or type.
        """
        import soundfile

        block = check_stem(stems, self._target, self._channels)
        peak = self.peaks[self._target] = max(self.peaks[self._target], float(np.abs(block).max(initial=0)))
        if self._subtype != "FLOAT":
            if peak > 1 and self._clip == "error":
                raise OutputError(f"expected samples within full scale, got a peak of {peak:.3f}: {self._name}")
            block = np.clip(block, -1, 1)
        encoded = io.BytesIO()
        soundfile.write(
            encoded,
            np.ascontiguousarray(block.T),
            samplerate=self._sample_rate,
            format="RAW",
            subtype=self._subtype,
            endian="LITTLE",
        )
        self._write(encoded.getvalue())

    def finish(self) -> None:
        """Write the end of the stream: a chunk of a WAV file has an even number of bytes.

        Raises
        ------
        OutputError, BrokenPipeError
            See `WavStreamWriter`.
        """
        self._write(self._padding)

    @property
    def _name(self) -> str:
        return str(getattr(self._file, "name", "the stream"))

    def _write(self, content: bytes) -> None:
        left = memoryview(content)
        try:
            while left:
                written = self._file.write(left)
                if written is None:
                    # An unbuffered file took nothing, as it must not wait. Any other object that returns None took all.
                    written = 0 if isinstance(self._file, io.RawIOBase) else len(left)
                left = left[written:]  # an unbuffered file may take only a part
            self._file.flush()
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:  # ValueError: the file was closed
            raise OutputError(f"cannot write {self._name}: {reason(error)}") from error


def _check_writable(file: BinaryIO) -> None:
    """Raise ArgumentError unless an object is a binary file that is open for writing."""
    expected = "expected a binary file that is open for writing"
    if isinstance(file, io.TextIOBase) or not all(hasattr(file, name) for name in ("write", "flush")):
        raise ArgumentError(f"{expected}, got {file!r}")
    try:
        writable = not hasattr(file, "writable") or file.writable()
    except ValueError as error:
        raise ArgumentError(f"{expected}, got {file!r} ({error})") from error
    if not writable:
        raise ArgumentError(f"{expected}, got {file!r}")


def stream_subtype(subtype: str | None, clip: str) -> str:
    """Check the subtype and clip policy of a stream.

    Parameters
    ----------
    subtype : str or None
        In lower or upper case. None: FLOAT.
    clip : str
        See `WavStreamWriter`.

    Returns
    -------
    str
        The subtype in upper case.

    Raises
    ------
    OutputError
        If the subtype cannot be written to a stream, or `clip` is "scale" and the subtype is not FLOAT.
    ArgumentError
        If `clip` is not known, or the subtype is not text.
    """
    if not isinstance(subtype, (str, type(None))):
        raise ArgumentError(f"expected the name of a subtype, such as FLOAT, got {subtype!r}")
    subtype = "FLOAT" if subtype is None else subtype.upper()
    if subtype not in WRITTEN:
        raise OutputError(f"expected one of the subtypes {', '.join(WRITTEN)} in a WAV stream, got {subtype}")
    check_clip(clip)
    if clip == "scale" and subtype != "FLOAT":
        raise OutputError(
            f"a stream of {subtype} cannot be scaled because its peak is known only at its end: choose clip "
            "clamp or error, or subtype FLOAT"
        )
    return subtype


def _header(sample_rate: int, channels: int, samples: int | None, subtype: str) -> tuple[bytes, bytes]:
    """Return the bytes before the samples and those after them."""
    tag, bits = next(key for key, name in SUBTYPES.items() if name == subtype)
    frame_bytes = channels * bits // 8
    size = None if samples is None or samples * frame_bytes > WAV_BYTES else samples * frame_bytes
    try:
        fmt_chunk = struct.pack("<HHIIHH", tag, channels, sample_rate, sample_rate * frame_bytes, frame_bytes, bits)
    except struct.error as error:
        raise ArgumentError(f"a WAV file cannot have {channels} channels at {sample_rate} Hz") from error
    chunks = b"WAVE" + _chunk(b"fmt ", fmt_chunk if tag == 1 else fmt_chunk + bytes(2))
    if tag != 1:
        chunks += _chunk(b"fact", struct.pack("<I", UNKNOWN_SIZE if size is None else samples))
    padding = bytes((size or 0) % 2)
    whole = UNKNOWN_SIZE if size is None else len(chunks) + 8 + size + len(padding)
    chunks += b"data" + struct.pack("<I", UNKNOWN_SIZE if size is None else size)
    return b"RIFF" + struct.pack("<I", whole) + chunks, padding


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content
