"""Audio files: mixtures are read in blocks, stems are written as complete files or as a stream.

Audio is float32 (channels, samples), full scale 1.0.
"""

from .encodings import ENCODINGS, chosen_bitrate, encodable_rate
from .files import PARTS, make_parent, part_name, track_name, write_bytes, write_text
from .outputs import OUTPUT_FORMATS, OutputFormat, check_not_input, check_outputs, file_place, output_format
from .reader import MAX_SECONDS, AudioReader
from .stem_checks import CLIP_POLICIES
from .stem_writer import StemWriter
from .tags import Picture, Tags
from .wav_stream_writer import WavStreamWriter, stream_subtype

__all__ = [
    "CLIP_POLICIES",
    "ENCODINGS",
    "MAX_SECONDS",
    "OUTPUT_FORMATS",
    "PARTS",
    "AudioReader",
    "OutputFormat",
    "Picture",
    "StemWriter",
    "Tags",
    "WavStreamWriter",
    "check_not_input",
    "check_outputs",
    "chosen_bitrate",
    "encodable_rate",
    "file_place",
    "make_parent",
    "output_format",
    "part_name",
    "stream_subtype",
    "track_name",
    "write_bytes",
    "write_text",
]
