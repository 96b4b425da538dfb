"""The decoder for a file: the same for the same bytes, whether they come from a file or through a pipe.

This package reads WAV itself, as the length may be unknown or larger than the header can count. libsndfile decodes
AIFF, FLAC and Ogg, FFmpeg's libraries the rest. A stream that cannot seek is copied into a temporary file first, except
WAV.
"""

import contextlib
import io
import tempfile
from typing import BinaryIO, NamedTuple

from ..errors import AudioError, raise_as
from .file_slice import FileSlice
from .files import write_all
from .libav_channels import speakers_of
from .mpeg import id3_size
from .source import Source
from .vorbis import begins_early
from .wav_format import UnsupportedCodecError
from .wav_source import WavSource, read_some, read_up_to

HEAD_BYTES = 12
PART_BYTES = 65536  # copied at a time
WAV = (b"RIFF", b"RF64", b"BW64")
OF_LIBSNDFILE = (b"FORM", b"fLaC", b".snd", b"riff", b"caff", b"RIFX")  # AIFF, FLAC, AU, W64, CAF, big-endian WAV


class Opened(NamedTuple):
    """The sound in a file, and the file that it is read from if that is seekable: the given one, or a copy of it.

    `end` is the position after all tags in that file, if it is known.
    """

    source: Source
    seekable: BinaryIO | None
    end: int | None = None


def open_source(file: BinaryIO, closing: contextlib.ExitStack) -> Opened:
    """Open the sound in a binary file by its content.

    Parameters
    ----------
    file : binary file
        At its start. It stays open.
    closing : contextlib.ExitStack
        Closes at its end everything else that was opened.

    Returns
    -------
    Opened

    Raises
    ------
    AudioError
        If the file is empty, truncated, or not audio. It does not name the file.
    OSError
        If the file cannot be read.
    """
    if file.seekable() and file.tell() == 0:
        raw: BinaryIO = getattr(file, "raw", file)  # libsndfile reads by descriptor, and knows no buffer
        return _open_file(raw)
    head = read_up_to(file, HEAD_BYTES)
    stream = Replay(head, file)
    if _is_wav(head):
        with contextlib.suppress(UnsupportedCodecError):
            return Opened(WavSource(stream), None)
    copy = closing.enter_context(tempfile.TemporaryFile(buffering=0))
    stream.restart()
    while part := stream.read(PART_BYTES):
        with raise_as(AudioError, "copy the stream into a temporary file in", tempfile.gettempdir()):
            write_all(copy, part)
    return _open_file(copy)


def _open_file(file: BinaryIO) -> Opened:
    size = file.seek(0, 2)
    if not size:
        raise AudioError("expected audio, got an empty file")
    start = id3_size(file)
    file.seek(start)
    head = file.read(HEAD_BYTES)
    # Some programs write an ID3 tag before formats that do not know it.
    sound = FileSlice(file, start, size) if start and (_is_wav(head) or head.startswith(OF_LIBSNDFILE)) else file
    sound.seek(0)
    if _is_wav(head):
        with contextlib.suppress(UnsupportedCodecError):
            wav = WavSource(sound)
            return Opened(wav, file, None if wav.end is None else start + wav.end)
    elif head.startswith((*OF_LIBSNDFILE, b"OggS")):
        source = _open_with_libsndfile(sound, head)
        if source is not None:
            return Opened(source, file)
    from .libav import LibavSource

    sound.seek(0)
    return Opened(LibavSource(sound), file)


def _open_with_libsndfile(file: BinaryIO, head: bytes) -> Source | None:
    """Open a file with libsndfile. Returns None if FFmpeg's libraries read it better.

    Raises AudioError if the file is damaged.
    """
    import soundfile

    from .libsndfile import LibsndfileSource
    from .ogg import OggSource, find_streams

    ogg = head.startswith(b"OggS")
    streams = find_streams(file) if ogg else []
    file.seek(0)
    try:
        source: Source = OggSource(file, streams) if ogg else LibsndfileSource(file)
    except soundfile.LibsndfileError as error:
        if ogg or (head.startswith((b"fLaC", b"caff")) and not _is_plain_caf(file)):
            return None
        raise AudioError(f"damaged, or not a format that libsndfile reads ({error.error_string})") from error
    if source.samples is None:  # soundfile loses the last samples of a FLAC file whose header does not state the length
        return None
    if ogg and (source.channels > 2 or begins_early(file)):  # Vorbis has another order of channels
        return None
    if source.channels > 2:
        source.speakers = speakers_of(file) or source.speakers  # libsndfile does not report them
    return source


def _is_plain_caf(file: BinaryIO) -> bool:
    """Whether a file is CAF with PCM samples, or CAF without the description that comes first in a complete file."""
    file.seek(0)
    head = file.read(32)
    return head.startswith(b"caff") and (head[8:12] != b"desc" or head[28:32] == b"lpcm")


def _is_wav(head: bytes) -> bool:
    return head[:4] in WAV and head[8:12] == b"WAVE"


class Replay(io.RawIOBase, BinaryIO):
    """A stream that cannot seek, from its start. It keeps what was read until `restart`, to read it again."""

    def __init__(self, head: bytes, file: BinaryIO) -> None:
        self._file = file
        self._kept: list[bytes] | None = []
        self._ahead = head

    def read(self, size: int = -1, /) -> bytes:
        part = self._ahead[:size] if self._ahead else read_some(self._file, size)
        self._ahead = self._ahead[len(part) :] if self._ahead else b""
        if self._kept is not None:
            self._kept.append(part)
            if sum(map(len, self._kept)) > 2**20:  # beyond a header
                self._kept = None
        return part

    def restart(self) -> None:
        """Start again, which is possible within the first MB."""
        if self._kept is None:
            raise AudioError("expected the format of the samples within the first MB of a WAV file in a pipe")
        self._ahead, self._kept = b"".join(self._kept) + self._ahead, None
