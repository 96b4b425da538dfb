"""Sound files that FFmpeg's libraries encode, through PyAV: MP3, AAC in MP4 (m4a) and Opus in Ogg.

Audio is float32 (channels, samples), full scale 1.0.
"""

import base64
import contextlib
import dataclasses
import fractions
import io
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ..arguments import AnyPath, to_path
from ..arrays import Audio
from ..errors import ArgumentError, AudioError, OutputError
from .files import write_all
from .mpeg import KILOBITS
from .mpeg import SAMPLE_RATES as MPEG1_RATES
from .part_file import UnfinishedFile, naming
from .reader import AudioReader
from .tags import FRONT_COVER_NAME, Picture, Tags

if TYPE_CHECKING:
    from av.container import OutputContainer

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

    def encoded_rate(self, sample_rate: int) -> int:
        """Return the sample rate in Hz of encoded audio that has `sample_rate` before."""
        return encodable_rate(sample_rate, self.sample_rates)


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


class EncodedFile(UnfinishedFile):
    """An encoded sound file under a temporary name in the folder of its final path.

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
        self.sample_rate = self._encoding.encoded_rate(sample_rate)
        self._layout = "mono" if channels == 1 else "stereo"
        self._channels, self._samples = channels, 0
        try:
            with self._naming():
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
        with self._naming():
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
        with self._naming():
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
    def _naming(self) -> Iterator[None]:
        """Raise errors of the file system and of PyAV as OutputError with the name of the file."""
        import av

        try:
            with naming(self._final):
                yield
                if self._sink.error is not None:
                    raise self._sink.error
        except (av.FFmpegError, ValueError) as error:  # ValueError: the encoder is unknown
            raise OutputError(f"cannot encode {self._final} with {self._encoding.codec}: {error}") from error
