"""The command `lightsaft`: parses, loads the model once, loops over the files."""

import argparse
import json
import signal
import sys
from pathlib import Path

from . import __version__, commands_evaluate
from .errors import LightSAFTError, OutputError
from .manifest import Manifest, default_manifest_path
from .stems import CLIP_POLICIES, FORMATS, output_format

TEMPLATE = "{track}/{target}.{ext}"


def main(argv=None):
    """Run the command. Returns the exit status: 0 only if everything asked for was done, 130 after Ctrl-C."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args)
    except LightSAFTError as error:
        print(f"lightsaft: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lightsaft: interrupted", file=sys.stderr)
        return 130


def entry():
    """The console script: a terminated process, like an interrupted one, leaves no half file."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())


def _parser():
    parser = argparse.ArgumentParser(prog="lightsaft", description="Music source separation on the CPU.")
    parser.add_argument("--version", action="version", version=f"lightsaft {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    model = argparse.ArgumentParser(add_help=False)
    model.add_argument("--model", type=Path, metavar="MANIFEST", help="manifest (default: the packaged one)")
    threads = argparse.ArgumentParser(add_help=False)
    threads.add_argument("--threads", type=_positive, help="threads of the network (default: all cores)")

    def command(name, run, description, parents):
        sub = commands.add_parser(name, help=description, description=description, parents=parents)
        sub.set_defaults(run=run)
        return sub

    _add_separate_options(command("separate", _separate, "Separate audio files into stems.", [model, threads]))
    info = command("info", _info, "Tell about the model.", [model])
    info.add_argument("--json", action="store_true", help="print the whole manifest")
    command("verify", _verify, "Check that this machine computes what the model's author saw.", [model, threads])
    bench = command("benchmark", _benchmark, "Time the model on this machine.", [model, threads])
    bench.add_argument("--mixture", type=Path, help="file to separate (default: noise)")
    bench.add_argument("--seconds", type=float, default=30.0, help="seconds of audio (default: %(default)s)")
    bench.add_argument("--repeats", type=_positive, default=5, help="counted runs (default: %(default)s)")
    bench.add_argument("--consistency", action="store_true", help="with mixture consistency")
    bench.add_argument("--json", action="store_true", help="print JSON")
    commands_evaluate.add(commands)
    return parser


def _add_separate_options(parser):
    add = parser.add_argument
    add("mixtures", nargs="+", type=Path, metavar="FILE", help="audio files")
    add("-o", "--output", type=Path, default=Path("separated"), metavar="DIR", help="default: %(default)s")
    add("--template", default=TEMPLATE, type=_template, help="file names below DIR (default: %(default)s)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--targets", type=_names, metavar="A,B", help="only these targets (default: all)")
    which.add_argument("--two-stems", metavar="TARGET", help="TARGET and the mixture minus TARGET")
    add("--format", choices=[suffix[1:] for suffix in FORMATS], default="wav", help="default: %(default)s")
    add("--subtype", help="FLOAT, PCM_16, PCM_24, ... (default: FLOAT in wav, PCM_24 in flac)")
    clip = "stems beyond full scale, where the format is not float: scale all by one gain, clamp, or error"
    add("--clip", choices=CLIP_POLICIES, default="scale", help=f"{clip} (default: %(default)s)")
    add("--force", action="store_true", help="replace existing files")
    add(
        "--consistency",
        action=argparse.BooleanOptionalAction,
        help="let the stems sum to the mixture (default: yes, where all targets are separated)",
    )


def _positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {value}")
    return value


def _names(text):
    return tuple(name.strip() for name in text.split(","))


def _template(text):
    try:
        filled = {text.format(track="track", target=target, ext="wav") for target in ("a", "b")}
    except (LookupError, ValueError, AttributeError) as error:
        raise argparse.ArgumentTypeError(f"expected the fields {{track}}, {{target}} and {{ext}}: {error!r}") from error
    if len(filled) < 2 or not all(name.endswith(".wav") for name in filled):
        raise argparse.ArgumentTypeError(f"expected {{target}} in it and .{{ext}} at its end, got {text!r}")
    return text


def _separate(args):
    from .separator import Separator

    output_format(f"stem.{args.format}", args.subtype)  # a wrong subtype would fail for every file
    separator = Separator.from_file(args.model, threads=args.threads)
    targets, residual = args.targets or separator.targets, None
    if args.two_stems is not None:
        targets = (args.two_stems,)
        residual = "instrumental" if args.two_stems == "vocals" else f"no_{args.two_stems}"
    separator.manifest.indices(targets)
    whole = residual is None and set(targets) == set(separator.targets)
    if args.consistency and not whole:
        raise LightSAFTError("--consistency needs all targets: stems of some of them do not sum to the mixture")
    options = {
        "consistency": whole if args.consistency is None else args.consistency,
        "residual": residual,
        "subtype": args.subtype,
        "clip": args.clip,
        "overwrite": args.force,
    }
    names = targets if residual is None else (*targets, residual)
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
    return {
        name: args.output / args.template.format(track=mixture.stem, target=name, ext=args.format) for name in names
    }


def _separate_one(separator, mixture, outputs, options):
    from tqdm import tqdm

    from .export import separate_file

    # disable=None: a bar on a terminal, nothing in a pipe.
    with tqdm(desc=mixture.name, unit="s", unit_scale=True, disable=None) as bar:

        def progress(done, total):
            bar.total = total
            bar.update(done - bar.n)

        export = separate_file(separator, mixture, outputs, progress=progress, **options)
    if export.gain != 1:
        peak = f"a peak of {1 / export.gain:.3f} would clip"
        print(f"lightsaft: {peak}, all stems scaled by {export.gain:.4f}: {mixture}", file=sys.stderr)


def _info(args):
    manifest = Manifest.from_file(args.model or default_manifest_path())
    if args.json:
        print(manifest.path.read_text(encoding="utf-8"))
        return 0
    scores = manifest.scores
    rows = {
        "model": f"{manifest.name} {manifest.version}",
        "manifest": manifest.path,
        "graph": f"{manifest.onnx.file}, {manifest.onnx.bytes:,} bytes, {manifest.parameters:,} parameters",
        "targets": ", ".join(manifest.targets),
        "audio": f"{manifest.sample_rate} Hz, {manifest.channels} channels (other rates and mono are converted)",
        "STFT": f"n_fft {manifest.n_fft}, hop {manifest.hop_length}, chunks of {manifest.frames} frames",
        "SDR": ", ".join(f"{target} {scores[target]} dB" for target in manifest.targets if target in scores),
        "measured on": scores.get("data", "not told"),
        "licence": manifest.licence,
    }
    for name, value in rows.items():
        print(f"{name:12} {value}")
    return 0


def _verify(args):
    from .selftest import agrees, selftest
    from .separator import Separator

    results = selftest(Separator.from_file(args.model, threads=args.threads))
    for target, (expected, value) in results.items():
        verdict = "ok" if agrees(expected, value) else "DIFFERS"
        print(f"{target:12} expected RMS {expected:.6g}, got {value:.6g}  {verdict}")
    return 0 if all(agrees(*pair) for pair in results.values()) else 1


def _benchmark(args):
    from .benchmark import benchmark, table

    options = ("model", "mixture", "seconds", "repeats", "threads", "consistency")
    result = benchmark(**{name: getattr(args, name) for name in options})
    print(json.dumps(result, indent=1) if args.json else table(result))
    return 0
