"""Stems out: the files of one track, written together, that appear whole or not at all.

Audio is float32 (channels, samples), full scale 1.0.
"""

import contextlib
import os
from pathlib import Path

import numpy as np

from ..checks import BLOCK_SAMPLES
from ..errors import OutputError
from .files import part_name

# Container and default subtype, in libsndfile's names, by a file's suffix.
FORMATS = {".wav": ("WAV", "FLOAT"), ".flac": ("FLAC", "PCM_24"), ".ogg": ("OGG", "VORBIS")}
CLIP_POLICIES = ("scale", "clamp", "error")
WAV_BYTES = 2**32 - 2**16  # what a WAV file can count, less its header


class StemWriter:
    """Writes the stems of one track, block by block; a context manager that discards what was not committed.

    Parameters
    ----------
    outputs : {target: path}; a path's suffix is .wav, .flac or .ogg
    sample_rate, channels : of every stem; the rate in Hz
    samples : samples per channel to come where that is known: a WAV file over 4 GiB becomes RF64
    subtype : FLOAT, PCM_16, PCM_24 and so on, as libsndfile names them; default: float in WAV, 24 bit in FLAC
    clip : what to do when samples beyond full scale go to a format that is not float: "scale" all stems by one
        common gain, "clamp" them, or raise an "error"
    overwrite : whether existing files are replaced

    Attribute: `peaks`, {target: largest magnitude written so far}.

    Files are written under temporary names beside their place and renamed by `commit`.

    Raises OutputError, which names the file: a file or folder is in the way, it cannot be written, the format is not
    known, or the disk is full. Raises ValueError for another value of `clip`.
    """

    def __init__(self, outputs, *, sample_rate, channels, samples=None, subtype=None, clip="scale", overwrite=False):
        if clip not in CLIP_POLICIES:
            raise ValueError(f"expected clip to be one of {', '.join(CLIP_POLICIES)}, got {clip!r}")
        self._outputs = {target: Path(path) for target, path in outputs.items()}
        self._formats = {
            target: output_format(path, subtype, samples, channels) for target, path in self._outputs.items()
        }
        self._params = {"samplerate": sample_rate, "channels": channels}
        self._clip = clip
        self.peaks = dict.fromkeys(self._outputs, 0.0)
        self._samples = 0
        check_outputs(self._outputs.values(), overwrite=overwrite)
        self._discarding = contextlib.ExitStack()
        try:
            self._staged = {target: self._stage(target) for target in self._outputs}
        except BaseException:
            self._discarding.close()
            raise

    def _stage(self, target):
        """The file that takes a target's samples: the final one if it holds float, else one in float to be converted
        when the peak is known."""
        path = self._outputs[target]
        self._make_folders(path.parent)
        final = self._formats[target][1] == "FLOAT"
        return self._create(path, *(self._formats[target] if final else ("W64", "FLOAT")))

    def _create(self, path, container, subtype):
        return self._discarding.enter_context(_PartFile(path, format=container, subtype=subtype, **self._params))

    def _make_folders(self, folder):
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for folder in reversed(missing):
            with _naming(folder):
                folder.mkdir(exist_ok=True)
            self._discarding.callback(_remove_if_empty, folder)

    def write(self, stems):
        """Append a block {target: float32 (channels, samples)}."""
        for target, part in self._staged.items():
            part.write(stems[target])
            self.peaks[target] = max(self.peaks[target], float(np.abs(stems[target]).max(initial=0)))
        self._samples += next(iter(stems.values())).shape[1]

    def commit(self):
        """Finish the files and give them their names. Returns the common gain, 1.0 unless samples had to be scaled."""
        converted = {target for target, (_, subtype) in self._formats.items() if subtype != "FLOAT"}
        gain = self._gain(converted)
        if gain != 1:
            converted = set(self._formats)  # float files too: stems keep their proportions
        parts = dict(self._staged)
        for target in converted:
            parts[target] = self._create(self._outputs[target], *self._formats[target])
            limit = np.inf if self._formats[target][1] == "FLOAT" else 1
            for block in self._staged[target].reread():
                parts[target].write(np.clip(block * np.float32(gain), -limit, limit))
        for part in parts.values():
            part.finish(self._samples)
        for part in parts.values():
            part.rename()
        return gain

    def _gain(self, targets):
        """The gain that fits these targets within full scale."""
        peak = max((self.peaks[target] for target in targets), default=0.0)
        if peak <= 1:
            return 1.0
        if self._clip == "error":
            path = next(iter(self._outputs.values()))
            raise OutputError(f"expected samples within full scale, got a peak of {peak:.3f}: {path}")
        return 1 / peak if self._clip == "scale" else 1.0

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._discarding.close()


