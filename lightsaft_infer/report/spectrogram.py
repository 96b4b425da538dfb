"""Waveforms and mel spectrograms of audio of any length, reduced to the columns of a picture as it is read.

Audio is float32 (channels, samples), full scale 1.0. A mel spectrogram is power, float32 (bands, columns).
"""

import struct
import zlib

import numpy as np

from ..stft import stft_stream

COLUMNS = 1500
MELS = 128
MAX_FREQUENCY = 16000
RANGE = 80  # dB that the colours span

# Every sixteenth colour of matplotlib's magma (CC0, by Nathaniel Smith and Stefan van der Walt), and its last.
MAGMA = """000004 0a0822 1d1147 36106b 51127c 6a1c81 832681 9c2e7f b73779 d0416f e75263 f56b5c fc8961 fea772 fec488
fcfdbf"""


class Waveform:
    """Lowest and highest sample of each of at most COLUMNS equal spans of a signal of `samples` samples."""

    def __init__(self, samples):
        self.columns = min(COLUMNS, samples)
        self._edges = np.arange(self.columns + 1) * samples // self.columns
        self._done = 0
        self.low = np.full(self.columns, np.inf, np.float32)
        self.high = np.full(self.columns, -np.inf, np.float32)

    def add(self, block):
        """Take the next block float32 (channels, samples)."""
        end = self._done + block.shape[1]
        first = np.searchsorted(self._edges, self._done, side="right") - 1
        last = np.searchsorted(self._edges, end, side="left")
        starts = np.maximum(self._edges[first:last] - self._done, 0)
        low, high = self.low[first:last], self.high[first:last]
        np.minimum(low, np.minimum.reduceat(block.min(axis=0), starts), out=low)
        np.maximum(high, np.maximum.reduceat(block.max(axis=0), starts), out=high)
        self._done = end


def mel_spectrogram(blocks, *, sample_rate, samples):
    """Power in mel bands, float32 (MELS, columns at most COLUMNS), of blocks that hold `samples` samples in all.

    The bands are librosa's, up to 16 kHz or half the sample rate. Power is averaged over channels, so that what is in
    antiphase is seen, and over the STFT frames of a column.
    """
    import librosa

    n_fft, hop_length = mel_transform(sample_rate, samples)
    bank = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=MELS, fmax=min(MAX_FREQUENCY, sample_rate / 2))
    columns = min(COLUMNS, -(-samples // hop_length))
    total, counts, done = np.zeros((columns, MELS)), np.zeros((columns, 1)), 0
    for spectrum in stft_stream(blocks, n_fft=n_fft, hop_length=hop_length):
        power = (np.abs(spectrum) ** 2).mean(axis=0) @ bank.T
        times = np.arange(done, done + len(power)) * hop_length
        column = np.minimum(times * columns // samples, columns - 1)
        np.add.at(total, column, power)
        np.add.at(counts, column, 1)
        done += len(power)
    return (total / counts).T.astype(np.float32)


def mel_transform(sample_rate, samples):
    """n_fft, a power of two of some 46 ms, and the hop_length that fills the columns where it can, in samples."""
    n_fft = 2 ** round(np.log2(0.0464 * sample_rate))
    return n_fft, int(np.clip(samples // COLUMNS, n_fft // 8, n_fft // 2))


def mel_positions(frequencies, *, sample_rate):
    """Heights of frequencies in Hz in a mel spectrogram, 0 (bottom) to 1 (top)."""
    import librosa

    top = librosa.hz_to_mel(min(MAX_FREQUENCY, sample_rate / 2))
    return [float(librosa.hz_to_mel(frequency) / top) for frequency in frequencies]


def mel_png(mel, *, reference):
    """PNG (bytes) of a mel spectrogram, low frequencies at the bottom, in dB below the power `reference`: the colours
    span RANGE dB in steps of one."""
    import librosa

    level = librosa.power_to_db(mel, ref=reference, amin=1e-20, top_db=None)
    return png(np.clip(np.rint(level) + RANGE, 0, RANGE)[::-1].astype(np.uint8), magma(RANGE + 1))


def magma(count):
    """matplotlib's magma, uint8 (count, 3), from dark to light."""
    anchors = np.array([list(bytes.fromhex(colour)) for colour in MAGMA.split()])
    at = np.append(np.arange(0, 240, 16), 255)
    wanted = np.linspace(0, 255, count)
    return np.stack([np.rint(np.interp(wanted, at, channel)) for channel in anchors.T], axis=1).astype(np.uint8)


def png(indices, palette):
    """PNG (bytes) of uint8 (height, width) indices into a palette uint8 (colours, 3): see ISO/IEC 15948."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = indices.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    rows = np.pad(indices, ((0, 0), (1, 0))).tobytes()  # each row begins with its filter, 0: none
    chunks = [(b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*pair) for pair in chunks)
