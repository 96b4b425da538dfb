"""Functions for workers of a cluster, in place of `separate_track`. `track.options` control them."""

import os
import signal
import time
from pathlib import Path


def note_and_die(track, *, scratch):
    """Note the process in `track.options["notes"]`. End it if the track is called "die"."""
    notes = Path(track.options["notes"])
    (notes / f"{track.name}-{os.getpid()}").touch()
    if track.name == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return track.name


def wait_for_go(track, *, scratch):
    """Note the start, and wait for a file "go"."""
    notes = Path(track.options["notes"])
    (notes / f"started-{track.name}").touch()
    while not (notes / "go").exists():
        time.sleep(0.01)
    return track.name


def alone(track, *, scratch):
    """Fail if the track is being processed already. A track that is called "slow" waits for a file "go"."""
    notes = Path(track.options["notes"])
    with open(notes / f"running-{track.name}", "x"):
        while track.name == "slow" and not (notes / "go").exists():
            time.sleep(0.01)
    (notes / f"running-{track.name}").unlink()
    return track.name
