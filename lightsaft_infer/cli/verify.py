"""The command `lightsaft verify`: the self-test of a model."""

import argparse
from collections.abc import Sequence

from .options import AddCommand
from .terminal import print_output


def add_verify(command: AddCommand, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Add the command to `lightsaft`."""
    description = "Check that this machine computes the same numbers as the machine of the model's author."
    command("verify", _verify, description, parents)


def _verify(args: argparse.Namespace) -> int:
    from ..separator import Separator
    from ..verify import selftest

    results = selftest(Separator.from_file(args.model, threads=args.threads))
    for target, check in results.items():
        verdict = "ok" if check.agrees else "DIFFERS"
        print_output(f"{target:12} expected RMS {check.expected:.6g}, got {check.computed:.6g}  {verdict}")
    return 0 if all(check.agrees for check in results.values()) else 1
