"""Audio in and out: files and pipes read in blocks, stems written whole.

Audio is float32 (channels, samples), full scale 1.0.
"""

from .files import PARTS, part_name, write_text
from .reader import AudioReader
from .stem_writer import CLIP_POLICIES, FORMATS, StemWriter, check_outputs, output_format
from .wav_stream import WavStreamWriter, stream_subtype

__all__ = [
    "CLIP_POLICIES",
    "FORMATS",
    "PARTS",
    "AudioReader",
    "StemWriter",
    "WavStreamWriter",
    "check_outputs",
    "output_format",
    "part_name",
    "stream_subtype",
    "write_text",
]
