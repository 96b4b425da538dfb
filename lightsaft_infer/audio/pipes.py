"""Sound out of a pipe, which cannot be read twice: WAV by ourselves, as its length may be unknown or beyond what its
header can count; what libsndfile reads without seeking by libsndfile; the rest by ffmpeg."""

import contextlib
import io
import os
import threading
from pathlib import Path

import soundfile

from ..errors import AudioError
from .decoding import check_ogg_ends, known_length, open_sound, open_with_ffmpeg
from .wav_stream import WavStreamReader, read_up_to

# First bytes of what libsndfile reads without seeking: AIFF, AU, W64, Ogg, MP3 with a tag. FLAC and CAF it does not.
WITHOUT_SEEKING = (b"FORM", b".snd", b"riff", b"OggS", b"ID3")
TAIL = 131072  # an Ogg page has 65307 bytes at most


def open_stream(file, closing):
    """Open sound that comes out of a binary file of the operating system, such as standard input.

    file : binary file with a descriptor, best an unbuffered one
    closing : contextlib.ExitStack that closes what was opened; the file itself stays open

    Returns and raises what `decoding.open_sound` does.
    """
    try:
        path = _seekable(file)
        if path is not None:
            return open_sound(path, closing)
        head = read_up_to(file, 12)
    except OSError as error:
        raise AudioError(f"cannot read it: {error.strerror}") from error
    if not head:
        raise AudioError("expected audio, got an empty stream")
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:] == b"WAVE":
        sound = WavStreamReader(file, head)
        return sound, sound.frames, sound.drain
    if head.startswith(b"fLaC"):
        head += read_up_to(file, 14)  # to the end of the number of samples
    return _open_fed(closing.enter_context(_Feeder(file, head)), head, closing)


def _seekable(file):
    """Path of the file behind a descriptor where it is one on a disk, to be read from its start; else None."""
    path = Path(f"/dev/fd/{file.fileno()}")
    return path if file.seekable() and file.tell() == 0 and os.access(path, os.R_OK) else None


def _open_fed(feeder, head, closing):
    mp3 = head[0] == 0xFF and head[1:2] >= b"\xe0" and head[1] & 6  # frame sync, and a layer: not AAC's ADTS
    if not (head.startswith(WITHOUT_SEEKING) or mp3):
        reason = "not a format that libsndfile reads from a pipe"
        sound, length, check = open_with_ffmpeg("pipe:0", closing, reason, stdin=feeder.reading)
        if head.startswith(b"fLaC"):
            length = int.from_bytes(head[18:26], "big") % 2**36 or None  # 0: not known (RFC 9639, section 8.2)
        return sound, length, check
    try:
        sound = closing.enter_context(soundfile.SoundFile(feeder.reading, closefd=False))
    except soundfile.LibsndfileError as error:
        raise AudioError(f"not a format that libsndfile reads from a pipe ({error.error_string})") from error

    def check():
        feeder.drain()
        if sound.format == "OGG":
            check_ogg_ends(io.BytesIO(feeder.tail))

    return sound, known_length(sound), check


class _Feeder:
    """A thread that copies a file into a pipe, after the bytes that were taken from it already."""

    def __init__(self, file, head):
        self.reading, writing = os.pipe()
        self.head, self.tail = head, b""
        self._error = None
        # It may wait for input that never comes: nothing waits for it unless the input has ended.
        self._thread = threading.Thread(target=self._copy, args=(file, writing), daemon=True)
        self._thread.start()

    def _copy(self, file, writing):
        with contextlib.suppress(BrokenPipeError), open(writing, "wb") as pipe:
            part = self.head
            while part:
                self.tail = (self.tail + part)[-TAIL:]
                pipe.write(part)
                pipe.flush()
                try:
                    part = file.read(65536)
                except OSError as error:
                    self._error, part = error, b""

    def drain(self):
        """Take what is left, so that the writer of the pipe can end in peace. Raises AudioError if reading failed."""
        while os.read(self.reading, 65536):
            pass
        self._thread.join()
        if self._error is not None:
            raise AudioError(f"cannot read it to the end: {self._error.strerror}") from self._error

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        os.close(self.reading)
