"""The commands `lightsaft import-mdx` and `lightsaft bundle`: manifests for models of other origins."""

import argparse

from ..text import one_line
from .options import AddCommand, given_path
from .terminal import print_output


def add_import_mdx(command: AddCommand) -> None:
    """Add the command to `lightsaft`."""
    description = "Write a manifest for an MDX-Net file (ONNX), so that every command can use it with --model."
    add = command("import-mdx", _import_mdx, description, []).add_argument
    add("model", type=given_path, metavar="MODEL.onnx", help="the ONNX file; it is copied")
    add("-o", "--output", type=given_path, required=True, metavar="DIR", help="write the manifest and the copy to DIR")
    add("--target", metavar="NAME", help="set what the model estimates, such as vocals")
    add("--n-fft", type=int, metavar="N", help="set the window of the STFT in samples; n_fft / 2 + 1 > dim_f")
    add("--dim-f", type=int, metavar="N", help="set the number of the lowest frequency bins, which the graph gets")
    add("--dim-t", type=int, metavar="N", help="set the frames of a chunk")
    add(
        "--compensate",
        type=float,
        metavar="X",
        help="set the factor on the estimates (default: from the table of public models, else 1)",
    )
    add(
        "--zeroed-bins",
        type=int,
        metavar="N",
        help="set the lowest N bins to zero before the graph (default: from the table, else 0)",
    )
    help_denoise = "estimate each chunk twice, the second time with its sign changed, and use half the difference"
    add("--denoise", action="store_true", help=help_denoise)
    add("--name", help="set the name of the model (default: the name of the file)")
    add("--licence", metavar="TEXT", help="state the licence of the weights (default: not stated)")
    add("--force", action="store_true", help="replace existing files")


def _import_mdx(args: argparse.Namespace) -> int:
    from ..model_files import import_mdx

    manifest = import_mdx(
        args.model,
        args.output,
        target=args.target,
        n_fft=args.n_fft,
        dim_f=args.dim_f,
        dim_t=args.dim_t,
        compensate=args.compensate,
        zeroed_bins=args.zeroed_bins,
        denoise=args.denoise,
        name=args.name,
        licence=args.licence,
        overwrite=args.force,
    )
    print_output(one_line(manifest))
    return 0


def add_bundle(command: AddCommand) -> None:
    """Add the command to `lightsaft`."""
    description = "Join models into one manifest, whose targets are those of all of them."
    add = command("bundle", _bundle, description, []).add_argument
    help_manifests = "manifests; a target that several of them have is separated by the first one"
    add("manifests", type=given_path, nargs="+", metavar="MANIFEST", help=help_manifests)
    help_output = "write the bundle to FILE; the ONNX files are copied beside it"
    add("-o", "--output", type=given_path, required=True, metavar="FILE", help=help_output)
    add("--name", help="set the name of the bundle (default: the name of the file)")
    add("--force", action="store_true", help="replace existing files")


def _bundle(args: argparse.Namespace) -> int:
    from ..model_files import write_bundle

    print_output(one_line(write_bundle(args.manifests, args.output, name=args.name, overwrite=args.force)))
    return 0
