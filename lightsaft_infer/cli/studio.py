"""The command `lightsaft studio`: a page in the browser to separate tracks and hear their stems."""

import argparse
import os
import threading
import webbrowser
from collections.abc import Sequence

from ..errors import ArgumentError
from .options import AddCommand, given_path, positive
from .terminal import print_output

TOKEN = "LIGHTSAFT_TOKEN"  # environment variable
PORT = 8760


def add_studio(command: AddCommand, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Add the command to `lightsaft`."""
    description = "Open a page in the browser to separate tracks, hear their stems and take them away."
    add = command("studio", _studio, description, parents).add_argument
    help_host = "listen on this address; any but a loopback address needs a token (default: %(default)s)"
    add("--host", default="127.0.0.1", help=help_host)
    add("--port", type=_port, default=PORT, help="listen on this port; 0 is any free one (default: %(default)s)")
    add("--token", help=f"refuse requests without this secret (default: the environment variable {TOKEN})")
    add("--allow-host", action="append", default=[], metavar="NAME", help="accept this name as Host, such as a proxy's")
    add("--music", type=given_path, metavar="DIR", help="let programs name files below DIR instead of uploading them")
    add("--no-browser", dest="browser", action="store_false", help="do not open the page, only print its address")
    add("--folder", type=given_path, metavar="DIR", help="keep uploads and stems in DIR (default: in the user's cache)")
    add("--workers", type=positive, default=1, metavar="N", help="separate N tracks at a time (default: 1)")
    add("--max-upload-gb", type=_number, default=4.0, metavar="GB", help="refuse larger files (default: %(default)g)")
    help_size = "remove the oldest finished tracks if the folder would hold more (default: %(default)g)"
    add("--max-gb", type=_number, default=40.0, metavar="GB", help=help_size)
    add("--max-days", type=_number, default=7.0, metavar="DAYS", help="remove older tracks (default: %(default)g)")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return int(text)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.001 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"expected a number of 0.001 or more, got {text!r}")
    return value


def _studio(args: argparse.Namespace) -> int:
    try:
        from ..studio import Settings, default_folder, run_studio
    except ModuleNotFoundError as error:
        raise ArgumentError(f'lightsaft studio needs {error.name}: pip install "lightsaft[studio]"') from error
    if args.music is not None and not args.music.is_dir():
        raise ArgumentError(f"expected a folder of music, got another file or none: {args.music}")
    settings = Settings(
        folder=(args.folder or default_folder()).absolute(),
        host=args.host,
        port=args.port,
        names=tuple(args.allow_host),
        music=args.music,
        token=args.token or os.environ.get(TOKEN) or None,
        model=args.model,
        threads=args.threads,
        workers=args.workers,
        max_upload=int(args.max_upload_gb * 10**9),
        max_bytes=int(args.max_gb * 10**9),
        max_days=args.max_days,
    )
    run_studio(settings, on_start=_open if args.browser else print_output)
    return 0


def _open(url: str) -> None:
    print_output(url)
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
