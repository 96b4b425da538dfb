"""A file in, files of stems out."""

import dataclasses
from pathlib import Path

from .audio import AudioReader
from .stems import StemWriter


@dataclasses.dataclass(frozen=True)
class Export:
    """What was done: the stems' files, samples per channel, sample rate in Hz, channels, and the gain that all stems
    were scaled by to fit an integer format (1.0: none)."""

    outputs: dict[str, Path]
    frames: int
    sample_rate: int
    channels: int
    gain: float


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
    progress=None,
):
    """Separate an audio file into files, in bounded memory whatever its length.

    Parameters
    ----------
    separator : Separator
    mixture : path of the file to separate (see `AudioReader`)
    outputs : {target: path}; the suffix, .wav, .flac or .ogg, decides the format; only these targets are separated
    residual : key in `outputs` of the file that takes the mixture minus the sum of the separated targets
    consistency : see `Separator.stream`
    subtype, clip, overwrite : see `StemWriter`
    progress : callable(done, total), in seconds of audio; total is None where the file does not tell its length

    Returns Export. The files have the mixture's sample rate, number of channels and exact length; they appear when all
    are whole, and not at all where anything goes wrong or the run is interrupted.

    Raises AudioError, OutputError or ModelError, which name the file.
    """
    targets = [target for target in outputs if target != residual]
    with AudioReader(mixture) as reader:
        stems = separator.stream(
            reader.blocks(),
            sample_rate=reader.sample_rate,
            targets=targets,
            consistency=consistency,
            residual=residual,
        )
        form = {"sample_rate": reader.sample_rate, "channels": reader.channels}
        with StemWriter(
            outputs, **form, frames=reader.frames, subtype=subtype, clip=clip, overwrite=overwrite
        ) as writer:
            total = reader.frames and reader.frames / reader.sample_rate
            done = 0
            for block in stems:
                writer.write(block)
                done += next(iter(block.values())).shape[1]
                if progress is not None:
                    progress(done / reader.sample_rate, total)
            gain = writer.commit()
    return Export(outputs={k: Path(v) for k, v in outputs.items()}, frames=done, gain=gain, **form)
