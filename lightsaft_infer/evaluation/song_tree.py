"""Trees of songs on disk: the folders that are songs, and the pairs of reference and estimate in two trees.

A song is a folder with a file for each target: `<target>.wav`, `.flac` or `.ogg`. Its name is its path below the tree,
with /, or "." if the tree itself is the song. The data of the Music Demixing Challenge and the output of this package
have `<song>/vocals.wav`, MUSDB18-HQ has `test/<song>/vocals.wav`. A folder `mixture` contains stems of the song in its
parent folder, because the stems of `<song>/mixture.wav` are written there. `mixture.wav` is not a stem. Hidden names
(`folders.is_hidden`) are ignored.
"""

import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, NoReturn

from ..arguments import AnyPath, to_path
from ..errors import ArgumentError, EvaluationError, reason
from ..folders import is_hidden, visible_folders

STEM_SUFFIXES = (".wav", ".flac", ".ogg")  # formats that keep the length of a stem
MIXTURE = "mixture"
LISTED = 5  # missing estimates that an error names


class StemPair(NamedTuple):
    """The files of a stem: the true one and the separated one."""

    reference: Path
    estimate: Path


@dataclasses.dataclass(frozen=True)
class Matches:
    """The stems of two trees that can be compared.

    `pairs` is {song: {target: StemPair}}, `unpaired` {song: {target: reference}} of the other references of these
    songs: those without an estimate, and those of targets that are not chosen. `missing` has (song, target) of each
    reference without an estimate. `unreferenced` is the number of estimates without a reference. `found` has, for some
    of `missing`, the path below the estimates of a file that may be meant.
    """

    pairs: dict[str, dict[str, StemPair]]
    unpaired: dict[str, dict[str, Path]]
    missing: tuple[tuple[str, str], ...]
    unreferenced: int
    found: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)


def match(
    references: AnyPath, estimates: AnyPath, *, targets: Iterable[str] | None = None, allow_missing: bool = False
) -> Matches:
    """Match the stems of two trees by song and target.

    Parameters
    ----------
    references, estimates : path
        Folders.
    targets : iterable of str, optional
        Match only these. Default: all that have a reference.
    allow_missing : bool, optional
        List references without an estimate in `missing` instead of raising an error.

    Returns
    -------
    Matches
        Sorted by song and target.

    Raises
    ------
    EvaluationError
        If an estimate is missing, a target has two files or no reference, or a folder cannot be read.
    ArgumentError
        If an argument has the wrong type.
    """
    wanted, found = find_songs(references), find_songs(estimates)
    if not wanted:
        raise EvaluationError(f"expected folders of stems, <song>/<target>.wav, .flac or .ogg, got none: {references}")
    unreferenced = sum(target not in wanted.get(song, ()) for song, stems in found.items() for target in stems)
    pairs: dict[str, dict[str, StemPair]] = {}
    missing = []
    for song, stems in _selected(wanted, targets, references).items():
        for target, reference in stems.items():
            estimate = found.get(song, {}).get(target)
            if estimate is None:
                missing.append((song, target))
            else:
                pairs.setdefault(song, {})[target] = StemPair(reference, estimate)
    instead = _found_instead(estimates, missing) if missing else {}
    if missing and not (allow_missing and pairs):
        named = ", ".join(
            f"{stem[0]}/{stem[1]}" + (f" (found {instead[stem]})" if stem in instead else "")
            for stem in missing[:LISTED]
        )
        more = f" and {len(missing) - LISTED} more" if len(missing) > LISTED else ""
        raise EvaluationError(f"expected an estimate of every reference, none of {named}{more}: {estimates}")
    unpaired = {
        song: {target: reference for target, reference in wanted[song].items() if target not in stems}
        for song, stems in pairs.items()
    }
    return Matches(pairs, unpaired, tuple(missing), unreferenced, instead)


def find_songs(tree: AnyPath) -> dict[str, dict[str, Path]]:
    """Find the stems of all songs in a tree.

    Parameters
    ----------
    tree : path
        A folder. Links are followed. A folder that can be reached by several paths is searched once, by its own path if
        that is below `tree`.

    Returns
    -------
    dict of str to dict of str to Path
        {song: {target: path}}, sorted.

    Raises
    ------
    EvaluationError
        If a target of a song has two files, or a folder cannot be read.
    ArgumentError
        If `tree` is not a path.
    """
    tree = to_path(tree, "the path of a folder")
    songs: dict[str, dict[str, Path]] = {}
    for folder, entries in visible_folders(tree, on_error=_unreadable):
        relative = folder.relative_to(tree)
        song = (relative.parent if relative.name == MIXTURE else relative).as_posix()
        for path in map(Path, entries):
            if path.suffix.lower() in STEM_SUFFIXES and path.stem != MIXTURE:
                other = songs.setdefault(song, {}).setdefault(path.stem, path)
                if other != path:
                    raise EvaluationError(f"expected one file of {path.stem}, got two: {path} and {other}")
    return {song: dict(sorted(stems.items())) for song, stems in sorted(songs.items())}


def _found_instead(tree: AnyPath, missing: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Files that may be meant by missing (song, target): of another format, with other letters in upper case, or in
    another folder of the song."""
    names: dict[str, list[PurePosixPath]] = {}
    for folder, _, files in os.walk(tree):
        for file in files:
            path = PurePosixPath(Path(folder, file).relative_to(tree).as_posix())
            if path.suffix and not is_hidden(file):
                names.setdefault(path.stem.casefold(), []).append(path)
    found = {}
    for song, target in missing:
        within = "/" if song == "." else f"/{song}/".casefold()
        paths = [path for path in names.get(target.casefold(), ()) if within in f"/{path.parent}/".casefold()]
        if paths:
            found[song, target] = str(min(paths, key=lambda path: (len(path.parts), path)))
    return found


def _selected(
    songs: dict[str, dict[str, Path]], targets: Iterable[str] | None, tree: AnyPath
) -> dict[str, dict[str, Path]]:
    """The stems of the given targets."""
    if targets is None:
        return songs
    if isinstance(targets, str) or not isinstance(targets, Iterable):
        raise ArgumentError(f"expected targets as a list of names, got {targets!r}")
    chosen = list(targets)
    known = sorted({target for stems in songs.values() for target in stems})
    unknown = [str(target) for target in chosen if target not in known]
    if unknown or not chosen:
        expected = f"expected targets that have references, {', '.join(known)}"
        raise EvaluationError(f"{expected}, got {', '.join(unknown) or 'none'}: {tree}")
    return {song: {target: stems[target] for target in stems if target in chosen} for song, stems in songs.items()}


def _unreadable(folder: Path, error: OSError) -> NoReturn:
    raise EvaluationError(f"cannot read {folder}: {reason(error)}") from error
