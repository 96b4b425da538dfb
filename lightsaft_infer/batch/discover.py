"""A folder full of tracks: which files they are, and where the stems of each go. Paths are those below the folder,
with "/"."""

import os
from pathlib import Path, PurePosixPath

from ..errors import AudioError
from .journal import NAME
from .storage import absolute, is_url, list_files, local_place

# What libsndfile or ffmpeg read; with a suffix that says nothing a file is no track.
SUFFIXES = (
    *(".wav", ".wave", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aif", ".aiff", ".aifc"),
    *(".au", ".snd", ".caf", ".m4a", ".aac", ".alac", ".wma", ".wv", ".ape", ".mka", ".weba"),
)


def find_tracks(root, *, leave_out, on_error):
    """Paths of the audio files below a folder, sorted.

    Hidden files and folders are left out, as is the folder `leave_out`. Links are followed; a folder that can be
    reached in two ways, by a loop for instance, is searched once, and by its own path if that is below the root.

    `on_error` is called with an AudioError for each folder that cannot be read; the others are gone through.
    `root` and `leave_out` may be URLs; which links are followed and folders left out is then the storage's affair.

    Raises AudioError where `root` itself cannot be read, or lies within `leave_out`.
    """
    if is_url(root):
        return _find_tracks_at(root, leave_out)
    # What is elsewhere is in nobody's way.
    root, out = Path(root), Path(os.path.realpath(local_place(leave_out) or os.devnull))
    if Path(os.path.realpath(root)).is_relative_to(out):
        raise AudioError(f"expected a folder for the stems that does not hold the tracks, got {leave_out}: {root}")
    seen, tracks, links = {str(out)}, [], [root]
    while links:
        folders = [links.pop(0)]
        while folders:
            folder = folders.pop()
            real = os.path.realpath(folder)
            if real in seen:
                continue
            seen.add(real)
            try:
                entries = _visible(folder)
            except AudioError as error:
                if folder is root:
                    raise
                on_error(error)
                continue
            for entry in entries:
                if entry.is_dir():
                    (links if entry.is_symlink() else folders).append(Path(entry.path))
                elif _is_track(entry):
                    tracks.append(Path(entry.path).relative_to(root).as_posix())
    return sorted(tracks)


def _find_tracks_at(root, leave_out):
    inside = _inside(root, leave_out)
    if inside == ".":
        raise AudioError(f"expected a folder for the stems that does not hold the tracks, got {leave_out}: {root}")
    try:
        files = list_files(root)
    except OSError as error:
        raise AudioError(f"cannot read the folder: {error.strerror}: {error.filename}") from error
    names = [PurePosixPath(name) for name in files]
    return sorted(
        str(name)
        for name in names
        if name.suffix.lower() in SUFFIXES
        and not any(part.startswith(".") for part in name.parts)
        and not (inside and name.is_relative_to(inside))
    )


def _inside(root, place):
    """Path of a place below a URL, None where it is elsewhere, "." where it holds or is the URL."""
    if local_place(root) is not None and local_place(place) is not None:
        root, place = (os.path.realpath(local_place(path)) for path in (root, place))
    root, place = PurePosixPath(absolute(root)), PurePosixPath(absolute(place))
    if root.is_relative_to(place):
        return "."
    return str(place.relative_to(root)) if place.is_relative_to(root) else None


def _visible(folder):
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise AudioError(f"cannot read the folder: {error.strerror}: {folder}") from error


def _is_track(entry):
    """A link that leads nowhere counts: it is to fail by its name, not to be passed over."""
    regular = entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))
    return regular and PurePosixPath(entry.name).suffix.lower() in SUFFIXES


def stem_folders(tracks, entries):
    """{track: folder of its stems}: the track's path without the suffix, or with it where that is taken.

    `entries` are the journal's last ones, {track: entry}: what it says is done stays where it is, and no other track
    gets a folder that holds the stems of one that is no longer there.
    """
    folders = {track: _journaled_folder(entry) for track, entry in entries.items()}
    folders = {track: folder for track, folder in folders.items() if folder is not None}
    # Upper and lower case are one on some file systems.
    taken = {folder.casefold() for folder in folders.values()} | {NAME}
    for track in tracks:
        if track not in folders:
            folders[track] = next(name for name in _candidates(track) if name.casefold() not in taken)
            taken.add(folders[track].casefold())
    return {track: folders[track] for track in tracks}


def _candidates(track):
    yield str(PurePosixPath(track).with_suffix(""))
    name = track
    while True:
        yield name
        name += "_"


def _journaled_folder(entry):
    outputs = entry.get("outputs") or {}
    return next((str(PurePosixPath(output["file"]).parent) for output in outputs.values()), None)
