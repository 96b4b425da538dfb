"""The channels of sound that FFmpeg's libraries read: their speakers, and frames of many channels.

PyAV 18 has two faults with more than 2 channels, which this module avoids:

- It frees the layout of an unusual order of channels twice, with every frame. Such files are refused, and the layout of
  their stream is never freed by PyAV.
- It counts the planes of a frame until an empty one comes, but a frame of 8 planes has no place for an empty one.
  Interleaved frames have one plane.
"""

import ctypes
from typing import TYPE_CHECKING, BinaryIO

from ..errors import AudioError
from .downmix import GAINS, MASK, default_speakers
from .libav_input import open_input

if TYPE_CHECKING:
    from av import AudioFrame, AudioResampler, AudioStream


def channel_names(stream: "AudioStream") -> tuple[str, ...]:
    """Return FFmpeg's names of the channels of a stream: FL, FR and others, "NONE" if the file does not name them."""
    layout = stream.codec_context.layout
    names = tuple(channel.name for channel in layout.channels)
    if not usual_order(names):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(layout))  # for ever: not even the end of the process frees it
    return names


def usual_order(names: tuple[str, ...]) -> bool:
    """Whether the channels have the order of WAV, in which FFmpeg's libraries bring those of most formats."""
    places = [MASK.index(name) for name in names if name in MASK]
    return places == sorted(places)


def speakers(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the speakers of channels, those of the convention for their number if they are not named."""
    return names if set(names) <= GAINS.keys() else default_speakers(len(names))


def speakers_of(file: BinaryIO) -> tuple[str, ...] | None:
    """Return the speakers of a file's channels. The position in the file does not change.

    Returns None if FFmpeg's libraries cannot read the file.
    """
    import av

    position = file.seek(0, 1)
    try:
        file.seek(0)
        with open_input(file) as container:
            return speakers(channel_names(container.streams.audio[0])) if container.streams.audio else None
    except (av.FFmpegError, ValueError, OverflowError):
        return None
    finally:
        file.seek(position)


class Interleaver:
    """Interleaves the planes of frames with more than 2 channels. Other frames stay as they are."""

    def __init__(self) -> None:
        self._resampler: AudioResampler | None = None

    def interleaved(self, frame: "AudioFrame", channels: int) -> "AudioFrame":
        """Return the frame with its samples in one plane."""
        import av

        if channels <= 2 or not frame.format.is_planar:
            return frame
        if self._resampler is None:
            self._resampler = av.AudioResampler(frame.format.packed.name, frame.layout, frame.sample_rate)
        frames = self._resampler.resample(frame)
        if [each.samples for each in frames] != [frame.samples]:
            raise AudioError(f"cannot interleave {channels} channels")
        return frames[0]
