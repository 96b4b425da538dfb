"""Each error that a caller can cause is a LightSAFTError, and those of wrong arguments are ValueErrors too."""

import io

import numpy as np
import pytest
from conftest import noise

from lightsaft_infer import (
    ArgumentError,
    AudioReader,
    EvaluationError,
    LightSAFTError,
    Manifest,
    Separator,
    TimeLimit,
    sdr,
    separate_file,
    separate_to_stream,
    si_sdr,
)
from lightsaft_infer.audio import WavStreamWriter
from lightsaft_infer.batch import find_tracks
from lightsaft_infer.benchmark import benchmark
from lightsaft_infer.consistency import mixture_consistency
from lightsaft_infer.evaluation import evaluate
from lightsaft_infer.report import write_report
from lightsaft_infer.stft import istft, stft


class Unreadable:
    """As a tensor of torch on a GPU."""

    def __array__(self, *args, **kwargs):
        raise RuntimeError("use Tensor.cpu() first")


MISUSES = {
    "text as mixture": lambda echo, tmp: echo.separate("song.wav", sample_rate=44100),
    "nothing as mixture": lambda echo, tmp: echo.separate(None, sample_rate=44100),
    "rows of different lengths": lambda echo, tmp: echo.separate([[0.0], [0.0, 1.0]], sample_rate=44100),
    "an array that cannot be read": lambda echo, tmp: echo.separate(Unreadable(), sample_rate=44100),
    "a stem that cannot be read": lambda echo, tmp: _writer(44100).write({"bass": Unreadable()}),
    "a reference that cannot be read": lambda echo, tmp: sdr(Unreadable(), noise(2, 10)),
    "a reference with a mask": lambda echo, tmp: sdr(np.ma.masked_less(noise(2, 10), 0), noise(2, 10)),
    "a huge sample rate": lambda echo, tmp: _writer(10**12),
    "text as sample rate": lambda echo, tmp: echo.separate(noise(2, 10), sample_rate="44100"),
    "NaN as sample rate": lambda echo, tmp: echo.separate(noise(2, 10), sample_rate=float("nan")),
    "text as targets": lambda echo, tmp: echo.separate(noise(2, 10), sample_rate=44100, targets="vocals"),
    "a number as targets": lambda echo, tmp: echo.separate(noise(2, 10), sample_rate=44100, targets=5),
    "a table of targets": lambda echo, tmp: echo.separate(noise(2, 9), sample_rate=44100, targets=np.array([["bass"]])),
    "nothing as blocks": lambda echo, tmp: echo.stream(None, sample_rate=44100),
    "a list as residual": lambda echo, tmp: echo.separate(noise(2, 10), sample_rate=44100, residual=[]),
    "a mask": lambda echo, tmp: echo.separate(np.ma.masked_less(noise(2, 10), 0), sample_rate=44100),
    "nothing as output": lambda echo, tmp: separate_file(echo, tmp / "song.wav", {"bass": None}, overwrite=True),
    "numbers as targets": lambda echo, tmp: echo.separate(noise(2, 10), sample_rate=44100, targets=[1]),
    "negative time limit": lambda echo, tmp: echo.separate(noise(2, 10), sample_rate=44100, time_limit=-1),
    "text as time limit": lambda echo, tmp: echo.separate(noise(2, 10), sample_rate=44100, time_limit="1"),
    "NaN as time limit": lambda echo, tmp: TimeLimit(float("nan")),
    "five passes": lambda echo, tmp: TimeLimit(1, max_passes=5),
    "half a chunk": lambda echo, tmp: Separator(echo.manifest, echo.network, chunk=2.5),
    "text as overlap": lambda echo, tmp: Separator(echo.manifest, echo.network, overlap="4"),
    "path as manifest": lambda echo, tmp: Separator("model.json", echo.network),
    "no network": lambda echo, tmp: Separator(echo.manifest, None),
    "a huge number of threads": lambda echo, tmp: Separator.from_file(threads=10**400),
    "no threads": lambda echo, tmp: Separator.from_file(threads=0),
    "half a thread": lambda echo, tmp: Separator.from_file(threads=0.5),
    "no manifest": lambda echo, tmp: Separator.from_file(tmp / "none.json"),
    "folder as manifest": lambda echo, tmp: Manifest.from_file(tmp),
    "number as manifest": lambda echo, tmp: Manifest.from_file(3),
    "no outputs": lambda echo, tmp: separate_file(echo, tmp / "song.wav", {}),
    "outputs without names": lambda echo, tmp: separate_file(echo, tmp / "song.wav", [tmp / "bass.wav"]),
    "a residual without a file": lambda echo, tmp: _separate(echo, tmp, residual="rest"),
    "no such file": lambda echo, tmp: separate_file(echo, tmp / "song.wav", {"bass": tmp / "bass.wav"}),
    "nothing as file": lambda echo, tmp: AudioReader(None),
    "folder as file": lambda echo, tmp: AudioReader(tmp),
    "text file as stream": lambda echo, tmp: separate_to_stream(echo, _song(tmp), io.StringIO(), "bass"),
    "unknown clip policy": lambda echo, tmp: _separate(echo, tmp, clip="loud"),
    "number as subtype": lambda echo, tmp: _separate(echo, tmp, subtype=16),
    "unknown bit rate": lambda echo, tmp: _separate(echo, tmp, bitrate="fast"),
    "bit rate of WAV": lambda echo, tmp: _separate(echo, tmp, bitrate=320_000),
    "list as bit rate": lambda echo, tmp: _separate(echo, tmp, bitrate=[320]),
    "unknown subtype": lambda echo, tmp: _separate(echo, tmp, subtype="PCM_13"),
    "unknown suffix": lambda echo, tmp: _separate(echo, tmp, name="bass.doc"),
    "a channel less": lambda echo, tmp: sdr(noise(2, 10), noise(1, 10)),
    "a sample less": lambda echo, tmp: si_sdr(noise(2, 10), noise(2, 9)),
    "text as reference": lambda echo, tmp: sdr("vocals.wav", noise(2, 10)),
    "no references": lambda echo, tmp: evaluate(tmp / "none", tmp),
    "no tracks": lambda echo, tmp: find_tracks(tmp / "none", leave_out=tmp / "out", on_error=print),
    "unknown audio in a report": lambda echo, tmp: write_report(tmp / "a.wav", tmp, audio="midi"),
    "no mixture of a report": lambda echo, tmp: write_report(tmp / "a.wav", tmp),
    "no repeats": lambda echo, tmp: benchmark(repeats=0),
    "no seconds": lambda echo, tmp: benchmark(seconds=0),
    "odd window": lambda echo, tmp: stft(noise(2, 100), n_fft=63, hop_length=16),
    "hop beyond the window": lambda echo, tmp: stft(noise(2, 100), n_fft=64, hop_length=65),
    "no samples": lambda echo, tmp: stft(noise(2, 0), n_fft=64, hop_length=16),
    "spectrum of another window": lambda echo, tmp: istft(_spectrum(), n_fft=128, hop_length=16, length=100),
    "negative length": lambda echo, tmp: istft(_spectrum(), n_fft=64, hop_length=16, length=-1),
    "estimates of another shape": lambda echo, tmp: mixture_consistency(_spectrum(), _spectrum()),
}


def _song(tmp):
    import soundfile

    soundfile.write(tmp / "song.wav", np.zeros((100, 2)), 44100)
    return tmp / "song.wav"


def _separate(echo, tmp, name="bass.wav", **options):
    return separate_file(echo, _song(tmp), {"bass": tmp / name}, **options)


def _writer(sample_rate):
    return WavStreamWriter(io.BytesIO(), "bass", sample_rate=sample_rate, channels=2)


def _spectrum():
    return stft(noise(2, 100), n_fft=64, hop_length=16)


@pytest.mark.parametrize("misuse", MISUSES)
def test_each_misuse_is_an_error_of_ours(echo, tmp_path, misuse):
    with pytest.raises(LightSAFTError) as caught:
        MISUSES[misuse](echo, tmp_path)
    assert str(caught.value)


def test_wrong_arguments_are_value_errors_and_wrong_input_is_not():
    assert issubclass(ArgumentError, ValueError)
    assert issubclass(ArgumentError, LightSAFTError)
    assert not issubclass(EvaluationError, ValueError)
