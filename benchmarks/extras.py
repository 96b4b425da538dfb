"""Measure the gain of more computing time: the mean SDR with several passes of the network, or with more overlap.

    python benchmarks/extras.py ../shared/data/eval

The argument is a tree of songs as for quality.py. The command prints a table: passes of the network as a multiple of
the default's, mean SDR and how it differs from the default's, and dB for each further pass. It turns the phase of
planes by `phase_rotated` of `lightsaft_infer.passes`, which is not public.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import numpy as np
import quality
from numpy.typing import NDArray

from lightsaft_infer import Separator, sdr
from lightsaft_infer.arrays import Network, Planes
from lightsaft_infer.passes import phase_rotated

Views = Sequence[tuple[int, bool]]
"""Degrees that the mixture's phase is turned by, and whether left and right are exchanged; for each view."""

ANGLES = {
    "phase turned by 90°": (0, 90),
    "phase turned by 180°": (0, 180),
    "3 phases: 0°, 60°, 120°": (0, 60, 120),
    "3 phases: 0°, 90°, 45°": (0, 90, 45),
    "4 phases: 0°, 45°, 90°, 135°": (0, 45, 90, 135),
    "4 phases: 0°, 90°, 180°, 270°": (0, 90, 180, 270),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path, help="folder of songs")
    parser.add_argument("--model", type=Path, help="manifest (default: the packaged model)")
    args = parser.parse_args()
    default = Separator.from_file(args.model)
    network, frames = default.network, default.chunk

    def of(views: Views) -> Separator:
        return Separator(default.manifest, Mean(network, views))

    variants = {
        "one pass": (1, default),
        "left and right exchanged": (2, of([(0, False), (0, True)])),
        **{name: (len(angles), of([(angle, False) for angle in angles])) for name, angles in ANGLES.items()},
        "both orders of 0° and 90°": (4, of([(angle, swap) for angle in (0, 90) for swap in (False, True)])),
        "overlap of 1/2": (1.5, Separator(default.manifest, network, overlap=frames // 2)),
    }
    songs = list(quality.load_songs(args.songs).values())
    print("| | passes | mean SDR | gain | gain per pass more |\n| --- | --- | --- | --- | --- |", flush=True)
    level = None
    for name, (passes, separator) in variants.items():
        score = mean_sdr(separator, songs)
        level = score if level is None else level
        more = f"{(score - level) / (passes - 1):+.4f} dB" if passes > 1 else ""
        print(f"| {name} | {passes:g} | {score:.3f} dB | {score - level:+.3f} dB | {more} |", flush=True)


class Mean:
    """A network whose estimates are the mean over views of the mixture."""

    def __init__(self, network: Network, views: Views) -> None:
        self._network, self._views = network, views
        self.concurrency = getattr(network, "concurrency", 1)

    def __call__(self, planes: Planes, targets: NDArray[np.int64]) -> Planes:
        total: Planes = np.zeros((len(planes), len(targets), *planes.shape[1:]), np.float32)
        for degrees, swap in self._views:
            order = [1, 0, 3, 2] if swap else [0, 1, 2, 3]
            estimates = self._network(phase_rotated(planes, degrees)[:, order], targets)
            total = total + phase_rotated(estimates, -degrees)[:, :, order]
        return total / np.float32(len(self._views))


def mean_sdr(separator: Separator, songs: Sequence[quality.Song]) -> float:
    """Return the mean SDR in dB: over the songs that have a stem, then over the stems."""
    scores: dict[str, list[float]] = {}
    for song in songs:
        estimates = quality.separate(separator, song, consistency=False, passes=1)
        for target, stem in song.stems.items():
            scores.setdefault(target, []).append(sdr(stem, estimates[target]))
    return mean(mean(values) for values in scores.values())


if __name__ == "__main__":
    main()
