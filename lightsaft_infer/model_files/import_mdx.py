"""Manifests for MDX-Net files: ONNX graphs of the architecture that took part in the Music Demixing Challenge."""

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any

from ..arguments import AnyPath, is_number, to_path, whole_number
from ..audio import check_outputs, make_parent, write_bytes, write_text
from ..errors import ArgumentError, ModelError, raise_as
from ..manifest import Manifest, MdxNet
from ..mdx_network import MdxNetwork, MdxShape, mdx_shape
from ..session import Session
from ..verify import noise_rms
from .known_mdx import KnownModel, known_model

HOP_LENGTH = 1024  # of all MDX-Net models
SAMPLE_RATE = 44100
SEED, SCALE = 0, 10.0  # of the noise of the self-test


def import_mdx(
    model: AnyPath,
    folder: AnyPath,
    *,
    target: str | None = None,
    n_fft: int | None = None,
    dim_f: int | None = None,
    dim_t: int | None = None,
    compensate: float | None = None,
    zeroed_bins: int | None = None,
    denoise: bool = False,
    name: str | None = None,
    licence: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a manifest for an MDX-Net file, beside a copy of the file.

    What is not given is taken from the graph, which holds `dim_f` and `dim_t`, or from a table of public files.

    Parameters
    ----------
    model : path
        The ONNX file.
    folder : path
        Folder of the manifest and the copy. It is made if it is missing.
    target : str, optional
        What the model estimates, such as "vocals".
    n_fft : int, optional
        Window of the STFT in samples, with n_fft / 2 + 1 > dim_f.
    dim_f : int, optional
        The lowest frequency bins, which the graph gets.
    dim_t : int, optional
        Frames of a chunk.
    compensate : float, optional
        Factor on the estimates. Default: that of the table, or 1.
    zeroed_bins : int, optional
        Number of the lowest bins that are set to zero. Default: 3 for models of the table that are used so, or 0.
    denoise : bool, optional
        Estimate each chunk twice, the second time with its sign changed, and use half the difference.
    name : str, optional
        Name of the model. Default: the name of the file.
    licence : str, optional
        Licence of the weights. Default: "not stated".
    overwrite : bool, optional
        Replace existing files.

    Returns
    -------
    Path
        The manifest.

    Raises
    ------
    ModelError
        If the file is no MDX-Net graph, or a size is missing or does not fit the graph. The message names the file, and
        says what was expected and what came.
    OutputError
        If a file already exists, or cannot be written.
    ArgumentError
        If an argument is of the wrong type or out of range.
    """
    path = to_path(model, "the path of an ONNX file")
    folder = to_path(folder, "the path of a folder")
    with raise_as(ModelError, "read", path):
        graph = path.read_bytes()
    known = known_model(graph)
    given = {"n_fft": n_fft, "dim_f": dim_f, "dim_t": dim_t}
    session = Session(graph, path=path)
    sizes = _sizes(given, mdx_shape(session), known, path)
    layout = MdxNet(
        bins=sizes["dim_f"],
        zeroed_bins=known.zeroed_bins if zeroed_bins is None else whole_number(zeroed_bins, "zeroed_bins", least=0),
        compensate=known.compensate if compensate is None else _factor(compensate),
        denoise=bool(denoise),
    )
    target = known.target if target is None else target
    if target is None:
        raise ModelError(f"expected a target, as this file is not in the table of public models: {path}")
    name = path.stem if name is None else name
    content: dict[str, Any] = {
        "format": 2,
        "name": name,
        "version": "1",
        "sample_rate": SAMPLE_RATE,
        "channels": 2,
        "n_fft": sizes["n_fft"],
        "hop_length": HOP_LENGTH,
        "frames": sizes["dim_t"],
        "frames_multiple": sizes["dim_t"],
        "targets": [target],
        "mdx_net": {
            "bins": layout.bins,
            "zeroed_bins": layout.zeroed_bins,
            "compensate": layout.compensate,
            "denoise": layout.denoise,
        },
        "onnx": {
            "file": f"{path.stem}.onnx",
            "sha256": hashlib.sha256(graph).hexdigest(),
            "bytes": len(graph),
            "opset": None,
        },
        "parameters": None,
        "licence": "not stated" if licence is None else licence,
        "training": {},
        "scores": {},
        "selftest": {"seed": SEED, "frames": sizes["dim_t"], "scale": SCALE, "rms": {target: 0.0}},
    }
    manifest_path = folder / f"{path.stem}.json"
    manifest = Manifest.from_content(content, manifest_path)
    network = MdxNetwork(session, layout=layout, frames=manifest.frames)
    rms = noise_rms(network, [target], bins=manifest.bins, seed=SEED, frames=manifest.frames, scale=SCALE)
    if not all(math.isfinite(level) for level in rms.values()):
        raise ModelError(f"expected finite estimates of noise, got NaN or infinity: {path}")
    content["selftest"]["rms"] = rms
    _write(content, graph, path, manifest_path, overwrite=overwrite)
    return manifest_path


def _sizes(given: dict[str, int | None], shape: MdxShape, known: KnownModel, path: Path) -> dict[str, int]:
    """The sizes of a model, from the arguments, the graph and the table."""
    found = {"n_fft": known.n_fft, "dim_f": shape.bins, "dim_t": shape.frames}
    sizes: dict[str, int] = {}
    for name, value in given.items():
        size = found[name] if value is None else whole_number(value, name)
        if size is None:
            raise ModelError(
                f"expected {name}, which is neither in the graph nor in the table of public models: {path}"
            )
        if name != "n_fft" and found[name] not in (None, size):
            raise ModelError(f"expected {name} {found[name]}, which the graph has, got {size}: {path}")
        sizes[name] = size
    if sizes["n_fft"] // 2 + 1 <= sizes["dim_f"] or sizes["n_fft"] % 2:
        raise ModelError(
            f"expected an even n_fft with n_fft / 2 + 1 > dim_f = {sizes['dim_f']}, got {sizes['n_fft']}: {path}"
        )
    return sizes


def _factor(value: float) -> float:
    if not is_number(value) or not 0 < value <= 10:
        raise ArgumentError(f"expected compensate above 0, 10 at most, got {value!r}")
    return float(value)


def _write(content: dict[str, Any], graph: bytes, source: Path, manifest: Path, *, overwrite: bool) -> None:
    """Write the manifest, and the graph unless it is there."""
    make_parent(manifest)
    copy = manifest.parent / content["onnx"]["file"]
    copied = copy.exists() and os.path.samefile(copy, source)
    check_outputs([manifest] if copied else [manifest, copy], overwrite=overwrite)
    if not copied:
        write_bytes(copy, [graph])
    write_text(manifest, [json.dumps(content, indent=2) + "\n"])
