"""The files of stems before they are written: their formats, their paths and their folders."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..arguments import AnyPath, to_path, whole_number
from ..errors import ArgumentError, OutputError, raise_as
from .encodings import ENCODINGS
from .unfinished_file import already_exists
from .wav_format import SAMPLE_BYTES, WAV_BYTES


class OutputFormat(NamedTuple):
    """The format of a sound file: the container and the subtype of its samples, in libsndfile's names if it has any."""

    container: str
    subtype: str

    @property
    def clips(self) -> bool:
        """Whether samples beyond full scale are lost."""
        return self.subtype not in ("FLOAT", "DOUBLE")


# The subtypes that hold any number of samples at any sample rate. libsndfile also has ADPCM and GSM, which fill blocks.
SUBTYPES = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "VORBIS", "OPUS")
# The default format by the suffix of a file.
OUTPUT_FORMATS = {
    ".wav": OutputFormat("WAV", "FLOAT"),
    ".flac": OutputFormat("FLAC", "PCM_24"),
    ".ogg": OutputFormat("OGG", "VORBIS"),
    ".mp3": OutputFormat("MP3", "MPEG_LAYER_III"),
    ".m4a": OutputFormat("MP4", "AAC"),
    ".opus": OutputFormat("OGG", "OPUS"),
}


def output_format(
    path: AnyPath, subtype: str | None = None, samples: int | None = None, channels: int = 2
) -> OutputFormat:
    """Return the format of a file that is to be written.

    Parameters
    ----------
    path : path
        Its suffix decides the container.
    subtype : str, optional
        In lower or upper case. Default: that of the suffix.
    samples : int, optional
        Samples per channel, if known. With more than 4 GiB of them, WAV becomes RF64.
    channels : int, optional

    Returns
    -------
    OutputFormat
        (container, subtype)

    Raises
    ------
    OutputError
        If the suffix is not known, or the container does not have the subtype.
    ArgumentError
        If an argument has the wrong type.
    """
    import soundfile

    suffix = to_path(path, "the path of an output").suffix.lower()
    if suffix not in OUTPUT_FORMATS:
        raise OutputError(f"expected a file name that ends in {', '.join(OUTPUT_FORMATS)}: {path}")
    if not isinstance(subtype, (str, type(None))):
        raise ArgumentError(f"expected the name of a subtype, such as PCM_16, got {subtype!r}")
    container, default = OUTPUT_FORMATS[suffix]
    subtype = default if subtype is None else subtype.upper()
    if suffix in ENCODINGS:
        if subtype != default:
            raise OutputError(f"expected the subtype {default} for {suffix}, got {subtype}: {path}")
        return OutputFormat(container, subtype)
    choices = [name for name in SUBTYPES if name in soundfile.available_subtypes(container)]
    if subtype not in choices:
        raise OutputError(f"expected one of the subtypes {', '.join(choices)} of {container}, got {subtype}: {path}")
    length = 0 if samples is None else whole_number(samples, "samples", least=0)
    if container == "WAV" and length * channels * SAMPLE_BYTES.get(subtype, 0) > WAV_BYTES:
        container = "RF64"
    return OutputFormat(container, subtype)


def check_outputs(paths: Iterable[Path], *, overwrite: bool) -> None:
    """Check that files can be written to their paths.

    Parameters
    ----------
    paths : iterable of Path
    overwrite : bool
        Accept existing files.

    Raises
    ------
    OutputError
        If two paths are the same, a file already exists, or a path is a folder or cannot be looked up.
    """
    seen = set()
    for path in paths:
        with raise_as(OutputError, "write", path):
            place = file_place(path)
            if place in seen:
                raise OutputError(f"expected a file for each stem, but two stems have the same one: {path}")
            seen.add(place)
            folder, exists = path.is_dir(), path.exists() or path.is_symlink()
        if folder:
            raise OutputError(f"cannot write {path}: it is a folder")
        if exists and not overwrite:
            raise already_exists(path)


def file_place(path: Path) -> str:
    """Return the path of a file that is to be written, without links and `..` in the path of its folder."""
    return os.path.join(os.path.realpath(path.parent), path.name)


def check_not_input(paths: Iterable[AnyPath], inputs: Iterable[AnyPath | BinaryIO]) -> None:
    """Check that no file that is to be written is one of the files that are read.

    Parameters
    ----------
    paths : iterable of path
    inputs : iterable of path or binary file

    Raises
    ------
    OutputError
        If one is.
    ArgumentError
        If an output is not a path.
    """
    read = set()
    for source in inputs:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # opening it will say what is wrong
            found = os.stat(source) if isinstance(source, (str, os.PathLike)) else os.fstat(source.fileno())
            read.add((found.st_dev, found.st_ino))
    for path in paths:
        output = to_path(path, "the path of an output")
        with contextlib.suppress(OSError):
            found = output.stat()
            if (found.st_dev, found.st_ino) in read:
                raise OutputError(f"cannot write {path}: it is one of the files that are read")


def make_folders(folder: Path, discarding: contextlib.ExitStack) -> None:
    """Make missing folders. When `discarding` ends, those that are empty are removed."""
    missing = []
    with raise_as(OutputError, "write", folder):
        while not folder.exists() and folder != folder.parent:  # a drive that is not there is its own parent
            missing.append(folder)
            folder = folder.parent
    for folder in reversed(missing):
        with raise_as(OutputError, "write", folder):
            folder.mkdir(exist_ok=True)
        discarding.callback(_remove_if_empty, folder)


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
