"""Sound files that FFmpeg's libraries encode, through PyAV: MP3, AAC in MP4 (m4a) and Opus in Ogg.

Audio is float32 (channels, samples), full scale 1.0.
"""

import base64
import contextlib
import fractions
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..arrays import Audio
from ..errors import AudioError, OutputError, raise_as
from .encodings import ENCODINGS, OPUS_CHANNEL, encodable_rate
from .files import write_all
from .reader import AudioReader
from .tags import FRONT_COVER_NAME, Picture, Tags
from .unfinished_file import UnfinishedFile

if TYPE_CHECKING:
    from av.container import OutputContainer


class Sink:
    """A file for PyAV, which keeps the first error of the file system and ignores what is written after it.

    PyAV prints the errors of a file to the terminal if there are several.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell = file.seek, file.tell
        self.error: OSError | None = None
        self._file = file

    def write(self, content: bytes) -> int:
        if self.error is None:
            try:
                write_all(self._file, content)
            except OSError as error:
                self.error = error
        return len(content)


class LibavFile(UnfinishedFile):
    """A sound file that FFmpeg's libraries encode, under a temporary name in the folder of its final path.

    It is removed on exit unless it was renamed. The same samples and tags give the same bytes.

    Parameters
    ----------
    path : Path
        The final path. Its suffix is a key of ENCODINGS.
    sample_rate : int
        The sample rate of the source in Hz. That of the file is the attribute `sample_rate`.
    channels : int
    bitrate : int
        In bit/s. A lower one is used if the sample rate or the number of channels does not allow it.
    tags : Tags, optional

    Attributes
    ----------
    sample_rate : int
        In Hz.

    Raises
    ------
    OutputError
        If the file cannot be written, or this installation of PyAV has no encoder for it.
    """

    def __init__(self, path: Path, *, sample_rate: int, channels: int, bitrate: int, tags: Tags | None = None) -> None:
        super().__init__(path)
        self._sink = Sink(self._raw)
        self._encoding = ENCODINGS[path.suffix.lower()]
        self.sample_rate = encodable_rate(sample_rate, self._encoding.sample_rates)
        self._layout = "mono" if channels == 1 else "stereo"
        self._channels, self._samples = channels, 0
        try:
            with self._writing():
                self._open(bitrate, tags)
        except BaseException:
            self.__exit__()
            raise

    def _open(self, bitrate: int, tags: Tags | None) -> None:
        import av
        from av.codec.context import Flags

        av.logging.set_level(None)  # the libraries write nothing to the terminal
        # bitexact: without versions of the libraries and without random serial numbers
        options = {"fflags": "+bitexact", **self._encoding.options}
        if self._encoding.muxer == "mp4":
            options["movie_timescale"] = str(self.sample_rate)  # the length is rounded to milliseconds otherwise
        self._container: OutputContainer = av.open(self._sink, "w", format=self._encoding.muxer, options=options)
        stream = self._container.add_stream(self._encoding.codec, rate=self.sample_rate)
        assert isinstance(stream, av.AudioStream)
        self._stream = stream
        self._stream.layout, self._stream.format = self._layout, self._encoding.sample_format
        opus = self._encoding.codec == "libopus"
        self._stream.bit_rate = min(bitrate, OPUS_CHANNEL * self._channels) if opus else bitrate
        self._stream.codec_context.thread_count = 1
        self._stream.codec_context.flags |= Flags.bitexact
        if tags is not None:
            self._container.metadata.update(tags.texts)
            if tags.picture is not None and opus:
                block = base64.b64encode(tags.picture.flac_block()).decode()
                self._container.metadata["METADATA_BLOCK_PICTURE"] = block
            elif tags.picture is not None:
                self._add_picture(tags.picture)

    def _add_picture(self, picture: Picture) -> None:
        import av
        from av.stream import Disposition

        with contextlib.suppress(av.FFmpegError, ValueError), av.open(io.BytesIO(picture.content), "r") as image:
            source = image.streams.video[0]
            packet = next(image.demux(source))
            if not (packet.size and source.width and source.height):  # a damaged picture
                return
            stream = self._container.add_stream_from_template(source)
            # PyAV 17 takes only the number.
            stream.disposition = Disposition.attached_pic.value  # type: ignore[assignment]
            stream.metadata["comment"] = FRONT_COVER_NAME
            packet.stream, packet.pts, packet.dts = stream, 0, 0
            self._container.mux(packet)

    def write(self, block: Audio) -> None:
        import av

        if not block.shape[1]:  # of the resampler
            return
        with self._writing():
            samples = np.ascontiguousarray(block, np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=self._layout)
            frame.sample_rate = self.sample_rate
            frame.time_base = fractions.Fraction(1, self.sample_rate)
            frame.pts = self._samples
            self._container.mux(self._stream.encode(frame))
        self._samples += block.shape[1]

    def finish(self, samples: int) -> None:
        if samples < self._encoding.shortest:
            self.write(np.zeros((self._channels, self._encoding.shortest - samples), np.float32))
        with self._writing():
            for packet in self._stream.encode(None):
                last = (packet.duration or 0) < self._stream.frame_size
                self._container.mux(packet)
                if last:  # further ones hold silence only, and the header of MP3 counts that of one packet
                    break
            self._container.close()
            os.fsync(self._raw.fileno())
        least = max(samples, self._encoding.shortest)
        got = self._length()
        if not least <= got <= least + self._encoding.padding:
            raise OutputError(f"expected to write {least} samples, got {got}: {self._final}")

    def _length(self) -> int:
        """The samples that are in the file."""
        try:
            with AudioReader(self._path) as reader:
                return reader.samples or sum(block.shape[1] for block in reader.blocks())
        except AudioError as error:
            raise OutputError(f"cannot write {self._final}: it cannot be read back ({error})") from error

    def _close(self) -> None:
        self._container.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Raise errors of the file system and of PyAV as OutputError with the name of the file."""
        import av

        try:
            with raise_as(OutputError, "write", self._final):
                yield
                if self._sink.error is not None:
                    raise self._sink.error
        except (av.FFmpegError, ValueError) as error:  # ValueError: the encoder is unknown
            raise OutputError(f"cannot encode {self._final} with {self._encoding.codec}: {error}") from error
