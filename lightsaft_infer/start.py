"""The start of the command `lightsaft`. It imports only small modules before the signals are handled."""

import os
import sys
from typing import NoReturn

from .signals import leave_on_signals


def entry() -> NoReturn:
    """Run the command as a console script. A terminated process leaves no incomplete file, like an interrupted one."""
    leave_on_signals()
    open_closed_descriptors()
    try:
        from .cli import main
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # a package is missing or damaged, or there is too little memory to load it
        print(f"lightsaft: error: cannot start: {type(error).__name__}: {error}".replace("\n", " "), file=sys.stderr)
        sys.exit(1)
    sys.exit(main())


def open_closed_descriptors() -> None:
    """Open the null device on each of the descriptors 0 to 2 that is closed, as a daemon may have them.

    The next file that is opened would otherwise get that number, and libraries that write to standard error would
    write into it. `sys.stdin` and `sys.stdout` stay None.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)  # it gets the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")
