"""The types of the result of `evaluate`, which JSON can hold. All scores are in dB."""

from typing import TypedDict

BssEvalScores = dict[str, float | None]
"""{metric: score}, by the names in `METRICS`. None if museval has no finite value."""


class SongBssEval(TypedDict, total=False):
    """The scores of a song that exist only with BSS Eval: those of each target, or the reason that there are none."""

    bsseval: dict[str, BssEvalScores] | None
    bsseval_undefined: str | None


class SongScores(SongBssEval):
    """The scores of a song: the SDR of each target and their mean."""

    sdr: dict[str, float]
    mean: float


class SdrSummary(TypedDict):
    """SDR over songs: their number, mean and median."""

    songs: int
    mean: float
    median: float


class SdrSummaries(TypedDict):
    """SDR over songs, for each target and for the means of the songs."""

    targets: dict[str, SdrSummary]
    overall: SdrSummary


class BssEvalSummaries(TypedDict):
    """BSS Eval over songs: museval's version, medians and number of songs for each target, and the means of these."""

    museval: str
    targets: dict[str, dict[str, float | None]]
    overall: BssEvalScores


class FoundInstead(TypedDict, total=False):
    """The path, below the estimates, of a file that may be meant by a missing one. It exists only if there is one."""

    found: str


class MissingStem(FoundInstead):
    """A reference without an estimate."""

    song: str
    target: str


class FailedSong(TypedDict):
    """A song that could not be scored, and the message of the error."""

    song: str
    error: str


class Evaluation(TypedDict):
    """The result of `evaluate`."""

    songs: dict[str, SongScores]
    sdr: SdrSummaries
    bsseval: BssEvalSummaries | None
    failed: list[FailedSong]
    missing: list[MissingStem]
    unreferenced: int
