"""Files of PyTorch Lightning, as which checkpoints are published, read without running anything that is in them.

Such a file is a zip archive with a pickle and the bytes of the tensors. The pickle names classes that may not be
installed, and a hostile pickle could name any function. This reader builds tensors, numbers, strings and containers.
Every other class that the pickle names becomes an inert stand-in: a dict that keeps its items and never calls anything.
"""

import collections
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch

from ..errors import CheckpointError

DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint file.

    Returns
    -------
    dict
        The content: "state_dict", {name: tensor}, and everything else that the file holds.

    Raises
    ------
    CheckpointError
        If the file cannot be read or is not a checkpoint.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if any(name.endswith("/constants.pkl") for name in names):
                raise CheckpointError("expected a checkpoint, got a TorchScript program")
            pickles = [name for name in names if name.endswith("/data.pkl")]
            if len(pickles) != 1:
                raise CheckpointError("expected a zip archive with one data.pkl, as torch.save writes it")
            with archive.open(pickles[0]) as file:
                content = _Unpickler(file, archive, pickles[0].removesuffix("data.pkl")).load()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except zipfile.BadZipFile as error:
        raise CheckpointError(f"expected a zip archive as torch.save writes it ({error}): {path}") from error
    except CheckpointError as error:
        raise CheckpointError(f"{error}: {path}") from error
    except Exception as error:  # a damaged pickle can raise anything
        raise CheckpointError(f"its pickle cannot be read ({type(error).__name__}: {error}): {path}") from error
    weights = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise CheckpointError(f"expected a state_dict of tensors in it: {path}")
    return content


class _Unpickler(pickle.Unpickler):
    """Reads a pickle of torch.save. It knows a few names, and uses stand-ins for all others."""

    def __init__(self, file: IO[bytes], archive: zipfile.ZipFile, prefix: str) -> None:
        super().__init__(file, encoding="utf-8")
        self._archive = archive
        self._prefix = prefix
        self._storages: dict[str, torch.Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        known = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
            ("torch", "Size"): tuple,
            ("builtins", "set"): set,
            ("builtins", "frozenset"): frozenset,
            ("builtins", "complex"): complex,
        }
        # Each name gets a class of its own, so that a change that the file makes to one is not seen anywhere else.
        module = {"__builtin__": "builtins"}.get(module, module)  # as torch.save's pickle protocol names it
        return known.get((module, name)) or type("Standin", (_Standin,), {"stands_for": f"{module}.{name}"})

    def persistent_load(self, identifier: Any) -> torch.Tensor:
        kind, dtype, key, _, size = identifier
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise CheckpointError(f"expected a tensor's storage, got {identifier!r}")
        if key not in self._storages:
            data = bytearray(self._archive.read(f"{self._prefix}data/{key}"))
            storage = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
            if len(storage) < size:
                raise CheckpointError(f"expected {size} values in storage {key}, got {len(storage)}")
            self._storages[key] = storage
        return self._storages[key]


class _Standin(dict[Any, Any]):
    """Stands in for an object whose class is not known: it keeps the items that the pickle sets, and nothing else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        pass

    def extend(self, items: Any) -> None:
        pass

    def add(self, item: Any) -> None:
        pass

    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none, and a pickle may put it into a set
        return id(self)


def _tensor(
    storage: torch.Tensor,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool = False,
    hooks: Any = None,
    metadata: Any = None,
) -> torch.Tensor:
    return torch.as_strided(storage, size, stride, offset).clone()


def _parameter(data: torch.Tensor, requires_grad: bool = False, hooks: Any = None) -> torch.Tensor:
    return data


def load_weights(network: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Load a state dict into a network, strictly.

    Raises
    ------
    CheckpointError
        If weights are missing, unexpected or of another shape. The message lists them.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    got = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    complaints = [f"missing: {name} {expected[name]}" for name in expected if name not in got]
    complaints += [f"unexpected: {name} {got[name]}" for name in got if name not in expected]
    complaints += [
        f"another shape: {name}, expected {expected[name]}, got {got[name]}"
        for name in expected
        if name in got and got[name] != expected[name]
    ]
    if complaints:
        raise CheckpointError("the weights do not fit the network\n" + "\n".join(complaints))
    network.load_state_dict(weights)
