"""The tracks in a folder, and the folders for their stems. Paths are relative to the folder, with "/"."""

import os
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from ..arguments import AnyPath, to_path
from ..audio import track_name
from ..errors import AudioError, raise_as, reason
from ..folders import is_hidden, visible_folders
from .journal import NAME, Entry
from .storage import absolute, is_url, list_files, local_place

# Formats of audio and video whose sound is read. A file with another suffix, or none, is not a track.
SUFFIXES = (
    *(".wav", ".wave", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aif", ".aiff", ".aifc"),
    *(".au", ".snd", ".caf", ".m4a", ".m4b", ".aac", ".alac", ".wma", ".wv", ".ape", ".tta", ".ac3", ".mka", ".weba"),
    *(".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".ogv", ".mpg", ".mpeg", ".mts"),
)


def find_tracks(root: AnyPath, *, leave_out: AnyPath, on_error: Callable[[AudioError], object]) -> list[str]:
    """Find the audio files below a folder, and the videos, whose sound is separated.

    Hidden files and folders are left out. Links are followed. A folder that can be reached by several paths, for
    example by a loop, is searched once, by its own path if that is below `root`.

    Parameters
    ----------
    root : path or URL
        At a URL, the storage decides about links.
    leave_out : path or URL
        A folder that is not searched, such as that of the stems.
    on_error : callable
        Called with an AudioError for each folder below `root` that cannot be read. The search then continues.

    Returns
    -------
    list of str
        Paths below `root`, with "/", sorted.

    Raises
    ------
    AudioError
        If `root` cannot be read, or lies within `leave_out`.
    ClusterError
        If a package for the protocol of a URL is missing.
    ArgumentError
        If a place is neither a path nor a URL.
    """
    if is_url(root):
        return _find_tracks_at(str(root), leave_out)
    # If `leave_out` is on another machine, no folder is left out.
    root, out = to_path(root, "a folder"), Path(os.path.realpath(local_place(leave_out) or os.devnull))
    if Path(os.path.realpath(root)).is_relative_to(out):
        raise _overlap(root, leave_out)

    def unreadable(folder: Path, error: OSError) -> None:
        failed = AudioError(f"cannot read the folder {folder}: {reason(error)}")
        if folder is root:
            raise failed from error
        on_error(failed)

    return sorted(
        Path(entry.path).relative_to(root).as_posix()
        for _, entries in visible_folders(root, leave_out=[str(out)], on_error=unreadable)
        for entry in entries
        if _is_track(entry)
    )


def _find_tracks_at(root: str, leave_out: AnyPath) -> list[str]:
    inside = _inside(root, leave_out)
    if inside == ".":
        raise _overlap(root, leave_out)
    with raise_as(AudioError, "read the folder"):
        files = list_files(root)
    names = [PurePosixPath(name) for name in files]
    return sorted(
        str(name)
        for name in names
        if name.suffix.lower() in SUFFIXES
        and not any(map(is_hidden, name.parts))
        and not (inside and name.is_relative_to(inside))
    )


def _overlap(root: AnyPath, leave_out: AnyPath) -> AudioError:
    return AudioError(f"expected a folder for the stems that does not hold the tracks, but {leave_out} holds {root}")


def _inside(root: str, place: AnyPath) -> str | None:
    """Return the path of a place below a URL. None if it is elsewhere, "." if it is the URL or a folder above it."""
    local_root, local = local_place(root), local_place(place)
    if local_root is not None and local is not None:
        outer, inner = os.path.realpath(local_root), os.path.realpath(local)
    else:
        outer, inner = root, os.fspath(place)
    base, path = PurePosixPath(absolute(outer)), PurePosixPath(absolute(inner))
    if base.is_relative_to(path):
        return "."
    return str(path.relative_to(base)) if path.is_relative_to(base) else None


def _is_track(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a track. A broken link with a suffix is one too, so that an error reports it."""
    regular = os.path.isfile(entry.path) or (entry.is_symlink() and not os.path.exists(entry.path))
    return regular and PurePosixPath(entry.name).suffix.lower() in SUFFIXES


def stem_folders(tracks: Iterable[str], entries: Mapping[str, Entry], files: Collection[str] = ()) -> dict[str, str]:
    """Choose a folder for the stems of each track.

    It is the path of the track without its suffix, or with the suffix if that folder is taken, or would have the name
    of a stem of another track, as that of ``a/vocals.mp3`` beside ``a.wav``. Finished tracks keep their folders. No
    other track gets the folder of a finished track, even if the track itself no longer exists.

    Parameters
    ----------
    tracks : iterable of str
        Paths below the input folder.
    entries : dict of str to dict
        The last entry of each track in the journal (see `read_journal`).
    files : collection of str, optional
        The names of the files that each folder will hold, such as "vocals.wav".

    Returns
    -------
    dict of str to str
        The folder of each track, a path below the output folder.
    """
    journaled = {track: _journaled_folder(entry) for track, entry in entries.items()}
    folders = {track: folder for track, folder in journaled.items() if folder is not None}
    tracks, files = list(tracks), [_caseless(file) for file in files]

    def paths_in(folder: str) -> set[str]:
        return {f"{folder}/{file}" for file in files}

    taken = {_caseless(folder) for folder in folders.values()} | {NAME}
    stems = {_caseless(file) for entry in entries.values() for file in _journaled_files(entry)}
    stems.update(*map(paths_in, taken))
    parents = {_caseless(str(parent)) for track in tracks for parent in PurePosixPath(track).parents}

    def is_free(folder: str) -> bool:
        own = paths_in(folder)
        return not (folder in taken or folder in stems or own & taken or own & parents)

    for track in tracks:
        if track not in folders:
            folders[track] = next(name for name in _candidates(track) if is_free(_caseless(name)))
            folder = _caseless(folders[track])
            taken.add(folder)
            stems |= paths_in(folder)
    return {track: folders[track] for track in tracks}


def _caseless(name: str) -> str:
    """Return the same text for all names that some file system takes for one: in upper or lower case, with accents as
    characters of their own or not."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def _candidates(track: str) -> Iterator[str]:
    yield str(PurePosixPath(track).with_name(track_name(PurePosixPath(track).name)))
    name = track
    while True:
        yield name
        name += "_"


def _journaled_folder(entry: Entry) -> str | None:
    return next((str(PurePosixPath(file).parent) for file in _journaled_files(entry)), None)


def _journaled_files(entry: Entry) -> list[str]:
    return [output["file"] for output in (entry.get("outputs") or {}).values()]
