"""From a mixture to its stems: the whole chain, as a stream and for an array.

Audio is float32 (channels, samples), full scale 1.0. A block of stems is a dict {target: float32 (channels, samples)}.
"""

import math

import numpy as np

from .checks import BLOCK_SAMPLES, check_format, check_samples
from .chunking import chunk_count, estimate_chunks
from .consistency import mixture_consistency
from .errors import AudioError, ModelError
from .manifest import Manifest, default_manifest_path
from .network import OnnxNetwork
from .resample import resample_stream
from .stft import istft_stream, stft_stream
from .time_limit import TimeLimit

# The chain works on blocks of this many samples, whatever comes in, so that results do not depend on the caller's.


class Separator:
    """Separates mixtures with one model. Use `Separator.from_file`, or pass any network, a lambda for instance.

    Parameters
    ----------
    manifest : Manifest
    network : callable(planes, targets) that follows the model contract (see `lightsaft_infer.network`); one with an
        attribute `concurrency` above 1 is called by so many threads at the same time
    chunk : frames that the network sees at once; default: the manifest's `frames`
    overlap : frames that neighbouring chunks share; default: a quarter of the chunk

    Raises ValueError for a chunk that is not in multiples of the manifest's `frames_multiple`, or an overlap of more
    than half a chunk.
    """

    def __init__(self, manifest, network, *, chunk=None, overlap=None):
        chunk = manifest.frames if chunk is None else chunk
        overlap = chunk // 4 if overlap is None else overlap
        if chunk < 1 or chunk % manifest.frames_multiple:
            raise ValueError(f"expected a chunk in multiples of {manifest.frames_multiple} frames, got {chunk}")
        if not 0 <= overlap <= chunk // 2:
            raise ValueError(f"expected an overlap of 0 to {chunk // 2} frames, got {overlap}")
        self.manifest = manifest
        self.network = network
        self._concurrency = getattr(network, "concurrency", 1)
        self.chunk = chunk
        self.overlap = overlap

    @classmethod
    def from_file(cls, path=None, *, threads=None, chunk=None, overlap=None):
        """The model of a manifest file, by default the packaged one, under ONNX Runtime with `threads` threads (None:
        every core that this process may use); `chunk` and `overlap` as in `Separator`.

        Raises ModelError where the manifest or its graph are missing, damaged or do not follow the contract.
        """
        manifest = Manifest.from_file(default_manifest_path() if path is None else path)
        network = OnnxNetwork(manifest.read_graph(), manifest, threads=threads)
        return cls(manifest, network, chunk=chunk, overlap=overlap)

    @property
    def targets(self):
        """Names of the targets that the model separates."""
        return self.manifest.targets

    def separate(
        self,
        mixture,
        *,
        sample_rate,
        targets=None,
        consistency=False,
        residual=None,
        time_limit=None,
        progress=None,
    ):
        """Stems of a mixture.

        Parameters
        ----------
        mixture : floating point (channels, samples), 1 or 2 channels, full scale 1.0; it is not changed
        sample_rate : of mixture and stems, in Hz, 8000 to 192000; a rate other than the model's is converted
        targets : names of the targets to separate, None for all; one target alone costs one pass of the network
        consistency : let the stems sum to the mixture (see `stream`); needs all targets
        residual : name of a further stem, mixture minus the sum of the stems: "instrumental" beside ("vocals",)
        time_limit : seconds, or a TimeLimit, that this may take (see `stream`); None: one pass, however long it takes
        progress : callable(done, total), in seconds of audio, called as stems are finished

        Returns {target: float32 (channels, samples)}, each of the mixture's shape.

        Raises AudioError for a mixture that is empty, not floating point, of another shape, or not finite, and for a
        sample rate out of range; ModelError for a target that the model does not have; ValueError for a residual that
        is named as a target, and for consistency with a residual or without all targets.
        """
        mixture = np.asarray(mixture)
        stems = {}
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
            done += audio.shape[1]
            if progress is not None:
                progress(done / sample_rate, mixture.shape[1] / sample_rate)
        return stems

    def stream(
        self, blocks, *, sample_rate, targets=None, consistency=False, residual=None, time_limit=None, samples=None
    ):
        """Yield blocks of stems as blocks of the mixture come, in bounded memory.

        `blocks` is an iterable of arrays (channels, samples) of any lengths; the stems, joined, are the same samples
        whatever these lengths are, and as many as came in. The other parameters and the errors are `separate`'s.

        Stems follow the mixture by a chunk, and where N threads call the network by N.

        With `consistency`, what the estimates leave of the mixture's spectrum is shared among them in proportion to
        their magnitudes (see `mixture_consistency`), and what conversion of the sample rate takes away, above the
        model's band, equally. The stems then sum to the mixture up to float rounding.

        With a `time_limit`, in seconds or a `TimeLimit`, which counts from this call, the track is done in that time
        (by one pass of the network late at most): as long as there is time for it, each chunk gets several passes, of
        which the mean is better than one; when time runs out, chunks get none, but an estimate by what the targets had
        of the mixture until then. `samples` is the length of the mixture in samples per channel where it is known, and
        must be right; without it no chunk gets a second pass.

        A mono mixture is given to the network on both channels; a stem is the mean of the two that come back.
        """
        limit = TimeLimit.started(time_limit)
        targets = self.targets if targets is None else tuple(targets)
        indices = self.manifest.indices(targets)
        if consistency and (residual is not None or len(targets) < len(self.targets)):
            raise ValueError("expected all targets and no residual, where stems are made to sum to the mixture")
        if residual in targets:
            raise ValueError(f"expected a residual of another name than the targets, got {residual!r}")
        check_format(sample_rate)
        if limit is not None:
            chunks = None if samples is None else self._chunks(samples, sample_rate)
            limit.expect(chunks, len(targets), 1 / len(self.targets), self._concurrency)
        return self._stream(blocks, sample_rate, targets, indices, consistency, residual, limit)

    def _chunks(self, samples, sample_rate):
        """Chunks of a mixture of so many samples."""
        length = math.ceil(samples * self.manifest.sample_rate / sample_rate)
        frames = 1 + math.ceil(length / self.manifest.hop_length)
        return chunk_count(frames, chunk=self.chunk, overlap=self.overlap)

    def _stream(self, blocks, sample_rate, targets, indices, consistency, residual, limit):
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

    def _estimate(self, mixture, sample_rate, indices, consistency, limit):
        """Yield stems float32 (targets, 2, samples) at the mixture's rate."""
        manifest = self.manifest
        transform = {"n_fft": manifest.n_fft, "hop_length": manifest.hop_length}
        stereo = (np.broadcast_to(block, (2, block.shape[1])) for block in mixture)
        audio = resample_stream(stereo, orig_sr=sample_rate, target_sr=manifest.sample_rate)
        spectra = stft_stream(audio, **transform)
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
        stems = istft_stream(estimates, **transform)
        return resample_stream(stems, orig_sr=manifest.sample_rate, target_sr=sample_rate)


