"""Run one separator in its own environment, in which `peers.py` starts this script.

    python peers_run.py NAME MIXTURE OUT --threads 2

The script reads MIXTURE (WAV, 44.1 kHz, stereo), separates it twice with the package's defaults, and writes the four
stems to OUT. It prints JSON: the seconds until the first stems were written, the seconds of the second separation, and
the peak resident size as the system counts it.

If a package's trained weights would have to be downloaded, it has random ones. The time does not depend on them.
"""

import argparse
import json
import os
import resource
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Separate = Callable[["NDArray[np.float32]"], "dict[str, NDArray[np.float32]]"]
"""A function from a mixture (2, samples) to its stems {target: (2, samples)}."""

START = time.perf_counter()
TARGETS = ("vocals", "drums", "bass", "other")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("mixture", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # some packages take a thread for each core
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
    separate = PEERS[args.name](args.threads, args.out)

    import soundfile

    audio = soundfile.read(args.mixture, dtype="float32", always_2d=True)[0].T
    stems = separate(audio)
    for target in TARGETS:
        assert stems[target].shape == audio.shape, (target, stems[target].shape)
        soundfile.write(args.out / f"{target}.wav", stems[target].T, 44100)
    first = time.perf_counter() - START
    start = time.perf_counter()
    separate(audio)
    warm = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"first": first, "warm": warm, "ru_maxrss": peak}))


def lightsaft(threads: int, _: Path) -> Separate:
    """This package with its defaults."""
    from lightsaft_infer import Separator

    separator = Separator.from_file(threads=threads)
    return lambda audio: separator.separate(audio, sample_rate=44100)


def open_unmix(threads: int, _: Path) -> Separate:
    """umxhq: bidirectional LSTMs, a Wiener filter of one iteration."""
    _without_torchaudio()
    import openunmix
    import torch

    torch.set_num_threads(threads)
    separator = openunmix.umxhq(pretrained=False).eval()

    def separate(audio: "NDArray[np.float32]") -> "dict[str, NDArray[np.float32]]":
        with torch.no_grad():
            stems = separator(torch.from_numpy(audio)[None])[0]
        return dict(zip(separator.target_models, stems.numpy(), strict=True))

    return separate


def demucs(threads: int, _: Path) -> Separate:
    """htdemucs as published: one model, segments of 7.8 s, a quarter of overlap, one shift."""
    _without_torchaudio()
    import torch
    from demucs.apply import apply_model
    from demucs.htdemucs import HTDemucs

    torch.set_num_threads(threads)
    model = HTDemucs(["drums", "bass", "other", "vocals"], bottom_channels=512, segment=39 / 5).eval()

    def separate(audio: "NDArray[np.float32]") -> "dict[str, NDArray[np.float32]]":
        stems = apply_model(model, torch.from_numpy(audio)[None], shifts=1, overlap=0.25)[0]
        return dict(zip(model.sources, stems.numpy(), strict=True))

    return separate


def spleeter(_: int, out: Path) -> Separate:
    """spleeter:4stems, its U-Nets with TensorFlow."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["MODEL_PATH"] = str(out / "models")
    from spleeter.separator import Separator

    folder = out / "models" / "4stems"
    if not folder.exists():
        _random_spleeter(folder)
    separator = Separator("spleeter:4stems", multiprocess=False)

    def separate(audio: "NDArray[np.float32]") -> "dict[str, NDArray[np.float32]]":
        return {target: stem.T for target, stem in separator.separate(audio.T).items()}

    return separate


def _random_spleeter(folder: Path) -> None:
    """Write a checkpoint of random weights into the folder from which Spleeter reads its own."""
    import tensorflow
    from spleeter.model import EstimatorSpecBuilder, InputProviderFactory
    from spleeter.utils.configuration import load_configuration

    v1, params = tensorflow.compat.v1, load_configuration("spleeter:4stems")
    with tensorflow.Graph().as_default():
        features = InputProviderFactory.get(params).get_input_dict_placeholders()
        assert EstimatorSpecBuilder(features, params).outputs
        v1.train.get_or_create_global_step()
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            folder.mkdir(parents=True)
            v1.train.Saver().save(session, str(folder / "model"))
    (folder / ".probe").write_text("OK")


def _without_torchaudio() -> None:
    """Replace torchaudio by an empty module. PyPI's torchaudio requires the CUDA build of torch; these packages need it
    for reading files only."""
    module: Any = types.ModuleType("torchaudio")
    module.__spec__ = types.SimpleNamespace(name="torchaudio")
    sys.modules["torchaudio"] = module


PEERS: dict[str, Callable[[int, Path], Separate]] = {
    "lightsaft": lightsaft,
    "open-unmix": open_unmix,
    "spleeter": spleeter,
    "demucs": demucs,
}

if __name__ == "__main__":
    main()
