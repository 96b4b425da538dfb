"""Several models joined into a bundle."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..arguments import AnyPath, to_path
from ..audio import check_not_input, check_outputs, make_parent, write_bytes, write_text
from ..bundle import Bundle, read_model
from ..errors import ArgumentError, ModelError
from ..manifest import Manifest


def write_bundle(
    manifests: Sequence[AnyPath], output: AnyPath, *, name: str | None = None, overwrite: bool = False
) -> Path:
    """Join models into a bundle, which separates the targets of all.

    Parameters
    ----------
    manifests : sequence of paths
        Manifests of models, or bundles. A target that several of them have is separated by the first one.
    output : path
        The manifest of the bundle. The ONNX files are copied to its folder, unless they are there.
    name : str, optional
        Name of the bundle. Default: the name of the file.
    overwrite : bool, optional
        Replace existing files.

    Returns
    -------
    Path
        The manifest of the bundle.

    Raises
    ------
    ModelError
        If a model is damaged, has no target that another one does not have, or has another sample rate.
    OutputError
        If a file already exists, cannot be written, or is one of the models that are joined.
    ArgumentError
        If an argument is wrong.
    """
    if isinstance(manifests, (str, bytes)) or not manifests:
        raise ArgumentError(f"expected the paths of one or more manifests, got {manifests!r}")
    output = to_path(output, "the path of a bundle")
    models = [model for path in manifests for model in read_model(path).models]
    targets: list[str] = []
    for model in models:
        new = [target for target in model.targets if target not in targets]
        if not new:
            names = ", ".join(model.targets)
            raise ModelError(f"expected a target that no model before it has, got {names}: {model.path}")
        targets += new
    graphs: dict[str, bytes] = {}
    entries = []
    for model in models:
        graph = model.read_graph()
        file = _file_name(model, graphs)
        graphs[file] = graph
        entries.append(_content(model, file))
    content = {
        "format": 2,
        "name": output.stem if name is None else name,
        "version": "1",
        "targets": targets,
        "models": entries,
    }
    Bundle.from_content(content, output)
    copies = {output.parent / file: graph for file, graph in graphs.items()}
    missing = {path: graph for path, graph in copies.items() if not _is_there(path, graph)}
    check_outputs([*missing, output], overwrite=overwrite)
    check_not_input([*missing, output], [file for model in models for file in (model.path, model.graph_path)])
    make_parent(output)
    for path, graph in missing.items():
        write_bytes(path, [graph])
    write_text(output, [json.dumps(content, indent=2) + "\n"])
    return output


def _file_name(model: Manifest, taken: dict[str, bytes]) -> str:
    """The name of a model's graph in the bundle: its own, or with its targets if another model's has it."""
    own = model.onnx.file
    if own not in taken or hashlib.sha256(taken[own]).hexdigest() == model.onnx.sha256:
        return own
    return f"{'_'.join(model.targets)}-{model.onnx.sha256[:12]}.onnx"


def _content(model: Manifest, file: str) -> dict[str, Any]:
    """The manifest of a model as JSON, with another name of the graph."""
    optional = {field.name for field in dataclasses.fields(model) if field.default is None}
    fields = dataclasses.asdict(model).items()
    content = {name: value for name, value in fields if not (name in optional and value is None)}
    del content["path"]
    content["onnx"]["file"] = file
    as_json: dict[str, Any] = json.loads(json.dumps(content))  # tuples become lists
    return as_json


def _is_there(path: Path, graph: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(graph) and path.read_bytes() == graph
