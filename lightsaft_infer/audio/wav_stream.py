"""WAV as a stream, out of and into what cannot seek: a pipe, a socket.

Audio is float32 (channels, samples), full scale 1.0. Where the writer of a pipe does not know how long the audio will
be, it declares sizes of 0 or, as ffmpeg and sox do, at or just below 2 or 4 GiB; the audio then goes on to the end of
the stream, and may be longer than these sizes.
"""

import io
import struct

import numpy as np

from ..errors import AudioError, OutputError
from .stem_writer import CLIP_POLICIES, WAV_BYTES

UNKNOWN = 0xFFFFFFFF
# libsndfile's names, by format tag and bits of a sample.
SUBTYPES = {
    (1, 8): "PCM_U8",
    (1, 16): "PCM_16",
    (1, 24): "PCM_24",
    (1, 32): "PCM_32",
    (3, 32): "FLOAT",
    (3, 64): "DOUBLE",
    (6, 8): "ALAW",
    (7, 8): "ULAW",
}
EXTENSIBLE = 0xFFFE
WRITTEN = ("FLOAT", "PCM_16", "PCM_24", "PCM_32")


class WavStreamReader:
    """Samples of a WAV or RF64 file that comes out of a stream; `read` is that of soundfile.SoundFile.

    Parameters
    ----------
    file : binary file
    head : the file's first 12 bytes, taken from it already

    Attributes: `samplerate` in Hz; `channels`; `frames`, samples per channel as the header has it, or None where it
    does not tell.

    Raises AudioError where the header is damaged or the samples are neither PCM nor floating point.
    """

    def __init__(self, file, head):
        self._file = file
        fmt_chunk, size = self._header(large=head[:4] != b"RIFF")
        self.channels, self.samplerate, self._frame_bytes, self._subtype = _format(fmt_chunk)
        self.frames = None if size is None else size // self._frame_bytes
        self._left = size

    def _header(self, large):
        """The `fmt ` chunk, and the number of bytes of the `data` chunk or None."""
        fmt_chunk, long_size = b"", None
        while True:
            name, size = struct.unpack("<4sI", self._exactly(8))
            if name == b"data":
                unknown = size == 0 or any(0 <= limit - size <= 4096 for limit in (2**31, 2**32))
                if large and size == UNKNOWN:
                    return fmt_chunk, long_size
                return fmt_chunk, None if unknown else size
            if size > 2**20 and name in (b"fmt ", b"ds64"):
                raise AudioError(f"expected a WAV header, got a chunk {name} of {size} bytes")
            content = self._exactly(size + size % 2, keep=name in (b"fmt ", b"ds64"))
            if name == b"fmt ":
                fmt_chunk = content
            elif name == b"ds64":
                long_size = struct.unpack_from("<Q", content.ljust(16, b"\0"), 8)[0] or None

    def _exactly(self, size, keep=True):
        content = b""
        while size:
            part = read_up_to(self._file, min(size, 65536))
            if not part:
                raise AudioError("truncated: the stream ends within the WAV header")
            size -= len(part)
            content += part if keep else b""
        return content

    def read(self, frames, dtype="float32", always_2d=True):
        """The next samples (samples, channels), fewer than asked for at the end."""
        import soundfile

        wanted = frames * self._frame_bytes
        raw = read_up_to(self._file, wanted if self._left is None else min(wanted, self._left))
        if self._left is not None:
            self._left -= len(raw)
        raw = raw[: len(raw) // self._frame_bytes * self._frame_bytes]
        if not raw:
            return np.empty((0, self.channels), dtype)
        raw_format = {"format": "RAW", "subtype": self._subtype, "endian": "LITTLE"}
        sound = {"samplerate": self.samplerate, "channels": self.channels, **raw_format}
        return soundfile.read(io.BytesIO(raw), dtype=dtype, always_2d=always_2d, **sound)[0]

    def drain(self):
        """Take what follows the samples, so that the writer of the pipe can end in peace."""
        while self._file.read(65536):
            pass


def _format(fmt_chunk):
    """Channels, sample rate in Hz, bytes of a frame and libsndfile's subtype of a `fmt ` chunk."""
    if len(fmt_chunk) < 16:
        raise AudioError("expected a fmt chunk before the audio of a WAV stream, got none")
    tag, channels, sample_rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", fmt_chunk)
    if tag == EXTENSIBLE and len(fmt_chunk) >= 26:
        tag = struct.unpack_from("<H", fmt_chunk, 24)[0]
    subtype = SUBTYPES.get((tag, bits))
    if subtype is None:
        raise AudioError(f"expected PCM or floating point in a WAV stream, got format {tag} of {bits} bits")
    if not channels or frame_bytes != channels * bits // 8:
        raise AudioError(f"damaged: {channels} channels of {bits} bits in {frame_bytes} bytes")
    return channels, sample_rate, frame_bytes, subtype


def read_up_to(file, size):
    """Bytes of a file, fewer than `size` only at its end."""
    parts = []
    while size:
        part = file.read(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


class WavStreamWriter:
    """Writes one stem as WAV to a file that cannot seek; takes blocks as `StemWriter` does.

    Parameters
    ----------
    file : binary file
    target : name of the stem among those of a block
    sample_rate, channels : of the stem
    samples : samples per channel to come where that is known and fits a WAV file; else the header declares sizes of
        0xFFFFFFFF, and readers go on to the end of the stream
    subtype : FLOAT, PCM_16, PCM_24 or PCM_32; default: FLOAT
    clip : "clamp" or "error", for samples beyond full scale where the subtype is not float; a common gain ("scale")
        cannot be known before the end

    Attribute: `peaks`, {target: largest magnitude so far}.

    Raises OutputError; BrokenPipeError where the reader of the pipe has gone.
    """

    def __init__(self, file, target, *, sample_rate, channels, samples=None, subtype=None, clip="clamp"):
        self._subtype = stream_subtype(subtype, clip)
        self._file, self._target, self._clip = file, target, clip
        self._params = {"samplerate": sample_rate, "format": "RAW", "subtype": self._subtype, "endian": "LITTLE"}
        self.peaks = {target: 0.0}
        header, self._padding = _header(sample_rate, channels, samples, self._subtype)
        self._write(header)

    def write(self, stems):
        """Append a block {target: float32 (channels, samples)}; only this writer's target counts."""
        import soundfile

        block = stems[self._target]
        peak = self.peaks[self._target] = max(self.peaks[self._target], float(np.abs(block).max(initial=0)))
        if self._subtype != "FLOAT":
            if peak > 1 and self._clip == "error":
                raise OutputError(f"expected samples within full scale, got a peak of {peak:.3f}: {self._name}")
            block = np.clip(block, -1, 1)
        encoded = io.BytesIO()
        soundfile.write(encoded, np.ascontiguousarray(block.T), **self._params)
        self._write(encoded.getvalue())

    def finish(self):
        """End the stream. (A chunk of a WAV file has an even number of bytes.)"""
        self._write(self._padding)

    @property
    def _name(self):
        return getattr(self._file, "name", "the stream")

    def _write(self, content):
        left = memoryview(content)
        try:
            while left:
                # Not buffered, a file takes what it can, and None where it cannot wait.
                left = left[self._file.write(left) or 0 :]
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"cannot write: {error.strerror}: {self._name}") from error


def stream_subtype(subtype, clip):
    """The subtype, FLOAT for None, in capitals. Raises OutputError for one that is not written to a stream, and for
    clip "scale" unless it is float."""
    subtype = "FLOAT" if subtype is None else subtype.upper()
    if subtype not in WRITTEN:
        raise OutputError(f"expected one of the subtypes {', '.join(WRITTEN)} in a WAV stream, got {subtype}")
    if clip not in CLIP_POLICIES:
        raise ValueError(f"expected clip to be one of {', '.join(CLIP_POLICIES)}, got {clip!r}")
    if clip == "scale" and subtype != "FLOAT":
        raise OutputError(
            f"a stream of {subtype} cannot be scaled, as its peak is known only at its end: choose clip "
            "clamp or error, or subtype FLOAT"
        )
    return subtype


def _header(sample_rate, channels, samples, subtype):
    """All bytes before the samples, and those behind them."""
    tag, bits = next(key for key, name in SUBTYPES.items() if name == subtype)
    frame_bytes = channels * bits // 8
    size = None if samples is None or samples * frame_bytes > WAV_BYTES else samples * frame_bytes
    fmt_chunk = struct.pack("<HHIIHH", tag, channels, sample_rate, sample_rate * frame_bytes, frame_bytes, bits)
    chunks = b"WAVE" + _chunk(b"fmt ", fmt_chunk if tag == 1 else fmt_chunk + bytes(2))
    if tag != 1:
        chunks += _chunk(b"fact", struct.pack("<I", UNKNOWN if size is None else samples))
    padding = bytes((size or 0) % 2)
    whole = UNKNOWN if size is None else len(chunks) + 8 + size + len(padding)
    chunks += b"data" + struct.pack("<I", UNKNOWN if size is None else size)
    return b"RIFF" + struct.pack("<I", whole) + chunks, padding


def _chunk(name, content):
    return name + struct.pack("<I", len(content)) + content
