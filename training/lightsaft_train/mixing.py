"""Training mixtures: stems of different songs, or of one song in step, changed at random and summed.

As in the paper, the sources of a mixture come from different tracks; a part of the mixtures keeps the stems of one song
together. Step n draws from a generator seeded with (seed, n): what a run sees depends neither on when it was
interrupted nor on the number of workers.
"""

import dataclasses

import numpy as np

from .augment import augmented, limited
from .tracks import TARGETS, DataError

# Level of a stem in a mixture, dB of root mean square: mean and standard deviation.
LEVELS = {"vocals": (-26.5, 6.0), "drums": (-22.0, 5.0), "bass": (-24.0, 5.0), "other": (-25.0, 5.0)}
SILENT = {"vocals": 0.2, "drums": 0.12, "bass": 0.25, "other": 0.08}
COHERENT = 0.35  # mixtures that keep one song's stems together
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
        object.__setattr__(self, "_songs", [track for track in long if len(track.stems) > 1])
        missing = [target for target, tracks in self._having.items() if not tracks]
        if missing:
            raise DataError(f"expected tracks of {self._read} samples or more, none has: {', '.join(missing)}")

    def batch(self, step, size):
        """Mixtures float32 (size, 2, samples) and their stems (size, targets, 2, samples) for a training step."""
        rng = np.random.default_rng((self.seed, step, self.process))
        drawn = [self.draw(rng) for _ in range(size)]
        return np.stack([mixture for mixture, _ in drawn]), np.stack([stems for _, stems in drawn])

    def draw(self, rng):
        """One mixture float32 (2, samples) and its stems (targets, 2, samples)."""
        song = None
        if self._songs and rng.random() < COHERENT:
            song = self._songs[rng.integers(len(self._songs))]
            start = rng.integers(song.samples - self.samples + 1)
        stems = np.zeros((len(TARGETS), 2, self.samples), np.float32)
        for stem, target in zip(stems, TARGETS, strict=True):
            if rng.random() < SILENT[target]:
                continue
            if song is not None and target in song.stems:
                stem += self._changed(song.read(target, start, self.samples), target, rng)
            else:
                stem += self._stem(target, rng)
                if rng.random() < DOUBLED[target]:
                    stem += self._stem(target, rng)
        return limited(stems, rng)

    def _stem(self, target, rng):
        """A stretch of some track's stem; a silent stretch is drawn again, three times at most."""
        for _ in range(4):
            track = self._having[target][rng.integers(len(self._having[target]))]
            start = rng.integers(track.samples - self._read + 1)
            audio = track.read(target, start, self._read)
            if np.sqrt(np.mean(np.square(audio[:, : self.samples]))) > QUIET:
                break
        return self._changed(audio, target, rng)

    def _changed(self, audio, target, rng):
        return levelled(augmented(audio, rng, self.samples, target), target, rng)


def levelled(audio, target, rng):
    """The audio at a level drawn for its target; what is nearly silent is not brought up."""
    level = np.sqrt(np.mean(np.square(audio)))
    mean, deviation = LEVELS[target]
    wanted = 10 ** ((mean + deviation * rng.standard_normal()) / 20)
    return audio * np.float32(wanted / max(level, QUIET))
