"""The formats that FFmpeg's libraries encode: their codecs, sample rates and bit rates."""

import dataclasses
import re
from collections.abc import Collection, Mapping

from ..arguments import AnyPath, to_path
from ..errors import ArgumentError
from .mpeg import KILOBITS, MPEG1_RATES

MP3_RATES = tuple(rate // divisor for divisor in (1, 2, 4) for rate in MPEG1_RATES)


@dataclasses.dataclass(frozen=True)
class Encoding:
    """A codec in a container, and its limits.

    Attributes
    ----------
    codec, sample_format, muxer : str
        FFmpeg's names.
    sample_rates : tuple of int
        In Hz.
    kilobits : collection of int
        The bit rates that can be chosen, in kbit/s.
    default : int
        The default bit rate in kbit/s.
    shortest : int
        Samples of the shortest sound. Silence is added to a shorter one.
    padding : int
        Samples that a decoder may append at the end.
    options : dict of str to str
        Of the muxer.
    """

    codec: str
    sample_format: str
    muxer: str
    sample_rates: tuple[int, ...]
    kilobits: Collection[int]
    default: int
    shortest: int = 1
    padding: int = 0
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)


AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
# By the suffix of a file.
ENCODINGS = {
    ".mp3": Encoding("libmp3lame", "fltp", "mp3", MP3_RATES, KILOBITS[0][1:], 256, shortest=48),
    ".m4a": Encoding("aac", "fltp", "mp4", AAC_RATES, range(16, 513), 256, padding=2047, options={"brand": "M4A "}),
    # Decoders of Opus give 48 kHz, whatever it was made from.
    ".opus": Encoding("libopus", "flt", "opus", (48000,), range(6, 511), 160),
}
OPUS_CHANNEL = 256_000  # libopus's largest bit rate of a channel


def encodable_rate(sample_rate: int, sample_rates: Collection[int] = MP3_RATES) -> int:
    """Return the sample rate in Hz, of those that a codec knows, at which audio of `sample_rate` is encoded.

    Another rate than those of the codec becomes 48 kHz, or 44.1 kHz if it is no multiple of 8 kHz.
    """
    if sample_rate in sample_rates:
        return sample_rate
    return 48000 if sample_rate % 8000 == 0 or 44100 not in sample_rates else 44100


def chosen_bitrate(path: AnyPath, bitrate: str | int | None) -> int | None:
    """Return the bit rate of a file that is to be written.

    Parameters
    ----------
    path : path
        Its suffix decides the format.
    bitrate : str or int, optional
        In bit/s, as a number or a text such as "320k". Default: that of the format.

    Returns
    -------
    int or None
        In bit/s. None for a format without a bit rate.

    Raises
    ------
    ArgumentError
        If the format does not have this bit rate.
    """
    suffix = to_path(path, "the path of an output").suffix.lower()
    encoding = ENCODINGS.get(suffix)
    if bitrate is None:
        return None if encoding is None else 1000 * encoding.default
    if encoding is None:
        raise ArgumentError(f"expected no bit rate for {suffix}, only for {', '.join(ENCODINGS)}: {path}")
    parsed = re.fullmatch(r"([0-9]{1,9})(k?)", str(bitrate).strip().lower())
    value = int(parsed[1]) * (1000 if parsed[2] else 1) if parsed and not isinstance(bitrate, bool) else 0
    kilobits = encoding.kilobits
    if value % 1000 or value // 1000 not in kilobits:
        known = f"{kilobits[0]}k to {kilobits[-1]}k" if isinstance(kilobits, range) else _listed(kilobits)
        raise ArgumentError(f"expected a bit rate of {known} for {suffix}, got {bitrate!r}")
    return value


def _listed(kilobits: Collection[int]) -> str:
    *first, last = (f"{number}k" for number in kilobits)
    return f"{', '.join(first)} or {last}"
