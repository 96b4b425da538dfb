"""The header of WAV files, for streams that cannot seek.

If a program that writes into a pipe does not know the length of the audio, it declares a placeholder: a size of 0 or,
as ffmpeg and sox do, a size at or just below 2 or 4 GiB. The audio then continues to the end of the stream, and may be
longer than that size.
"""

import dataclasses
import struct

from ..errors import AudioError

WAV_BYTES = 2**32 - 2**16  # bytes of samples that a WAV file can count, less its header
UNKNOWN_SIZE = 0xFFFFFFFF  # the placeholder that this package writes
EXTENSIBLE = 0xFFFE
MAX_RATE, MAX_CHANNELS = 2**31 - 1, 1024  # libsndfile's limits
# libsndfile's names, by format tag and bits of a sample.
SUBTYPES = {
    (1, 8): "PCM_U8",
    (1, 16): "PCM_16",
    (1, 24): "PCM_24",
    (1, 32): "PCM_32",
    (3, 32): "FLOAT",
    (3, 64): "DOUBLE",
    (6, 8): "ALAW",
    (7, 8): "ULAW",
}
SAMPLE_BYTES = {name: bits // 8 for (_, bits), name in SUBTYPES.items()}


class UnsupportedCodecError(AudioError):
    """The samples of a WAV file are neither PCM nor floating-point."""


@dataclasses.dataclass(frozen=True)
class WavFormat:
    """The format of samples in a WAV file.

    Attributes
    ----------
    channels : int
    sample_rate : int
        In Hz.
    frame_bytes : int
        Bytes of one sample of all channels.
    subtype : str
        libsndfile's name of the type of a sample.
    channel_mask : int
        Bits of the channels' speakers, 0 if the header does not name them.
    """

    channels: int
    sample_rate: int
    frame_bytes: int
    subtype: str
    channel_mask: int = 0

    @classmethod
    def from_chunk(cls, content: bytes) -> "WavFormat":
        """Read the content of a `fmt ` chunk.

        Raises
        ------
        AudioError
            If it is damaged.
        UnsupportedCodecError
            If the samples are neither PCM nor floating-point.
        """
        if len(content) < 16:
            raise AudioError("expected a fmt chunk before the audio of a WAV file, got none")
        tag, channels, sample_rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", content)
        mask = 0
        if tag == EXTENSIBLE and len(content) >= 26:
            mask, tag = struct.unpack_from("<IH", content, 20)
        subtype = SUBTYPES.get((tag, bits))
        if subtype is None:
            raise UnsupportedCodecError(
                f"expected PCM or floating point in a WAV file, got format {tag} of {bits} bits"
            )
        if not channels or frame_bytes != channels * bits // 8:
            found = f"{channels} channels of {bits} bits in frames of {frame_bytes} bytes"
            raise AudioError(f"damaged: the WAV header declares {found}")
        return cls(channels, sample_rate, frame_bytes, subtype, mask)


def is_placeholder(size: int) -> bool:
    """Whether a size in a header, in bytes, is one that programs write into a pipe if they do not know the size."""
    return any(0 <= limit - size <= 4096 for limit in (2**31, 2**32))
