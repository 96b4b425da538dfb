"""What `separate_file` offers beside the files, a tap and notes, and what it never does."""

import numpy as np
import pytest
import soundfile
from conftest import joined, noise

from lightsaft_infer import OutputError, SeparationResult, separate_file


def test_the_tap_gets_what_is_written(echo, tmp_path):
    soundfile.write(tmp_path / "song.wav", noise(2, 200_000).T, 44100, subtype="FLOAT")
    outputs = {target: tmp_path / f"{target}.wav" for target in ("bass", "vocals")}
    blocks = []
    separate_file(echo, tmp_path / "song.wav", outputs, tap=blocks.append)
    assert len(blocks) > 1
    for target, audio in joined(blocks).items():
        np.testing.assert_array_equal(soundfile.read(outputs[target], dtype="float32")[0].T, audio)


@pytest.mark.parametrize(
    ("gain", "passes", "overrun", "notes"),
    [
        (1.0, None, 0.0, []),
        (0.8, None, 0.0, ["a peak of 1.250 would clip, all stems scaled by 0.8000"]),
        (1.0, {2: 3, 1: 4}, 0.01, ["of 7 chunks, 4 with 1 pass, 3 with 2 passes"]),
        (
            1.0,
            {1: 4, 0: 2},
            2.13,
            [
                "of 6 chunks, 2 without the network, as time ran out, 4 with 1 pass",
                "the time limit was exceeded by 2.1 s",
            ],
        ),
    ],
)
def test_notes(gain, passes, overrun, notes):
    result = SeparationResult({}, 1, 44100, 2, gain, {}, passes, overrun)
    assert result.notes == notes


def test_the_mixture_is_never_overwritten(echo, tmp_path):
    path = tmp_path / "vocals.wav"
    soundfile.write(path, noise(2, 1000).T, 44100, subtype="FLOAT")
    content = path.read_bytes()
    (tmp_path / "link.wav").symlink_to(path)
    for mixture in (path, tmp_path / "link.wav"):
        with pytest.raises(OutputError, match=r"cannot write .*vocals\.wav: it is one of the files that are read"):
            separate_file(echo, mixture, {"vocals": path}, overwrite=True)
    with open(path, "rb") as file, pytest.raises(OutputError, match="it is one of the files that are read"):
        separate_file(echo, file, {"vocals": path}, overwrite=True)
    assert path.read_bytes() == content
