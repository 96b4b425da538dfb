"""The command `lightsaft verify`: does this machine compute the same numbers as the model's author's?"""


def add_verify(command, parents):
    """Add the command to the parsers of commands."""
    command("verify", _verify, "Check that this machine computes what the model's author saw.", parents)


def _verify(args):
    from ..separator import Separator
    from ..verify import selftest

    results = selftest(Separator.from_file(args.model, threads=args.threads))
    for target, check in results.items():
        verdict = "ok" if check.agrees else "DIFFERS"
        print(f"{target:12} expected RMS {check.expected:.6g}, got {check.computed:.6g}  {verdict}")
    return 0 if all(check.agrees for check in results.values()) else 1
