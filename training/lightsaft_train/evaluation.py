"""Scores of a network in training: exported, run by the real runtime on whole songs, against the true stems."""

import tempfile
from statistics import mean

import numpy as np

from lightsaft_infer import Separator, sdr

from .data import TARGETS
from .export import write_model


def separator_of(network, *, float16=False):
    """A `lightsaft_infer.Separator` of an evaluated `networks.Network`, with the runtime's defaults.

    float16 : whether the weights are rounded to it, as those of a packaged model are
    """
    with tempfile.TemporaryDirectory() as folder:
        about = {"name": "trained", "version": "0", "licence": "none", "training": {}, "scores": {}}
        return Separator.from_file(write_model(network, folder, float16=float16, **about))


def score(separator, tracks):
    """SDR in dB by the challenge's formula, over whole tracks: {song: {stem: dB}}.

    tracks : `data.find_tracks`; a track's mixture is the sum of its `parts`. The estimate of a stem that is a sum, such
    as `drums+bass+other`, is the sum of the estimates of its targets.
    """
    scores = {}
    for track in tracks:
        references = {stem: track.read(stem, 0, track.samples) for stem in track.parts}
        mixture = np.sum(list(references.values()), axis=0)
        estimates = separator.separate(mixture, sample_rate=44100)
        scores[track.path.name] = {
            stem: sdr(reference, sum(estimates[target] for target in stem.split("+")))
            for stem, reference in references.items()
        }
    return scores


def summary(scores):
    """Mean over the songs that have a stem, and the mean of these: {stem: dB, "mean": dB}"""
    found = {stem for song in scores.values() for stem in song}
    stems = [*(target for target in TARGETS if target in found), *sorted(found.difference(TARGETS))]
    means = {stem: mean(song[stem] for song in scores.values() if stem in song) for stem in stems}
    return {**means, "mean": mean(means.values())}
