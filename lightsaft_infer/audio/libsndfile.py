"""Sound that libsndfile decodes: AIFF, FLAC, AU, W64, CAF."""

import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import soundfile

from ..arrays import Audio
from ..blocks import BLOCK_SAMPLES
from ..errors import AudioError
from .downmix import default_speakers
from .file_slice import FileSlice
from .wav_format import is_placeholder

SF_COUNT_MAX = 2**63 - 1  # libsndfile's largest count
MAX_SAMPLE_BYTES = 8  # of its largest type of sample


class LibsndfileSource:
    """The sound of a file, read forward (see `lightsaft_infer.audio.source.Source`).

    Parameters
    ----------
    file : binary file
        It must be seekable.

    Raises
    ------
    soundfile.LibsndfileError
        If libsndfile does not know the format.
    AudioError
        If the file is truncated. It does not name the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        # By descriptor, errors of the file system do not pass through callbacks, which would print them.
        file.seek(0)
        source = file if isinstance(file, FileSlice) else file.fileno()
        self._sound = soundfile.SoundFile(source, closefd=False)
        self.sample_rate = int(self._sound.samplerate)
        self.channels = int(self._sound.channels)
        self.speakers = default_speakers(self.channels)
        # libsndfile has no value for an unknown length. It assumes a file of SF_COUNT_MAX bytes, and computes the
        # number of samples from that.
        known = self._sound.frames < SF_COUNT_MAX // (self.channels * MAX_SAMPLE_BYTES) // 2
        self.samples = int(self._sound.frames) if known else None
        self._done = 0
        _check_declared_size(self._sound.extra_info)

    def read(self, count: int) -> Audio:
        try:
            audio: Audio = self._sound.read(count, dtype="float32", always_2d=True).T
        except soundfile.LibsndfileError as error:
            raise damaged(error, self._done / self.sample_rate) from error
        self._done += audio.shape[1]
        return np.ascontiguousarray(audio)

    def skip(self, count: int) -> int:
        skipped = count if self.samples is None else min(count, self.samples - self._done)
        try:
            self._done = int(self._sound.seek(self._done + skipped))
        except soundfile.LibsndfileError as error:
            raise AudioError(f"damaged: cannot seek in it ({error.error_string})") from error
        return skipped


def read_blocks(sound: soundfile.SoundFile) -> Iterator[Audio]:
    """Yield all samples of a file in blocks, shape (channels, samples).

    soundfile's own `blocks` yields what was in memory before in place of samples that are missing.

    Raises
    ------
    AudioError
        If there are fewer samples than the file declares.
    soundfile.LibsndfileError
        If a part cannot be decoded.
    """
    done = 0
    while done < sound.frames:
        block: Audio = sound.read(min(BLOCK_SAMPLES, sound.frames - done), dtype="float32", always_2d=True).T
        if not block.shape[1]:
            raise AudioError(f"damaged: expected {sound.frames} samples, got {done}")
        done += block.shape[1]
        yield block


def damaged(error: soundfile.LibsndfileError, seconds: float) -> AudioError:
    """Return the error of a file that libsndfile cannot read further than to a time."""
    return AudioError(
        f"damaged or truncated after {seconds:.2f} s ({error.error_string or 'libsndfile gives no reason'})"
    )


def _check_declared_size(log: str) -> None:
    """Raise AudioError if a header declares more audio than the file contains.

    libsndfile reads such a file to its end, and reports the difference only in its log.
    """
    sizes = r"^ *(?:data|SSND|riff|Riff size|Data Size) *: (\d+) \(should be (\d+)\)"
    for declared, found in re.findall(sizes, log, re.MULTILINE):
        if int(found) < int(declared) and not is_placeholder(int(declared)):
            raise AudioError(f"truncated: expected {declared} bytes of audio, got {found}")
