"""Reading published checkpoints: PyTorch Lightning files, without running anything that is in them.

Such a file is a zip archive with a pickle and the tensors' bytes. The pickle names classes that are not installed
here, and a hostile one could name any function. This reader builds tensors, numbers, strings and containers; whatever
else the pickle names becomes an inert stand-in, a dict that keeps what it is given and never calls anything.
"""

import collections
import pickle
import zipfile
from pathlib import Path

import torch


class CheckpointError(Exception):
    """The file is no checkpoint that can be read, or its weights do not fit the network."""


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


def read_checkpoint(path):
    """Content of a checkpoint file: a dict, with `state_dict` {name: tensor} and what else the file holds.

    Raises CheckpointError, which names the file.
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
        raise CheckpointError(f"cannot read it: {error.strerror}: {path}") from error
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
    """Reads a pickle of torch.save; knows a handful of names and stands in for all others."""

    def __init__(self, file, archive, prefix):
        super().__init__(file, encoding="utf-8")
        self._archive = archive
        self._prefix = prefix
        self._storages = {}

    def find_class(self, module, name):
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
        # A class of its own for each name, so that nothing the file does to one is seen anywhere else.
        module = {"__builtin__": "builtins"}.get(module, module)  # as torch.save's pickle protocol names it
        return known.get((module, name)) or type("Standin", (_Standin,), {"stands_for": f"{module}.{name}"})

    def persistent_load(self, identifier):
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


class _Standin(dict):
    """In place of an object whose class is not known: keeps the items that the pickle sets, ignores all else."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def __setstate__(self, state):
        pass

    def append(self, item):
        pass

    def extend(self, items):
        pass

    def add(self, item):
        pass

    def __hash__(self):
        return id(self)


def _tensor(storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None):
    return torch.as_strided(storage, size, stride, offset).clone()


def _parameter(data, requires_grad=False, hooks=None):
    return data


def load_weights(network, weights):
    """Load a state dict {name: tensor} into a network, strictly.

    Raises CheckpointError, which lists what is missing, unexpected or of another shape.
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
