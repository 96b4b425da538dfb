"""Stems in files: all files of one track appear when they are complete, or none does.

Audio is float32 (channels, samples), full scale 1.0.
"""

import contextlib
import time
from collections.abc import Iterable, Mapping

import numpy as np

from ..arguments import AnyPath, to_path, whole_number
from ..arrays import Audio
from ..errors import ArgumentError, OutputError
from ..resample import resample_stream
from .encodings import chosen_bitrate
from .libav_file import LibavFile
from .libsndfile_file import LibsndfileFile
from .outputs import OutputFormat, check_outputs, make_folders, output_format
from .stem_checks import check_clip, check_stem
from .tags import Tags
from .unfinished_file import UnfinishedFile, rename_all
from .wav_format import MAX_CHANNELS, MAX_RATE

PROBE = 4  # seconds of noise whose conversion is measured


class StemWriter:
    """Writes the stems of one track, block by block. Use it as a context manager.

    The files have temporary names until `commit` renames them. If the block of the context ends without a commit, they
    are removed.

    Parameters
    ----------
    outputs : dict of str to path
        The file of each target. Its suffix is .wav, .flac, .ogg, .mp3, .m4a or .opus.
    sample_rate : int
        Of all stems, in Hz.
    channels : int
        Of all stems.
    samples : int, optional
        Samples per channel that will be written, if known.
    subtype : str, optional
        libsndfile's name of the type of a sample: FLOAT, PCM_16, PCM_24 and others. Default: FLOAT in WAV, PCM_24 in
        FLAC.
    clip : str, optional
        The treatment of samples beyond full scale, where the format has no floating point: "scale" scales all stems by
        one common gain, "clamp" limits these samples, "error" raises an error.
    overwrite : bool, optional
        Replace existing files.
    bitrate : str or int, optional
        Of MP3, M4A and Opus files, in bit/s: 320000 or "320k". Default: "256k", in Opus "160k".
    tags : Tags, optional
        The tags of the mixture (see `AudioReader.tags`). The files get them; the title has the target in brackets.
        WAV and Ogg Vorbis files get no picture.

    Attributes
    ----------
    peaks : dict of str to float
        Largest magnitude written so far, by target.

    Raises
    ------
    OutputError
        If a file already exists, cannot be written, or has an unknown format, two targets have the same file, or the
        disk is full.
    ArgumentError
        If `outputs` is empty, `clip` is not known, a format does not have the bit rate, or another argument is wrong.

    Notes
    -----
    An Opus file has 48 kHz. In MP3 and M4A, a sample rate that the format does not know becomes 48 or 44.1 kHz. MP3 and
    Opus files are decoded to exactly the samples that were written. In M4A files, silence may follow them.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import soundfile
    >>> from lightsaft_infer.audio import StemWriter
    >>> block = {"drums": np.full((2, 1000), 0.5, np.float32), "bass": np.full((2, 1000), 2, np.float32)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     outputs = {target: f"{folder}/{target}.flac" for target in block}
    ...     with StemWriter(outputs, sample_rate=44100, channels=2) as writer:
    ...         writer.write(block)
    ...         gain = writer.commit()
    ...     drums, sample_rate = soundfile.read(outputs["drums"])
    >>> writer.peaks, gain
    ({'drums': 0.5, 'bass': 2.0}, 0.5)
    >>> drums.shape, float(drums.max())
    ((1000, 2), 0.25)
    """

    def __init__(
        self,
        outputs: Mapping[str, AnyPath],
        *,
        sample_rate: int,
        channels: int,
        samples: int | None = None,
        subtype: str | None = None,
        clip: str = "scale",
        overwrite: bool = False,
        bitrate: str | int | None = None,
        tags: Tags | None = None,
    ) -> None:
        check_clip(clip)
        if not isinstance(outputs, Mapping) or not outputs:
            raise ArgumentError(f"expected outputs as a dict of targets to paths, got {outputs!r}")
        self._sample_rate = whole_number(sample_rate, "sample_rate", most=MAX_RATE)
        self._channels = whole_number(channels, "channels", most=MAX_CHANNELS)
        self._outputs = {target: to_path(path, f"a path for {target}") for target, path in outputs.items()}
        self._subtype = subtype
        self._formats = self._formats_for(samples)
        self._bitrates = {target: chosen_bitrate(path, bitrate) for target, path in self._outputs.items()}
        self._tags = tags
        self._clip = clip
        self._overwrite = overwrite
        self.peaks = dict.fromkeys(self._outputs, 0.0)
        self._samples = 0
        self._ended = False
        check_outputs(self._outputs.values(), overwrite=overwrite)
        self._discarding = contextlib.ExitStack()
        try:
            self._staged = {target: self._stage(target, unknown_length=samples is None) for target in self._outputs}
            self._try_formats()
        except BaseException:
            self._discarding.close()
            raise

    def _formats_for(self, samples: int | None) -> dict[str, OutputFormat]:
        """Return the format of each target's file of so many samples per channel. WAV of more than 4 GiB is RF64."""
        return {
            target: output_format(path, self._subtype, samples, self._channels)
            for target, path in self._outputs.items()
        }

    def _stage(self, target: str, *, unknown_length: bool) -> LibsndfileFile:
        """Open the file that takes the samples of a target: the final one if it cannot clip. Otherwise one in FLOAT,
        which is converted when the peak is known."""
        make_folders(self._outputs[target].parent, self._discarding)
        form = self._formats[target]
        if not form.clips:
            if unknown_length and form.container == "WAV":
                form = form._replace(container="RF64")  # it becomes WAV if it has less than 4 GiB in the end
            part = self._libsndfile_file(target, form, self._stem_tags(target))
        else:
            part = self._libsndfile_file(target, OutputFormat("W64", "FLOAT"), None)
        return self._discarding.enter_context(part)

    def _try_formats(self) -> None:
        """Write a sample into each final format, so that a format without this rate or channels fails at once."""
        tried = set()
        for target, form in self._formats.items():
            if not form.clips or form in tried:
                continue
            tried.add(form)
            try:
                with self._final_file(target) as part:
                    self._write_converted([np.zeros((self._channels, 1), np.float32)], part)
            except OutputError as error:
                asked = f"{form.subtype} with {self._channels} channels at {self._sample_rate} Hz"
                raise OutputError(f"{error} (requested: {asked})") from error

    def _libsndfile_file(self, target: str, form: OutputFormat, tags: Tags | None) -> LibsndfileFile:
        return LibsndfileFile(
            self._outputs[target],
            container=form.container,
            subtype=form.subtype,
            sample_rate=self._sample_rate,
            channels=self._channels,
            tags=tags,
        )

    def _final_file(self, target: str) -> UnfinishedFile:
        bitrate, tags = self._bitrates[target], self._stem_tags(target)
        if bitrate is None:
            return self._libsndfile_file(target, self._formats[target], tags)
        return LibavFile(
            self._outputs[target],
            sample_rate=self._sample_rate,
            channels=self._channels,
            bitrate=bitrate,
            tags=tags,
        )

    def _stem_tags(self, target: str) -> Tags | None:
        return None if self._tags is None else self._tags.of_stem(target)

    def write(self, stems: Mapping[str, Audio]) -> None:
        """Append a block.

        Parameters
        ----------
        stems : dict of str to float32 array, shape (channels, samples)
            All targets of this writer, with the same number of samples. Other targets are ignored.

        Raises
        ------
        OutputError
            If a file cannot be written, or the writer is closed.
        ArgumentError
            If a target is missing, or an array has another shape or type, or NaN or infinity.
        """
        self._check_open()
        blocks = {target: check_stem(stems, target, self._channels) for target in self._staged}
        lengths = {block.shape[1] for block in blocks.values()}
        if len(lengths) > 1:
            raise ArgumentError(f"expected stems of the same length in a block, got {sorted(lengths)} samples")
        for target, block in blocks.items():
            self._staged[target].write(block)
            self.peaks[target] = max(self.peaks[target], float(np.abs(block).max(initial=0)))
        self._samples += lengths.pop()

    def conversion_seconds(self, samples: int) -> float:
        """Return the time that `commit` is expected to take to convert stems of a number of samples per channel.

        Some seconds of noise are converted to each format, and removed.

        Raises
        ------
        OutputError
            If a file cannot be written.
        """
        probe = 0.5 * np.random.default_rng(0).uniform(-1, 1, (self._channels, PROBE * self._sample_rate))
        per_sample: dict[tuple[OutputFormat, int | None], float] = {}
        total = 0.0
        for target, form in self._formats.items():
            if not form.clips:
                continue
            kind = (form, self._bitrates[target])
            if kind not in per_sample:
                start = time.perf_counter()
                with self._final_file(target) as part:
                    self._write_converted([probe.astype(np.float32)], part)
                per_sample[kind] = (time.perf_counter() - start) / probe.shape[1]
            total += samples * per_sample[kind]
        return total

    def commit(self) -> float:
        """Complete the files and rename them. This can be done once.

        Returns
        -------
        float
            The gain that all stems were scaled by. It is 1.0 if nothing had to be scaled.

        Raises
        ------
        OutputError
            If a file cannot be written, samples would clip and `clip` is "error", or the writer is closed.
        """
        self._check_open()
        converted = [target for target, form in self._formats.items() if form.clips]
        gain = self._gain(converted)
        self._formats = self._formats_for(self._samples)
        if gain != 1:
            converted = list(self._formats)  # files that cannot clip too: the proportions of the stems do not change
        parts: dict[str, UnfinishedFile] = dict(self._staged)
        samples = dict.fromkeys(parts, self._samples)
        for target in converted:
            parts[target] = self._discarding.enter_context(self._final_file(target))
            samples[target] = self._convert(target, parts[target], gain)
        for target, part in parts.items():
            part.finish(samples[target])
        rename_all(parts.values(), overwrite=self._overwrite)
        self._ended = True
        return gain

    def _convert(self, target: str, part: UnfinishedFile, gain: float) -> int:
        """Write the samples of a target into its final file. Returns their number."""
        limit = 1 if self._formats[target].clips else np.inf
        staged = self._staged[target].read_back()
        return self._write_converted((np.clip(block * np.float32(gain), -limit, limit) for block in staged), part)

    def _write_converted(self, blocks: Iterable[Audio], part: UnfinishedFile) -> int:
        """Write blocks into a file of another sample rate. Returns the number of its samples per channel."""
        done = 0
        for block in resample_stream(blocks, orig_sr=self._sample_rate, target_sr=part.sample_rate):
            part.write(block)
            done += block.shape[1]
        return done

    def _gain(self, targets: list[str]) -> float:
        """Return the gain that brings these targets within full scale."""
        loudest = max(targets, key=self.peaks.__getitem__, default=None)
        if loudest is None or self.peaks[loudest] <= 1:
            return 1.0
        peak = self.peaks[loudest]
        if self._clip == "error":
            raise OutputError(f"expected samples within full scale, got a peak of {peak:.3f}: {self._outputs[loudest]}")
        return 1 / peak if self._clip == "scale" else 1.0

    def _check_open(self) -> None:
        if self._ended:
            raise OutputError(f"the stems are already committed or discarded: {next(iter(self._outputs.values()))}")

    def __enter__(self) -> "StemWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended = True
        self._discarding.close()
