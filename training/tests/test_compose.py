"""Composed pieces: valid notes, in key, with rests as in songs, in every style, the same for a seed, and fast."""

import numpy as np
import pytest
from lightsaft_train.pool.score.compose import bass_part, compose, draw_drums, drum_part, make_plan, vocal_melody
from lightsaft_train.pool.score.feel import Feel, parse
from lightsaft_train.pool.score.grooves import CHANCES, GROOVES
from lightsaft_train.pool.score.harmony import MAJOR, MINOR, MODES, voicing
from lightsaft_train.pool.score.styles import STYLES, draw_style, fitting

SEEDS = range(50)


@pytest.fixture(scope="module")
def scores():
    return [compose(np.random.default_rng(seed)) for seed in SEEDS]


def covered(parts, seconds, least=0.0):
    """The fraction of the time in which notes sound, each for `least` seconds or more."""
    grid = np.zeros(round(seconds * 100), bool)
    for part in parts:
        for note in part.notes:
            grid[round(note.start * 100) : round((note.start + max(note.duration, least)) * 100)] = True
    return grid.mean()


def test_notes_are_valid(scores):
    for score in scores:
        for part in score.parts:
            starts = [note.start for note in part.notes]
            assert starts == sorted(starts)
            assert starts[0] >= 0
            assert all(type(note.pitch) is int and type(note.velocity) is int for note in part.notes)
            assert all(note.duration > 0.02 and note.start + note.duration <= 60 + 1e-9 for note in part.notes)
            assert all(1 <= note.velocity <= 127 for note in part.notes)


def test_roles_and_registers(scores):
    for score in scores:
        assert [len(score.of(role)) for role in ("drums", "bass", "vocals")] == [1, 1, 1]
        assert 1 <= len(score.of("other")) <= 6
        assert all(24 <= note.pitch <= 55 for note in score.of("bass")[0].notes)
        assert 32 <= score.of("bass")[0].program <= 39
        assert all(35 <= note.pitch <= 82 for note in score.of("drums")[0].notes)
        for part in score.of("other"):
            assert part.style in ("pad", "pluck", "arpeggio", "lead", "chords", "riff")
            assert all(28 <= note.pitch <= 103 for note in part.notes)


def test_a_third_of_the_pieces_for_bands_have_a_wall_of_guitars():
    walls = []
    for name in ("pop", "hip-hop", "trap", "rock", "shuffle", "funk", "reggae"):
        for seed in range(20):
            score = compose(np.random.default_rng(seed), 30, name)
            walls.append(any(part.program in (29, 30) and part.style == "chords" for part in score.of("other")))
    assert 0.25 < np.mean(walls) < 0.5


def test_some_riffs_and_plucks_lie_in_the_register_of_the_bass(scores):
    low = [
        part.style
        for score in scores
        for part in score.of("other")
        if all(36 <= note.pitch <= 55 for note in part.notes)
    ]
    assert 3 <= len(low) <= 40
    assert {"riff", "pluck"} & set(low)


def test_parts_rest_as_in_songs(scores):
    bounds = {"drums": (0.55, 0.85), "bass": (0.3, 0.7), "vocals": (0.4, 0.65), "other": (0.65, 0.95)}
    for role, (low, high) in bounds.items():
        fractions = [covered(score.of(role), 60, 0.3 if role == "drums" else 0) for score in scores]
        assert low < np.mean(fractions) < high, role
        assert min(fractions) > 0.02
        assert np.std(fractions) > 0.03


def test_bass_and_others_are_in_key(scores):
    inside = []
    for score in scores:
        scale = MINOR if score.minor else MAJOR
        pitches = np.array([note.pitch for role in ("bass", "other") for part in score.of(role) for note in part.notes])
        inside.append(np.isin((pitches - score.tonic) % 12, scale).mean())
    assert np.mean(inside) > 0.92
    assert np.mean(np.array(inside) >= 0.85) > 0.8  # the others are modal
    assert {score.tonic for score in scores} == set(range(12))
    assert 0.5 < np.mean([score.minor for score in scores]) < 0.95