class _Delay:
    """Keeps the mixture's samples until their stems are there."""

    def __init__(self):
        self._held = None

    def through(self, blocks):
        for block in blocks:
            self._held = block if self._held is None else np.concatenate([self._held, block], axis=1)
            yield block

    def take(self, count):
        """The next `count` samples, fewer where the mixture has ended; None for all that are left."""
        taken = self._held[:, :count]
        self._held = self._held[:, taken.shape[1] :]
        return taken


def _checked(blocks):
    """Yield the blocks in float32. Raises AudioError for what is not audio, or if there is none."""
    done, channels = 0, None
    for block in blocks:
        block = np.asarray(block)
        if block.dtype.kind == "f":
            with np.errstate(over="ignore"):  # becomes infinity, and an error below
                block = block.astype(np.float32, copy=False)
        check_samples(block, channels=channels, start=done)
        channels = block.shape[0]
        done += block.shape[1]
        yield block
    if not done:
        raise AudioError("expected audio, got 0 samples")


def _reblocked(blocks):
    """Yield the same samples in blocks of BLOCK_SAMPLES samples, the last one shorter."""
    parts, count = [], 0
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


def _finish(stems, mixture, names, spread):
    """A block of stems {name: (channels, samples)} of the mixture's shape from (targets, channels, samples).

    `spread` gives each stem an equal part of what the stems leave of the mixture; else a name more than there are stems
    takes all of it.
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
