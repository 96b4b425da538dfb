"""Scores on the judge: whole songs of voices and instrumentals that no training mixture has (`pool/judge_songs.py`)."""

from .evaluation import score
from .evaluation import summary as means
from .tracks import find_tracks

ACCOMPANIMENT = "drums+bass+other"


def evaluate(separator, tree):
    """SDR in dB of a separator on a judge's tree: {song: {"vocals": dB, "accompaniment": dB}}.

    The estimate of the accompaniment is the sum of the separator's drums, bass and other. Raises DataError: no songs.
    """
    scores = score(separator, find_tracks(tree))
    return {
        song: {"accompaniment" if name == ACCOMPANIMENT else name: value for name, value in row.items()}
        for song, row in scores.items()
    }


def summary(scores):
    """Means over the songs: {"vocals": dB, "accompaniment": dB, "mean": dB}"""
    return means(scores)
