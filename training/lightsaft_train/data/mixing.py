"""Training mixtures: stems of different songs, or of one song in step, changed at random and summed.

As in the paper, the sources of a mixture come from different tracks; a part of the mixtures keeps the stems of one song
together. In another part several targets are known by their sum alone: the accompaniment of a real recording, or
whatever sum a song's stem is named after (`tracks.py`). Step n draws from a generator seeded with (seed, n): the data
of a run depend neither on when it was interrupted nor on the number of workers.
"""

import dataclasses

import numpy as np

from .augment import augmented, limited
from .tracks import TARGETS, DataError, targets_of

# Level of a stem in a mixture, dB of root mean square: mean and standard deviation. In 18 excerpts of pop and rock the
# voice is 3.5 dB below the rest (measured by another), in the songs that we score on 9 dB.
LEVELS = {"vocals": (-22.5, 6.0), "drums": (-22.0, 5.0), "bass": (-24.0, 5.0), "other": (-25.0, 5.0)}
SUM_DEVIATION = 3.5  # dB, of a sum of targets
SILENT = {"vocals": 0.12, "drums": 0.12, "bass": 0.25, "other": 0.08}
COHERENT = 0.35  # mixtures that keep one song's stems together
PARTIAL = 0.2  # mixtures in which some targets are known by their sum alone
DOUBLED = {"vocals": 0.25, "drums": 0.1, "bass": 0.0, "other": 0.35}  # stems of two sources
QUIET = 10 ** (-50 / 20)
MARGIN = 1.4  # more is read than is used, for changes of speed


@dataclasses.dataclass(frozen=True)
class Mixer:
    """Draws mixtures of `samples` samples from tracks (`tracks.find_tracks`), others for each process of a run."""

    tracks: tuple
    samples: int
    seed: int = 0
    process: int = 0

    def __post_init__(self):
        object.__setattr__(self, "_read", int(self.samples * MARGIN))
        long = [track for track in self.tracks if track.samples >= self._read]
        object.__setattr__(self, "_having", {t: [track for track in long if t in track.stems] for t in TARGETS})
        object.__setattr__(self, "_songs", [track for track in long if len(set(track.stems) & set(TARGETS)) > 1])
        object.__setattr__(self, "_partial", [track for track in long if set(track.stems) - set(TARGETS)])
        missing = [target for target, tracks in self._having.items() if not tracks]
        if missing:
            raise DataError(f"expected tracks of {self._read} samples or more, none has: {', '.join(missing)}")

    def batch(self, step, size):
        """Mixtures float32 (size, 2, samples), their stems (size, targets, 2, samples) and what these are sums of
        (size, targets, targets), as `draw` returns them, for a training step."""
        rng = np.random.default_rng((self.seed, step, self.process))
        return tuple(np.stack(parts) for parts in zip(*(self.draw(rng) for _ in range(size)), strict=True))

    def draw(self, rng):
        """One mixture float32 (2, samples), its stems (targets, 2, samples), and what these are sums of.

        The sums are float32 (targets, targets): row i has 1 for each target that is part of stem i. A mixture whose
        targets are all known has the identity. A row without a 1 is of a target that is known as part of a sum alone:
        its stem is zeros and says nothing.
        """
        song, summed = self._song(rng)
        in_step = song is not None and (summed is None or rng.random() < COHERENT)
        start = 0 if song is None else rng.integers(song.samples - (self.samples if in_step else self._read) + 1)
        sums, ends = _sums(summed), [np.inf]
        stems = np.zeros((len(TARGETS), 2, self.samples), np.float32)
        for index in np.flatnonzero(sums.any(axis=1)):
            name = TARGETS[index] if sums[index].sum() == 1 else summed
            if name != summed and rng.random() < SILENT[name]:
                continue
            if name == summed or (in_step and name in song.stems):
                sources = [(song, self._stretch(song, name, start, in_step))]
            else:
                sources = [self._source(name, rng) for _ in range(1 + (rng.random() < DOUBLED[name]))]
            for track, audio in sources:
                stems[index] += levelled(augmented(audio, rng, self.samples, name), name, rng)
                ends.append(track.bandwidths.get(name, np.inf))
        return *limited(stems, rng, min(ends)), sums

    def _song(self, rng):
        """A song, whose stems may stay together, and the stem of it that is a sum: None each if there is no such."""
        if self._partial and rng.random() < PARTIAL:
            song = self._partial[rng.integers(len(self._partial))]
            return song, max(set(song.stems) - set(TARGETS), key=lambda name: (len(targets_of(name)), name))
        if self._songs and rng.random() < COHERENT:
            return self._songs[rng.integers(len(self._songs))], None
        return None, None

    def _source(self, target, rng):
        """A track and a stretch of its stem; a silent stretch is drawn again, three times at most."""
        for _ in range(4):
            track = self._having[target][rng.integers(len(self._having[target]))]
            audio = self._stretch(track, target, rng.integers(track.samples - self._read + 1), in_step=False)
            if np.sqrt(np.mean(np.square(audio[:, : self.samples]))) > QUIET:
                break
        return track, audio

    def _stretch(self, track, stem, start, in_step):
        """A stretch of a stem: with more than is used, so that its speed can be changed, unless it must stay in step or
        has no treble, whose end another speed would move."""
        fixed = in_step or stem in track.bandwidths
        return track.read(stem, start, self.samples if fixed else self._read)


def _sums(stem):
    """What the stems of a mixture are sums of (see `Mixer.draw`) if one of them is `stem`; None: all are targets."""
    sums = np.eye(len(TARGETS), dtype=np.float32)
    if stem is not None:
        parts = [TARGETS.index(target) for target in targets_of(stem)]
        sums[parts] = 0
        sums[parts[0], parts] = 1
    return sums


def level_of(stem):
    """Mean and standard deviation in dB of a stem's level in a mixture; a sum's targets count as uncorrelated."""
    if stem in LEVELS:
        return LEVELS[stem]
    powers = [10 ** (LEVELS[target][0] / 10) for target in targets_of(stem)]
    return 10 * np.log10(sum(powers)), SUM_DEVIATION


def levelled(audio, stem, rng):
    """The audio at a level drawn for its stem; what is nearly silent is not brought up."""
    level = np.sqrt(np.mean(np.square(audio)))
    mean, deviation = level_of(stem)
    wanted = 10 ** ((mean + deviation * rng.standard_normal()) / 20)
    return audio * np.float32(wanted / max(level, QUIET))
