"""Training mixtures: stems of different songs, or of one song in step, changed at random and summed.

As in the paper, the sources of a mixture come from different songs. A part of the mixtures keeps the stems of one song
together. In another part several targets are known by their sum alone: the accompaniment of a real recording, or
another sum that a stem is named after (`songs.py`).

Step n draws from a generator seeded with (seed, n). So the data of a run does not depend on interruptions, nor on the
number of workers.
"""

from collections.abc import Iterable

import numpy as np

from ..arrays import Audio, Rng
from ..errors import DataError
from .augment import augmented
from .mastering import mastered
from .songs import SAMPLE_RATE, TARGETS, Song, targets_of

# Level of a stem in a mixture, dB of root mean square: mean and standard deviation. In 18 excerpts of pop and rock the
# voice is 3.5 dB below the rest (somebody else measured it), in the songs that we score on 9 dB.
LEVELS = {"vocals": (-23.5, 6.5), "drums": (-22.0, 5.0), "bass": (-24.0, 5.0), "other": (-25.0, 5.0)}
SUM_DEVIATION = 3.5  # dB, of a sum of targets
SILENT = {"vocals": 0.12, "drums": 0.12, "bass": 0.25, "other": 0.08}  # how often a stem is left out
COHERENT = 0.35  # mixtures that keep one song's stems together
PARTIAL = 0.1  # mixtures in which some targets are known by their sum alone
DOUBLED = {"vocals": 0.25, "drums": 0.1, "bass": 0.0, "other": 0.35}  # how often a stem has two sources
QUIET = 10 ** (-50 / 20)  # root mean square of a part that counts as silent
MARGIN = 1.4  # times as much audio is read as is used, for changes of speed