def test_vocals_can_be_sung(scores):
    small = []
    for score in scores:
        (part,) = score.of("vocals")
        pitches = [note.pitch for note in part.notes]
        durations = np.array([note.duration for note in part.notes])
        assert part.program == 53
        assert min(pitches) >= 48
        assert max(pitches) <= 79
        assert max(pitches) - min(pitches) <= 16
        small.append(np.mean(np.abs(np.diff(pitches)) <= 4))
        assert durations.max() <= 2
        assert durations.min() >= 0.15
        ends = np.array([note.start for note in part.notes]) + durations
        assert all(ends[:-1] <= [note.start + 1e-9 for note in part.notes[1:]])
    assert min(small) > 0.55
    assert np.mean(small) > 0.85


def test_all_styles_are_drawn_and_composed():
    rng = np.random.default_rng(0)
    assert {draw_style(rng) for _ in range(500)} == set(STYLES)
    for name, style in STYLES.items():
        score = compose(np.random.default_rng(1), 20.0, name)
        assert style.tempo[0] - 1 <= score.tempo <= style.tempo[1] + 1
        assert {part.role for part in score.parts} >= {"drums", "bass", "vocals"}


def test_tables_of_grooves_fill_bars():
    for table in GROOVES.values():
        for pattern in table.values():
            assert len(pattern.replace(" ", "")) in (16, 32)
            assert set(pattern) <= {*CHANCES, ".", " "}
    assert {name for style in STYLES.values() for name in style.grooves} <= set(GROOVES)


def test_house_has_a_kick_on_every_beat():
    parts = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        parts.append(draw_drums(rng, make_plan(rng, "trance", 120.0, 60.0), 0.6))
    kicks = np.array([note.start for part in parts for note in part.notes if note.pitch in (35, 36)]) % 0.5
    assert 60 * len(parts) < len(kicks) < 130 * len(parts)
    assert np.mean(np.minimum(kicks, 0.5 - kicks) < 1e-6) > 0.9


def test_same_seed_same_score():
    first, second, other = (compose(np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first == second
    assert first != other


@pytest.mark.parametrize("seed", range(8))
def test_parts_on_their_own(seed):
    tempo = 70 + 15 * seed
    drums = drum_part(np.random.default_rng(seed), 30.0, tempo)
    bass = bass_part(np.random.default_rng(seed), 30.0, tempo, seed, True)
    vocals = vocal_melody(np.random.default_rng(seed), 30.0, tempo, seed, False)
    assert [part.role for part in (drums, bass, vocals)] == ["drums", "bass", "vocals"]
    assert 0.35 < covered([vocals], 30) < 0.8
    assert max(note.start + note.duration for part in (drums, bass, vocals) for note in part.notes) <= 30 + 1e-9
    classes = [(note.pitch - seed) % 12 for note in bass.notes]
    assert max(np.mean(np.isin(classes, scale)) for scale in MODES[True]) > 0.95


def test_tempo_of_a_style_may_be_counted_double():
    counted = dict(fitting(np.random.default_rng(seed), 87.0) for seed in range(60))
    assert (counted["drum & bass"], counted["hip-hop"]) == (174.0, 87.0)
    assert "house" not in counted


def test_patterns_and_swing():
    assert parse("r--. .o.r") == ((0, 3, "r"), (5, 1, "o"), (7, 1, "r"))
    assert np.allclose(Feel(150.0, 0.5).seconds([0, 1, 2, 3]), [0, 0.15, 0.2, 0.35])
    assert voicing((0, 4, 7), 60) in ([55, 60, 64], [60, 64, 67])
    assert voicing((5, 9, 0), 60, (60, 64, 67)) in ([60, 65, 69], [57, 60, 65])
