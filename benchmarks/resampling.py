"""Measure the quality of the sample rate conversion between common rates and the model's 44.1 kHz.

    python benchmarks/resampling.py

The command prints a table in Markdown. For each pair of rates, sines of full scale are converted one after the other,
block by block, by the library's own `resample_stream` (not public):

- ripple is the largest error of the amplitude in the pass band, up to 90 % of the lower Nyquist frequency;
- noise is the largest component of the output at any other frequency than the sine's, images and aliases included,
  for sines over the whole band of the input.
"""

import numpy as np

from lightsaft_infer.resample import resample_stream

RATES = (8000, 11025, 16000, 22050, 32000, 48000, 88200, 96000, 192000)
MODEL_RATE = 44100
SECONDS = 2.0


def main() -> None:
    print("| from | to | pass band ripple | largest alias or image |\n| --- | --- | --- | --- |")
    for rate in RATES:
        for pair in ((rate, MODEL_RATE), (MODEL_RATE, rate)):
            ripple, noise = measure(*pair)
            print(f"| {pair[0]} Hz | {pair[1]} Hz | {ripple:.5f} dB | {noise:.0f} dB |")


def measure(orig_sr: int, target_sr: int) -> tuple[float, float]:
    """Return the pass band ripple and the largest spurious component, both in dB."""
    band = 0.45 * min(orig_sr, target_sr)
    ripple, noise = 0.0, -np.inf
    for frequency in np.geomspace(50, 0.499 * orig_sr, 40):
        amplitude, spurious = sine(frequency, orig_sr, target_sr)
        noise = max(noise, spurious)
        if frequency <= band:
            ripple = max(ripple, abs(20 * np.log10(amplitude)))
    return ripple, noise


def sine(frequency: float, orig_sr: int, target_sr: int) -> tuple[float, float]:
    """Return the amplitude of a converted sine of amplitude 1, and the level in dB of the largest other component."""
    time = np.arange(int(SECONDS * orig_sr)) / orig_sr
    audio = np.sin(2 * np.pi * frequency * time).astype(np.float32)[np.newaxis]
    blocks = np.array_split(audio, 20, axis=1)
    output = np.concatenate(list(resample_stream(blocks, orig_sr=orig_sr, target_sr=target_sr)), axis=1)[0]
    edge = output.size // 8
    output = output[edge:-edge].astype(np.float64)
    time = (np.arange(output.size) + edge) / target_sr
    amplitude = 0.0
    if frequency < target_sr / 2:
        basis = np.stack([np.sin(2 * np.pi * frequency * time), np.cos(2 * np.pi * frequency * time)])
        weights = np.linalg.lstsq(basis.T, output, rcond=None)[0]
        amplitude = np.hypot(*weights)
        output = output - weights @ basis
    window = np.blackman(output.size)
    spectrum = np.abs(np.fft.rfft(output * window)) * 2 / window.sum()
    return amplitude, 20 * np.log10(spectrum.max() + 1e-12)


if __name__ == "__main__":
    main()
