"""Draw the mel spectrograms of a mixture and its stems, as in the README.

python examples/plot_stems.py examples/lithium.flac examples/stems.png
"""

import argparse
from pathlib import Path

import librosa
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lightsaft_infer import AudioReader, Separator
from lightsaft_infer.arrays import Stems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mixture", type=Path, help="file to separate")
    parser.add_argument("picture", type=Path, help="file to write")
    args = parser.parse_args()
    with AudioReader(args.mixture) as reader:
        mixture = reader.read()
        sample_rate = reader.sample_rate
    stems = Separator.from_file().separate(mixture, sample_rate=sample_rate, consistency=True)
    draw({"mixture": mixture, **stems}, sample_rate).savefig(args.picture, dpi=80)


def draw(signals: Stems, sample_rate: int) -> Figure:
    """Return a figure with a mel spectrogram of each signal, all in dB below the peak of the first one.

    Parameters
    ----------
    signals : dict of str to float32 array, shape (channels, samples)
    sample_rate : int
        In Hz.
    """
    figure, axes = plt.subplots(len(signals), sharex=True, figsize=(12, 8), layout="constrained")
    reference = None
    for axis, (name, audio) in zip(axes, signals.items(), strict=True):
        mel = librosa.feature.melspectrogram(y=librosa.to_mono(audio), sr=sample_rate, n_mels=128, fmax=16000)
        reference = reference or mel.max()
        level = librosa.power_to_db(mel, ref=reference, top_db=70)
        librosa.display.specshow(
            level, sr=sample_rate, x_axis="time", y_axis="mel", fmax=16000, vmin=-70, vmax=0, cmap="magma", ax=axis
        )
        axis.set(title=name, xlabel="", ylabel="Hz")
    axes[-1].set_xlabel("seconds")
    return figure


if __name__ == "__main__":
    main()
