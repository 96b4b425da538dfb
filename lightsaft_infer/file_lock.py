"""A lock that keeps other runs from a folder."""

from typing import BinaryIO


def lock(file: BinaryIO) -> bool:
    """Keep other runs from an open file until it is closed or this process ends in any way.

    Returns
    -------
    bool
        Whether this process holds the lock now. Always true on systems and file systems without locks.
    """
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return True
