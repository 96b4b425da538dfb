"""The folders below a folder, without hidden ones, with their files. Links are followed."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

Entry = os.DirEntry[str]


def visible_folders(
    root: Path, *, leave_out: Iterable[str] = (), on_error: Callable[[Path, OSError], object]
) -> Iterator[tuple[Path, list[Entry]]]:
    """Yield a folder and all folders below it that are not hidden.

    A folder that can be reached by several paths, for example by a loop, comes once, by its own path if that is below
    `root`.

    Parameters
    ----------
    root : Path
    leave_out : iterable of str
        Real paths of folders that are not searched.
    on_error : callable
        Called with each folder that cannot be read, and the error. It may raise another one; if not, the search
        continues.

    Yields
    ------
    Path
        The folder, `root` or below it.
    list of os.DirEntry
        What is in it, without folders and hidden names, sorted.
    """
    seen = set(leave_out)
    links = [root]
    while links:
        folders = [links.pop(0)]
        while folders:
            folder = folders.pop()
            real = os.path.realpath(folder)
            if real in seen:
                continue
            seen.add(real)
            try:
                with os.scandir(folder) as entries:
                    visible = [entry for entry in entries if not is_hidden(entry.name)]
            except OSError as error:
                on_error(folder, error)
                continue
            visible.sort(key=lambda entry: entry.name)
            for entry in filter(_is_folder, visible):
                (links if entry.is_symlink() else folders).append(Path(entry.path))
            yield folder, [entry for entry in visible if not _is_folder(entry)]


def is_hidden(name: str) -> bool:
    """Whether a name begins with one dot, as those of system files. A song may be called "...Baby One More Time"."""
    return name.startswith(".") and not name.startswith("..")


def _is_folder(entry: Entry) -> bool:
    """Whether an entry is a folder. A link that leads in a circle, or where nobody may look, is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False
