"""The command `mdx-net`: an MDX-Net file with random weights, to test and to measure programs that run such files."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from lightsaft_infer.audio import make_parent, write_bytes

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

SIZES = {
    "dim_f": (2048, "frequencies, the lowest bins of the STFT"),
    "dim_t": (256, "frames of a chunk"),
    "levels": (5, "downsamplings"),
    "layers": (3, "convolutions of a block"),
    "growth": (32, "channels that each level has more than the one above it"),
}


def add_command(commands: "Commands") -> None:
    """Add the command to the parsers of commands."""
    text = "Write an ONNX file of the MDX-Net architecture with random weights, to test and to measure."
    parser = commands.add_parser("mdx-net", help=text, description=text)
    parser.set_defaults(run=_mdx_net)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.onnx", help="write the graph to FILE")
    for name, (default, meaning) in SIZES.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=default, metavar="N", help=f"{meaning} (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the weights (default: %(default)s)")


def _mdx_net(args: argparse.Namespace) -> int:
    from .export import export_mdx
    from .networks import MdxConfig, random_network

    config = MdxConfig(**{name: getattr(args, name) for name in SIZES})
    graph = export_mdx(random_network(config, seed=args.seed))
    make_parent(args.output)
    write_bytes(args.output, [graph])
    print(args.output)
    return 0
