"""The manifest: the facts about a model, read from the JSON file beside its graph and checked."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from .arguments import AnyPath, to_path
from .errors import ModelError, raise_as

REST = frozenset({"other", "instrumental", "accompaniment"})  # targets that are all that the others are not
FORMAT_VERSIONS = (1, 2)  # 2 adds `mdx_net`, and bundles (`lightsaft_infer.bundle`)

Record = TypeVar("Record", "Graph", "SelfTest", "MdxNet", "Manifest")


@dataclasses.dataclass(frozen=True)
class Graph:
    """The ONNX file of a model: its name beside the manifest, its digest, its size in bytes and its opset.

    The opset is None if it is not known.
    """

    file: str
    sha256: str
    bytes: int
    opset: int | None


@dataclasses.dataclass(frozen=True)
class SelfTest:
    """A generated input and its expected output: `frames` STFT frames of noise from `seed`, multiplied by `scale`, and
    the root mean square of each target's estimate (see `lightsaft_infer.verify`)."""

    seed: int
    frames: int
    scale: float
    rms: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class MdxNet:
    """The layout of an MDX-Net graph, and the steps of its published inference.

    Attributes
    ----------
    bins : int
        The lowest frequency bins, which the graph gets ("dim_f"). In its estimates the bins above them are zero.
    zeroed_bins : int
        Number of the lowest bins that are set to zero before the graph gets them.
    compensate : float
        Factor on the estimates.
    denoise : bool
        Whether each chunk is estimated twice, the second time with its sign changed. Half the difference is used.
    """

    bins: int
    zeroed_bins: int
    compensate: float
    denoise: bool


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The facts about a model with one network. `Manifest.from_file` reads them.

    Attributes
    ----------
    format : int
        Version of the manifest's format.
    name, version, licence : str
    sample_rate : int
        In Hz.
    channels : int
        Always 2.
    n_fft, hop_length : int
        Window and hop of the STFT in samples.
    frames : int
        Length of a chunk in STFT frames, as in training.
    frames_multiple : int
        The graph takes frames in multiples of it.
    targets : tuple of str
        In the order of the graph's target indices.
    onnx : Graph
    parameters : int or None
        Number of weights of the network. None if it is not known.
    training : dict
        The data, their licences, and the steps of training.
    scores : dict
        Name of a data set, and the SDR of each target on it in dB.
    selftest : SelfTest
    path : Path
        The manifest file.
    mdx_net : MdxNet or None
        None if the graph follows the model contract.
    level_range : tuple of float or None
        The lowest and the highest root mean square of a chunk, in dB of full scale, with which the network works well.
        Other chunks are scaled to the nearest of them, and their estimates are scaled back. None: no chunk is scaled.

    Examples
    --------
    >>> from lightsaft_infer import Separator
    >>> manifest = Separator.from_file().manifest
    >>> manifest.targets, manifest.sample_rate
    (('vocals', 'drums', 'bass', 'other'), 44100)
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
    parameters: int | None
    licence: str
    training: Mapping[str, Any]
    scores: Mapping[str, Any]
    selftest: SelfTest
    path: Path
    mdx_net: MdxNet | None = None
    level_range: tuple[float, float] | None = None

    @classmethod
    def from_file(cls, path: AnyPath) -> "Manifest":
        """Read and check a manifest.

        Parameters
        ----------
        path : path

        Returns
        -------
        Manifest

        Raises
        ------
        ModelError
            If the file is missing, is not JSON or has an unknown format, or a field is missing or out of range. The
            message names the file and the field.
        ArgumentError
            If `path` is not a path.
        """
        path, content = read_content(path)
        if "models" in content:
            raise ModelError(f"expected a manifest of one network, got a bundle of several: {path}")
        return cls.from_content(content, path)

    @classmethod
    def from_content(cls, content: Mapping[str, Any], path: Path) -> "Manifest":
        """Check the content of a manifest.

        Parameters
        ----------
        content : mapping
            The JSON object.
        path : Path
            The file that it is from. Error messages name it, and the graph lies in its folder.

        Returns
        -------
        Manifest

        Raises
        ------
        ModelError
            See `from_file`.
        """
        try:
            manifest = _build(cls, content, path=path)
            _check(manifest)
        except ModelError as error:
            raise ModelError(f"{error}: {path}") from error
        return manifest

    @property
    def bins(self) -> int:
        """Number of frequency bins of a spectrum."""
        return self.n_fft // 2 + 1

    @property
    def models(self) -> "tuple[Manifest, ...]":
        """This manifest alone, as a tuple. A bundle has several models."""
        return (self,)

    @property
    def sha256(self) -> str:
        """The digest that identifies the model: of its graph, and of the steps around it, if there are any."""
        steps = self.mdx_net or self.level_range  # never both
        if steps is None:
            return self.onnx.sha256
        return hashlib.sha256(f"{self.onnx.sha256} {self.targets} {self.n_fft} {steps}".encode()).hexdigest()

    @property
    def sums_to_mixture(self) -> bool:
        """Whether the targets together are the mixture: one of them is all that the others are not."""
        return sum_to_mixture(self.targets)

    @property
    def graph_path(self) -> Path:
        """Path of the ONNX file."""
        return self.path.parent / self.onnx.file

    def read_graph(self) -> bytes:
        """Read the ONNX file.

        Returns
        -------
        bytes

        Raises
        ------
        ModelError
            If the file cannot be read, or its size or SHA-256 is not the manifest's.
        """
        path = self.graph_path
        with raise_as(ModelError, "read the graph", path):
            graph = path.read_bytes()
        if len(graph) != self.onnx.bytes:
            raise ModelError(f"expected {self.onnx.bytes} bytes, got {len(graph)}: {path}")
        digest = hashlib.sha256(graph).hexdigest()
        if digest != self.onnx.sha256:
            raise ModelError(f"expected SHA-256 {self.onnx.sha256}, got {digest}: {path}")
        return graph

    def indices(self, targets: Sequence[str]) -> list[int]:
        """Return the indices of targets.

        Parameters
        ----------
        targets : sequence of str

        Returns
        -------
        list of int

        Raises
        ------
        ModelError
            If the model does not have a target, a target is given twice, or there is none.
        """
        return target_indices(self.targets, targets)


