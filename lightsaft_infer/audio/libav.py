"""Sound that FFmpeg's libraries decode, through PyAV: MP3, AAC in MP4, the sound of a video, and more.

The libraries skip a damaged part, and end a truncated file early, without an error. This module counts the packets and
samples, and refuses a file that is not complete.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..arrays import Audio
from ..errors import AudioError, reason
from .downmix import MASK
from .file_slice import FileSlice
from .libav_channels import Interleaver, channel_names, speakers, usual_order
from .libav_input import open_input
from .mpeg import begins_with_xing, ending_tags, frame_length, is_frame, xing_header
from .source import BufferedBlocks, read_and_skip
from .vorbis import samples_before_start
from .wav_format import is_placeholder

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream, Packet
    from av.container import InputContainer

# Zero and full scale of FFmpeg's types of samples.
SCALES = {"u8": (128, 2**7), "s16": (0, 2**15), "s32": (0, 2**31), "s64": (0, 2**63), "flt": (0, 1), "dbl": (0, 1)}
TOLERANCE = 0.25  # seconds that the length in the header of a compressed format may be too large
# Containers whose header has the length of the sound. The others estimate it from the bit rate, or count the video too.
WITH_LENGTH = {"mov", "asf", "wv", "tta", "ape", "flac"}


class LibavSource:
    """The first audio stream of a file, read forward (see `lightsaft_infer.audio.source.Source`).

    Parameters
    ----------
    file : binary file
        It must be seekable.

    Raises
    ------
    AudioError
        If the file is not audio, or is truncated. It does not name the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        import av

        try:
            size = file.seek(0, 2)
            # FFmpeg does not recognise an MP3 file of a few frames, and takes a large tag at the end for sound.
            mp3 = begins_with_xing(file)
            self._file = FileSlice(file, 0, size - ending_tags(file, size) if mp3 else size)
            form = "mp3" if mp3 else None
            self._container: InputContainer = open_input(self._file, form)
        except (av.FFmpegError, ValueError, OverflowError) as error:
            raise AudioError(f"not audio in a known format ({reason(error)})") from error
        try:
            if not self._container.streams.audio:
                raise AudioError("expected audio, got a file without an audio stream")
            self._stream = self._container.streams.audio[0]
            self._format = self._container.format.name.split(",")[0]
            if self._stream.codec_context is None:
                raise AudioError("expected audio, got a codec that FFmpeg's libraries do not know")
            self._stream.codec_context.thread_count = 1
            self.sample_rate = int(self._stream.codec_context.sample_rate)
            names = channel_names(self._stream)
            if not usual_order(names):
                raise AudioError(f"expected channels in the order {', '.join(MASK)}, got {', '.join(names)}")
            self.speakers = speakers(names)
            self.channels = len(names)
            self._interleaver = Interleaver()
            self._xing = xing_header(file) if self._format == "mp3" else None
            if self._format == "avi":
                _check_riff_size(file)
        except BaseException:
            self._container.close()
            raise
        self.samples = self._declared() if self._xing is not None and self._xing.alone else None
        self._buffered = BufferedBlocks(self._decoded(), self.channels)

    def read(self, count: int) -> Audio:
        return self._buffered.read(count)

    def skip(self, count: int) -> int:
        return read_and_skip(self, count)

    def _declared(self) -> int | None:
        """The length in the header in samples."""
        if self._stream.duration is None or self._stream.time_base is None:
            return None
        return round(self._stream.duration * self._stream.time_base * self.sample_rate)

    def _mov_packets(self) -> int:
        """The packets of an MP4 file: not those that its edit list leaves out, at the end of the sound."""
        return min(self._stream.frames, len(self._stream.index_entries))

    def _decoded(self) -> Iterator[Audio]:
        import av

        packets = samples = unheard = 0
        last = b"", 0  # the header and the size of the last packet
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    if not packets:
                        unheard = samples_before_start(self._stream, packet)
                    packets += 1
                    last = bytes(packet)[:4], packet.size
                for frame in self._frames(packet):
                    block = self._samples_of(frame, samples)[:, unheard:]
                    unheard = max(0, unheard - frame.samples)
                    samples += block.shape[1]
                    yield block
        except av.FFmpegError as error:
            seconds = samples / self.sample_rate
            raise AudioError(f"damaged or truncated after {seconds:.2f} s ({reason(error)})") from error
        if self._file.error is not None:
            raise self._file.error
        self._check_end(packets, samples)
        if self._format == "mp3" and is_frame(last[0]) and last[1] < frame_length(last[0]):
            raise AudioError("truncated: the last MP3 frame is incomplete")

    def _frames(self, packet: "Packet[AudioStream]") -> "list[AudioFrame]":
        """The frames of a packet: none for a tag between two MP3 files that were joined."""
        import av

        try:
            return packet.decode()
        except av.InvalidDataError:
            if self._format == "mp3" and not is_frame(bytes(packet)):
                return []
            raise

    def _samples_of(self, frame: "AudioFrame", done: int) -> Audio:
        if frame.sample_rate != self.sample_rate or frame.layout.nb_channels != self.channels:
            expected = f"{self.sample_rate} Hz and {self.channels} channels"
            got = f"{frame.sample_rate} Hz and {frame.layout.nb_channels} channels"
            raise AudioError(f"expected {expected} in the whole file, got {got} after {done / self.sample_rate:.2f} s")
        frame = self._interleaver.interleaved(frame, self.channels)
        samples: NDArray[np.generic] = frame.to_ndarray()
        if not frame.format.is_planar:
            samples = samples.reshape(-1, self.channels).T
        zero, full = SCALES[frame.format.name.removesuffix("p")]
        if samples.dtype == np.float32:
            return samples.astype(np.float32, copy=False)
        return ((samples.astype(np.float64) - zero) / full).astype(np.float32)

    def _check_end(self, packets: int, samples: int) -> None:
        """Raise AudioError if the file has declared more sound than it held."""
        if self._xing is not None and not self._xing.complete:
            raise AudioError(f"truncated: expected {self._xing.declared} bytes of MP3 frames, got {self._xing.found}")
        if self._xing is not None and packets < self._xing.frames:
            raise AudioError(f"truncated: expected {self._xing.frames} MP3 frames, got {packets}")
        if self._format == "mov" and packets < (expected := self._mov_packets()):
            raise AudioError(f"truncated: expected {expected} packets, got {packets}")
        seconds = None
        if self._format in WITH_LENGTH and (declared := self._declared()) is not None:
            seconds = declared / self.sample_rate
        elif found := re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", self._stream.metadata.get("DURATION", "")):
            hours, minutes, rest = map(float, found.groups())  # of Matroska and WebM: the time of the end
            start = float((self._stream.start_time or 0) * (self._stream.time_base or 0))
            seconds = 3600 * hours + 60 * minutes + rest - max(0.0, start)
        if seconds is not None and samples / self.sample_rate < seconds - TOLERANCE:
            raise AudioError(f"truncated: expected {seconds:.2f} s, got {samples / self.sample_rate:.2f} s")


def _check_riff_size(file: BinaryIO) -> None:
    """Raise AudioError if a RIFF file is shorter than its header says. The position in the file does not change."""
    before, held = file.tell(), file.seek(0, 2)
    file.seek(4)
    declared = int.from_bytes(file.read(4), "little")
    file.seek(before)
    if held < 8 + declared and not is_placeholder(declared):
        raise AudioError(f"truncated: expected {8 + declared} bytes, got {held}")
