"""Our own implementation of the Music Demixing Challenge's published interface, for local runs.

On the grader the organisers' package of the same name replaces it.

It reads `data/test/<song>/mixture.wav`, writes `data/results/<song>/<target>.wav`, and scores songs that have
references `data/test/<song>/<target>.wav`. Environment variables: TEST_DATASET_PATH, RESULTS_DATASET_PATH,
INFERENCE_SETUP_TIMEOUT_SECONDS (900), INFERENCE_PER_MUSIC_TIMEOUT_SECONDS (240) and PARTIAL_RUN_MUSIC_NAMES (names with
commas between them; all songs if empty).
"""

import contextlib
import os
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import soundfile

from lightsaft_infer import sdr
from lightsaft_infer.arrays import Audio

INSTRUMENTS = ("bass", "drums", "other", "vocals")


class MusicDemixingPredictor:
    """The base class of a challenge entry, which implements `prediction_setup` and `prediction`."""

    def __init__(self) -> None:
        data = Path.cwd() / "data"
        self.test_data_path = os.environ.get("TEST_DATASET_PATH", str(data / "test"))
        self.results_data_path = os.environ.get("RESULTS_DATASET_PATH", str(data / "results"))
        self.inference_setup_timeout = _seconds("INFERENCE_SETUP_TIMEOUT_SECONDS", 900)
        self.inference_per_music_timeout = _seconds("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS", 240)
        if os.path.realpath(self.test_data_path) == os.path.realpath(self.results_data_path):
            raise ValueError(f"expected another folder for the results than for the songs: {self.results_data_path}")
        self.partial_run = os.environ.get("PARTIAL_RUN_MUSIC_NAMES", "")

    def prediction_setup(self) -> None:
        """Load the data that all songs need. Optional."""

    def prediction(
        self,
        mixture_file_path: str,
        bass_file_path: str,
        drums_file_path: str,
        other_file_path: str,
        vocals_file_path: str,
    ) -> None:
        """Separate one song: read the file of the mixture, write the four others."""
        raise NotImplementedError

    def run(self) -> dict[str, dict[str, float]]:
        """Separate every song, and print and return the scores of those that have references (see `scoring`)."""
        self.evaluation()
        scores = self.scoring()
        for music_name, score in scores.items():
            print(f"{music_name}: " + ", ".join(f"{name} {value:.3f}" for name, value in score.items()))
        return scores

    def evaluation(self) -> None:
        """Set up, separate every song within the time limits, and check the files that were written.

        Raises
        ------
        TimeoutError
            If the setup or a song takes too long.
        FileNotFoundError
            If there are no songs, or a stem is missing.
        ValueError
            If a stem differs from its mixture in length, channels or sample rate.
        """
        music_names = self.get_all_music_names()
        if not music_names:
            raise FileNotFoundError(f"expected folders with a mixture.wav, got none: {self.test_data_path}")
        with _time_limit(self.inference_setup_timeout, "prediction_setup"):
            self.prediction_setup()
        for music_name in music_names:
            paths = {f"{name}_file_path": self.get_music_file_location(music_name, name) for name in INSTRUMENTS}
            mixture = self.get_music_file_location(music_name)
            with _time_limit(self.inference_per_music_timeout, f"prediction of {music_name}"):
                self.prediction(mixture_file_path=mixture, **paths)
            self.verify_results(music_name)

    def scoring(self) -> dict[str, dict[str, float]]:
        """Score the songs that have all references.

        Returns
        -------
        dict of str to dict of str to float
            {song: {"sdr_bass": dB, ..., "sdr": their mean}}: the SDR of the challenge, over both channels of the whole
            song.
        """
        scores = {}
        for music_name in self.get_all_music_names():
            references = [Path(self.test_data_path, music_name, f"{name}.wav") for name in INSTRUMENTS]
            if not all(reference.is_file() for reference in references):
                continue
            score = {
                f"sdr_{name}": sdr(_read(reference), _read(self.get_music_file_location(music_name, name)))
                for name, reference in zip(INSTRUMENTS, references, strict=True)
            }
            scores[music_name] = {**score, "sdr": statistics.mean(score.values())}
        return scores

    def get_all_music_names(self) -> list[str]:
        """Return the sorted names of the songs to separate: all folders with a mixture, or those of the partial run.

        Raises FileNotFoundError if a song of the partial run has no mixture.
        """
        wanted = [name.strip() for name in self.partial_run.split(",") if name.strip()]
        found = sorted(path.parent.name for path in Path(self.test_data_path).glob("*/mixture.wav"))
        missing = set(wanted) - set(found)
        if missing:
            raise FileNotFoundError(f"no mixture.wav for {', '.join(sorted(missing))}: {self.test_data_path}")
        return [name for name in found if name in wanted] if wanted else found

    def get_music_file_location(self, music_name: str, instrument: str | None = None) -> str:
        """Return the path of a song's mixture, or of the file for an instrument, whose folder is created."""
        if instrument is None or instrument == "mixture":
            return str(Path(self.test_data_path, music_name, "mixture.wav"))
        folder = Path(self.results_data_path, music_name)
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder / f"{instrument}.wav")

    def verify_results(self, music_name: str) -> None:
        """Check that every stem of a song exists and has the format of the mixture.

        Raises FileNotFoundError or ValueError.
        """
        mixture = soundfile.info(self.get_music_file_location(music_name))
        for instrument in INSTRUMENTS:
            path = self.get_music_file_location(music_name, instrument)
            if not Path(path).is_file():
                raise FileNotFoundError(f"no {instrument} was written for {music_name}: {path}")
            stem = soundfile.info(path)
            expected, got = ((info.frames, info.channels, info.samplerate) for info in (mixture, stem))
            if got != expected:
                raise ValueError(f"expected (samples, channels, rate) {expected} as in the mixture, got {got}: {path}")


def _seconds(variable: str, default: float) -> float:
    """Return the seconds that an environment variable holds, or the default if it is missing or empty."""
    text = os.environ.get(variable) or default
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise ValueError(f"expected {variable} to be seconds above 0, got {text!r}")
    return seconds


def _read(path: str | Path) -> Audio:
    audio: Audio = soundfile.read(path, dtype="float32", always_2d=True)[0].T
    return audio


@contextlib.contextmanager
def _time_limit(seconds: float, what: str) -> Iterator[None]:
    """Raise TimeoutError at the limit if the system has alarms (main thread, not Windows), otherwise afterwards."""

    def late(*_: object) -> NoReturn:
        raise _LateError

    late_message = f"{what} took longer than {seconds:g} s"
    interrupts = hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()
    start = time.monotonic()
    if interrupts:
        before = signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _LateError:
        raise TimeoutError(late_message) from None
    finally:
        if interrupts:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    if time.monotonic() - start > seconds:
        raise TimeoutError(late_message)


class _LateError(BaseException):
    """The alarm of a time limit. Code that catches OSError, as TimeoutError is one, or Exception lets it pass."""
