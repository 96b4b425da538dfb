"""Several networks on one track: the targets assigned to them, and their stems joined.

The networks of a bundle have STFTs and chunks of different lengths, so their stems come in different blocks.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from .arrays import Audio
from .bundle import assigned_targets
from .consistency import mixture_consistency
from .spectral_separator import SpectralSeparator
from .stft import istft_stream, stft_stream

N_FFT, HOP_LENGTH = 4096, 1024  # of the spectra in which stems are made to sum to the mixture


@dataclasses.dataclass(frozen=True)
class Task:
    """What one network does in a separation.

    Attributes
    ----------
    separator : SpectralSeparator
        The network with its STFT.
    indices : list of int
        Its targets, as indices in its model.
    positions : list of int
        Their positions among the targets of the separation.
    """

    separator: SpectralSeparator
    indices: list[int]
    positions: list[int]

    def stems(self, audio: Iterable[Audio], *, consistency: bool) -> Iterator[Audio]:
        """Yield the stems of a mixture (see `SpectralSeparator.stems`)."""
        return self.separator.stems(audio, self.indices, consistency=consistency)


def tasks_for(targets: Sequence[str], separators: Sequence[SpectralSeparator]) -> list[Task]:
    """Assign targets to separators (see `lightsaft_infer.bundle.assigned_targets`). Those without any have no task."""
    assigned = assigned_targets([separator.manifest for separator in separators], targets)
    return [
        Task(separator, separator.manifest.indices(names), [targets.index(name) for name in names])
        for separator, names in zip(separators, assigned, strict=True)
        if names
    ]


def stems_of_tasks(tasks: Sequence[Task], audio: Iterable[Audio], *, consistency: bool) -> Iterator[Audio]:
    """Yield the stems of all tasks, float32 (targets, 2, samples), in the order of the targets of the separation."""
    if len(tasks) == 1:
        return tasks[0].stems(audio, consistency=consistency)
    *copies, mixture = itertools.tee(audio, len(tasks) + 1)
    streams = [task.stems(copy, consistency=False) for task, copy in zip(tasks, copies, strict=True)]
    order = np.argsort([position for task in tasks for position in task.positions])
    stems = (block[order] for block in side_by_side(streams))
    return made_consistent(mixture, stems) if consistency else stems


def side_by_side(streams: Sequence[Iterator[Audio]]) -> Iterator[Audio]:
    """Yield the blocks of several streams together.

    Parameters
    ----------
    streams : sequence of iterators of float32 arrays, shape (stems, channels, samples)
        Streams with the same number of channels. Always the one that is the furthest behind is asked for more, so that
        little has to be kept.

    Yields
    ------
    float32 array, shape (all stems, channels, samples)
        The stems of all streams in their order. It ends with the shortest stream.
    """
    held: list[Audio] = []
    for stream in streams:
        block = next(stream, None)
        if block is None:
            return
        held.append(block)
    while True:
        samples = min(block.shape[-1] for block in held)
        if samples:
            yield np.concatenate([block[..., :samples] for block in held])
            held = [block[..., samples:] for block in held]
        behind = min(range(len(held)), key=lambda number: held[number].shape[-1])
        more = next(streams[behind], None)
        if more is None:
            return
        held[behind] = np.concatenate([held[behind], more], axis=-1)


def made_consistent(mixture: Iterable[Audio], stems: Iterator[Audio]) -> Iterator[Audio]:
    """Correct stems of any origin so that they sum to the mixture.

    It is `lightsaft_infer.consistency.mixture_consistency` on the spectra of the stems.

    Parameters
    ----------
    mixture : iterable of float32 arrays, shape (channels, samples)
    stems : iterator of float32 arrays, shape (stems, channels, samples)

    Yields
    ------
    float32 array, shape (stems, channels, samples)
    """
    blocks = side_by_side([(block[np.newaxis] for block in mixture), stems])
    rows = (block.reshape(-1, block.shape[-1]) for block in blocks)
    spectra = (
        spectrum.reshape(-1, 2, *spectrum.shape[1:])
        for spectrum in stft_stream(rows, n_fft=N_FFT, hop_length=HOP_LENGTH)
    )
    corrected = (mixture_consistency(spectrum[0], spectrum[1:]) for spectrum in spectra)
    return istft_stream(corrected, n_fft=N_FFT, hop_length=HOP_LENGTH)
