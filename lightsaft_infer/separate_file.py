"""Separation of a file into files, or into a stream."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .arguments import AnyPath
from .errors import ArgumentError, ModelError

if TYPE_CHECKING:  # the functions import them when they run, so that `import lightsaft_infer` is fast
    from .arrays import Progress, Stems
    from .audio import AudioReader, StemWriter, WavStreamWriter
    from .separator import Separator
    from .time_limit import TimeLimit

NOTED_OVERRUN = 0.05  # seconds beyond a time limit that a note reports


@dataclasses.dataclass(frozen=True)
class SeparationResult:
    """The outcome of a separation.

    Attributes
    ----------
    outputs : dict of str to Path
        The file of each stem.
    samples : int
        Samples per channel.
    sample_rate : int
        In Hz.
    channels : int
    gain : float
        Factor on all stems, less than 1 if they had to be scaled to fit an integer format.
    peaks : dict of str to float
        Largest magnitude of each stem before the gain.
    passes : dict of int to int, or None
        With a time limit: the number of chunks that got each number of passes (see `TimeLimit`).
    overrun : float
        Seconds by which the time limit was exceeded; 0 without a limit.
    """

    outputs: dict[str, Path]
    samples: int
    sample_rate: int
    channels: int
    gain: float
    peaks: dict[str, float]
    passes: dict[int, int] | None = None
    overrun: float = 0.0

    @property
    def notes(self) -> list[str]:
        """The facts about this separation that its user should know, each a text without the name of the file."""
        notes = []
        if self.gain != 1:
            notes.append(f"a peak of {1 / self.gain:.3f} would clip, all stems scaled by {self.gain:.4f}")
        if self.passes is not None:
            parts = [
                f"{count} with {number} pass{'' if number == 1 else 'es'}"
                for number, count in sorted(self.passes.items())
            ]
            if 0 in self.passes:
                parts[0] = f"{self.passes[0]} without the network, as time ran out"
            notes.append(f"of {sum(self.passes.values())} chunks, {', '.join(parts)}")
        if self.overrun >= NOTED_OVERRUN:
            notes.append(f"the time limit was exceeded by {self.overrun:.1f} s")
        return notes


def separate_file(
    separator: "Separator",
    mixture: AnyPath | BinaryIO,
    outputs: Mapping[str, AnyPath],
    *,
    consistency: bool = False,
    residual: str | None = None,
    subtype: str | None = None,
    clip: str = "scale",
    overwrite: bool = False,
    start: float = 0.0,
    duration: float | None = None,
    downmix: bool = False,
    bitrate: str | int | None = None,
    tags: bool = True,
    time_limit: "float | TimeLimit | None" = None,
    progress: "Progress | None" = None,
    tap: "Callable[[Stems], object] | None" = None,
) -> SeparationResult:
    """Separate an audio file into files, in bounded memory for any length.

    The files have the sample rate, the number of channels and the exact length of the mixture, as far as their format
    allows it (see `StemWriter`). They appear when all of them are complete. If anything goes wrong, or the run is
    interrupted, none of them appears.

    Parameters
    ----------
    separator : Separator
    mixture : path, or binary file
        The file or stream to separate (see `AudioReader`).
    outputs : dict of str to path
        The file of each target. The suffix, .wav, .flac, .ogg, .mp3, .m4a or .opus, decides the format. Only these
        targets are separated.
    consistency : bool, optional
        Make the stems sum to the mixture (see `Separator.stream`).
    residual : str, optional
        The key in `outputs` of the file for the mixture minus the sum of the separated targets.
    subtype, clip, overwrite, bitrate : optional
        See `StemWriter`.
    start, duration, downmix : optional
        The part of the mixture to separate, in seconds, and whether several channels are mixed to stereo (see
        `AudioReader`).
    tags : bool, optional
        Give the stems the tags and the cover picture of the mixture (see `StemWriter`).
    time_limit : float or TimeLimit, optional
        See `Separator.stream`. The limit includes the time for reading and writing.
    progress : callable, optional
        Called as ``progress(done, total)`` with seconds of audio. The total is None if the length is not known.
    tap : callable, optional
        Called with each block of stems when it is computed, {target: float32 (channels, samples)}.

    Returns
    -------
    SeparationResult

    Raises
    ------
    AudioError
        If the mixture cannot be read or is not audio.
    OutputError
        If a file already exists, or cannot be written.
    ModelError
        If the model does not have a target, or its output is wrong.
    ArgumentError
        If an argument is wrong.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import soundfile
    >>> from lightsaft_infer import Separator, separate_file
    >>> separator = Separator.from_file()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/song.wav", np.zeros((4410, 2)), 44100)
    ...     result = separate_file(separator, f"{folder}/song.wav", {"vocals": f"{folder}/vocals.flac"})
    ...     info = soundfile.info(f"{folder}/vocals.flac")
    >>> result.samples, info.frames, info.samplerate
    (4410, 4410, 44100)
    """
    from .audio import AudioReader, StemWriter, check_not_input
    from .time_limit import TimeLimit

    if not isinstance(outputs, Mapping) or not outputs:
        raise ArgumentError(f"expected outputs as a dict of targets to paths, got {outputs!r}")
    if residual is not None and residual not in list(outputs):
        raise ArgumentError(f"expected the residual among the outputs {', '.join(map(str, outputs))}, got {residual!r}")
    limit = TimeLimit.started(time_limit)
    targets = [target for target in outputs if target != residual]
    if overwrite:
        check_not_input(outputs.values(), [mixture])
    with AudioReader(mixture, start=start, duration=duration, downmix=downmix) as reader:
        stems = separator.stream(
            reader.blocks(),
            sample_rate=reader.sample_rate,
            targets=targets,
            consistency=consistency,
            residual=residual,
            time_limit=limit,
            samples=reader.samples,
        )
        with StemWriter(
            outputs,
            sample_rate=reader.sample_rate,
            channels=reader.channels,
            samples=reader.samples,
            subtype=subtype,
            clip=clip,
            overwrite=overwrite,
            bitrate=bitrate,
            tags=reader.tags() if tags else None,
        ) as writer:
            if limit is not None and reader.samples is not None:
                limit.keep(writer.conversion_seconds(reader.samples))
            done = _write(_tapped(stems, tap), writer, reader, progress)
            gain = writer.commit()
    return SeparationResult(
        outputs={target: Path(path) for target, path in outputs.items()},
        samples=done,
        sample_rate=reader.sample_rate,
        channels=reader.channels,
        gain=gain,
        peaks=writer.peaks,
        **_facts(limit),
    )


def separate_to_stream(
    separator: "Separator",
    mixture: AnyPath | BinaryIO,
    file: BinaryIO,
    target: str,
    *,
    residual: bool = False,
    subtype: str | None = None,
    clip: str = "clamp",
    start: float = 0.0,
    duration: float | None = None,
    downmix: bool = False,
    time_limit: "float | TimeLimit | None" = None,
    progress: "Progress | None" = None,
) -> SeparationResult:
    """Separate an audio file or stream into one stem, written as WAV to a stream as the audio comes.

    Parameters
    ----------
    separator, mixture, start, duration, downmix, time_limit, progress
        See `separate_file`.
    file : binary file
        It need not be seekable, for example ``sys.stdout.buffer.raw``.
    target : str
        The target to separate.
    residual : bool, optional
        Write the mixture minus the target instead.
    subtype, clip : optional
        See `lightsaft_infer.audio.WavStreamWriter`. An integer subtype cannot be scaled: samples beyond full scale are
        clamped or an error.

    Returns
    -------
    SeparationResult
        Without outputs.

    Raises
    ------
    AudioError, OutputError, ModelError, ArgumentError
        See `separate_file`.
    BrokenPipeError
        If the reader of the stream has closed it.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import soundfile
    >>> from lightsaft_infer import Separator, separate_to_stream
    >>> separator = Separator.from_file()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/song.wav", np.zeros((4410, 2)), 44100)
    ...     with open(f"{folder}/vocals.wav", "wb") as file:
    ...         result = separate_to_stream(separator, f"{folder}/song.wav", file, "vocals")
    ...     info = soundfile.info(f"{folder}/vocals.wav")
    >>> result.samples, info.frames, info.subtype
    (4410, 4410, 'FLOAT')
    """
    from .audio import AudioReader, WavStreamWriter
    from .time_limit import TimeLimit

    limit = TimeLimit.started(time_limit)
    name = "residual" if residual else target
    with AudioReader(mixture, start=start, duration=duration, downmix=downmix) as reader:
        stems = separator.stream(
            reader.blocks(),
            sample_rate=reader.sample_rate,
            targets=(target,),
            residual=name if residual else None,
            time_limit=limit,
            samples=reader.samples,
        )
        writer = WavStreamWriter(
            file,
            name,
            sample_rate=reader.sample_rate,
            channels=reader.channels,
            samples=reader.samples,
            subtype=subtype,
            clip=clip,
        )
        done = _write(stems, writer, reader, progress)
        writer.finish()
    return SeparationResult(
        outputs={},
        samples=done,
        sample_rate=reader.sample_rate,
        channels=reader.channels,
        gain=1.0,
        peaks=writer.peaks,
        **_facts(limit),
    )


def _tapped(stems: "Iterable[Stems]", tap: "Callable[[Stems], object] | None") -> "Iterable[Stems]":
    """Give each block to the tap."""
    for block in stems:
        if tap is not None:
            tap(block)
        yield block


def _facts(limit: "TimeLimit | None") -> "dict[str, Any]":
    """The fields of a result that a time limit has."""
    return {} if limit is None else {"passes": dict(limit.passes), "overrun": limit.overrun}


def _write(
    stems: "Iterable[Stems]",
    writer: "StemWriter | WavStreamWriter",
    reader: "AudioReader",
    progress: "Progress | None",
) -> int:
    """Write blocks of stems. Returns the number of samples per channel. Errors of the network get the file's name."""
    total = reader.samples and reader.samples / reader.sample_rate
    done = 0
    try:
        for block in stems:
            writer.write(block)
            done += next(iter(block.values())).shape[1]
            if progress is not None:
                progress(done / reader.sample_rate, total)
    except ModelError as error:
        raise ModelError(f"{error}: {reader.path}") from error
    return done
