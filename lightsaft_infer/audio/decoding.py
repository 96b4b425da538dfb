"""Opening of sound files, in such a way that all of their samples are read.

libsndfile guesses the length of some files, and reports some faults only in its log. ffmpeg decodes the formats that
libsndfile cannot read.
"""

import contextlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import soundfile

from ..errors import AudioError, reason
from .feeder import TAIL_BYTES, Feeder
from .opened import OpenedSound
from .wav_format import is_placeholder

if TYPE_CHECKING:
    from soundfile import SoundFile

SF_COUNT_MAX = 2**63 - 1  # libsndfile's largest count
SAMPLE_BYTES = 8  # of its largest type of sample


def open_sound(path: Path, closing: contextlib.ExitStack) -> OpenedSound:
    """Open a sound file by its content.

    Parameters
    ----------
    path : Path
    closing : contextlib.ExitStack
        Closes the opened files at its end.

    Returns
    -------
    OpenedSound

    Raises
    ------
    AudioError
        If the file is empty, truncated or not audio, or needs ffmpeg and ffmpeg is missing. It does not name the file.
    OSError
        If the file cannot be read.
    """
    raw = closing.enter_context(open(path, "rb", buffering=0))
    magic = raw.read(4)
    if not magic:
        raise AudioError("expected audio, got an empty file")
    if magic == b"OggS":
        check_ogg_ends(raw)
    raw.seek(0)
    try:
        # By descriptor: for a name, soundfile takes the extension as the format.
        sound = closing.enter_context(soundfile.SoundFile(raw.fileno(), closefd=False))
    except soundfile.LibsndfileError as error:
        return open_with_ffmpeg(f"file:{path}", closing, f"not a format that libsndfile reads ({error.error_string})")
    if sound.format == "MP3":
        # If an MP3 has no Xing header, libsndfile guesses the length from the first frame and stops reading there. From
        # a pipe it cannot guess, and reads to the end.
        feeder = closing.enter_context(Feeder(closing.enter_context(open(path, "rb", buffering=0)), ends=True))
        piped = closing.enter_context(soundfile.SoundFile(feeder.reading, closefd=False))
        if known_length(piped) is None:
            return OpenedSound(piped, None, feeder.drain)
    elif known_length(sound) is None:
        # soundfile loses the last samples of a FLAC file whose header does not state the length.
        return open_with_ffmpeg(f"file:{path}", closing, "its header does not state its length")
    _check_declared_size(sound.extra_info)
    return OpenedSound(sound, sound.frames)


def known_length(sound: "SoundFile") -> int | None:
    """Return the samples per channel of an open sound file, None if libsndfile does not know them.

    libsndfile has no value for an unknown length. It assumes a file of SF_COUNT_MAX bytes, and computes the number of
    samples from that.
    """
    longest = SF_COUNT_MAX // (sound.channels * SAMPLE_BYTES)
    return int(sound.frames) if sound.frames < longest // 2 else None


def open_with_ffmpeg(url: str, closing: contextlib.ExitStack, why: str, stdin: int | None = None) -> OpenedSound:
    """Decode by ffmpeg into a pipe, in a format that libsndfile reads without seeking.

    Parameters
    ----------
    url : str
        The input as ffmpeg names it.
    closing : contextlib.ExitStack
        Ends ffmpeg at its end.
    why : str
        The reason why ffmpeg is needed, for the error if it is missing.
    stdin : int, optional
        A descriptor, if the URL is "pipe:0".

    Returns
    -------
    OpenedSound

    Raises
    ------
    AudioError
        If ffmpeg is missing or cannot decode the input. It does not name the file.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise AudioError(f"{why}; install ffmpeg to read m4a and other formats")
    command = [program, "-nostdin", "-v", "error", "-xerror", "-i", url, "-map", "0:a:0"]
    command += ["-f", "au", "-c:a", "pcm_f32be", "-"]
    try:
        ffmpeg = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        raise AudioError(f"{why}; cannot run {program}: {reason(error)}") from error
    assert ffmpeg.stdout is not None, "it is a pipe"

    @closing.callback
    def end() -> None:
        ffmpeg.kill()
        ffmpeg.communicate()

    def check() -> None:
        assert ffmpeg.stderr is not None, "it is a pipe"
        complaint = ffmpeg.stderr.read().decode(errors="replace").strip().splitlines()
        if ffmpeg.wait() or complaint:
            raise AudioError(f"ffmpeg cannot decode it to the end: {(complaint or ['it gives no reason'])[-1]}")

    try:
        sound = closing.enter_context(soundfile.SoundFile(ffmpeg.stdout.fileno(), closefd=False))
    except soundfile.LibsndfileError as error:
        check()
        raise AudioError(f"expected audio from ffmpeg, got none ({error.error_string})") from error
    return OpenedSound(sound, None, check)


def _check_declared_size(log: str) -> None:
    """Raise AudioError if a header declares more audio than the file contains.

    libsndfile reads such a file to its end, and reports the difference only in its log.
    """
    sizes = r"^ *(?:data|SSND|riff|Riff size|Data Size) *: (\d+) \(should be (\d+)\)"
    for declared, found in re.findall(sizes, log, re.MULTILINE):
        if int(found) < int(declared) and not is_placeholder(int(declared)):
            raise AudioError(f"truncated: expected {declared} bytes of audio, got {found}")


def check_ogg_ends(raw: BinaryIO) -> None:
    """Raise AudioError unless the last Ogg page is complete and marked as the last one (RFC 3533, section 6)."""
    size = raw.seek(0, 2)
    raw.seek(max(0, size - TAIL_BYTES))
    tail = raw.read()
    start = tail.rfind(b"OggS")
    header = tail[start : start + 27] if start >= 0 else b""
    segments = tail[start + 27 : start + 27 + header[26]] if len(header) == 27 else b""
    whole = segments and len(segments) == header[26] and len(tail) >= start + 27 + len(segments) + sum(segments)
    if not (whole and header[5] & 4):
        raise AudioError("truncated: the last Ogg page is incomplete or does not end the stream")
