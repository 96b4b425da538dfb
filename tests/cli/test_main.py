"""The command line, and `separate_file` under it: arguments of users, and the files after a failure."""

import json
import os
import re
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from conftest import EXAMPLE, noise
from data.make_model import GAINS, gains_graph, write_model

from lightsaft_infer import OutputError, Separator, separate_file
from lightsaft_infer.benchmark import benchmark
from lightsaft_infer.cli import main

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "in" / "l'été 1.wav"
    path.parent.mkdir()
    soundfile.write(path, noise(2, 30_000).T, 44100, subtype="FLOAT")
    return path


@pytest.fixture
def run(tmp_path, model_path, monkeypatch):
    """Run the command `separate` with the tiny model, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def separate(*arguments):
        return main(["separate", "--model", str(model_path), "--threads", "1", *map(str, arguments)])

    return separate


def load(path):
    return soundfile.read(path, dtype="float32", always_2d=True)[0].T


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_separate_writes_stems_and_is_quiet(run, song, tmp_path, capfd):
    assert run(song, "--no-consistency") == 0
    assert capfd.readouterr() == ("", "")
    out = tmp_path / "separated"
    assert files(out) == [f"l'été 1/{target}.wav" for target in ("bass", "drums", "other", "vocals")]
    for target, gain in GAINS.items():
        np.testing.assert_allclose(load(out / "l'été 1" / f"{target}.wav"), gain * noise(2, 30_000), atol=1e-5)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_the_same_bytes_every_time(song, tmp_path, suffix):
    """With the packaged model. Another number of threads gives nearly the same samples."""
    common = ["separate", str(song), "--format", suffix, "--clip", "clamp"]
    for out, threads in (("a", 2), ("b", 2), ("c", 1)):
        assert main([*common, "--threads", str(threads), "-o", str(tmp_path / out)]) == 0
    for target in ("vocals", "drums", "bass", "other"):
        a, b, c = (tmp_path / out / "l'été 1" / f"{target}.{suffix}" for out in "abc")
        assert a.read_bytes() == b.read_bytes()
        np.testing.assert_allclose(load(c), load(a), atol=1e-5)


def test_a_time_limit_and_what_was_done(run, song, tmp_path, capfd):
    assert run(song, "--no-consistency", "--time-limit", "1000") == 0
    told = capfd.readouterr().err
    assert re.search(r"of (\d+) chunks, \1 with 4 passes: .*l'été 1\.wav", told)
    vocals = load(tmp_path / "separated" / "l'été 1" / "vocals.wav")
    np.testing.assert_allclose(vocals, GAINS["vocals"] * noise(2, 30_000), atol=1e-5)
    assert run(song, "--force", "--time-limit", "1e-9") == 0
    assert re.search(r"of (\d+) chunks, \1 without the network, as time ran out: ", capfd.readouterr().err)
    with pytest.raises(SystemExit):
        run(song, "--time-limit", "0")
    assert "expected more than 0 seconds, got '0'" in capfd.readouterr().err


def test_stems_sum_to_the_mixture_by_default(run, song, tmp_path):
    assert run(song, "-o", "out") == 0
    stems = [load(tmp_path / "out" / "l'été 1" / f"{target}.wav") for target in GAINS]
    np.testing.assert_allclose(sum(stems), noise(2, 30_000), atol=1e-6)
    assert not stems[3].any()  # a silent estimate stays silent: shares follow the magnitudes


def test_the_packaged_model_on_the_example(tmp_path):
    assert main(["separate", str(EXAMPLE), "-o", str(tmp_path)]) == 0
    mixture = load(EXAMPLE)
    stems = {target: load(tmp_path / "lithium" / f"{target}.wav") for target in GAINS}
    np.testing.assert_allclose(sum(stems.values()), mixture, atol=1e-6)

    def below(audio, hertz):
        """Return the share of the energy below a frequency."""
        power = np.abs(np.fft.rfft(audio.mean(axis=0))) ** 2
        return power[: int(hertz * audio.shape[1] / 44100)].sum() / power.sum()

    assert below(stems["bass"], 200) > 0.8
    assert below(stems["vocals"], 200) < 0.1
    assert below(stems["drums"], 6000) < min(below(stems[target], 6000) for target in ("vocals", "bass", "other"))


def test_targets(run, song, tmp_path):
    assert run(song, "--targets", "bass,vocals", "-o", "out", "--format", "flac") == 0
    assert files(tmp_path / "out") == ["l'été 1/bass.flac", "l'été 1/vocals.flac"]


@pytest.mark.parametrize(("target", "rest"), [("vocals", "instrumental"), ("drums", "no_drums")])
def test_two_stems(run, song, tmp_path, target, rest):
    assert run(song, "--two-stems", target, "-o", "out") == 0
    assert files(tmp_path / "out") == sorted(f"l'été 1/{name}.wav" for name in (target, rest))
    stems = [load(tmp_path / "out" / "l'été 1" / f"{name}.wav") for name in (target, rest)]
    np.testing.assert_allclose(stems[0], GAINS[target] * noise(2, 30_000), atol=1e-5)
    np.testing.assert_allclose(sum(stems), noise(2, 30_000), atol=1e-6)


def test_template(run, song, tmp_path):
    assert run(song, "--template", "{target}/{track} ({target}).{ext}", "-o", "out", "--targets", "bass") == 0
    assert files(tmp_path / "out") == ["bass/l'été 1 (bass).wav"]


@pytest.mark.parametrize(
    "template",
    [
        "{track}.{ext}",
        "{target}",
        "{artist}/{target}.{ext}",
        "{target}.{ext",
        "{}",
        "{target:>99999999999999}.{ext}",
        "/tmp/{target}.{ext}",
    ],
)
def test_bad_templates(run, song, capsys, template):
    with pytest.raises(SystemExit) as caught:
        run(song, "--template", template)
    assert caught.value.code == 2
    assert "--template" in capsys.readouterr().err


def test_one_bad_file_does_not_stop_the_others(run, song, tmp_path, capsys):
    text = tmp_path / "text.wav"
    text.write_text("no audio")
    assert run(text, "missing.wav", song, "-o", "out") == 1
    assert len(files(tmp_path / "out")) == 4
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert str(text) in errors[0]
    assert "missing.wav" in errors[1]
    assert errors[2] == "lightsaft: 2 of 3 files were not separated"


def test_existing_stems_are_kept_unless_forced(run, song, tmp_path, capsys):
    mine = tmp_path / "out" / "l'été 1" / "drums.wav"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert run(song, "-o", "out") == 1
    assert "already exists" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    assert files(tmp_path / "out") == ["l'été 1/drums.wav"]
    assert run(song, "-o", "out", "--force") == 0
    assert len(files(tmp_path / "out")) == 4
    assert load(mine).shape == (2, 30_000)


def test_two_files_of_one_name_do_not_overwrite_each_other(run, song, tmp_path, capsys):
    other = tmp_path / "other" / song.name
    other.parent.mkdir()
    soundfile.write(other, np.zeros((100, 2)), 44100)
    assert run(song, other, "-o", "out", "--force") == 1
    assert f"is already a stem of {song}" in capsys.readouterr().err
    assert load(tmp_path / "out" / "l'été 1" / "bass.wav").shape == (2, 30_000)
    other.write_bytes(b"damaged")
    assert run(other, song, "-o", "again") == 1
    assert load(tmp_path / "again" / "l'été 1" / "bass.wav").shape == (2, 30_000)


def test_a_stem_never_replaces_another_file_to_separate(run, song, tmp_path, capsys):
    other = tmp_path / "out" / song.stem / "bass.wav"
    assert run(song, "-o", "out") == 0
    before = other.read_bytes()
    assert run(song, other, "-o", "out", "--force") == 1
    assert "it is one of the files that are read" in capsys.readouterr().err
    assert other.read_bytes() == before


def test_clipping_is_told_and_all_stems_scaled(tmp_path, song, capsys):
    model = write_model(tmp_path, gains_graph(gains=(2, 0.5, 0, 0)))
    common = ["separate", "--model", str(model), str(song), "--no-consistency", "--format", "flac"]
    assert main([*common, "-o", str(tmp_path / "scaled")]) == 0
    message = capsys.readouterr().err
    assert "a peak of 2.000 would clip, all stems scaled by 0.5" in message
    assert str(song) in message
    for target, gain in (("vocals", 1), ("drums", 0.25)):
        np.testing.assert_allclose(
            load(tmp_path / "scaled" / "l'été 1" / f"{target}.flac"), gain * noise(2, 30_000), atol=1e-4
        )
    assert main([*common, "-o", str(tmp_path / "error"), "--clip", "error"]) == 1
    assert "within full scale" in capsys.readouterr().err
    assert not (tmp_path / "error").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--targets", "voice"], "expected one or more of the targets vocals, drums, bass, other"),
        (["--two-stems", "voice"], "expected one or more of the targets"),
        (["--consistency", "--targets", "bass"], "needs all targets"),
        (["--format", "flac", "--subtype", "float"], "expected one of the subtypes"),
    ],
)
def test_options_that_cannot_be(run, song, capsys, arguments, message):
    assert run(song, *arguments) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--threads", "0"], ["--clip", "crop"], ["--targets", "a", "--two-stems", "b"]])
def test_usage_errors(run, song, arguments):
    with pytest.raises(SystemExit) as caught:
        run(song, *arguments)
    assert caught.value.code == 2


@posix
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interrupted_run_leaves_no_half_file(tmp_path, number, status):
    mixture = tmp_path / "long.wav"
    with soundfile.SoundFile(mixture, "w", 44100, 2) as sound:
        for _ in range(300):
            sound.write(noise(2, 44100).T * 0.1)
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "lightsaft_infer", "separate", str(mixture), "-o", str(out)],
        stderr=subprocess.PIPE,
        text=True,
        # Interrupts are ignored in a shell's background job, which this test run may be.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not any(path.stat().st_size > 1e6 for path in out.rglob("*.part")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    errors = process.communicate()[1]
    assert process.returncode == status
    assert "Traceback" not in errors
    assert not out.exists()


@posix
def test_a_bar_on_a_terminal(song, tmp_path):
    """In a pseudo terminal, as a user sees it."""
    import fcntl
    import pty
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "lightsaft_infer", "separate", str(song), "-o", str(tmp_path / "out")]
    subprocess.run(command, stderr=follower, check=True)
    os.close(follower)
    assert b"100%" in os.read(leader, 100_000)
    os.close(leader)


def test_separate_file_tells_what_it_did(model_path, song, tmp_path):
    seen = []
    separator = Separator.from_file(model_path, threads=1)
    outputs = {"drums": str(tmp_path / "d.wav"), "rest": str(tmp_path / "r.wav")}
    export = separate_file(separator, song, outputs, residual="rest", progress=lambda *pair: seen.append(pair))
    assert export.outputs == {"drums": tmp_path / "d.wav", "rest": tmp_path / "r.wav"}
    assert (export.samples, export.sample_rate, export.channels, export.gain) == (30_000, 44100, 2, 1)
    assert seen[-1] == (30_000 / 44100, 30_000 / 44100)
    with pytest.raises(OutputError, match=r"already exists: .*d\.wav"):
        separate_file(separator, song, outputs, residual="rest")


def test_info(model_path, tmp_path, capsys):
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    for expected in ("lightsaft 1.6.0", "vocals, drums, bass, other", "44100 Hz", "CC-BY-SA", "3,768,936 parameters"):
        assert expected in text
    assert main(["info", "--json", "--model", str(model_path)]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(model_path.read_text())
    (tmp_path / "marked.json").write_text(model_path.read_text(), encoding="utf-8-sig")
    assert main(["info", "--json", "--model", str(tmp_path / "marked.json")]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(model_path.read_text())


def test_verify(tmp_path, capsys):
    assert main(["verify"]) == 0
    assert capsys.readouterr().out.count("ok") == 4
    assert main(["verify", "--model", str(write_model(tmp_path, gains_graph(gains=(1, 1, 0, 0))))]) == 1
    assert capsys.readouterr().out.count("DIFFERS") == 2


def test_a_missing_model_is_an_error(capsys):
    assert main(["info", "--model", "none.json"]) == 1
    assert "none.json" in capsys.readouterr().err


def test_benchmark(model_path, song, capsys):
    common = ["benchmark", "--model", str(model_path), "--threads", "1", "--repeats", "2"]
    assert main([*common, "--seconds", "0.5", "--mixture", str(song), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["audio_seconds"] == 0.5
    assert result["threads"] == 1
    assert result["rtf"]["min"] <= result["rtf"]["median"] <= result["rtf"]["max"]
    assert result["challenge_song_seconds"] == pytest.approx(240 * result["rtf"]["median"])
    assert 0 < result["dsp_share"] < 1
    assert 0 < result["first_chunk_seconds"] <= result["rtf"]["max"] * 10
    assert result["import_seconds"] > 0
    assert result["load_seconds"] > 0
    result = benchmark(model=model_path, seconds=1e-9, repeats=1, threads=np.int64(1), consistency=np.bool_(True))
    assert json.loads(json.dumps(result))["audio_seconds"] == 1 / 44100
    assert main([*common, "--seconds", "1"]) == 0
    assert "real-time factor" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command", [["separate", ""], ["batch", "", "out"], ["evaluate", "a", ""], ["separate", "-o", "", "a"]]
)
def test_an_empty_path_is_not_the_working_folder(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main(command)
    assert caught.value.code == 2
    assert "expected a path, got an empty text" in capsys.readouterr().err


def test_a_package_that_cannot_be_loaded_is_one_line(tmp_path):
    (tmp_path / "numpy.py").write_text("raise ImportError('failed to map segment')")
    done = subprocess.run(
        [sys.executable, "-m", "lightsaft_infer", "separate", "song.wav"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == "lightsaft: error: cannot start: ImportError: failed to map segment\n"


def test_folders_that_cannot_be_read_are_told_if_there_is_no_track(tmp_path, capsys, monkeypatch):
    (tmp_path / "in" / "locked").mkdir(parents=True)
    scan = os.scandir

    def locked(path):
        if os.path.basename(path) == "locked":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", locked)
    assert main(["batch", str(tmp_path / "in"), str(tmp_path / "out")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert ["permission denied" in lines[0], "expected audio files, got none" in lines[1]] == [True, True]
