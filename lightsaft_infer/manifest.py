"""The manifest: every fact about a model, read from the JSON file beside its graph and checked."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import ModelError

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Graph:
    """The ONNX file of a model: its name beside the manifest, digest, size in bytes and opset."""

    file: str
    sha256: str
    bytes: int
    opset: int


@dataclasses.dataclass(frozen=True)
class SelfTest:
    """A generated input, `frames` STFT frames of noise from `seed` times `scale`, and the RMS of each target's expected
    output (see `lightsaft_infer.selftest`)."""

    seed: int
    frames: int
    scale: float
    rms: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What is known about a model.

    `sample_rate` is in Hz; `n_fft` and `hop_length` in samples; `frames`, the chunk length of training, and
    `frames_multiple` in STFT frames; `targets` in the order of the graph's target indices. `parameters` is the number
    of the network's weights; `training` tells of the data, their licences and the steps; `scores` has a data set's name
    and the SDR of each target in dB. `path` is that of the manifest file.
    """

    format: int
    name: str
    version: str
    sample_rate: int
    channels: int
    n_fft: int
    hop_length: int
    frames: int
    frames_multiple: int
    targets: tuple[str, ...]
    onnx: Graph
    parameters: int
    licence: str
    training: Mapping[str, Any]
    scores: Mapping[str, Any]
    selftest: SelfTest
    path: Path

    @classmethod
    def from_file(cls, path):
        """Read and check a manifest.

        Raises ModelError, which names the file and the field, for a file that is missing or no JSON, an unknown
        format, and a field that is missing or out of range.
        """
        path = Path(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelError(f"cannot read the manifest: {error.strerror}: {path}") from error
        except ValueError as error:
            raise ModelError(f"expected a manifest in JSON, got something else ({error}): {path}") from error
        try:
            if not isinstance(content, dict) or "format" not in content:
                raise ModelError("expected a JSON object with a field format")
            if content["format"] != FORMAT:
                raise ModelError(f"expected manifest format {FORMAT}, got {content['format']!r}")
            manifest = _build(cls, content, path=path)
            _check(manifest)
        except ModelError as error:
            raise ModelError(f"{error}: {path}") from error
        return manifest

    @property
    def bins(self):
        """Number of frequency bins of a spectrum."""
        return self.n_fft // 2 + 1

    def read_graph(self):
        """The bytes of the ONNX file. Raises ModelError where size or SHA-256 are not the manifest's."""
        path = self.path.parent / self.onnx.file
        try:
            graph = path.read_bytes()
        except OSError as error:
            raise ModelError(f"cannot read the graph: {error.strerror}: {path}") from error
        if len(graph) != self.onnx.bytes:
            raise ModelError(f"expected {self.onnx.bytes} bytes, got {len(graph)}: {path}")
        digest = hashlib.sha256(graph).hexdigest()
        if digest != self.onnx.sha256:
            raise ModelError(f"expected SHA-256 {self.onnx.sha256}, got {digest}: {path}")
        return graph

    def indices(self, targets):
        """Indices (list of int) of the named targets. Raises ModelError for a name that the model does not have."""
        unknown = [target for target in targets if target not in self.targets]
        if unknown or not targets or len(set(targets)) < len(targets):
            raise ModelError(
                f"expected one or more of the targets {', '.join(self.targets)}, each once, got {list(targets)}"
            )
        return [self.targets.index(target) for target in targets]


def default_manifest_path():
    """Path of the packaged model's manifest: inside an installed package, or models/ of a source checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "models" / "lightsaft.json"
    return installed if installed.exists() else package.parent / "models" / "lightsaft.json"


def _build(cls, content, **known):
    """An instance of the dataclass `cls` from a JSON object, each field of the declared type."""
    values = dict(known)
    for field in dataclasses.fields(cls):
        if field.name in known:
            continue
        if field.name not in content:
            raise ModelError(f"missing field {field.name}")
        values[field.name] = _convert(content[field.name], field)
    return cls(**values)


def _convert(value, field):
    if field.type in (Graph, SelfTest) and isinstance(value, dict):
        return _build(field.type, value)
    if field.type is float and type(value) in (int, float):
        return float(value)
    if field.type in (int, str) and type(value) is field.type:
        return value
    if field.name == "targets" and isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(value)
    if field.type in (Mapping[str, Any], Mapping[str, float]) and isinstance(value, dict):
        return value
    raise ModelError(f"field {field.name} has an unexpected value {value!r}")


def _check(manifest):
    def expect(condition, message):
        if not condition:
            raise ModelError(f"expected {message}")

    for name in ("sample_rate", "n_fft", "hop_length", "frames", "frames_multiple"):
        expect(getattr(manifest, name) > 0, f"a positive {name}, got {getattr(manifest, name)}")
    expect(manifest.channels == 2, f"2 channels, got {manifest.channels}")
    expect(manifest.n_fft % 2 == 0, f"an even n_fft, got {manifest.n_fft}")
    expect(manifest.hop_length <= manifest.n_fft // 2, f"hop_length of n_fft / 2 at most, got {manifest.hop_length}")
    expect(manifest.frames % manifest.frames_multiple == 0, f"frames in multiples of {manifest.frames_multiple}")
    expect(manifest.targets and len(set(manifest.targets)) == len(manifest.targets), "targets, each once")
    # Targets become file names, and the graph lies beside the manifest.
    expect(all(re.fullmatch(r"\w[\w-]*", target) for target in manifest.targets), "targets of letters and digits")
    expect(Path(manifest.onnx.file).name == manifest.onnx.file, f"a plain file name, got {manifest.onnx.file!r}")
    expect(set(manifest.selftest.rms) == set(manifest.targets), "selftest.rms for every target")
    expect(all(type(rms) in (int, float) for rms in manifest.selftest.rms.values()), "numbers in selftest.rms")
    expect(
        manifest.selftest.frames > 0 and manifest.selftest.frames % manifest.frames_multiple == 0,
        f"selftest.frames in multiples of {manifest.frames_multiple}",
    )
