"""One network with its STFT: from a mixture to stems, at the sample rate of the model."""

import contextlib
import copy
import math
from collections.abc import Iterable, Iterator

import numpy as np

from .arguments import whole_number
from .arrays import Audio, Network, concurrency_of
from .chunking import Waiting, chunk_count, estimate_chunks
from .consistency import mixture_consistency
from .errors import ArgumentError
from .level import LevelledNetwork
from .manifest import Manifest
from .stft import istft_stream, stft_stream


class SpectralSeparator:
    """The STFT, the network chunk by chunk, and the inverse STFT.

    Parameters
    ----------
    manifest : Manifest
    network : Network
    chunk : int, optional
        Frames that the network gets at once, a multiple of the manifest's `frames_multiple`. Default: its `frames`.
    overlap : int, optional
        Frames that a chunk shares with the next one, half a chunk at most. Default: a quarter of the chunk, an eighth
        for MDX-Net, whose chunks are longer.

    Raises
    ------
    ArgumentError
        If `chunk` or `overlap` is out of range.
    """

    def __init__(
        self, manifest: Manifest, network: Network, *, chunk: int | None = None, overlap: int | None = None
    ) -> None:
        chunk = manifest.frames if chunk is None else whole_number(chunk, "chunk")
        overlap = (
            chunk // (8 if manifest.mdx_net else 4) if overlap is None else whole_number(overlap, "overlap", least=0)
        )
        if manifest.mdx_net and chunk != manifest.frames:
            raise ArgumentError(f"expected a chunk of {manifest.frames} frames, which the graph has fixed, got {chunk}")
        if chunk % manifest.frames_multiple:
            raise ArgumentError(f"expected a chunk in multiples of {manifest.frames_multiple} frames, got {chunk}")
        if overlap > chunk // 2:
            raise ArgumentError(f"expected an overlap of 0 to {chunk // 2} frames, got {overlap}")
        self.manifest = manifest
        if manifest.level_range is not None:
            lowest, highest = manifest.level_range
            network = LevelledNetwork(network, n_fft=manifest.n_fft, lowest=lowest, highest=highest)
        self.network = network
        self.chunk = chunk
        self.overlap = overlap
        # MDX-Net: the track lies between n_fft / 2 zeros, as in the published inference, and the borders of a chunk,
        # where the network lacks the frames beyond, are not used.
        self._pad = manifest.n_fft // 2 if manifest.mdx_net else 0
        self._unused = overlap // 4 if manifest.mdx_net else 0

    def with_network(self, network: Network) -> "SpectralSeparator":
        """Return the same separator with another network in the place of its own."""
        other = copy.copy(self)
        other.network = network
        return other

    def chunks(self, samples: int) -> int:
        """Return the number of chunks of a mixture of a number of samples."""
        frames = 1 + math.ceil((samples + 2 * self._pad) / self.manifest.hop_length)
        return chunk_count(frames, chunk=self.chunk, overlap=self.overlap)

    def stems(self, audio: Iterable[Audio], targets: list[int], *, consistency: bool = False) -> Iterator[Audio]:
        """Yield the stems of a mixture.

        Parameters
        ----------
        audio : iterable of float32 arrays, shape (2, samples)
            The mixture in blocks, at the sample rate of the model.
        targets : list of int
            Indices of the targets.
        consistency : bool, optional
            Make the stems sum to the mixture.

        Yields
        ------
        float32 array, shape (targets, 2, samples)
            Blocks of stems. Joined, they have as many samples as the mixture, or some more at the end.
        """
        n_fft, hop_length = self.manifest.n_fft, self.manifest.hop_length
        waiting: Waiting = getattr(self.network, "waiting", contextlib.nullcontext)
        padded = _padded(audio, self._pad, hop_length) if self._pad else audio
        pairs = estimate_chunks(
            stft_stream(padded, n_fft=n_fft, hop_length=hop_length),
            self.network,
            targets,
            chunk=self.chunk,
            overlap=self.overlap,
            unused=self._unused,
            multiple=self.manifest.frames_multiple,
            waiting=waiting,
            concurrency=concurrency_of(self.network),
        )
        estimates = (mixture_consistency(*pair) if consistency else pair[1] for pair in pairs)
        stems = istft_stream(estimates, n_fft=n_fft, hop_length=hop_length)
        return _without_start(stems, self._pad) if self._pad else stems


def _padded(blocks: Iterable[Audio], pad: int, hop_length: int) -> Iterator[Audio]:
    """Yield `pad` zeros, the blocks, and zeros: `pad` and as many as are missing to whole hops."""
    samples, channels = pad, 2
    yield np.zeros((channels, pad), np.float32)
    for block in blocks:
        samples += block.shape[1]
        yield block
    yield np.zeros((channels, pad + -(samples + pad) % hop_length), np.float32)


def _without_start(blocks: Iterable[Audio], samples: int) -> Iterator[Audio]:
    """Yield the blocks (targets, channels, samples) without a number of samples at their start."""
    for block in blocks:
        skipped = min(samples, block.shape[-1])
        samples -= skipped
        if skipped < block.shape[-1]:
            yield block[..., skipped:]
