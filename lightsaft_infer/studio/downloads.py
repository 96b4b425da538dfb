"""What a studio sends: a ZIP archive that is made while it is sent, and WAV of 16 bits that a browser can play."""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ..audio import WavStreamWriter
from .job import AudioFormat

BLOCK = 2**18  # bytes


def zip_stream(files: Iterable[tuple[str, Path]]) -> Iterator[bytes]:
    """Yield a ZIP archive of files, given by the names in it and their paths. Nothing is compressed: audio would hardly
    get smaller."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, path in files:
            entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
            with open(path, "rb") as file, archive.open(entry, "w") as target:
                while block := file.read(BLOCK):
                    target.write(block)
                    yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file that only can be written, and is taken away piece by piece."""

    def __init__(self) -> None:
        self._content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self._content += content
        return len(content)

    def taken(self) -> bytes:
        content = bytes(self._content)
        self._content.clear()
        return content


class PcmWav:
    """A WAV file of 16 bits whose bytes are made from one in float when they are asked for.

    Parameters
    ----------
    path : Path
        A file by `WavStreamWriter` with the subtype FLOAT. It may still grow.
    audio : AudioFormat
        Its format.
    samples : int
        Samples per channel to take, which must be there.
    gain : float, optional
        Factor on the samples. Samples beyond full scale are clamped.

    Attributes
    ----------
    size : int
        In bytes.
    """

    def __init__(self, path: Path, audio: AudioFormat, samples: int, gain: float = 1.0) -> None:
        self._path, self._channels, self._gain = path, audio.channels, gain
        self._skip = len(_header(audio, audio.samples, "FLOAT"))
        self._header = _header(audio, samples, "PCM_16")
        self.size = len(self._header) + 2 * self._channels * samples

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to `stop`."""
        yield self._header[start:stop]
        start, stop = (max(0, place - len(self._header)) for place in (start, stop))
        with open(self._path, "rb") as file:
            file.seek(self._skip + 4 * (start // 2))
            while start < stop:
                numbers = np.frombuffer(file.read(min(BLOCK, 4 * ((stop + 1) // 2 - start // 2))), "<f4")
                if not numbers.size:
                    return
                content = np.rint(np.clip(numbers * self._gain, -1, 1) * 32767).astype("<i2").tobytes()
                content = content[start % 2 : start % 2 + stop - start]
                yield content
                start += len(content)


def _header(audio: AudioFormat, samples: int | None, subtype: str) -> bytes:
    file = io.BytesIO()
    WavStreamWriter(
        file, "stem", sample_rate=audio.sample_rate, channels=audio.channels, samples=samples, subtype=subtype
    )
    return file.getvalue()


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the bytes (start, stop) that a Range header asks for, with start = stop if there are no such bytes. None
    without a header, and for one that RFC 9110 lets a server ignore: of another form, or with its end before its
    start."""
    match = re.fullmatch(r"bytes=(\d{0,20})-(\d{0,20})", header or "")
    if not match or not any(match.groups()):
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    start, stop = (int(first), int(last or size) + 1) if first else (size - int(last), size)
    return min(max(0, start), size), min(stop, size)
