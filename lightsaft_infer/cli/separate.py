"""The command `lightsaft separate`: files, or standard input, into files, or one stem into standard output."""

import argparse
import sys
from pathlib import Path

from ..audio import output_format
from ..errors import AudioError, LightSAFTError, OutputError
from .options import add_stem_options, chosen_stems, progress_bar

TEMPLATE = "{track}/{target}.{ext}"
PIPE = "-"  # instead of a Path: standard input or output


def add_separate(command, parents):
    parser = command("separate", _run, "Separate audio files into stems.", parents)
    add = parser.add_argument
    add("mixtures", nargs="+", type=_path, metavar="FILE", help="audio files; -: standard input")
    help_output = "default: %(default)s; -: one stem as WAV to standard output"
    add("-o", "--output", type=_path, default=Path("separated"), metavar="DIR", help=help_output)
    add("--template", default=TEMPLATE, type=_template, help="file names below DIR (default: %(default)s)")
    add_stem_options(parser)
    help_limit = (
        "for each file: more passes where there is time, a cheap estimate where there is none (default: one pass)"
    )
    add("--time-limit", type=_seconds, metavar="SECONDS", help=help_limit)
    add("--force", action="store_true", help="replace existing files")


def _seconds(text):
    seconds = float(text)
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"expected seconds above 0, got {text}")
    return seconds


def _path(text):
    return PIPE if text == PIPE else Path(text)


def _template(text):
    try:
        filled = {text.format(track="track", target=target, ext="wav") for target in ("a", "b")}
    except (LookupError, ValueError, AttributeError) as error:
        raise argparse.ArgumentTypeError(f"expected the fields {{track}}, {{target}} and {{ext}}: {error!r}") from error
    if len(filled) < 2 or not all(name.endswith(".wav") for name in filled):
        raise argparse.ArgumentTypeError(f"expected {{target}} in it and .{{ext}} at its end, got {text!r}")
    return text


def _run(args):
    from ..separator import Separator

    output_format(f"stem.{args.format}", args.subtype)  # a wrong subtype would fail for every file
    if args.mixtures.count(PIPE) > 1:
        raise AudioError("standard input can be separated only once")
    separator = Separator.from_file(args.model, threads=args.threads)
    names, options = chosen_stems(args, separator.manifest)
    if args.output == PIPE:
        return _separate_to_stdout(separator, names, options["residual"], args)
    options |= {"subtype": args.subtype, "clip": args.clip or "scale", "overwrite": args.force}
    options["time_limit"] = args.time_limit
    failures, taken = [], {}
    for mixture in args.mixtures:
        outputs = _outputs(mixture, names, args)
        try:
            for path in outputs.values():
                if taken.setdefault(path, mixture) is not mixture:
                    raise OutputError(f"{path} is a stem of {taken[path]} too, choose another --template: {mixture}")
            _separate_one(separator, mixture, outputs, options)
        except LightSAFTError as error:
            failures.append(error)
    for failure in failures:
        print(f"lightsaft: error: {failure}", file=sys.stderr)
    if failures and len(args.mixtures) > 1:
        print(f"lightsaft: {len(failures)} of {len(args.mixtures)} files were not separated", file=sys.stderr)
    return 1 if failures else 0


def _outputs(mixture, names, args):
    """{target: path} of a track's stems. A track's name is its file's, without the suffix."""
    track = "stdin" if mixture == PIPE else mixture.stem
    return {name: args.output / args.template.format(track=track, target=name, ext=args.format) for name in names}


def _separate_one(separator, mixture, outputs, options):
    from ..separate_file import separate_file

    with _bar(mixture) as progress:
        export = separate_file(separator, _source(mixture), outputs, progress=progress, **options)
    if export.gain != 1:
        peak = f"a peak of {1 / export.gain:.3f} would clip"
        print(f"lightsaft: {peak}, all stems scaled by {export.gain:.4f}: {mixture}", file=sys.stderr)
    _tell_passes(export.passes, mixture)


def _tell_passes(passes, mixture):
    """Tell what was done within a time limit."""
    if passes is None:
        return
    parts = [f"{count} with {number} pass{'' if number == 1 else 'es'}" for number, count in sorted(passes.items())]
    if 0 in passes:
        parts[0] = f"{passes[0]} without the network, as time ran out"
    print(f"lightsaft: of {sum(passes.values())} chunks, {', '.join(parts)}: {mixture}", file=sys.stderr)


def _separate_to_stdout(separator, names, residual, args):
    from ..audio import stream_subtype
    from ..separate_file import separate_to_stream

    if len(args.mixtures) > 1 or (len(names) > 1 and residual is None) or args.format != "wav":
        got = f"{len(args.mixtures)} file(s), {', '.join(names)}, {args.format}"
        raise OutputError(f"expected one file, one target (or --two-stems, for its rest) and wav with -o -, got {got}")
    if sys.stdout.isatty():
        raise OutputError("expected a pipe or a file to take the audio of -o -, got a terminal")
    (mixture,) = args.mixtures
    clip = args.clip or "clamp"
    subtype = stream_subtype(args.subtype, clip)
    with _bar(mixture) as progress:
        export = separate_to_stream(
            separator,
            _source(mixture),
            _unbuffered(sys.stdout),
            names[0],
            residual=residual is not None,
            subtype=subtype,
            clip=clip,
            time_limit=args.time_limit,
            progress=progress,
        )
    peak = max(export.peaks.values())
    if peak > 1 and subtype != "FLOAT":
        print(f"lightsaft: a peak of {peak:.3f} was clamped: {mixture}", file=sys.stderr)
    _tell_passes(export.passes, mixture)
    return 0


def _bar(mixture):
    return progress_bar(desc=mixture if mixture == PIPE else mixture.name, unit="s", unit_scale=True)


def _source(mixture):
    if mixture != PIPE:
        return mixture
    if sys.stdin is None:
        raise AudioError("cannot read it: standard input is closed")
    return _unbuffered(sys.stdin)


def _unbuffered(text):
    """The file under a text file; where Python runs with -u, its buffer is that file."""
    return getattr(text.buffer, "raw", text.buffer)
