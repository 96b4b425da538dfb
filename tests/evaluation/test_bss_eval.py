"""BSS Eval v4 against the numbers and the medians of museval."""

import shutil

import numpy as np
import pytest
import soundfile
from conftest import noise

from lightsaft_infer import ArgumentError, EvaluationError
from lightsaft_infer.cli import main
from lightsaft_infer.evaluation.bss_eval import METRICS, bss_eval
from lightsaft_infer.evaluation.scores import evaluate

if shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None:
    pytest.skip("museval needs ffmpeg to be imported", allow_module_level=True)
museval = pytest.importorskip("museval")

RATE = 8000  # 1 s of audio is cheap


@pytest.fixture
def scores(tmp_path):
    """Return the result of `evaluate` for {song: {target: (reference, estimate)}}, audio (channels, samples)."""

    def run(songs, **options):
        for song, stems in songs.items():
            for target, pair in stems.items():
                for tree, audio in zip(("ref", "est"), pair, strict=True):
                    path = tmp_path / tree / song / f"{target}.wav"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    soundfile.write(path, audio.T, RATE, subtype="FLOAT")
        return evaluate(tmp_path / "ref", tmp_path / "est", bsseval=True, **options)

    return run


def stems(channels=2, samples=3 * RATE + 100, seed=0, targets=("bass", "drums")):
    """Return {target: (reference, estimate)}. The estimates leak, and are filtered and noisy."""
    references = [noise(channels, samples, seed + 10 * number) for number in range(len(targets))]
    total = sum(references)
    estimates = [
        (0.8 * stem + 0.1 * np.roll(stem, 3) + 0.1 * total + 0.05 * noise(channels, samples, seed + 99)).astype("f4")
        for stem in references
    ]
    return dict(zip(targets, zip(references, estimates, strict=True), strict=True))


def by_museval(song):
    """Return {target: {metric: median over frames}}, from museval's arrays (targets, samples, channels) in float64."""
    references, estimates = (np.array([pair[side].T for pair in song.values()], np.float64) for side in (0, 1))
    values = np.array(museval.evaluate(references, estimates, win=RATE, hop=RATE))
    medians = np.nanmedian(np.where(np.isinf(values), np.nan, values), axis=2)
    return {
        target: dict(zip(METRICS, map(float, medians[:, number]), strict=True)) for number, target in enumerate(song)
    }


@pytest.mark.parametrize(
    "song",
    [
        stems(samples=2 * RATE),
        stems(channels=1),
        stems(channels=1, samples=300),  # less than a frame and less than a filter
        stems(channels=1, samples=RATE, targets=("bass", "drums", "vocals")),
    ],
    ids=["stereo", "mono", "short", "three targets"],
)
def test_against_museval(scores, song):
    result = scores({"A": song})
    expected = by_museval(song)
    assert result["songs"]["A"]["bsseval_undefined"] is None
    for target, row in result["songs"]["A"]["bsseval"].items():
        # The filters are longer than the short song: its SIR only shows how near rounding comes to 0.
        exact = [metric for metric in METRICS if expected[target][metric] < 150]
        assert {m: row[m] for m in exact} == pytest.approx({m: expected[target][m] for m in exact}, abs=1e-6)
        assert {"SDR", "ISR"} <= set(exact)
    assert result["bsseval"]["museval"]


def test_frames_with_silence_do_not_count(scores):
    song = stems(channels=1, samples=3 * RATE)
    for audio in song["bass"]:
        audio[:, :RATE] = 0
    result = scores({"A": song})["songs"]["A"]["bsseval"]
    expected = by_museval(song)
    for target, row in result.items():
        assert row == pytest.approx(expected[target], abs=1e-6)


def test_medians_over_songs_are_those_of_museval(scores):
    """Against the stores of museval, which round to 1e-5, over three songs and targets."""
    songs = {name: stems(channels=1, seed=seed) for seed, name in enumerate(("A", "B", "C"))}
    summary = scores(songs)["bsseval"]
    store = museval.EvalStore()
    for name, song in songs.items():
        track = museval.TrackStore(name)
        arrays = (np.array([pair[side].T for pair in song.values()], np.float64) for side in (0, 1))
        values = museval.evaluate(*arrays, win=RATE, hop=RATE)
        for number, target in enumerate(song):
            track.add_target(target, {metric: row[number] for metric, row in zip(METRICS, values, strict=True)})
        store.add_track(track)
    expected = store.agg_frames_tracks_scores()
    for target, row in summary["targets"].items():
        assert row == pytest.approx({"songs": 3, **{m: expected[target][m] for m in METRICS}}, abs=2e-5)
    for metric in METRICS:
        assert summary["overall"][metric] == pytest.approx(expected[:, metric].mean(), abs=2e-5)


