"""`python -m lightsaft_train`: data, training, and models that lightsaft_infer runs."""

import argparse
import signal
import sys
from collections.abc import Sequence

from lightsaft_infer.errors import LightSAFTError

from .commands import GROUPS


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lightsaft_train", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in GROUPS:
        group.add_commands(commands)
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except (LightSAFTError, OSError) as error:
        message = str(error)
    except ModuleNotFoundError as error:
        message = f"the package {error.name} is missing: pip install -r training/requirements.txt"
    except KeyboardInterrupt:
        print("lightsaft_train: interrupted", file=sys.stderr)
        return 130
    print(f"lightsaft_train: error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # of a job scheduler, for example: the run is saved
    sys.exit(main())
