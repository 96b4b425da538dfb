"""Audio files in: blocks of samples, and errors that tell what is wrong.

Audio is float32 (channels, samples), full scale 1.0.
"""

import contextlib
from pathlib import Path

import numpy as np

from ..checks import BLOCK_SAMPLES, check_format, check_samples
from ..errors import AudioError


class AudioReader:
    """An audio file, read in blocks; a context manager.

    `path` is the file's, or a binary file with a descriptor that need not seek, such as `sys.stdin.buffer.raw`.
    What libsndfile cannot read (m4a, for instance) goes through ffmpeg where that is installed. A file's content
    decides its format, not its name.

    Attributes: `path`; `sample_rate` in Hz; `channels`; `samples`, samples per channel as the file's header has it, or
    None where nothing tells.

    Raises AudioError, which names the file, where it is missing, a directory, empty or truncated, no audio, has more
    than two channels or an unusual sample rate, and while reading where it is damaged, ends before its header says,
    or holds NaN or infinity.
    """

    def __init__(self, path):
        stream = hasattr(path, "fileno")
        self.path = Path(str(path.name) if stream else path)
        self._closing = contextlib.ExitStack()
        with self._naming(), contextlib.ExitStack() as closing:
            self._sound, self.samples, self._check_decoder = _open(path if stream else self.path, closing)
            self.sample_rate = self._sound.samplerate
            self.channels = self._sound.channels
            check_format(self.sample_rate, self.channels)
            if self.samples == 0:
                raise AudioError("expected audio, got 0 samples")
            self._closing = closing.pop_all()

    def blocks(self, size=BLOCK_SAMPLES):
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
            if self.samples is not None and done < self.samples:
                raise AudioError(f"truncated: expected {self.samples} samples, got {done}")
            self._check_decoder()
            if not done:
                raise AudioError("expected audio, got 0 samples")

    def read(self):
        """The whole file at once, float32 (channels, samples)."""
        return np.concatenate(list(self.blocks()), axis=1)

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


def _open(source, closing):
    if isinstance(source, Path):
        from .decoding import open_sound

        return open_sound(source, closing)
    from .pipes import open_stream

    return open_stream(source, closing)