def test_every_reference_is_interference_whatever_is_scored(scores):
    """The scores of a target do not depend on the targets that are chosen, nor on estimates that are missing."""
    song = stems(channels=1, samples=RATE, targets=("bass", "drums", "vocals"))
    everything = scores({"A": song})["songs"]["A"]["bsseval"]
    row = scores({"A": song}, targets=["bass", "vocals"])["songs"]["A"]["bsseval"]
    assert list(row) == ["bass", "vocals"]
    for target in row:
        assert row[target] == pytest.approx(everything[target], abs=1e-9)


def test_a_silent_reference_that_is_not_scored_is_no_interference(scores):
    song = stems(channels=1, samples=RATE, targets=("bass", "drums", "vocals"))
    without = {target: song[target] for target in ("bass", "drums")}
    expected = scores({"A": without})["songs"]["A"]["bsseval"]
    song["vocals"] = (0 * song["vocals"][0], song["vocals"][1])
    row = scores({"B": song}, targets=["bass", "drums"])["songs"]["B"]["bsseval"]
    for target, values in expected.items():
        assert row[target] == pytest.approx(values, abs=1e-9)


def test_silent_stems_leave_a_song_undefined(scores, tmp_path, capsys):
    """museval raises an error. The evaluation of a catalogue goes on and lists the song."""
    songs = {name: stems(channels=2, samples=2000) for name in ("A", "B", "C", "D")}
    songs["B"]["bass"][0][:] = 0
    songs["C"]["drums"][1][:] = 0
    songs["D"]["bass"][0][1] = -songs["D"]["bass"][0][0]
    for name in ("B", "C", "D"):
        with pytest.raises(ValueError, match="non-silent"):
            by_museval(songs[name])
    result = scores(songs)
    reasons = {song: row["bsseval_undefined"] for song, row in result["songs"].items()}
    assert reasons == {
        "A": None,
        "B": "the reference of bass is silent (its channels sum to zero)",
        "C": "the estimate of drums is silent (its channels sum to zero)",
        "D": "the reference of bass is silent (its channels sum to zero)",
    }
    assert result["songs"]["B"]["bsseval"] is None
    assert result["songs"]["B"]["sdr"].keys() == {"bass", "drums"}
    assert result["bsseval"]["targets"]["bass"]["SDR"] == result["songs"]["A"]["bsseval"]["bass"]["SDR"]
    assert result["bsseval"]["targets"]["bass"]["songs"] == 1
    assert main(["evaluate", str(tmp_path / "ref"), str(tmp_path / "est"), "--bsseval"]) == 0
    output = capsys.readouterr().out
    assert "BSS Eval v4" in output
    assert output.count("no BSS Eval of ") == 3


def test_identical_stems_have_no_finite_sdr(scores):
    song = {target: (audio, audio) for target, (audio, _) in stems(channels=1).items()}
    result = scores({"A": song})
    assert result["songs"]["A"]["bsseval"]["bass"]["SDR"] is None
    assert result["bsseval"]["targets"]["bass"]["SDR"] is None
    assert result["bsseval"]["overall"]["SDR"] is None


def test_one_target_alone_is_undefined(scores):
    result = scores({"A": stems(channels=1, targets=["bass"])})
    assert result["songs"]["A"]["bsseval_undefined"] == "expected two targets or more, got bass"
    assert result["bsseval"]["targets"]["bass"] == {"songs": 0, **dict.fromkeys(METRICS)}


@pytest.mark.parametrize(("targets", "got"), [([], "none"), (["bass"], "bass"), ([1], "1")])
def test_fewer_than_two_targets_are_undefined_whatever_their_files(targets, got):
    pairs = dict.fromkeys(targets, ("missing.wav", "missing.wav"))
    assert bss_eval(pairs) == (None, f"expected two targets or more, got {got}")


def test_references_that_depend_on_each_other(scores):
    """The system of equations is singular. With clicks, museval's epsilon is lost in rounding."""
    click = np.zeros((1, 2000), np.float32)
    click[0, 0] = 2
    song = {"bass": (click, noise(1, 2000)), "drums": (click, noise(1, 2000, seed=1))}
    names = set(vars(np.linalg))
    row = scores({"A": song})["songs"]["A"]["bsseval"]["bass"]
    assert all(np.isfinite(row[metric]) for metric in ("SDR", "ISR", "SAR"))
    assert set(vars(np.linalg)) == names


def test_stems_of_a_song_must_be_alike(scores):
    song = stems(channels=1, samples=1000)
    song["drums"] = tuple(audio[:, 1:] for audio in song["drums"])
    with pytest.raises(EvaluationError, match=r"expected 1000 samples per channel .*bass.*, got 999: .*ref.*drums"):
        scores({"A": song})


@pytest.mark.parametrize("pairs", [None, ["a.wav", "b.wav"], {"bass": "a.wav", "drums": "b.wav"}, {"bass": ("a.wav",)}])
def test_arguments_of_other_types_are_an_error(pairs):
    with pytest.raises(ArgumentError, match="expected a dict of targets to pairs"):
        bss_eval(pairs)
