"""Draw the mel spectrograms of a mixture and its stems, as in the README.

python examples/plot_stems.py examples/lithium.flac examples/stems.png
"""

import argparse
from pathlib import Path

import librosa
import matplotlib.pyplot as plt

from lightsaft_infer import AudioReader, Separator


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mixture", type=Path)
    parser.add_argument("picture", type=Path)
    args = parser.parse_args()
    with AudioReader(args.mixture) as reader:
        mixture = reader.read()
        sample_rate = reader.sample_rate
    stems = Separator.from_file().separate(mixture, sample_rate=sample_rate, consistency=True)
    draw({"mixture": mixture, **stems}, sample_rate).savefig(args.picture, dpi=80)


def draw(signals, sample_rate):
    """A figure with a mel spectrogram of each signal {name: (channels, samples)}, all in dB below the first one's
    peak."""
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
