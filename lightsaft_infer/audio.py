"""Audio files in: blocks of samples, and errors that tell what is wrong. Only this module and `stems` import soundfile.

Audio is float32 (channels, samples), full scale 1.0.
"""

import contextlib
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np

from .errors import AudioError

SAMPLE_RATES = (8000, 192000)
BLOCK = 65536


class AudioReader:
    """An audio file, read in blocks; a context manager.

    What libsndfile cannot read (m4a, for instance) goes through ffmpeg where that is installed. A file's content
    decides its format, not its name.

    Attributes: `path`; `sample_rate` in Hz; `channels`; `frames`, samples per channel as the file's header has it, or
    None where nothing tells.

    Raises AudioError, which names the file, where it is missing, a directory, empty or truncated, no audio, has more
    than two channels or an unusual sample rate, and while reading where it is damaged, ends before its header says,
    or holds NaN or infinity.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._closing = contextlib.ExitStack()
        self._ffmpeg = None
        try:
            with self._naming():
                self._open()
        except BaseException:
            self.close()
            raise

    def _open(self):
        import soundfile

        try:
            raw = self._closing.enter_context(open(self.path, "rb", buffering=0))
            magic = raw.read(4)
        except OSError as error:
            raise AudioError(f"cannot read it: {error.strerror}") from error
        if not magic:
            raise AudioError("expected audio, got an empty file")
        if magic == b"OggS" and not _ends_ogg_stream(raw):
            raise AudioError("truncated: the last Ogg page is cut off or does not end the stream")
        raw.seek(0)
        try:
            # By descriptor, as from a name soundfile takes the extension for the format.
            self._sound = soundfile.SoundFile(raw.fileno(), closefd=False)
            self.frames = self._sound.frames
        except soundfile.LibsndfileError as error:
            self._sound = self._open_ffmpeg(error.error_string)
            self.frames = None
        self._closing.callback(self._sound.close)
        self.sample_rate = self._sound.samplerate
        self.channels = self._sound.channels
        check_format(self.sample_rate, self.channels)
        if self.frames == 0:
            raise AudioError("expected audio, got 0 samples")
        _check_declared_size(self._sound.extra_info)

    def _open_ffmpeg(self, reason):
        """Decode by ffmpeg into a pipe, in a format that libsndfile reads without seeking."""
        import soundfile

        ffmpeg = shutil.which("ffmpeg")
        if ffmpeg is None:
            raise AudioError(
                f"no audio that libsndfile can read ({reason}); ffmpeg, which reads m4a and more, is not installed"
            )
        command = [ffmpeg, "-nostdin", "-v", "error", "-xerror", "-i", f"file:{self.path}", "-map", "0:a:0"]
        command += ["-f", "au", "-c:a", "pcm_f32be", "-"]
        self._ffmpeg = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._closing.callback(self._end_ffmpeg)
        try:
            return soundfile.SoundFile(self._ffmpeg.stdout.fileno(), closefd=False)
        except soundfile.LibsndfileError as error:
            raise AudioError(f"no audio that libsndfile or ffmpeg can read: {self._ffmpeg_says()}") from error

    def _ffmpeg_says(self):
        """Wait for ffmpeg; its last line of complaint, None where it was content."""
        complaint = self._ffmpeg.stderr.read().decode(errors="replace").strip().splitlines()
        return (complaint or ["no reason given"])[-1] if self._ffmpeg.wait() or complaint else None

    def _end_ffmpeg(self):
        self._ffmpeg.kill()
        self._ffmpeg.communicate()

    def blocks(self, size=BLOCK):
        """Yield blocks float32 (channels, samples) of `size` samples, the last one shorter. Reads from the start of
        the file, once."""
        import soundfile

        done = 0
        with self._naming():
            while True:
                try:
                    block = self._sound.read(size, dtype="float32", always_2d=True).T
                except soundfile.LibsndfileError as error:
                    where = f"damaged or truncated after {done / self.sample_rate:.2f} s"
                    raise AudioError(f"{where} ({error.error_string or 'libsndfile gives no reason'})") from error
                if not block.shape[1]:
                    break
                check_samples(block, channels=self.channels, start=done)
                done += block.shape[1]
                yield np.ascontiguousarray(block)
            if self.frames is not None and done < self.frames:
                raise AudioError(f"truncated: expected {self.frames} samples, got {done}")
            if self._ffmpeg is not None:
                complaint = self._ffmpeg_says()
                if complaint or not done:
                    raise AudioError(f"ffmpeg cannot decode it to the end: {complaint}")

    @contextlib.contextmanager
    def _naming(self):
        try:
            yield
        except AudioError as error:
            raise AudioError(f"{error}: {self.path}") from error.__cause__

    def close(self):
        """Let go of the file."""
        self._closing.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def check_format(sample_rate, channels=2):
    """Raises AudioError unless the rate is a whole number of Hz in range and there are 1 or 2 channels."""
    low, high = SAMPLE_RATES
    if not (low <= sample_rate <= high and sample_rate == int(sample_rate)):
        raise AudioError(f"expected a sample rate of {low} to {high} Hz, got {sample_rate}")
    if channels not in (1, 2):
        raise AudioError(f"expected 1 or 2 channels, got {channels}")


def check_samples(block, *, channels, start):
    """Raises AudioError unless the block is floating point (channels, samples) and finite.

    `channels` is None where the number is not known yet; `start` is the position of the block's first sample.
    """
    if block.ndim != 2 or block.dtype.kind != "f":
        raise AudioError(f"expected floating point audio (channels, samples), got {block.dtype} {block.shape}")
    if block.shape[0] not in ((1, 2) if channels is None else (channels,)):
        raise AudioError(f"expected {channels or '1 or 2'} channels, got an array of shape {block.shape}")
    finite = np.isfinite(block).all(axis=0)
    if not finite.all():
        raise AudioError(f"expected finite samples, got NaN or infinity at sample {start + finite.argmin()}")


def _check_declared_size(log):
    """Raises AudioError where a header declares more audio than the file holds.

    libsndfile reads such files as far as they go, and says so only in its log. Declared sizes near 2 and 4 GiB are
    what sox and ffmpeg write into a pipe, where the size is not known.
    """
    for declared, found in re.findall(r"^ *(?:data|SSND|riff|Data Size) *: (\d+) \(should be (\d+)\)", log, re.M):
        if int(found) < int(declared) < 0x7FFFF000:
            raise AudioError(f"truncated: expected {declared} bytes of audio, got {found}")


def _ends_ogg_stream(raw):
    """Whether the last Ogg page is whole and flagged as its stream's last (RFC 3533, section 6)."""
    size = raw.seek(0, 2)
    raw.seek(max(0, size - 131072))  # a page has 65307 bytes at most
    tail = raw.read()
    start = tail.rfind(b"OggS")
    header = tail[start : start + 27]
    if start < 0 or len(header) < 27:
        return False
    segments = tail[start + 27 : start + 27 + header[26]]
    whole = len(segments) == header[26] and len(tail) >= start + 27 + len(segments) + sum(segments)
    return whole and bool(header[5] & 4)
