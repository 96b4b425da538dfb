"""Audio for a web page: compressed by libsndfile, in memory.

Audio is float32 (channels, samples), full scale 1.0.
"""

import io

import numpy as np

from ..audio import AudioReader
from ..errors import OutputError
from ..resample import resample_stream

# Container and subtype in libsndfile's names, media type, options of the encoder. Music takes some 50 to 110 kbit/s.
FORMATS = {
    "mp3": ("MP3", "MPEG_LAYER_III", "audio/mpeg", {"compression_level": 0.6, "bitrate_mode": "VARIABLE"}),
    "ogg": ("OGG", "VORBIS", "audio/ogg", {"compression_level": 0.8}),
    "wav": ("WAV", "PCM_16", "audio/wav", {}),
}
SAMPLE_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # what MP3 has


def check_embeddable(audio_format):
    """Raises OutputError if libsndfile cannot write `audio_format`, a key of FORMATS, as before its version 1.1 MP3."""
    import soundfile

    container, subtype, *_ = FORMATS[audio_format]
    if container not in soundfile.available_formats() or not soundfile.check_format(container, subtype):
        version = soundfile.__libsndfile_version__
        raise OutputError(f"libsndfile {version} writes no {container}, choose another --audio than {audio_format}")


def embedded_rate(sample_rate):
    """The sample rate in Hz that audio of `sample_rate` is embedded at."""
    if sample_rate in SAMPLE_RATES:
        return sample_rate
    return 48000 if sample_rate % 8000 == 0 else 44100


def encode(path, audio_format, *, gain=1.0):
    """The audio of a file, times `gain`, in the format `audio_format`, a key of FORMATS. Returns bytes.

    Raises AudioError where the file cannot be read, OutputError where libsndfile cannot encode it.
    """
    import soundfile

    container, subtype, _, options = FORMATS[audio_format]
    sink = io.BytesIO()
    with AudioReader(path) as reader:
        rate = embedded_rate(reader.sample_rate)
        blocks = resample_stream(reader.blocks(), orig_sr=reader.sample_rate, target_sr=rate)
        try:
            with soundfile.SoundFile(
                sink, "w", rate, reader.channels, format=container, subtype=subtype, **options
            ) as sound:
                for block in blocks:
                    sound.write(np.ascontiguousarray((block * np.float32(gain)).T))
        except soundfile.LibsndfileError as error:
            raise OutputError(f"cannot encode as {container} ({error.error_string}): {path}") from error
    return sink.getvalue()
