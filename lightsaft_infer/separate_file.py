"""A file in, files of stems or a stream out."""

import dataclasses
from pathlib import Path

from .audio import AudioReader, StemWriter, WavStreamWriter
from .time_limit import TimeLimit


@dataclasses.dataclass(frozen=True)
class SeparationResult:
    """What was done: the stems' files, samples per channel, sample rate in Hz, channels, the gain that all stems were
    scaled by to fit an integer format (1.0: none), the largest magnitude of every stem before that, and with a time
    limit the chunks by the passes of the network that they got (see `TimeLimit`)."""

    outputs: dict[str, Path]
    samples: int
    sample_rate: int
    channels: int
    gain: float
    peaks: dict[str, float]
    passes: dict[int, int] | None = None


def separate_file(
    separator,
    mixture,
    outputs,
    *,
    consistency=False,
    residual=None,
    subtype=None,
    clip="scale",
    overwrite=False,
    time_limit=None,
    progress=None,
):
    """Separate an audio file into files, in bounded memory whatever its length.

    Parameters
    ----------
    separator : Separator
    mixture : path of the file to separate, or a stream (see `AudioReader`)
    outputs : {target: path}; the suffix, .wav, .flac or .ogg, decides the format; only these targets are separated
    residual : key in `outputs` of the file that takes the mixture minus the sum of the separated targets
    consistency : see `Separator.stream`
    subtype, clip, overwrite : see `StemWriter`
    time_limit : see `Separator.stream`; reading and writing are within the limit
    progress : callable(done, total), in seconds of audio; total is None where the file does not tell its length

    Returns a SeparationResult. The files have the mixture's sample rate, number of channels and exact length; they
    appear when all are whole, and not at all if anything goes wrong or the run is interrupted.

    Raises AudioError, OutputError or ModelError, which name the file.
    """
    limit = TimeLimit.started(time_limit)
    targets = [target for target in outputs if target != residual]
    with AudioReader(mixture) as reader:
        stems = separator.stream(
            reader.blocks(),
            sample_rate=reader.sample_rate,
            targets=targets,
            consistency=consistency,
            residual=residual,
            time_limit=limit,
            samples=reader.samples,
        )
        audio_format = {"sample_rate": reader.sample_rate, "channels": reader.channels}
        with StemWriter(
            outputs, **audio_format, samples=reader.samples, subtype=subtype, clip=clip, overwrite=overwrite
        ) as writer:
            done = _write(stems, writer, reader, progress)
            gain = writer.commit()
    outputs = {target: Path(path) for target, path in outputs.items()}
    return SeparationResult(
        outputs=outputs, samples=done, gain=gain, peaks=writer.peaks, passes=_passes(limit), **audio_format
    )


def separate_to_stream(
    separator, mixture, file, target, *, residual=False, subtype=None, clip="clamp", time_limit=None, progress=None
):
    """Separate an audio file or stream into one stem, written as WAV to a file that need not seek, as it comes.

    Parameters
    ----------
    separator, mixture, time_limit, progress : see `separate_file`
    file : binary file, such as `sys.stdout.buffer.raw`
    target : the target to separate
    residual : write the mixture minus the target instead
    subtype, clip : see `WavStreamWriter`; an integer subtype cannot be scaled, its samples are clamped or an error

    Returns SeparationResult, without outputs.

    Raises AudioError, OutputError or ModelError; BrokenPipeError where the reader of the stream has gone.
    """
    limit = TimeLimit.started(time_limit)
    name = "residual" if residual else target
    with AudioReader(mixture) as reader:
        audio_format = {"sample_rate": reader.sample_rate, "channels": reader.channels}
        stems = separator.stream(
            reader.blocks(),
            sample_rate=reader.sample_rate,
            targets=(target,),
            residual=name if residual else None,
            time_limit=limit,
            samples=reader.samples,
        )
        writer = WavStreamWriter(file, name, **audio_format, samples=reader.samples, subtype=subtype, clip=clip)
        done = _write(stems, writer, reader, progress)
        writer.finish()
    return SeparationResult(
        outputs={}, samples=done, gain=1.0, peaks=writer.peaks, passes=_passes(limit), **audio_format
    )


def _passes(limit):
    return None if limit is None else dict(limit.passes)


def _write(stems, writer, reader, progress):
    """Give blocks of stems to a writer. Returns their samples per channel."""
    total = reader.samples and reader.samples / reader.sample_rate
    done = 0
    for block in stems:
        writer.write(block)
        done += next(iter(block.values())).shape[1]
        if progress is not None:
            progress(done / reader.sample_rate, total)
    return done
