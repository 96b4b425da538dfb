"""Vorbis streams that begin before their own time 0, as after a cut without encoding (`ffmpeg -ss 2 -c copy`).

Their decoders must leave out the first samples. libsndfile keeps them, and loses as many at the end.
"""

from typing import TYPE_CHECKING, BinaryIO

from .libav_input import open_input

if TYPE_CHECKING:
    from av import AudioStream, Packet


def samples_before_start(stream: "AudioStream", first: "Packet[AudioStream]") -> int:
    """Return the samples that must be left out of a stream, from its first packet; 0 if it is not Vorbis.

    The first packet of Vorbis has a time, but no samples: it only prepares the decoder.
    """
    if stream.codec_context.name != "vorbis" or first.pts is None or not first.duration:
        return 0
    return max(0, -(first.pts + first.duration))


def begins_early(file: BinaryIO) -> bool:
    """Whether a file is Vorbis with samples that must be left out. The position in the file changes."""
    import av

    file.seek(0)
    try:
        with open_input(file) as container:
            stream = container.streams.audio[0]
            return samples_before_start(stream, next(container.demux(stream))) > 0
    except (av.FFmpegError, ValueError, OverflowError, LookupError, StopIteration):
        return False
