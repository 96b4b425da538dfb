"""Trees of songs on disk: which folders are songs, and which estimate goes with which reference.

A song is a folder with a file for each target, `<target>.wav`, `.flac` or `.ogg`, and is named by its path below the
tree, with /: `<song>/vocals.wav` as the Music Demixing Challenge and this package's exports have it, `test/<song>/...`
as MUSDB18-HQ has it, and "." where the tree itself is the song. A folder `mixture` holds the stems of its parent: that
is where stems of `<song>/mixture.wav` are exported to. `mixture.wav` is not a stem; names with a leading dot are passed
over.
"""

import dataclasses
import os
from pathlib import Path

from ..audio import FORMATS
from ..errors import EvaluationError

MIXTURE = "mixture"
TOLD = 5  # how many missing estimates an error names


@dataclasses.dataclass(frozen=True)
class Matches:
    """`pairs` {song: {target: (reference, estimate)}}, paths; `missing` (song, target) that have a reference and no
    estimate; `unreferenced`, how many estimates have no reference."""

    pairs: dict[str, dict[str, tuple[Path, Path]]]
    missing: tuple[tuple[str, str], ...]
    unreferenced: int


def match(references, estimates, *, targets=None, allow_missing=False):
    """Match the stems of two trees by song and target.

    references, estimates : paths of folders
    targets : only these, default all that have a reference
    allow_missing : whether references without estimate are only told, in `missing`

    Returns Matches, sorted. Raises EvaluationError, which names what is missing, doubled or cannot be read.
    """
    wanted, found = find_stems(references), find_stems(estimates)
    if not wanted:
        raise EvaluationError(f"expected folders of stems, <song>/<target>.wav or .flac, got none: {references}")
    unreferenced = sum(target not in wanted.get(song, ()) for song, stems in found.items() for target in stems)
    pairs, missing = {}, []
    for song, stems in _selected(wanted, targets, references).items():
        for target, reference in stems.items():
            estimate = found.get(song, {}).get(target)
            if estimate is None:
                missing.append((song, target))
            else:
                pairs.setdefault(song, {})[target] = (reference, estimate)
    if missing and not (allow_missing and pairs):
        named = ", ".join(f"{song}/{target}" for song, target in missing[:TOLD])
        more = f" and {len(missing) - TOLD} more" if len(missing) > TOLD else ""
        raise EvaluationError(f"expected an estimate of every reference, none of {named}{more}: {estimates}")
    return Matches(pairs, tuple(missing), unreferenced)


def find_stems(tree):
    """{song: {target: path}} of a tree, sorted. Raises EvaluationError, which names what is doubled or unreadable."""
    tree = Path(tree)
    songs = {}
    for name, subfolders, files in os.walk(tree, onerror=_unreadable, followlinks=True):
        folder = Path(name)
        real = folder.resolve()
        # Without links that lead back up, which would be followed for ever.
        subfolders[:] = [
            sub for sub in subfolders if sub[0] != "." and not real.is_relative_to((folder / sub).resolve())
        ]
        relative = folder.relative_to(tree)
        song = (relative.parent if relative.name == MIXTURE else relative).as_posix()
        for path in (folder / file for file in files):
            if path.suffix.lower() in FORMATS and path.name[0] != "." and path.stem != MIXTURE:
                other = songs.setdefault(song, {}).setdefault(path.stem, path)
                if other != path:
                    raise EvaluationError(f"expected one file of {path.stem}, got two: {path} and {other}")
    return {song: dict(sorted(stems.items())) for song, stems in sorted(songs.items())}


def _selected(songs, targets, tree):
    """The songs' stems of the given targets."""
    if targets is None:
        return songs
    known = sorted({target for stems in songs.values() for target in stems})
    unknown = [target for target in targets if target not in known]
    if unknown or not targets:
        expected = f"expected targets that have references, {', '.join(known)}"
        raise EvaluationError(f"{expected}, got {', '.join(unknown) or 'none'}: {tree}")
    return {song: {target: stems[target] for target in stems if target in targets} for song, stems in songs.items()}


def _unreadable(error):
    raise EvaluationError(f"cannot read it: {error.strerror}: {error.filename}") from error
