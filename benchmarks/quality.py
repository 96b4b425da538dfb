"""SDR of a model on a tree of songs, `SONGS/<song>/<target>.{flac,wav}`, a song's mixture being the sum of its stems.

    python benchmarks/quality.py ../shared/data/eval
    python benchmarks/quality.py ../shared/data/eval --chunk 256 --overlap 64

Prints JSON: for each way of separating (with and without mixture consistency) the SDR in dB per song and target; per
target the mean over the songs that have the stem, of SDR, SI-SDR and the SDR in bands of frequency; and the leakage:
how much of each true stem is in each estimate, as the gains by which the true stems, added, come nearest to the
estimate (least squares), mean over the songs. Beside them what an ideal ratio mask reaches, which knows the true
stems, what the mixture itself scores as estimate of each stem, and how much of a true stem's energy is in each band.
"""

import argparse
import functools
import itertools
import json
from pathlib import Path
from statistics import mean

import numpy as np

from lightsaft_infer import AudioReader, Separator, TimeLimit, sdr, si_sdr
from lightsaft_infer.stft import istft, stft

BANDS = (0, 150, 500, 2000, 6000, 22050)  # Hz
STFT = {"n_fft": 2048, "hop_length": 1024}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path, help="folder of songs")
    parser.add_argument("--model", type=Path, help="manifest (default: the packaged model)")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--chunk", type=int, help="frames of a chunk")
    parser.add_argument("--overlap", type=int, help="frames that chunks share")
    parser.add_argument(
        "--passes", type=int, default=1, help="passes of the network, 1 to 4, of which the mean is taken"
    )
    args = parser.parse_args()
    separator = Separator.from_file(args.model, threads=args.threads, chunk=args.chunk, overlap=args.overlap)
    result = {
        "model": separator.manifest.name,
        "sha256": separator.manifest.onnx.sha256,
        "chunk": separator.chunk,
        "overlap": separator.overlap,
    }
    songs = load_songs(args.songs)
    for name, consistency in (("plain", False), ("mixture consistency", True)):
        separated = {song: separate(separator, *stems, consistency, args.passes) for song, stems in songs.items()}
        result[name] = judged({song: stems[0] for song, stems in songs.items()}, separated)
    stems = {song: stems for song, (stems, _) in songs.items()}
    for name, way in (("ideal ratio mask", ideal_ratio_mask), ("the mixture itself", mixture_itself)):
        estimates = {song: way(references) for song, references in stems.items()}
        result[name] = {
            "sdr": summary(scored(sdr, stems, estimates)),
            "si_sdr": summary(scored(si_sdr, stems, estimates)),
        }
    result["energy_of_bands"] = {song: energy_of_bands(references) for song, references in stems.items()}
    print(json.dumps(result, indent=1))


def judged(stems, separated):
    scores = scored(sdr, stems, separated)
    bands = {
        name: summary(scored(functools.partial(sdr_of_band, low=low, high=high), stems, separated))
        for name, low, high in named_bands()
    }
    return {
        "songs": scores,
        "sdr": summary(scores),
        "si_sdr": summary(scored(si_sdr, stems, separated)),
        "sdr_of_bands": bands,
        "leakage": leakage(stems, separated),
    }


def load_songs(folder):
    """{song: its stems and sample rate, as `load_song` returns them}"""
    return {path.name: load_song(path) for path in sorted(folder.iterdir()) if path.is_dir()}


def load_song(folder):
    """Stems {target: float32 (2, samples)} and the sample rate."""
    stems, sample_rate = {}, None
    for path in sorted(folder.iterdir()):
        with AudioReader(path) as reader:
            stems[path.stem] = reader.read()
            sample_rate = reader.sample_rate
    return stems, sample_rate


def separate(separator, references, sample_rate, consistency, passes):
    limit = TimeLimit(1e6, most=passes) if passes > 1 else None
    mixture = sum(references.values())
    return separator.separate(mixture, sample_rate=sample_rate, consistency=consistency, time_limit=limit)


def ideal_ratio_mask(references):
    """Each stem's share of the magnitudes, applied to the mixture."""
    spectra = {target: stft(audio, **STFT) for target, audio in references.items()}
    mixture = sum(spectra.values())
    total = sum(np.abs(spectrum) for spectrum in spectra.values()) + 1e-12
    length = next(iter(references.values())).shape[1]
    return {
        target: istft(mixture * (np.abs(spectrum) / total).astype(np.float32), **STFT, length=length)
        for target, spectrum in spectra.items()
    }


def mixture_itself(references):
    return dict.fromkeys(references, sum(references.values()))


def named_bands():
    return [(f"{low}-{high} Hz", low, high) for low, high in itertools.pairwise(BANDS)]


def energy_of_bands(stems):
    """{target: {band: part of the stem's energy that is in it}}"""
    return {
        target: {
            name: round(float(np.sum(np.square(band(audio, low, high))) / np.sum(np.square(audio, dtype=float))), 3)
            for name, low, high in named_bands()
        }
        for target, audio in stems.items()
    }


def sdr_of_band(reference, estimate, low, high):
    return sdr(band(reference, low, high), band(estimate, low, high))


def band(audio, low, high):
    """The part of audio between two frequencies in Hz."""
    spectrum = np.fft.rfft(audio)
    frequencies = np.fft.rfftfreq(audio.shape[1], 1 / 44100)
    return np.fft.irfft(spectrum * ((frequencies >= low) & (frequencies < high)), audio.shape[1])


def scored(measure, references, estimates):
    """{song: {target: dB}}"""
    return {
        song: {target: round(measure(stem, estimates[song][target]), 3) for target, stem in stems.items()}
        for song, stems in references.items()
    }


def leakage(references, estimates):
    """{estimate: {true stem: mean gain}}"""
    targets = list(next(iter(estimates.values())))
    gains = {estimate: {target: [] for target in targets} for estimate in targets}
    for song, stems in references.items():
        basis = np.stack([stem.ravel() for stem in stems.values()], axis=1)
        for estimate in targets:
            solution = np.linalg.lstsq(basis, estimates[song][estimate].ravel(), rcond=None)[0]
            for target, gain in zip(stems, solution, strict=True):
                gains[estimate][target].append(float(gain))
    return {
        estimate: {target: round(mean(values), 2) for target, values in row.items()} for estimate, row in gains.items()
    }


def summary(scores):
    targets = sorted({target for song in scores.values() for target in song})
    means = {target: mean(song[target] for song in scores.values() if target in song) for target in targets}
    means["mean"] = mean(means.values())
    return {target: round(value, 3) for target, value in means.items()}


if __name__ == "__main__":
    main()
