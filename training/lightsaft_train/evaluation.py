"""Scores of a network in training: it is exported, and the runtime separates whole songs with it."""

import tempfile
from collections.abc import Iterable, Mapping
from statistics import mean

import numpy as np

from lightsaft_infer import Separator, sdr

from .data import SAMPLE_RATE, TARGETS, Song
from .export import write_model
from .networks import Network


def separator_of(network: Network, *, float16: bool = False) -> Separator:
    """Return a separator of a network, with the runtime's defaults.

    Parameters
    ----------
    network
        The network, which is exported.
    float16
        Whether the weights are rounded to float16, as those of a packaged model are.
    """
    with tempfile.TemporaryDirectory() as folder:
        manifest = write_model(
            network, folder, name="trained", version="0", licence="none", training={}, scores={}, float16=float16
        )
        return Separator.from_file(manifest)


def score(separator: Separator, songs: Iterable[Song]) -> dict[str, dict[str, float]]:
    """Separate whole songs and compare the estimates with the true stems.

    Parameters
    ----------
    separator
        A separator of all targets.
    songs
        The songs. The mixture of a song is the sum of its `parts`. The estimate of a stem that is a sum, such as
        `drums+bass+other`, is the sum of the estimates of its targets.

    Returns
    -------
    dict of str to dict of str to float
        The SDR in dB by the formula of the Music Demixing Challenge, {song: {stem: dB}}.
    """
    scores = {}
    for song in songs:
        references = {stem: song.read(stem, 0, song.samples) for stem in song.parts}
        mixture = np.sum(list(references.values()), axis=0)
        estimates = separator.separate(mixture, sample_rate=SAMPLE_RATE)
        scores[song.path.name] = {
            stem: sdr(reference, sum(estimates[target] for target in stem.split("+")))
            for stem, reference in references.items()
        }
    return scores


def summary(scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each stem over the songs that have it, and the mean of these means.

    Parameters
    ----------
    scores
        What `score` returns.

    Returns
    -------
    dict of str to float
        {stem: dB}, and "mean": dB.
    """
    found = {stem for song in scores.values() for stem in song}
    stems = [*(target for target in TARGETS if target in found), *sorted(found.difference(TARGETS))]
    means = {stem: mean(song[stem] for song in scores.values() if stem in song) for stem in stems}
    return {**means, "mean": mean(means.values())}
