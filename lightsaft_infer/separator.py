"""The whole chain from a mixture to its stems, for arrays and for streams.

Audio is float32 (channels, samples), full scale 1.0. A block of stems is a dict {target: float32 (channels, samples)}.
"""

import math
import os
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import Audio, Network, Progress, Stems
from .chunking import chunk_count, estimate_chunks
from .consistency import mixture_consistency
from .errors import BLOCK_SAMPLES, ArgumentError, AudioError, ModelError, check_format, check_samples, whole_number
from .manifest import Manifest, default_manifest_path
from .network import OnnxNetwork
from .resample import resample_stream
from .stft import istft_stream, stft_stream
from .time_limit import TimeLimit


class Separator:
    """Separates mixtures with one model.

    `Separator.from_file` loads a model from its file. Any callable can take the place of the network, such as a lambda
    in tests.

    Parameters
    ----------
    manifest : Manifest
        The facts about the model.
    network : Network
        A callable that follows the model contract (see `lightsaft_infer.arrays.Network`).
    chunk : int, optional
        Frames that the network gets at once, a multiple of the manifest's `frames_multiple`. Default: its `frames`.
    overlap : int, optional
        Frames that a chunk shares with the next one, half a chunk at most. Default: a quarter of the chunk.

    Raises
    ------
    ArgumentError
        If `chunk` or `overlap` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from lightsaft_infer import Separator
    >>> separator = Separator.from_file()
    >>> mixture = np.random.default_rng(0).uniform(-0.1, 0.1, (2, 44100)).astype(np.float32)
    >>> stems = separator.separate(mixture, sample_rate=44100, consistency=True)
    >>> list(stems)
    ['vocals', 'drums', 'bass', 'other']
    >>> bool(np.allclose(sum(stems.values()), mixture, atol=1e-5))
    True
    """

    def __init__(
        self, manifest: Manifest, network: Network, *, chunk: int | None = None, overlap: int | None = None
    ) -> None:
        chunk = manifest.frames if chunk is None else whole_number(chunk, "chunk")
        overlap = chunk // 4 if overlap is None else whole_number(overlap, "overlap", least=0)
        if chunk % manifest.frames_multiple:
            raise ArgumentError(f"expected a chunk in multiples of {manifest.frames_multiple} frames, got {chunk}")
        if overlap > chunk // 2:
            raise ArgumentError(f"expected an overlap of 0 to {chunk // 2} frames, got {overlap}")
        self.manifest = manifest
        self.network = network
        self._concurrency: int = getattr(network, "concurrency", 1)
        self.chunk = chunk
        self.overlap = overlap

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        threads: int | None = None,
        chunk: int | None = None,
        overlap: int | None = None,
    ) -> "Separator":
        """Load a model, to run under ONNX Runtime.

        Parameters
        ----------
        path : path, optional
            The manifest file. Default: the packaged model's.
        threads : int, optional
            Threads of the network. Default: one for each core that this process may use.
        chunk, overlap : int, optional
            See `Separator`.

        Returns
        -------
        Separator

        Raises
        ------
        ModelError
            If the manifest or its graph is missing, damaged, or does not follow the model contract.
        ArgumentError
            If `threads`, `chunk` or `overlap` is out of range.
        """
        manifest = Manifest.from_file(default_manifest_path() if path is None else path)
        network = OnnxNetwork(manifest.read_graph(), bins=manifest.bins, path=manifest.graph_path, threads=threads)
        return cls(manifest, network, chunk=chunk, overlap=overlap)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the targets that the model separates."""
        return self.manifest.targets

    def separate(
        self,
        mixture: ArrayLike,
        *,
        sample_rate: float,
        targets: Sequence[str] | None = None,
        consistency: bool = False,
        residual: str | None = None,
        time_limit: float | TimeLimit | None = None,
        progress: Progress | None = None,
    ) -> Stems:
        """Separate a mixture into stems.

        Parameters
        ----------
        mixture : array of floating-point numbers, shape (channels, samples)
            1 or 2 channels, full scale 1.0. It is not changed.
        sample_rate : int
            Of mixture and stems, in Hz, 8000 to 192000. It is converted if it is not the model's.
        targets : sequence of str, optional
            The targets to separate. Default: all. Fewer targets take less time.
        consistency : bool, optional
            Make the stems sum to the mixture (see `stream`). It needs all targets.
        residual : str, optional
            Name of one more stem, the mixture minus the sum of the stems, for example "instrumental" beside "vocals".
        time_limit : float or TimeLimit, optional
            Time for this call in seconds (see `stream`). Default: one pass for each chunk, however long it takes.
        progress : callable, optional
            Called as ``progress(done, total)`` with seconds of audio when stems of this part are complete.

        Returns
        -------
        dict of str to float32 array, shape (channels, samples)
            Each stem has the shape of the mixture.

        Raises
        ------
        AudioError
            If the mixture is empty, not floating-point, of another shape or not finite, or the sample rate is out of
            range.
        ModelError
            If the model does not have a target, or its network fails.
        ArgumentError
            If the residual has the name of a target, `consistency` is combined with a residual or without all targets,
            or another argument is wrong.
        """
        mixture = _array(mixture)
        stems: Stems = {}
        done = 0
        for block in self.stream(
            [mixture],
            sample_rate=sample_rate,
            targets=targets,
            consistency=consistency,
            residual=residual,
            time_limit=time_limit,
            samples=mixture.shape[-1] if mixture.ndim else 0,
        ):
            for target, audio in block.items():
                stem = stems.setdefault(target, np.empty(mixture.shape, np.float32))
                stem[:, done : done + audio.shape[1]] = audio
            done += next(iter(block.values())).shape[1]
            if progress is not None:
                progress(done / sample_rate, mixture.shape[1] / sample_rate)
        return stems

    def stream(
        self,
        blocks: Iterable[ArrayLike],
        *,
        sample_rate: float,
        targets: Sequence[str] | None = None,
        consistency: bool = False,
        residual: str | None = None,
        time_limit: float | TimeLimit | None = None,
        samples: int | None = None,
    ) -> Iterator[Stems]:
        """Separate a mixture block by block, in bounded memory.

        Parameters
        ----------
        blocks : iterable of arrays, shape (channels, samples)
            The mixture in blocks of any length. The stems do not depend on these lengths.
        sample_rate, targets, residual
            See `separate`.
        consistency : bool, optional
            Make the stems sum to the mixture, up to float rounding. The difference between the mixture's spectrum and
            the sum of the estimates is added to the estimates in proportion to their magnitudes (see
            `lightsaft_infer.consistency.mixture_consistency`). If the sample rate is converted, the part of the mixture
            above the model's band is added to all stems in equal parts.
        time_limit : float or TimeLimit, optional
            Seconds from this call in which the whole track is separated; it may take longer by one pass of the network.
            While there is time, each chunk gets several passes, whose mean is better than one pass. If time runs out,
            the remaining chunks get a cheap estimate from the part that each target had of the mixture before.
        samples : int, optional
            Length of the mixture in samples per channel. It must be correct. If it is not given, no chunk gets more
            than one pass.

        Yields
        ------
        dict of str to float32 array, shape (channels, samples)
            Blocks of stems. Joined, they have as many samples as the mixture. They follow the mixture with a delay of a
            chunk, or of N chunks if N threads call the network. For a mono mixture, the network gets it on both
            channels, and a stem is the mean of its two output channels.

        Raises
        ------
        AudioError, ModelError, ArgumentError
            See `separate`.
        """
        limit = TimeLimit.started(time_limit)
        names = self.targets if targets is None else _names(targets)
        indices = self.manifest.indices(names)
        if consistency and (residual is not None or len(names) < len(self.targets)):
            raise ArgumentError("expected all targets and no residual, as the stems have to sum to the mixture")
        if residual in names:
            raise ArgumentError(f"expected a residual of another name than the targets, got {residual!r}")
        check_format(sample_rate)
        if samples is not None:
            samples = whole_number(samples, "samples", least=0)
        if limit is not None:
            chunks = None if samples is None else self._chunks(samples, sample_rate)
            limit.expect(chunks, len(names), 1 / len(self.targets), self._concurrency)
        return self._stream(blocks, sample_rate, names, indices, consistency, residual, limit)

    def _chunks(self, samples: int, sample_rate: float) -> int:
        """Number of chunks of a mixture of a given length."""
        length = math.ceil(samples * self.manifest.sample_rate / sample_rate)
        frames = 1 + math.ceil(length / self.manifest.hop_length)
        return chunk_count(frames, chunk=self.chunk, overlap=self.overlap)

    def _stream(
        self,
        blocks: Iterable[ArrayLike],
        sample_rate: float,
        targets: tuple[str, ...],
        indices: list[int],
        consistency: bool,
        residual: str | None,
        limit: TimeLimit | None,
    ) -> Iterator[Stems]:
        delay = _Delay()
        mixture = delay.through(_reblocked(_checked(blocks)))
        names = targets if residual is None else (*targets, residual)
        spread = consistency and sample_rate != self.manifest.sample_rate
        for stems in self._estimate(mixture, sample_rate, indices, consistency, limit):
            yield _finish(stems, delay.take(stems.shape[-1]), names, spread)
        # Conversion of the sample rate may end some samples early.
        rest = delay.take(None)
        if rest.shape[1]:
            yield _finish(np.zeros((len(targets), *rest.shape), np.float32), rest, names, spread)

    def _estimate(
        self,
        mixture: Iterable[Audio],
        sample_rate: float,
        indices: list[int],
        consistency: bool,
        limit: TimeLimit | None,
    ) -> Iterator[Audio]:
        """Yield stems float32 (targets, 2, samples) at the mixture's rate."""
        manifest = self.manifest
        stereo = (np.broadcast_to(block, (2, block.shape[1])) for block in mixture)
        audio = resample_stream(stereo, orig_sr=sample_rate, target_sr=manifest.sample_rate)
        spectra = stft_stream(audio, n_fft=manifest.n_fft, hop_length=manifest.hop_length)
        pairs = estimate_chunks(
            spectra,
            self.network,
            indices,
            chunk=self.chunk,
            overlap=self.overlap,
            multiple=manifest.frames_multiple,
            several_passes=None if limit is None else limit.several_passes,
            concurrency=self._concurrency,
        )
        estimates = (mixture_consistency(*pair) if consistency else pair[1] for pair in pairs)
        stems = istft_stream(estimates, n_fft=manifest.n_fft, hop_length=manifest.hop_length)
        return resample_stream(stems, orig_sr=manifest.sample_rate, target_sr=sample_rate)


