"""Parts of pool songs at the levels of real songs, to score on."""

import os
from pathlib import Path

import numpy as np

from ...arrays import Audio
from ...data import SAMPLE_RATE, TARGETS, songs_in
from ...errors import DataError
from .scored_songs import at_rms_level, below_full_scale, write_stems

LEVELS = {"vocals": -19.5, "drums": -20.0, "bass": -21.5, "other": -21.0}  # dBFS, means of 18 excerpts of real songs
BLOCK = SAMPLE_RATE // 10


def write_excerpts(
    pool: str | os.PathLike[str], tree: str | os.PathLike[str], *, songs: int = 16, seconds: float = 30.0
) -> None:
    """Write the part with most voice of a pool's first songs that have all stems, every stem at its level of LEVELS.

    Files are 24-bit WAV. Each file and their sum are below full scale.

    Parameters
    ----------
    pool
        The folder of the pool.
    tree
        The folder to write. It is created if it is missing.
    songs
        Number of songs.
    seconds
        Length of an excerpt.

    Raises
    ------
    DataError
        If there are fewer such songs.
    """
    samples = round(seconds * SAMPLE_RATE)
    whole = [song for song in songs_in(pool) if set(TARGETS) <= set(song.stems) and song.samples >= samples]
    if len(whole) < songs:
        raise DataError(f"expected {songs} songs of {seconds} s with all stems, found {len(whole)}: {pool}")
    for song in whole[:songs]:
        start = most_voice(song.read("vocals", 0, song.samples), samples)
        stems = {target: at_rms_level(song.read(target, start, samples), level) for target, level in LEVELS.items()}
        about = {"song": str(song.path), "start": start / SAMPLE_RATE}
        write_stems(Path(tree) / song.path.name, below_full_scale(stems), about)


def most_voice(vocals: Audio, samples: int) -> int:
    """Return the start of the part of `samples` samples with most voice.

    A tenth of a second has a voice if it is above -30 dB of the loudest.
    """
    blocks = np.square(vocals[:, : vocals.shape[1] // BLOCK * BLOCK]).reshape(2, -1, BLOCK).mean(axis=(0, 2))
    sounding = np.concatenate([[0], np.cumsum(blocks > 1e-3 * blocks.max())])
    length = samples // BLOCK
    return int(np.argmax(sounding[length:] - sounding[:-length])) * BLOCK
