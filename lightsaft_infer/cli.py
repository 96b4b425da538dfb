"""The command `lightsaft`: parses, loads the model once, loops over the files."""

import argparse
import json
import signal
import sys
from pathlib import Path

from . import __version__
from .cli_batch import add_batch
from .cli_evaluate import add_evaluate
from .cli_options import positive
from .cli_report import add_report
from .cli_separate import add_separate
from .errors import LightSAFTError
from .manifest import Manifest, default_manifest_path


def main(argv=None):
    """Run the command. Returns the exit status: 0 only if everything asked for was done, 130 after Ctrl-C, 141 where
    the reader of a pipe has gone."""
    args = _parser().parse_args(argv)
    try:
        return args.run(args)
    except LightSAFTError as error:
        print(f"lightsaft: error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 141
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
    threads.add_argument("--threads", type=positive, help="threads of the network (default: all cores)")

    def command(name, run, description, parents):
        sub = commands.add_parser(name, help=description, description=description, parents=parents)
        sub.set_defaults(run=run)
        return sub

    add_separate(command, [model, threads])
    add_batch(command, [model])
    info = command("info", _info, "Tell about the model.", [model])
    info.add_argument("--json", action="store_true", help="print the whole manifest")
    command("verify", _verify, "Check that this machine computes what the model's author saw.", [model, threads])
    bench = command("benchmark", _benchmark, "Time the model on this machine.", [model, threads])
    bench.add_argument("--mixture", type=Path, help="file to separate (default: noise)")
    bench.add_argument("--seconds", type=float, default=30.0, help="seconds of audio (default: %(default)s)")
    bench.add_argument("--repeats", type=positive, default=5, help="counted runs (default: %(default)s)")
    bench.add_argument("--consistency", action="store_true", help="with mixture consistency")
    bench.add_argument("--json", action="store_true", help="print JSON")
    add_evaluate(commands)
    add_report(command)
    return parser


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
