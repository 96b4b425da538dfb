"""Audio in a web page: compressed by libsndfile, in memory.

Audio is float32 (channels, samples), full scale 1.0.
"""

import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..audio import AudioReader, encodable_rate
from ..errors import OutputError
from ..resample import resample_stream


@dataclasses.dataclass(frozen=True)
class Format:
    """A format of audio in a page: container and subtype in libsndfile's names, options of the encoder, media type, and
    its name on the page."""

    container: str
    subtype: str
    media_type: str
    label: str
    options: Mapping[str, float | str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class EmbeddedAudio:
    """Encoded audio and its media type."""

    media_type: str
    content: bytes


@dataclasses.dataclass(frozen=True)
class LinkedAudio:
    """The address of audio, relative to the page."""

    address: str


# The compression levels give some 50 to 110 kbit/s for music.
EMBEDDED_FORMATS = {
    "mp3": Format("MP3", "MPEG_LAYER_III", "audio/mpeg", "MP3", {"compression_level": 0.6, "bitrate_mode": "VARIABLE"}),
    "ogg": Format("OGG", "VORBIS", "audio/ogg", "Ogg Vorbis", {"compression_level": 0.8}),
    "wav": Format("WAV", "PCM_16", "audio/wav", "WAV, 16 bit"),
}


def check_embeddable(audio_format: str) -> None:
    """Check that libsndfile can write a format, a key of EMBEDDED_FORMATS. Before its version 1.1 it cannot write MP3.

    Raises OutputError.
    """
    import soundfile

    form = EMBEDDED_FORMATS[audio_format]
    if form.container not in soundfile.available_formats() or not soundfile.check_format(form.container, form.subtype):
        version = soundfile.__libsndfile_version__
        raise OutputError(f'libsndfile {version} cannot write {form.container} (use audio="wav" or --audio wav)')


def encode(path: Path, audio_format: str, *, gain: float = 1.0) -> EmbeddedAudio:
    """Encode the audio of a file.

    Parameters
    ----------
    path : path
    audio_format : str
        A key of EMBEDDED_FORMATS.
    gain : float, optional
        Factor on the samples.

    Returns
    -------
    EmbeddedAudio

    Raises
    ------
    AudioError
        If the file cannot be read.
    OutputError
        If libsndfile cannot encode it.
    """
    import soundfile

    form = EMBEDDED_FORMATS[audio_format]
    sink = io.BytesIO()
    with AudioReader(path) as reader:
        rate = encodable_rate(reader.sample_rate)
        blocks = resample_stream(reader.blocks(), orig_sr=reader.sample_rate, target_sr=rate)
        try:
            with soundfile.SoundFile(
                sink, "w", rate, reader.channels, format=form.container, subtype=form.subtype, **form.options
            ) as sound:
                for block in blocks:
                    sound.write(np.ascontiguousarray((block * np.float32(gain)).T))
        except soundfile.LibsndfileError as error:
            raise OutputError(f"cannot encode {path} as {form.container}: {error.error_string}") from error
    return EmbeddedAudio(form.media_type, sink.getvalue())