class _PartFile:
    """A sound file under a temporary name beside its place; removed on exit unless renamed."""

    def __init__(self, path, **params):
        import soundfile

        self._place = path
        self._path = path.with_name(part_name())
        with _naming(path):
            # By descriptor: errors of the file system then come as they are, and fsync sees them all.
            self._raw = open(self._path, "x+b", buffering=0)
            try:
                self._sound = soundfile.SoundFile(self._raw.fileno(), "w", closefd=False, **params)
            except BaseException:
                self._raw.close()
                self._path.unlink()
                raise

    def write(self, block):
        with _naming(self._place):
            self._sound.write(np.ascontiguousarray(block.T))

    def reread(self):
        """Yield what was written, in blocks (channels, samples)."""
        import soundfile

        with _naming(self._place):
            self._sound.close()
            with soundfile.SoundFile(self._path) as sound:
                for block in sound.blocks(BLOCK_SAMPLES, dtype="float32", always_2d=True):
                    yield block.T

    def finish(self, samples):
        """Close the file, and make sure that it is on the disk with all its samples."""
        import soundfile

        with _naming(self._place):
            self._sound.close()
            _clear_time_stamp(self._raw)
            os.fsync(self._raw.fileno())
            got = soundfile.info(self._path).frames
        if got != samples:
            raise OutputError(f"expected to write {samples} samples, got {got}: {self._place}")

    def rename(self):
        self._raw.close()
        with _naming(self._place):
            os.replace(self._path, self._place)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        # Whatever closing still complains about, the file goes away.
        with contextlib.suppress(Exception):
            self._sound.close()
        self._raw.close()
        self._path.unlink(missing_ok=True)


def _clear_time_stamp(file):
    """Zero the time that libsndfile writes into the PEAK chunk of float WAV: the same stems are then the same bytes."""
    file.seek(0)
    name, place = file.read(4), 12
    if name != b"RIFF":
        return
    while name not in (b"PEAK", b"data", b""):
        file.seek(place)
        name, size = file.read(4), int.from_bytes(file.read(4), "little")
        if name == b"PEAK":
            file.seek(place + 12)  # behind the chunk's name, size and version
            file.write(bytes(4))
        place += 8 + size + size % 2


def output_format(path, subtype=None, samples=None, channels=2):
    """Container and subtype, in libsndfile's names, of a file to be written.

    Raises OutputError for a suffix other than .wav, .flac and .ogg, or a subtype that the container does not have.
    """
    import soundfile

    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise OutputError(f"expected a file name that ends in {', '.join(FORMATS)}: {path}")
    container, default = FORMATS[suffix]
    subtype = default if subtype is None else subtype.upper()
    if not soundfile.check_format(container, subtype):
        choices = ", ".join(soundfile.available_subtypes(container))
        raise OutputError(f"expected one of the subtypes {choices} of {container}, got {subtype}: {path}")
    if container == "WAV" and (samples or 0) * channels * 4 > WAV_BYTES:
        container = "RF64"
    return container, subtype


def check_outputs(paths, *, overwrite):
    """Raises OutputError where two outputs share a name, or a file (unless it may be overwritten) or a folder is in
    the way."""
    seen = set()
    for path in paths:
        if path in seen:
            raise OutputError(f"expected a file for each stem, got one name for two: {path}")
        seen.add(path)
        if path.is_dir():
            raise OutputError(f"a folder is in the way: {path}")
        if path.exists() and not overwrite:
            raise OutputError(f"the file exists and is kept: {path}")


@contextlib.contextmanager
def _naming(path):
    """Errors of the file system and of libsndfile as OutputError with the file's name."""
    import soundfile

    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write: {error.strerror}: {path}") from error
    except (soundfile.SoundFileError, AssertionError) as error:  # soundfile asserts that all samples were written
        reason = str(error) or "not all samples were taken"
        raise OutputError(f"cannot write, the disk may be full ({reason}): {path}") from error


def _remove_if_empty(folder):
    with contextlib.suppress(OSError):
        folder.rmdir()
