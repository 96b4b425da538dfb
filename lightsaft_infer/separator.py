"""The whole chain from a mixture to its stems, for arrays and for streams.

Audio is float32 (channels, samples), full scale 1.0. A block of stems is a dict {target: float32 (channels, samples)}.
"""

import dataclasses
import math
import os
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .arguments import whole_number
from .arrays import Audio, Network, Progress, Stems
from .blocks import MixtureBuffer, StemBlocks, check_format, checked, reblocked, to_audio
from .bundle import Bundle, read_model
from .errors import ArgumentError
from .manifest import Manifest, default_manifest_path
from .mdx_network import MdxNetwork
from .merging import Task, stems_of_tasks, tasks_for
from .network import OnnxNetwork
from .resample import resample_stream
from .session import Session
from .spectral_separator import SpectralSeparator
from .time_limit import TimeLimit, Work


class Separator:
    """Separates mixtures with a model, or with the models of a bundle.

    `Separator.from_file` loads a model from its file. Any callable can take the place of the network, such as a lambda
    in tests.

    Parameters
    ----------
    manifest : Manifest or Bundle
        The facts about the model.
    network : Network, or sequence of Network
        A callable that follows the model contract (see `lightsaft_infer.arrays.Network`). A bundle has one for each of
        its models.
    chunk : int, optional
        Frames that a network gets at once, a multiple of the manifest's `frames_multiple`. Default: its `frames`.
    overlap : int, optional
        Frames that a chunk shares with the next one, half a chunk at most. Default: a quarter of the chunk, an eighth
        for MDX-Net models.

    Raises
    ------
    ArgumentError
        If `chunk` or `overlap` is out of range, there are not as many networks as models, or another argument has the
        wrong type.

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
        self,
        manifest: Manifest | Bundle,
        network: Network | Sequence[Network],
        *,
        chunk: int | None = None,
        overlap: int | None = None,
    ) -> None:
        if not isinstance(manifest, (Manifest, Bundle)):
            raise ArgumentError(f"expected a Manifest or a Bundle (Separator.from_file reads one), got {manifest!r}")
        networks = tuple(network) if isinstance(network, Sequence) else (network,)
        if not all(map(callable, networks)):
            raise ArgumentError(f"expected a network that can be called, got {network!r}")
        if len(networks) != len(manifest.models):
            raise ArgumentError(f"expected {len(manifest.models)} networks, got {len(networks)}")
        self.manifest = manifest
        self.networks = networks
        self._separators = tuple(
            SpectralSeparator(model, network, chunk=chunk, overlap=overlap)
            for model, network in zip(manifest.models, networks, strict=True)
        )

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        threads: int | None = None,
        chunk: int | None = None,
        overlap: int | None = None,
    ) -> "Separator":
        """Load a model or a bundle, to run under ONNX Runtime.

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
            If the manifest or a graph is missing, damaged, or does not have the shapes that it should have.
        ArgumentError
            If `threads`, `chunk` or `overlap` is out of range.
        """
        manifest = read_model(default_manifest_path() if path is None else path)
        networks = [_network(model, threads) for model in manifest.models]
        return cls(manifest, networks, chunk=chunk, overlap=overlap)

    @property
    def network(self) -> Network:
        """The network, or the first one of a bundle."""
        return self.networks[0]

    @property
    def chunk(self) -> int:
        """Frames that the (first) network gets at once."""
        return self._separators[0].chunk

    @property
    def overlap(self) -> int:
        """Frames that a chunk of the (first) network shares with the next one."""
        return self._separators[0].overlap

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
        sample_rate : float
            Of mixture and stems, in Hz, a whole number of 8000 to 192000. It is converted if it is not the model's.
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
        mixture = to_audio(mixture)
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
            `lightsaft_infer.consistency.mixture_consistency`). With a bundle, whose models have spectra of different
            sizes, this is done in the spectra of the stems. If the sample rate is converted, the part of the mixture
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
        names = self._chosen(targets, consistency=consistency, residual=residual)
        check_format(sample_rate)
        try:
            blocks = iter(blocks)
        except TypeError as error:
            raise ArgumentError(f"expected an iterable of blocks, got {blocks!r}") from error
        if samples is not None:
            samples = whole_number(samples, "samples", least=0)
        tasks = tasks_for(names, self._separators)
        if limit is not None:
            length = None if samples is None else math.ceil(samples * self.manifest.sample_rate / sample_rate)
            tasks = self._limited(tasks, limit, length)
        spread = consistency and sample_rate != self.manifest.sample_rate
        stem_blocks = StemBlocks(names, residual=residual, spread=spread)
        return self._stream(blocks, sample_rate, tasks, stem_blocks, consistency=consistency)

    def _chosen(self, targets: Sequence[str] | None, *, consistency: bool, residual: str | None) -> tuple[str, ...]:
        """Return the names of the targets to separate. Raises ModelError or ArgumentError if that cannot be done."""
        names = self.targets if targets is None else _names(targets)
        self.manifest.indices(names)
        if consistency and (residual is not None or len(names) < len(self.targets)):
            raise ArgumentError("expected all targets and no residual, as the stems have to sum to the mixture")
        if consistency and not self.manifest.sums_to_mixture:
            raise ArgumentError(
                f"expected a model whose targets sum to the mixture, got only {', '.join(self.targets)}"
            )
        if not isinstance(residual, (str, type(None))):
            raise ArgumentError(f"expected the name of the residual, got {residual!r}")
        if residual in names:
            raise ArgumentError(f"expected a residual of another name than the targets, got {residual!r}")
        return names

    def _limited(self, tasks: Sequence[Task], limit: TimeLimit, length: int | None) -> list[Task]:
        """Return tasks that keep to a time limit, for a mixture of this length at the model's rate, if it is known."""
        works = [
            Work(
                task.separator.network,
                chunks=None if length is None else task.separator.chunks(length),
                targets=len(task.indices),
                gain=1 / max(2, len(self.targets)),  # half of the mixture, if the model has one target only
            )
            for task in tasks
        ]
        return [
            dataclasses.replace(task, separator=task.separator.with_network(network))
            for task, network in zip(tasks, limit.limited(works), strict=True)
        ]

    def _stream(
        self,
        blocks: Iterable[ArrayLike],
        sample_rate: float,
        tasks: Sequence[Task],
        stem_blocks: StemBlocks,
        *,
        consistency: bool,
    ) -> Iterator[Stems]:
        buffer = MixtureBuffer()
        mixture = buffer.through(reblocked(checked(blocks)))
        for estimates in self._estimate(mixture, sample_rate, tasks, consistency=consistency):
            yield stem_blocks.of(estimates, buffer.take(estimates.shape[-1]))
        # Conversion of the sample rate may end some samples early.
        rest = buffer.take(None)
        if rest.shape[1]:
            yield stem_blocks.of(np.zeros((len(stem_blocks.targets), *rest.shape), np.float32), rest)

    def _estimate(
        self, mixture: Iterable[Audio], sample_rate: float, tasks: Sequence[Task], *, consistency: bool
    ) -> Iterator[Audio]:
        """Yield stems float32 (targets, 2, samples) at the mixture's rate."""
        rate = self.manifest.sample_rate
        stereo = (np.broadcast_to(block, (2, block.shape[1])) for block in mixture)
        audio = resample_stream(stereo, orig_sr=sample_rate, target_sr=rate)
        stems = stems_of_tasks(tasks, audio, consistency=consistency)
        return resample_stream(stems, orig_sr=rate, target_sr=sample_rate)


def _network(model: Manifest, threads: int | None) -> Network:
    """The network of a model under ONNX Runtime."""
    graph, path = model.read_graph(), model.graph_path
    if model.mdx_net is None:
        return OnnxNetwork(graph, bins=model.bins, path=path, threads=threads)
    return MdxNetwork(Session(graph, path=path, threads=threads), layout=model.mdx_net, frames=model.frames)


def _names(targets: Sequence[str]) -> tuple[str, ...]:
    if isinstance(targets, str):
        raise ArgumentError(f"expected a sequence of targets, got the text {targets!r}: write ({targets!r},)")
    if not isinstance(targets, Iterable):
        raise ArgumentError(f"expected a sequence of targets, got {targets!r}")
    names = tuple(targets)
    if not all(isinstance(name, str) for name in names):
        raise ArgumentError(f"expected the names of targets, got {targets!r}")
    return names
