"""The command `lightsaft separate`: separates files or standard input into files, or into standard output."""

import argparse
import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, TextIO

from ..arrays import Progress
from ..audio import (
    MAX_SECONDS,
    check_not_input,
    chosen_bitrate,
    file_place,
    output_format,
    stream_subtype,
    track_name,
)
from ..errors import AudioError, OutputError
from ..separate_file import separate_file, separate_to_stream
from ..separator import Separator
from ..stem_options import StemOptions
from .options import AddCommand, add_stem_options, chosen_stems, given_path
from .terminal import print_error, print_message, progress_bar

TEMPLATE = "{track}/{target}.{ext}"
PIPE = "-"  # stands for standard input or output; every other place is a Path


def add_separate(command: AddCommand, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Add the command to `lightsaft`."""
    parser = command("separate", _run, "Separate audio files into stems.", parents)
    add = parser.add_argument
    add("mixtures", nargs="+", type=_place, metavar="FILE", help="audio files to separate; - reads standard input")
    help_output = "write stems below DIR (default: %(default)s); - writes one stem as WAV to standard output"
    add("-o", "--output", type=_place, default=Path("separated"), metavar="DIR", help=help_output)
    add("--template", default=TEMPLATE, type=_template, help="set the file names below DIR (default: %(default)s)")
    add_stem_options(parser)
    help_limit = (
        "finish each file within SECONDS: with several passes of the network if there is time, with a cheap estimate "
        "if there is none (default: one pass)"
    )
    add("--start", type=_place_in_time, default=0.0, metavar="TIME", help="leave out the first TIME: seconds or M:SS")
    add("--duration", type=_seconds, metavar="TIME", help="separate no more than TIME: seconds or M:SS")
    add("--time-limit", type=_seconds, metavar="SECONDS", help=help_limit)
    add("--force", action="store_true", help="replace existing files")


def _place_in_time(text: str) -> float:
    """Seconds of an option: 90, 1:30 or 0:01:30."""
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected seconds, M:SS or H:MM:SS, got {text!r}") from error
    if len(parts) > 3 or not all(0 <= part < (60 if place else MAX_SECONDS) for place, part in enumerate(parts)):
        raise argparse.ArgumentTypeError(f"expected seconds, M:SS or H:MM:SS, got {text!r}")
    seconds = 0.0
    for part in parts:
        seconds = 60 * seconds + part
    return seconds


def _seconds(text: str) -> float:
    seconds = _place_in_time(text)
    if not seconds:
        raise argparse.ArgumentTypeError(f"expected more than 0 seconds, got {text!r}")
    return seconds


def _place(text: str) -> Path | str:
    return PIPE if text == PIPE else given_path(text)


def _template(text: str) -> str:
    try:
        filled = {text.format(track="track", target=target, ext="wav") for target in ("a", "b")}
    except Exception as error:  # str.format raises many, even MemoryError
        raise argparse.ArgumentTypeError(f"expected the fields {{track}}, {{target}} and {{ext}}: {error!r}") from error
    if len(filled) < 2 or not all(name.endswith(".wav") for name in filled):
        raise argparse.ArgumentTypeError(f"expected {{target}} in it and .{{ext}} at its end, got {text!r}")
    if Path(text).is_absolute():
        raise argparse.ArgumentTypeError(f"expected names below the output folder, got {text!r}")
    return text


def _run(args: argparse.Namespace) -> int:
    output_format(f"*.{args.format}", args.subtype)  # a wrong subtype would fail for every file
    chosen_bitrate(f"*.{args.format}", args.bitrate)
    if args.mixtures.count(PIPE) > 1:
        raise AudioError("standard input can be separated only once")
    separator = Separator.from_file(args.model, threads=args.threads)
    stems = chosen_stems(args, separator.manifest)
    if args.output == PIPE:
        return _separate_to_stdout(separator, stems, args)
    failed = 0
    taken: dict[str, Path | str] = {}
    for mixture in args.mixtures:
        try:
            outputs = _outputs(mixture, stems, args)
            places = {file_place(path): path for path in outputs.values()}
            for place, path in places.items():
                if place in taken:
                    reason = f"{path} is already a stem of {taken[place]}"
                    raise OutputError(f"cannot separate {mixture}: {reason} (use another --template)")
            if args.force:
                check_not_input(outputs.values(), [other for other in args.mixtures if other != PIPE])
            _separate_one(separator, mixture, outputs, stems, args)
            taken |= dict.fromkeys(places, mixture)
        except Exception as error:  # no error must stop the other files
            print_error(error, mixture)
            failed += 1
    if failed and len(args.mixtures) > 1:
        print_message(f"{failed} of {len(args.mixtures)} files were not separated")
    return 1 if failed else 0


def _outputs(mixture: Path | str, stems: StemOptions, args: argparse.Namespace) -> dict[str, Path]:
    """The file of each stem of a track. The name of the track is its file name without the suffix."""
    track = track_name(mixture.name) if isinstance(mixture, Path) else "stdin"
    outputs = {name: Path(args.template.format(track=track, target=name, ext=args.format)) for name in stems.names}
    for path in outputs.values():
        if ".." in path.parts and ".." not in Path(args.template).parts:
            raise OutputError(f"cannot separate {mixture}: {path} would lie outside the folder of the stems")
    return {name: args.output / path for name, path in outputs.items()}


def _separate_one(
    separator: Separator,
    mixture: Path | str,
    outputs: Mapping[str, Path],
    stems: StemOptions,
    args: argparse.Namespace,
) -> None:
    with _bar(mixture) as progress:
        result = separate_file(
            separator,
            _source(mixture),
            outputs,
            consistency=stems.consistency,
            residual=stems.residual,
            subtype=args.subtype,
            clip=args.clip or "scale",
            overwrite=args.force,
            start=args.start,
            duration=args.duration,
            downmix=args.downmix,
            bitrate=args.bitrate,
            tags=args.tags,
            time_limit=args.time_limit,
            progress=progress,
        )
    for note in result.notes:
        print_message(f"{note}: {mixture}")


def _separate_to_stdout(separator: Separator, stems: StemOptions, args: argparse.Namespace) -> int:
    if len(args.mixtures) > 1 or (len(stems.names) > 1 and stems.residual is None) or args.format != "wav":
        expected = "one file, one target (or --two-stems for the mixture minus the target) and wav with -o -"
        got = f"{len(args.mixtures)} file(s), {', '.join(stems.names)}, {args.format}"
        raise OutputError(f"expected {expected}, got {got}")
    if sys.stdout is None:
        raise OutputError("expected a pipe or a file as standard output for -o -, got a closed one")
    if sys.stdout.isatty():
        raise OutputError("expected a pipe or a file as standard output for -o -, got a terminal")
    (mixture,) = args.mixtures
    clip = args.clip or "clamp"
    subtype = stream_subtype(args.subtype, clip)
    with _bar(mixture) as progress:
        result = separate_to_stream(
            separator,
            _source(mixture),
            _unbuffered(sys.stdout),
            stems.names[0],
            residual=stems.residual is not None,
            subtype=subtype,
            clip=clip,
            start=args.start,
            duration=args.duration,
            downmix=args.downmix,
            time_limit=args.time_limit,
            progress=progress,
        )
    peak = max(result.peaks.values())
    if peak > 1 and subtype != "FLOAT":
        print_message(f"a peak of {peak:.3f} was clamped: {mixture}")
    for note in result.notes:
        print_message(f"{note}: {mixture}")
    return 0


def _bar(mixture: Path | str) -> contextlib.AbstractContextManager[Progress]:
    name = mixture.name if isinstance(mixture, Path) else mixture
    return progress_bar(desc=name, unit="s", unit_scale=True)


def _source(mixture: Path | str) -> Path | BinaryIO:
    if isinstance(mixture, Path):
        return mixture
    if sys.stdin is None:
        raise AudioError("cannot read standard input: it is closed")
    return _unbuffered(sys.stdin)


def _unbuffered(text: TextIO) -> BinaryIO:
    """The file under a text file. If Python runs with -u, the buffer is this file."""
    file: BinaryIO = getattr(text.buffer, "raw", text.buffer)
    return file