class _Delay:
    """Keeps the mixture's samples until their stems are complete."""

    def __init__(self) -> None:
        self._held: Audio = np.empty((0, 0), np.float32)

    def through(self, blocks: Iterable[Audio]) -> Iterator[Audio]:
        for block in blocks:
            self._held = np.concatenate([self._held, block], axis=1) if self._held.size else block
            yield block

    def take(self, count: int | None) -> Audio:
        """The next `count` samples, fewer if the mixture has ended; None: all that are left."""
        taken = self._held[:, :count]
        self._held = self._held[:, taken.shape[1] :]
        return taken


def _array(audio: ArrayLike) -> NDArray[np.generic]:
    """Audio as an array. Raises AudioError if it is none, for example for rows of different lengths."""
    try:
        return np.asarray(audio)
    except ValueError as error:
        raise AudioError(f"expected floating-point audio (channels, samples), got {type(audio).__name__}") from error


def _names(targets: Sequence[str]) -> tuple[str, ...]:
    if isinstance(targets, str):
        raise ArgumentError(f"expected a sequence of targets, got the text {targets!r}: write ({targets!r},)")
    return tuple(targets)


def _checked(blocks: Iterable[ArrayLike]) -> Iterator[Audio]:
    """Yield the blocks as float32. Raises AudioError if they are not audio, or if there is none."""
    done, channels = 0, None
    for block in blocks:
        audio = check_samples(_array(block), channels=channels, start=done)
        channels = audio.shape[0]
        done += audio.shape[1]
        yield audio
    if not done:
        raise AudioError("expected audio, got 0 samples")