class Mixer:
    """Draws training mixtures from songs.

    Parameters
    ----------
    songs
        The songs (`songs_in`). Songs that are too short are not used.
    samples
        Length of a mixture.
    seed
        Seed that the mixtures are drawn from.
    rank
        Number of this process among those of a run. Each process draws other mixtures.

    Raises
    ------
    DataError
        If no song that is long enough has one of the targets.
    """

    def __init__(self, songs: Iterable[Song], samples: int, seed: int = 0, rank: int = 0) -> None:
        self.samples, self.seed, self.rank = samples, seed, rank
        self._read = int(samples * MARGIN)  # samples that are read of a stem whose speed may be changed
        long = [song for song in songs if song.samples >= self._read]
        self._having = {target: [song for song in long if target in song.stems] for target in TARGETS}
        self._with_several = [song for song in long if len(set(song.stems) & set(TARGETS)) > 1]
        self._with_sums = [song for song in long if set(song.stems) - set(TARGETS)]
        missing = [target for target, having in self._having.items() if not having]
        if missing:
            least = f"{self._read / SAMPLE_RATE:.1f} s"
            raise DataError(f"expected songs of {least} or more for every target, none has: {', '.join(missing)}")

    def batch(self, step: int, size: int) -> tuple[Audio, Audio, Audio]:
        """Draw the mixtures of a training step.

        Parameters
        ----------
        step
            Number of the step.
        size
            Number of mixtures.

        Returns
        -------
        float32 array, shape (size, 2, samples)
            The mixtures.
        float32 array, shape (size, targets, 2, samples)
            Their stems.
        float32 array, shape (size, targets, targets)
            The members of the stems, as `draw` returns them.
        """
        rng = np.random.default_rng((self.seed, step, self.rank))
        drawn = zip(*(self.draw(rng) for _ in range(size)), strict=True)
        mixtures, stems, members = (np.stack(parts) for parts in drawn)
        return mixtures, stems, members

    def draw(self, rng: Rng) -> tuple[Audio, Audio, Audio]:
        """Draw a mixture.

        Returns
        -------
        float32 array, shape (2, samples)
            The mixture.
        float32 array, shape (targets, 2, samples)
            Its stems.
        float32 array, shape (targets, targets)
            The members of the stems: row i has 1 for each target that stem i is the sum of. If all targets are known,
            this is the identity. If a target is known as a part of a sum alone, its row has no 1, and its stem is
            zeros.
        """
        song, sum_stem = self._song(rng)
        # Stems of `song` that are in step begin at `start` and keep their speed. Other stems come from anywhere.
        in_step = song is not None and (not sum_stem or rng.random() < COHERENT)
        start = 0 if song is None else int(rng.integers(song.samples - (self.samples if in_step else self._read) + 1))
        members, bandwidths = _members(sum_stem), [np.inf]
        stems = np.zeros((len(TARGETS), 2, self.samples), np.float32)
        for index in np.flatnonzero(members.any(axis=1)):
            name = TARGETS[index] if members[index].sum() == 1 else sum_stem
            if name != sum_stem and rng.random() < SILENT[name]:
                continue
            if song is not None and (name == sum_stem or (in_step and name in song.stems)):
                sources = [(song, self._part(song, name, start, in_step))]
            else:
                sources = [self._source(name, rng) for _ in range(1 + (rng.random() < DOUBLED[name]))]
            for source, audio in sources:
                stems[index] += levelled(augmented(audio, rng, self.samples, name), name, rng)
                bandwidths.append(source.bandwidths.get(name, np.inf))
        return *mastered(stems, rng, min(bandwidths)), members

    def _song(self, rng: Rng) -> tuple[Song | None, str]:
        """Draw a song whose stems may stay together, or None, and its stem that is a sum of targets, or ""."""
        if self._with_sums and rng.random() < PARTIAL:
            song = self._with_sums[rng.integers(len(self._with_sums))]
            return song, max(set(song.stems) - set(TARGETS), key=lambda name: (len(targets_of(name)), name))
        if self._with_several and rng.random() < COHERENT:
            return self._with_several[rng.integers(len(self._with_several))], ""
        return None, ""

    def _source(self, target: str, rng: Rng) -> tuple[Song, Audio]:
        """Draw a song and a part of its stem. A silent part is drawn again, three times at most."""
        for _ in range(4):
            song = self._having[target][rng.integers(len(self._having[target]))]
            audio = self._part(song, target, int(rng.integers(song.samples - self._read + 1)), in_step=False)
            if np.sqrt(np.mean(np.square(audio[:, : self.samples]))) > QUIET:
                break
        return song, audio

    def _part(self, song: Song, stem: str, start: int, in_step: bool) -> Audio:
        """Read a part of a stem. It is longer than the mixture, so that its speed can be changed.

        It has the length of the mixture if it must stay in step, or has no treble: another speed would move its end.
        """
        fixed = in_step or stem in song.bandwidths
        return song.read(stem, start, self.samples if fixed else self._read)


def _members(stem: str) -> Audio:
    """Return the members (see `Mixer.draw`) if one stem is a sum of targets, such as "drums+bass"; "": if none is."""
    members = np.eye(len(TARGETS), dtype=np.float32)
    if stem:
        parts = [TARGETS.index(target) for target in targets_of(stem)]
        members[parts] = 0
        members[parts[0], parts] = 1
    return members


def level_of(stem: str) -> tuple[float, float]:
    """Return mean and standard deviation in dB of a stem's level in a mixture.

    The targets of a sum count as uncorrelated.
    """
    if stem in LEVELS:
        return LEVELS[stem]
    powers = [10 ** (LEVELS[target][0] / 10) for target in targets_of(stem)]
    return 10 * np.log10(sum(powers)), SUM_DEVIATION


def levelled(audio: Audio, stem: str, rng: Rng) -> Audio:
    """Return the audio at a level drawn for its stem. Audio below -50 dB gets the gain of audio at -50 dB."""
    level = np.sqrt(np.mean(np.square(audio)))
    mean, deviation = level_of(stem)
    wanted = 10 ** ((mean + deviation * rng.standard_normal()) / 20)
    return audio * np.float32(wanted / max(level, QUIET))
