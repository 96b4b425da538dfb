"""Mashups: held-out voices over held-out instrumentals, at the levels of real songs.

`training/mashups.tsv` has a row for each song. A voice, mono, is played faster or slower by up to two semitones and
produced: by `voices.produce` with the seed of the row, or nearly dry, with a little compression, doubling and room.
Levels are dBFS of root mean square over the whole song. A voice without high frequencies gets an instrumental without
them. The files are 24-bit WAV. The mixture is their sum and stays below full scale.
"""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pedalboard
import soundfile as sf
import soxr
from scipy.signal import butter, sosfiltfilt

from ...arrays import Audio, SongProgress, Stems
from ...data import ACCOMPANIMENT, SAMPLE_RATE
from ...errors import DataError
from ..voices import doublings, produce
from .instrumentals import decoded, pieces, read_rows
from .scored_songs import at_rms_level, below_full_scale, write_stems

RECIPE = Path(__file__).parents[3] / "mashups.tsv"
SECONDS = 27.0


@dataclasses.dataclass(frozen=True)
class Row:
    """A song of the recipe.

    Parameters
    ----------
    song
        Name of the song.
    voice, voice_start, semitones
        A file below the recordings' `vocals/`, its start in seconds, and the semitones that it is moved by.
    production, seed
        `dry` or `produced`, and the seed of the production.
    instrumental, start
        Name of the piece, and its start in seconds.
    vocals_level, accompaniment_level
        In dBFS.
    low_pass
        In Hz; 0 for none.
    """

    song: str
    voice: str
    voice_start: float
    semitones: float
    production: str
    seed: int
    instrumental: str
    start: float
    vocals_level: float
    accompaniment_level: float
    low_pass: float


def recipe(path: str | os.PathLike[str] = RECIPE) -> list[Row]:
    """Read the rows of the recipe.

    Raises
    ------
    DataError
        If it cannot be read, or a value is not of its kind.
    """
    kinds: dict[str, Any] = {field.name: field.type for field in dataclasses.fields(Row)}
    try:
        return [Row(**{name: kinds[name](text) for name, text in row.items()}) for row in read_rows(path)]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"expected the columns {', '.join(kinds)} ({error}): {path}") from error


def render_mashups(
    recordings: str | os.PathLike[str],
    tree: str | os.PathLike[str],
    *,
    rows: Sequence[Row] | None = None,
    packages: str | os.PathLike[str] | None = None,
    progress: SongProgress | None = None,
) -> None:
    """Write the songs of the recipe that a folder lacks, or has of another row.

    Parameters
    ----------
    recordings
        The folder of recordings.
    tree
        The folder of the songs. It is created if it is missing.
    rows
        The recipe; None: that of `training/mashups.tsv`.
    packages
        Folder that keeps the .deb files; None: they are not kept.
    progress
        A function that is called with (finished songs, songs) after each song.

    Raises
    ------
    DataError
        If a voice or an instrumental is missing or too short.
    """
    recordings, tree = Path(recordings), Path(tree)
    rows, listed = recipe() if rows is None else rows, pieces(recordings)
    todo = [row for row in rows if _written(tree / row.song) != dataclasses.asdict(row)]
    known = {piece.name for piece in listed}
    unknown = sorted({row.instrumental for row in todo} - known)
    if unknown:
        raise DataError(f"the list of instrumentals lacks: {', '.join(unknown)}")
    wanted = [piece for piece in listed if piece.name in {row.instrumental for row in todo}]
    done = len(rows) - len(todo)
    for piece, audio, _ in decoded(listed, wanted, packages):
        for row in todo:
            if row.instrumental == piece.name:
                stems = song(row, recordings / "vocals" / row.voice, audio)
                write_stems(tree / row.song, stems, dataclasses.asdict(row))
                done += 1
                if progress:
                    progress(done, len(rows))


def _written(folder: Path) -> Any:
    """Return the row of a finished song, or None."""
    path = folder / "song.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def song(row: Row, voice: Path, instrumental: Audio) -> Stems:
    """Return the stems of a row, made of the file of the voice and the whole instrumental (2, samples)."""
    start = round(row.start * SAMPLE_RATE)
    accompaniment = instrumental[:, start : start + round(SECONDS * SAMPLE_RATE)]
    if accompaniment.shape[1] < round(SECONDS * SAMPLE_RATE):
        raise DataError(f"expected {SECONDS} s from {row.start} s, the piece is shorter: {row.instrumental}")
    vocals = as_stem(_sung(voice, row), row.production, row.seed)
    parts = {"vocals": (vocals, row.vocals_level), ACCOMPANIMENT: (accompaniment, row.accompaniment_level)}
    stems = {
        name: at_rms_level(butterworth_low_passed(audio, row.low_pass), level) for name, (audio, level) in parts.items()
    }
    return below_full_scale(stems)


def _sung(path: Path, row: Row) -> Audio:
    """Return the row's part of a voice, mono (samples,), faster and higher by its semitones."""
    try:
        rate = sf.info(path).samplerate
        speed = 2 ** (row.semitones / 12)
        frames, start = int(np.ceil((SECONDS + 0.1) * speed * rate)), round(row.voice_start * rate)
        audio, _ = sf.read(path, frames, start, dtype="float32", always_2d=True)
    except sf.LibsndfileError as error:
        raise DataError(f"expected a recorded voice ({error}): {path}") from error
    audio = soxr.resample(audio.mean(axis=1), rate * speed, SAMPLE_RATE, quality="VHQ")
    if len(audio) < SECONDS * SAMPLE_RATE:
        raise DataError(f"expected {SECONDS * speed:.1f} s from {row.voice_start} s, the file is shorter: {path}")
    return audio[: round(SECONDS * SAMPLE_RATE)]


def as_stem(voice: Audio, production: str, seed: int) -> Audio:
    """Return a mono voice (samples,) as a stem (2, samples).

    The voice is brought to -20 dBFS first, as the dynamics are set for this level.
    """
    rng = np.random.default_rng(seed)
    voice = at_rms_level(voice, -20.0)
    if production == "produced":
        tempo = rng.uniform(80, 140)
        return produce(np.stack([voice, voice]), np.zeros((2, len(voice)), np.float32), tempo, rng)
    if production != "dry":
        raise DataError(f"expected a production of dry or produced, got {production}")
    plugins = [
        pedalboard.HighpassFilter(80),
        pedalboard.Compressor(-24, rng.uniform(2, 4), rng.uniform(3, 10), rng.uniform(80, 160)),
    ]
    lead = pedalboard.Pedalboard(plugins)(voice, SAMPLE_RATE)
    audio = np.stack([lead, lead]) + doublings(lead, rng, rng.uniform(0, 0.2))
    wet = rng.uniform(0.03, 0.1)
    return pedalboard.Reverb(rng.uniform(0.15, 0.4), 0.6, wet, 1.0, 0.9)(audio, SAMPLE_RATE)


def butterworth_low_passed(audio: Audio, hertz: float) -> Audio:
    """Return audio (2, samples) behind a steep low-pass that shifts no phase; 0 Hz: unchanged."""
    if not hertz:
        return audio
    sections = butter(8, hertz, fs=SAMPLE_RATE, output="sos")
    return np.ascontiguousarray(sosfiltfilt(sections, audio), np.float32)