def target_indices(available: Sequence[str], targets: Sequence[str]) -> list[int]:
    """Return the positions of targets in a model's (see `Manifest.indices`)."""
    unknown = [target for target in targets if target not in available]
    if unknown or not targets or len(set(targets)) < len(targets):
        raise ModelError(f"expected one or more of the targets {', '.join(available)}, each once, got {list(targets)}")
    return [available.index(target) for target in targets]


def sum_to_mixture(targets: Sequence[str]) -> bool:
    """Whether targets are the whole mixture: there are several, and one of them is all that the others are not."""
    return len(targets) > 1 and not REST.isdisjoint(targets)


def read_content(path: AnyPath) -> tuple[Path, dict[str, Any]]:
    """Read the JSON object of a manifest or bundle. The path is returned as a Path.

    Raises ModelError if it is missing, is not JSON or has an unknown format, and ArgumentError if `path` is not a path.
    """
    path = to_path(path, "the path of a manifest")
    try:
        with raise_as(ModelError, "read the manifest", path):
            text = path.read_text(encoding="utf-8-sig")  # an editor may have written a byte order mark
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        if path.suffix == ".onnx":
            hint = "lightsaft import-mdx writes one for MDX-Net files"
            raise ModelError(f"expected a manifest, got an ONNX file ({hint}): {path}") from error
        raise ModelError(f"expected a manifest in JSON ({error}): {path}") from error
    if not isinstance(content, dict) or "format" not in content:
        raise ModelError(f"expected a JSON object with a field format: {path}")
    if content["format"] not in FORMAT_VERSIONS:
        expected = " or ".join(map(str, FORMAT_VERSIONS))
        raise ModelError(f"expected manifest format {expected}, got {content['format']!r}: {path}")
    return path, content


