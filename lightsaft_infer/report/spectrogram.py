"""Waveforms and mel spectrograms of audio of any length, reduced to the columns of a picture while it is read.

Audio is float32 (channels, samples), full scale 1.0. A mel spectrogram is power, float32 (bands, columns).
"""

import atexit
import functools
import importlib
import struct
import tempfile
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Audio
from ..stft import stft_stream

Mel = NDArray[np.float32]
"""A mel spectrogram: power, float32 (bands, columns)."""

Palette = NDArray[np.uint8]
"""Colours, uint8 (colours, 3): red, green, blue."""

COLUMNS = 1500
MELS = 128
MAX_FREQUENCY = 16000
RANGE = 80  # dB that the colours span

# Every sixteenth colour of matplotlib's magma (CC0, by Nathaniel Smith and Stefan van der Walt), and its last.
MAGMA = """000004 0a0822 1d1147 36106b 51127c 6a1c81 832681 9c2e7f b73779 d0416f e75263 f56b5c fc8961 fea772 fec488
fcfdbf"""


class Waveform:
    """The lowest and the highest sample of each column of a picture.

    Parameters
    ----------
    samples : int
        Samples per channel of the signal. It is divided into COLUMNS equal columns at most.

    Attributes
    ----------
    columns : int
    low, high : float32 array, shape (columns,)
    """

    def __init__(self, samples: int) -> None:
        self.columns = min(COLUMNS, samples)
        self._edges = np.arange(self.columns + 1) * samples // self.columns
        self._done = 0
        self.low = np.full(self.columns, np.inf, np.float32)
        self.high = np.full(self.columns, -np.inf, np.float32)

    def add(self, block: Audio) -> None:
        """Take the next block (channels, samples)."""
        end = self._done + block.shape[1]
        first = np.searchsorted(self._edges, self._done, side="right") - 1
        last = np.searchsorted(self._edges, end, side="left")
        starts = np.maximum(self._edges[first:last] - self._done, 0)
        low, high = self.low[first:last], self.high[first:last]
        np.minimum(low, np.minimum.reduceat(block.min(axis=0), starts), out=low)
        np.maximum(high, np.maximum.reduceat(block.max(axis=0), starts), out=high)
        self._done = end


def mel_spectrogram(blocks: Iterable[Audio], *, sample_rate: int, samples: int) -> Mel:
    """Compute the power in mel bands.

    The bands are librosa's, up to 16 kHz or half the sample rate. Power is averaged over the channels, so that signals
    in antiphase are visible, and over the STFT frames of a column.

    Parameters
    ----------
    blocks : iterable of float32 array, shape (channels, samples)
    sample_rate : int
        In Hz.
    samples : int
        Samples per channel of all blocks together.

    Returns
    -------
    float32 array, shape (MELS, columns)
        COLUMNS columns at most.
    """
    librosa = librosa_with_cache()
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


@functools.cache
def librosa_with_cache() -> Any:
    """Import librosa, only some of whose functions have types.

    It loads numba, which stores machine code beside librosa or in the user's cache, and fails if it can write to
    neither, as in a read-only installation for a user without a home folder, or if the disk is full. It then gets a
    temporary folder.
    """
    import librosa

    try:
        importlib.import_module("librosa.filters")
        importlib.import_module("librosa.core.spectrum")
    except (RuntimeError, OSError):
        config: Any = importlib.import_module("numba.core.config")
        folder = tempfile.TemporaryDirectory(prefix="lightsaft-")
        atexit.register(folder.cleanup)
        config.CACHE_DIR = folder.name
    return librosa


def mel_transform(sample_rate: int, samples: int) -> tuple[int, int]:
    """Return window length and hop in samples of the STFT for a mel spectrogram.

    The window is the power of two nearest to 46 ms. The hop fills the columns of the picture if it can.
    """
    n_fft = 2 ** round(np.log2(0.0464 * sample_rate))
    return n_fft, int(np.clip(samples // COLUMNS, n_fft // 8, n_fft // 2))


def mel_positions(frequencies: Iterable[float], *, sample_rate: int) -> list[float]:
    """Return the heights of frequencies in Hz in a mel spectrogram, 0 (bottom) to 1 (top)."""
    librosa = librosa_with_cache()
    top = librosa.hz_to_mel(min(MAX_FREQUENCY, sample_rate / 2))
    return [float(librosa.hz_to_mel(frequency) / top) for frequency in frequencies]


def mel_png(mel: Mel, *, reference: float) -> bytes:
    """Draw a mel spectrogram, with low frequencies at the bottom.

    Parameters
    ----------
    mel : float32 array, shape (bands, columns)
    reference : float
        The power of the lightest colour. The colours span RANGE dB below it in steps of 1 dB.

    Returns
    -------
    bytes
        A PNG.
    """
    librosa = librosa_with_cache()
    level = librosa.power_to_db(mel, ref=reference, amin=1e-20, top_db=None)
    return png(np.clip(np.rint(level) + RANGE, 0, RANGE)[::-1].astype(np.uint8), magma(RANGE + 1))


def magma(count: int) -> Palette:
    """Return matplotlib's magma in `count` colours, from dark to light."""
    anchors = np.array([list(bytes.fromhex(colour)) for colour in MAGMA.split()])
    at = np.append(np.arange(0, 240, 16), 255)
    wanted = np.linspace(0, 255, count)
    return np.stack([np.rint(np.interp(wanted, at, channel)) for channel in anchors.T], axis=1).astype(np.uint8)


def png(indices: NDArray[np.uint8], palette: Palette) -> bytes:
    """Encode a picture as PNG (ISO/IEC 15948).

    Parameters
    ----------
    indices : uint8 array, shape (height, width)
        The colour of each pixel in the palette.
    palette : uint8 array, shape (colours, 3)

    Returns
    -------
    bytes
    """

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = indices.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    rows = np.pad(indices, ((0, 0), (1, 0))).tobytes()  # each row begins with its filter, 0: none
    chunks = [(b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*pair) for pair in chunks)
