"""What more time buys: the mean SDR of several passes of the network, or of more overlap.

    python benchmarks/extras.py ../shared/data/eval

SONGS is a tree as quality.py has it. Prints a table: passes of the network as a multiple of the default's, mean SDR and
how it differs from the default's, and dB for each further pass.
"""

import argparse
from pathlib import Path
from statistics import mean

import numpy as np
import quality

from lightsaft_infer import Separator, sdr
from lightsaft_infer.time_limit import phase_rotated

ANGLES = {
    "phase turned by 90°": (0, 90),
    "phase turned by 180°": (0, 180),
    "3 phases: 0°, 60°, 120°": (0, 60, 120),
    "3 phases: 0°, 90°, 45°": (0, 90, 45),
    "4 phases: 0°, 45°, 90°, 135°": (0, 45, 90, 135),
    "4 phases: 0°, 90°, 180°, 270°": (0, 90, 180, 270),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path, help="folder of songs")
    parser.add_argument("--model", type=Path, help="manifest (default: the packaged model)")
    args = parser.parse_args()
    default = Separator.from_file(args.model)
    network, frames = default.network, default.chunk

    def of(views):
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
    """A network whose estimates are the mean over views of the mixture: (degrees its phase is turned by, whether left
    and right are exchanged)."""

    def __init__(self, network, views):
        self._network, self._views = network, views
        self.concurrency = network.concurrency

    def __call__(self, planes, targets):
        total = 0
        for degrees, swap in self._views:
            order = [1, 0, 3, 2] if swap else [0, 1, 2, 3]
            estimates = self._network(phase_rotated(planes, degrees)[:, order], targets)
            total = total + phase_rotated(estimates, -degrees)[:, :, order]
        return total / np.float32(len(self._views))


def mean_sdr(separator, songs):
    scores = {}
    for stems, sample_rate in songs:
        estimates = separator.separate(sum(stems.values()), sample_rate=sample_rate)
        for target, stem in stems.items():
            scores.setdefault(target, []).append(sdr(stem, estimates[target]))
    return mean(mean(values) for values in scores.values())


if __name__ == "__main__":
    main()
