"""Opening sound files so that all of their samples come out: what libsndfile tells, what it only guesses or notes in
its log, and what needs ffmpeg."""

import contextlib
import os
import re
import shutil
import subprocess
import threading

import soundfile

from ..errors import AudioError

LONGEST = 2**40  # samples; what libsndfile gives as an unknown length is beyond


def open_sound(path, closing):
    """Open a sound file by its content.

    path : Path
    closing : contextlib.ExitStack that closes what was opened

    Returns (soundfile.SoundFile to read forward, its length in samples or None if nothing gives it, function to call at
    its end, which raises AudioError if the decoder reported a fault). Raises AudioError.
    """
    try:
        raw = closing.enter_context(open(path, "rb", buffering=0))
        magic = raw.read(4)
    except OSError as error:
        raise AudioError(f"cannot read it: {error.strerror}") from error
    if not magic:
        raise AudioError("expected audio, got an empty file")
    if magic == b"OggS":
        check_ogg_ends(raw)
    raw.seek(0)
    try:
        # By descriptor, as from a name soundfile takes the extension for the format.
        sound = closing.enter_context(soundfile.SoundFile(raw.fileno(), closefd=False))
    except soundfile.LibsndfileError as error:
        return open_with_ffmpeg(f"file:{path}", closing, f"not a format that libsndfile reads ({error.error_string})")
    if sound.format == "MP3":
        # Of an MP3 without a Xing header libsndfile guesses the length from the first frame, and stops reading there.
        # Out of a pipe it cannot guess, and reads to the end.
        piped = closing.enter_context(soundfile.SoundFile(closing.enter_context(_piped(path)), closefd=False))
        if known_length(piped) is None:
            return piped, None, _content
    elif known_length(sound) is None:
        # soundfile loses the last samples of a FLAC file that does not tell its length.
        return open_with_ffmpeg(f"file:{path}", closing, "its header does not tell its length")
    _check_declared_size(sound.extra_info)
    return sound, sound.frames, _content


def known_length(sound):
    """The length in samples of an open soundfile.SoundFile; None if libsndfile does not know it."""
    return sound.frames if sound.frames < LONGEST else None


def _content():
    pass


def open_with_ffmpeg(url, closing, reason, stdin=None):
    """Decode by ffmpeg into a pipe, in a format that libsndfile reads without seeking.

    `url` is the input as ffmpeg names it, `stdin` a descriptor if that is "pipe:0", `reason` why it takes ffmpeg.
    Returns and raises what `open_sound` does.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise AudioError(f"{reason}; ffmpeg, which reads m4a and more, is not installed")
    command = [program, "-nostdin", "-v", "error", "-xerror", "-i", url, "-map", "0:a:0"]
    command += ["-f", "au", "-c:a", "pcm_f32be", "-"]
    ffmpeg = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @closing.callback
    def end():
        ffmpeg.kill()
        ffmpeg.communicate()

    def check():
        complaint = ffmpeg.stderr.read().decode(errors="replace").strip().splitlines()
        if ffmpeg.wait() or complaint:
            raise AudioError(f"ffmpeg cannot decode it to the end: {(complaint or ['it does not say why'])[-1]}")

    try:
        sound = closing.enter_context(soundfile.SoundFile(ffmpeg.stdout.fileno(), closefd=False))
    except soundfile.LibsndfileError:
        check()
        raise
    return sound, None, check


@contextlib.contextmanager
def _piped(path):
    """Descriptor of a pipe that a thread fills from the file."""
    reading, writing = os.pipe()

    def fill():
        with contextlib.suppress(BrokenPipeError), open(path, "rb") as file, open(writing, "wb") as pipe:
            shutil.copyfileobj(file, pipe)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        yield reading
    finally:
        os.close(reading)
        thread.join()


def _check_declared_size(log):
    """Raises AudioError where a header declares more audio than the file holds.

    libsndfile reads such files as far as they go, and says so only in its log. Sizes within 4 KiB below 2 and 4 GiB
    are what sox, ffmpeg and others write into a pipe, where they do not know the size.
    """
    sizes = r"^ *(?:data|SSND|riff|Riff size|Data Size) *: (\d+) \(should be (\d+)\)"
    for declared, found in re.findall(sizes, log, re.MULTILINE):
        unknown = any(0 <= limit - int(declared) <= 4096 for limit in (2**31, 2**32))
        if int(found) < int(declared) and not unknown:
            raise AudioError(f"truncated: expected {declared} bytes of audio, got {found}")


def check_ogg_ends(raw):
    """Raises AudioError unless the last Ogg page is whole and flagged as its stream's last (RFC 3533, section 6)."""
    size = raw.seek(0, 2)
    raw.seek(max(0, size - 131072))  # a page has 65307 bytes at most
    tail = raw.read()
    start = tail.rfind(b"OggS")
    header = tail[start : start + 27] if start >= 0 else b""
    segments = tail[start + 27 : start + 27 + header[26]] if len(header) == 27 else b""
    whole = segments and len(segments) == header[26] and len(tail) >= start + 27 + len(segments) + sum(segments)
    if not (whole and header[5] & 4):
        raise AudioError("truncated: the last Ogg page is cut off or does not end the stream")