def _reblocked(blocks: Iterable[Audio]) -> Iterator[Audio]:
    """Yield the same samples in blocks of BLOCK_SAMPLES samples; the last one is shorter. Results then do not depend on
    the caller's blocks."""
    parts: list[Audio] = []
    count = 0
    for block in blocks:
        while count + block.shape[1] >= BLOCK_SAMPLES:
            head, block = np.split(block, [BLOCK_SAMPLES - count], axis=1)
            yield np.concatenate([*parts, head], axis=1)
            parts, count = [], 0
        if block.shape[1]:
            # A copy: the caller may fill the same buffer again.
            parts.append(block.copy())
            count += block.shape[1]
    if parts:
        yield np.concatenate(parts, axis=1)


def _finish(stems: Audio, mixture: Audio, names: tuple[str, ...], spread: bool) -> Stems:
    """A block of stems {name: (channels, samples)} of the mixture's shape, from stems (targets, channels, samples).

    If `spread`, each stem gets an equal part of the residual (the mixture minus the sum of the stems). Otherwise, if
    there is one name more than stems, the residual becomes a stem of this name.
    """
    stems = stems[..., : mixture.shape[1]]
    if stems.shape[1] > mixture.shape[0]:
        stems = stems.mean(axis=1, keepdims=True)
    if not np.isfinite(stems).all():
        raise ModelError("expected finite estimates from the network, got NaN or infinity")
    if spread:
        stems = stems + (mixture - stems.sum(axis=0)) / len(stems)
    elif len(names) > len(stems):
        stems = np.concatenate([stems, (mixture - stems.sum(axis=0))[np.newaxis]])
    return dict(zip(names, stems, strict=True))
