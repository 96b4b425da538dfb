"""The command `lightsaft separate`: separates files or standard input into files, or into standard output."""

import argparse
import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, TextIO

from ..arrays import Progress
from ..audio import chosen_bitrate, output_format, stream_subtype
from ..errors import AudioError, LightSAFTError, OutputError
from ..separate_file import separate_file, separate_to_stream
from ..separator import Separator
from .options import AddCommand, StemOptions, add_stem_options, chosen_stems, progress_bar

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
    add("--time-limit", type=_seconds, metavar="SECONDS", help=help_limit)
    add("--force", action="store_true", help="replace existing files")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a number of seconds, got {text!r}") from error
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"expected seconds above 0, got {text}")
    return seconds


def _place(text: str) -> Path | str:
    return PIPE if text == PIPE else Path(text)


def _template(text: str) -> str:
    try:
        filled = {text.format(track="track", target=target, ext="wav") for target in ("a", "b")}
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        raise argparse.ArgumentTypeError(f"expected the fields {{track}}, {{target}} and {{ext}}: {error!r}") from error
    if len(filled) < 2 or not all(name.endswith(".wav") for name in filled):
        raise argparse.ArgumentTypeError(f"expected {{target}} in it and .{{ext}} at its end, got {text!r}")
    return text


def _run(args: argparse.Namespace) -> int:
    output_format(f"stem.{args.format}", args.subtype)  # a wrong subtype would fail for every file
    chosen_bitrate(f"stem.{args.format}", args.bitrate)
    if args.mixtures.count(PIPE) > 1:
        raise AudioError("standard input can be separated only once")
    separator = Separator.from_file(args.model, threads=args.threads)
    stems = chosen_stems(args, separator.manifest)
    if args.output == PIPE:
        return _separate_to_stdout(separator, stems, args)
    failures: list[LightSAFTError] = []
    taken: dict[Path, Path | str] = {}
    for mixture in args.mixtures:
        outputs = _outputs(mixture, stems, args)
        try:
            for path in outputs.values():
                if taken.setdefault(path, mixture) is not mixture:
                    reason = f"{path} is already a stem of {taken[path]}"
                    raise OutputError(f"cannot separate {mixture}: {reason} (use another --template)")
            _separate_one(separator, mixture, outputs, stems, args)
        except LightSAFTError as error:
            failures.append(error)
    for failure in failures:
        print(f"lightsaft: error: {failure}", file=sys.stderr)
    if failures and len(args.mixtures) > 1:
        print(f"lightsaft: {len(failures)} of {len(args.mixtures)} files were not separated", file=sys.stderr)
    return 1 if failures else 0


def _outputs(mixture: Path | str, stems: StemOptions, args: argparse.Namespace) -> dict[str, Path]:
    """The file of each stem of a track. The name of the track is its file name without the suffix."""
    track = mixture.stem if isinstance(mixture, Path) else "stdin"
    return {name: args.output / args.template.format(track=track, target=name, ext=args.format) for name in stems.names}


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
            bitrate=args.bitrate,
            tags=args.tags,
            time_limit=args.time_limit,
            progress=progress,
        )
    if result.gain != 1:
        peak = f"a peak of {1 / result.gain:.3f} would clip"
        print(f"lightsaft: {peak}, all stems scaled by {result.gain:.4f}: {mixture}", file=sys.stderr)
    _print_passes(result.passes, mixture)


def _print_passes(passes: Mapping[int, int] | None, mixture: Path | str) -> None:
    """Print the number of chunks that got each number of passes within a time limit."""
    if passes is None:
        return
    parts = [f"{count} with {number} pass{'' if number == 1 else 'es'}" for number, count in sorted(passes.items())]
    if 0 in passes:
        parts[0] = f"{passes[0]} without the network, as time ran out"
    print(f"lightsaft: of {sum(passes.values())} chunks, {', '.join(parts)}: {mixture}", file=sys.stderr)


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
            time_limit=args.time_limit,
            progress=progress,
        )
    peak = max(result.peaks.values())
    if peak > 1 and subtype != "FLOAT":
        print(f"lightsaft: a peak of {peak:.3f} was clamped: {mixture}", file=sys.stderr)
    _print_passes(result.passes, mixture)
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
