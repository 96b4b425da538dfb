"""The files of a report at one sample rate, with one length.

MP3, M4A and Opus files may have another sample rate than their mixture, and AAC ends with some samples of silence. They
are brought to the rate and the length of the mixture. Other files must have them.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..arrays import Audio
from ..audio import ENCODINGS, AudioReader
from ..blocks import reblocked
from ..errors import AudioError
from ..resample import resample_stream

PADDING = ENCODINGS[".m4a"].padding  # samples that a file may be longer than its sound
ROUNDING = 2  # samples by which a conversion of the sample rate may miss the length


class Form(NamedTuple):
    """Sample rate in Hz, channels and samples per channel of a file."""

    sample_rate: int
    channels: int
    samples: int


def form_of(path: Path) -> Form:
    """Return the form of a file. Raises AudioError if it cannot be read."""
    with AudioReader(path) as reader:
        samples = reader.samples
        if samples is None:
            samples = sum(block.shape[1] for block in reader.blocks())
        return Form(reader.sample_rate, reader.channels, samples)


def check_forms(mixture: Path, others: Iterable[Path]) -> Form:
    """Check that files can be compared with a mixture. Returns the form of the mixture.

    Raises
    ------
    AudioError
        If a file cannot be read, or differs from the mixture in sample rate, channels or length.
    """
    expected = form_of(mixture)
    for path in others:
        form = form_of(path)
        if path.suffix.lower() in ENCODINGS:
            ratio = expected.sample_rate / form.sample_rate
            excess = form.samples * ratio - expected.samples
            if form.channels == expected.channels and -ROUNDING <= excess <= PADDING * ratio + ROUNDING:
                continue
        for unit, want, got in zip(("Hz", "channels", "samples"), expected, form, strict=True):
            if got != want:
                raise AudioError(f"expected {want} {unit} as in {mixture}, got {got}: {path}")
    return expected


def aligned_blocks(reader: AudioReader, form: Form) -> Iterator[Audio]:
    """Yield a file in blocks of BLOCK_SAMPLES samples, with the sample rate and the length of a form."""
    if reader.path.suffix.lower() not in ENCODINGS:
        return reader.blocks()
    blocks = resample_stream(reader.blocks(), orig_sr=reader.sample_rate, target_sr=form.sample_rate)
    return reblocked(_of_length(blocks, form))


def _of_length(blocks: Iterable[Audio], form: Form) -> Iterator[Audio]:
    """Yield blocks up to a length, and zeros for what is missing."""
    left = form.samples
    for block in blocks:
        yield block[:, :left]
        left -= min(left, block.shape[1])
    yield np.zeros((form.channels, left), np.float32)
