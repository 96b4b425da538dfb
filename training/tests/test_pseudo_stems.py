"""Pseudo-stems: they sum to the accompaniment that they come from."""

import json

import numpy as np
import soundfile as sf
from lightsaft_train.data.songs import songs_in
from lightsaft_train.pool.real import pseudo_stems

SHARES = {"vocals": 0.4, "drums": 0.3, "bass": 0.2, "other": 0.1}


class Sharing:
    """A separator whose estimates are shares of the mixture."""

    def separate(self, mixture, *, sample_rate, targets):
        assert sample_rate == 44100
        return {target: SHARES[target] * mixture for target in targets}


def test_a_tree_of_pseudo_stems(tmp_path):
    rng = np.random.default_rng(0)
    audio = rng.uniform(-0.5, 0.5, (4000, 2))
    for name in ("a/drums+bass+other", "a/vocals", "b/bass+other", "c/drums"):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        sf.write(tmp_path / "tree" / f"{name}.wav", audio, 44100, "PCM_16")
    (tmp_path / "tree" / "manifest.json").write_text('{"sources": {"x": {"licence": "CC0-1.0"}}}')
    counts = []
    pseudo_stems.write_pseudo_stems(
        tmp_path / "tree", tmp_path / "split", Sharing(), progress=lambda *count: counts.append(count)
    )
    assert counts == [(1, 2), (2, 2)]
    a, b = songs_in(tmp_path / "split")
    assert (list(a.stems), list(b.stems)) == (["drums", "bass", "other"], ["bass", "other"])
    for track in (a, b):
        stems = {target: track.read(target, 0, 4000) for target in track.stems}
        np.testing.assert_allclose(sum(stems.values()), audio.T, atol=3e-4)
    np.testing.assert_allclose(a.read("drums", 0, 4000), 0.3 * audio.T, atol=1e-4)
    np.testing.assert_allclose(b.read("other", 0, 4000), 0.8 * audio.T, atol=1e-4)
    manifest = json.loads((tmp_path / "split" / "manifest.json").read_text())
    assert manifest["sources"]["x"]["licence"] == "CC0-1.0"
    written = (tmp_path / "split" / "a" / "drums.flac").stat().st_mtime_ns
    pseudo_stems.write_pseudo_stems(tmp_path / "tree", tmp_path / "split", Sharing())
    assert (tmp_path / "split" / "a" / "drums.flac").stat().st_mtime_ns == written


def test_stems_sum_to_the_audio_with_the_packaged_model():
    """The rest of the estimates, such as sounds that are taken for a voice, is added to the last target."""
    from lightsaft_infer import Separator

    audio = 0.1 * np.random.default_rng(1).standard_normal((2, 44100)).astype(np.float32)
    before = audio.copy()
    stems = pseudo_stems.split(Separator.from_file(threads=1), audio, ("drums", "bass", "other"))
    assert list(stems) == ["drums", "bass", "other"]
    np.testing.assert_allclose(sum(stems.values()), audio, atol=1e-6)
    np.testing.assert_array_equal(audio, before)
