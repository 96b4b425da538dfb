"""Sound from a pipe, which can be read only once.

This package reads WAV itself, as the length may be unknown or more than the header can count. libsndfile reads the
formats that it can read without seeking. ffmpeg decodes the other ones.
"""

import contextlib
import io
import os
from pathlib import Path
from typing import BinaryIO

import soundfile

from ..errors import AudioError
from .decoding import check_ogg_ends, known_length, open_sound, open_with_ffmpeg
from .feeder import Feeder
from .opened import OpenedSound
from .wav_stream_reader import WavStreamReader, read_up_to

# First bytes of the formats that libsndfile reads without seeking: AIFF, AU, W64, Ogg, MP3 with a tag. It cannot read
# FLAC and CAF in this way.
WITHOUT_SEEKING = (b"FORM", b".snd", b"riff", b"OggS", b"ID3")


def open_stream(file: BinaryIO, closing: contextlib.ExitStack) -> OpenedSound:
    """Open the sound in a binary file of the operating system, such as standard input.

    Parameters
    ----------
    file : binary file
        It has a descriptor, and should be unbuffered. It stays open.
    closing : contextlib.ExitStack
        Closes at its end everything else that was opened.

    Returns
    -------
    OpenedSound

    Raises
    ------
    AudioError, OSError
        See `lightsaft_infer.audio.decoding.open_sound`.
    """
    path = _seekable(file)
    if path is not None:
        return open_sound(path, closing)
    head = read_up_to(file, 12)
    if not head:
        raise AudioError("expected audio, got an empty stream")
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:] == b"WAVE":
        sound = WavStreamReader(file, head)
        return OpenedSound(sound, sound.frames, sound.drain)
    if head.startswith(b"fLaC"):
        head += read_up_to(file, 14)  # to the end of the number of samples
    return _open_fed(closing.enter_context(Feeder(file, head)), head, closing)


def _seekable(file: BinaryIO) -> Path | None:
    """Return a path of the file behind a descriptor if it is on a disk and is to be read from its start."""
    path = Path(f"/dev/fd/{file.fileno()}")
    return path if file.seekable() and file.tell() == 0 and os.access(path, os.R_OK) else None


def _open_fed(feeder: Feeder, head: bytes, closing: contextlib.ExitStack) -> OpenedSound:
    mp3 = head[0] == 0xFF and head[1:2] >= b"\xe0" and head[1] & 6  # frame sync, and a layer: not AAC in ADTS
    if not (head.startswith(WITHOUT_SEEKING) or mp3):
        why = "not a format that libsndfile reads from a pipe"
        opened = open_with_ffmpeg("pipe:0", closing, why, stdin=feeder.reading)
        if head.startswith(b"fLaC"):
            samples = int.from_bytes(head[18:26], "big") % 2**36 or None  # 0: not known (RFC 9639, section 8.2)
            return OpenedSound(opened.source, samples, opened.check)
        return opened
    try:
        sound = closing.enter_context(soundfile.SoundFile(feeder.reading, closefd=False))
    except soundfile.LibsndfileError as error:
        raise AudioError(f"not a format that libsndfile reads from a pipe ({error.error_string})") from error

    def check() -> None:
        feeder.drain()
        if sound.format == "OGG":
            check_ogg_ends(io.BytesIO(feeder.tail))

    return OpenedSound(sound, known_length(sound), check)
