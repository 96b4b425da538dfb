"""Functions for workers of a cluster, in place of `separate_track`. `track.options` control them."""

import os
import signal
import time
from pathlib import Path


def note_and_die(track, *, scratch):
    """Note the process in `track.options["notes"]`. End it if the track is called "die"."""
    notes = Path(track.options["notes"])
    (notes / f"{track.track}-{os.getpid()}").touch()
    if track.track == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return track.track


def wait_for_go(track, *, scratch):
    """Note the start, and wait for a file "go"."""
    notes = Path(track.options["notes"])
    (notes / f"started-{track.track}").touch()
    while not (notes / "go").exists():
        time.sleep(0.01)
    return track.track


def alone(track, *, scratch):
    """Fail if the track is being processed already. A track that is called "slow" waits for a file "go"."""
    notes = Path(track.options["notes"])
    with open(notes / f"running-{track.track}", "x"):
        while track.track == "slow" and not (notes / "go").exists():
            time.sleep(0.01)
    (notes / f"running-{track.track}").unlink()
    return track.track