def default_manifest_path() -> Path:
    """Return the path of the packaged model's manifest: in an installed package, or in models/ of a source checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "models" / "lightsaft.json"
    return installed if installed.exists() else package.parent / "models" / "lightsaft.json"


def _build(cls: type[Record], content: Mapping[str, Any], **known: Path) -> Record:
    """An instance of a dataclass from a JSON object, each field of the declared type."""
    values: dict[str, Any] = dict(known)
    for field in dataclasses.fields(cls):
        if field.name in known:
            continue
        if field.name not in content:
            if field.default is not dataclasses.MISSING:
                continue
            raise ModelError(f"missing field {field.name}")
        values[field.name] = _convert(content[field.name], field)
    return cls(**values)


def _convert(value: Any, field: "dataclasses.Field[Any]") -> Any:
    if field.type is Graph and isinstance(value, dict):
        return _build(Graph, value)
    if field.type is SelfTest and isinstance(value, dict):
        return _build(SelfTest, value)
    if field.name == "mdx_net" and isinstance(value, dict):
        return _build(MdxNet, value)
    if field.type == int | None and (value is None or type(value) is int):
        return value
    if field.type is float and _is_number(value):
        return float(value)
    if field.type in (int, str, bool) and type(value) is field.type:
        return value
    if field.name == "level_range" and isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)):
        return float(value[0]), float(value[1])
    if field.name == "targets" and isinstance(value, list) and all(isinstance(name, str) for name in value):
        return tuple(value)
    if field.type in (Mapping[str, Any], Mapping[str, float]) and isinstance(value, dict):
        return value
    raise ModelError(f"field {field.name} has an unexpected value {value!r}")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)  # a bool is none


def _check(manifest: Manifest) -> None:
    def expect(condition: bool, message: str) -> None:
        if not condition:
            raise ModelError(f"expected {message}")

    for name in ("sample_rate", "n_fft", "hop_length", "frames", "frames_multiple"):
        expect(getattr(manifest, name) > 0, f"a positive {name}, got {getattr(manifest, name)}")
    expect(manifest.channels == 2, f"2 channels, got {manifest.channels}")
    expect(manifest.n_fft % 2 == 0, f"an even n_fft, got {manifest.n_fft}")
    expect(manifest.hop_length <= manifest.n_fft // 2, f"hop_length of n_fft / 2 at most, got {manifest.hop_length}")
    expect(manifest.frames % manifest.frames_multiple == 0, f"frames in multiples of {manifest.frames_multiple}")
    expect(bool(manifest.targets) and len(set(manifest.targets)) == len(manifest.targets), "targets, each once")
    # Targets become file names, and the graph lies beside the manifest.
    expect(all(re.fullmatch(r"\w[\w-]*", target) for target in manifest.targets), "targets of letters and digits")
    expect(Path(manifest.onnx.file).name == manifest.onnx.file, f"a plain file name, got {manifest.onnx.file!r}")
    expect(set(manifest.selftest.rms) == set(manifest.targets), "selftest.rms for every target")
    expect(all(map(_is_number, manifest.selftest.rms.values())), "numbers in selftest.rms")
    expect(
        manifest.selftest.frames > 0 and manifest.selftest.frames % manifest.frames_multiple == 0,
        f"selftest.frames in multiples of {manifest.frames_multiple}",
    )
    if manifest.level_range is not None:
        lowest, highest = manifest.level_range
        expect(-100 <= lowest < highest <= 20, f"a level_range of -100 to 20 dB, rising, got {[lowest, highest]}")
        expect(manifest.mdx_net is None, "no level_range beside mdx_net")
    if mdx := manifest.mdx_net:
        expect(len(manifest.targets) == 1, f"one target of an MDX-Net graph, got {len(manifest.targets)}")
        expect(
            0 < mdx.bins < manifest.bins,
            f"mdx_net.bins (dim_f) of 1 to n_fft / 2 = {manifest.n_fft // 2}, got {mdx.bins}",
        )
        expect(0 <= mdx.zeroed_bins < mdx.bins, f"mdx_net.zeroed_bins of 0 to {mdx.bins - 1}, got {mdx.zeroed_bins}")
        expect(0 < mdx.compensate <= 10, f"mdx_net.compensate above 0, 10 at most, got {mdx.compensate}")
        expect(manifest.frames == manifest.frames_multiple, "frames equal to frames_multiple, as the graph's are fixed")
