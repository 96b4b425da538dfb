"""The network under ONNX Runtime, for graphs that follow the model contract.

Planes are float32 (1, 4, frames, bins): left real, right real, left imaginary, right imaginary.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arrays import Planes
from .errors import ModelError
from .session import Session

MAX_CONCURRENCY = 2  # runs of the network at the same time; each needs its own working memory


class OnnxNetwork:
    """A graph that follows the model contract, run by ONNX Runtime on the CPU.

    Parameters
    ----------
    graph : bytes
        Content of the ONNX file.
    bins : int
        Frequency bins of a spectrum, with which the inputs and outputs of the graph are compared.
    path : path
        The ONNX file, which error messages name.
    threads : int, optional
        Number of threads for all runs together. Default: one for each core that this process may use.
    profile : path, optional
        Start of the file name of the trace that ONNX Runtime's profiler writes. Default: no profiling.

    Attributes
    ----------
    threads : int
    concurrency : int
        Number of threads that should call the network at the same time to use all its threads.

    Raises
    ------
    ModelError
        If ONNX Runtime cannot load the graph, or the graph does not follow the contract.
    ArgumentError
        If `threads` is less than 1 or more than 1024.
    """

    def __init__(
        self,
        graph: bytes,
        *,
        bins: int,
        path: str | os.PathLike[str],
        threads: int | None = None,
        profile: str | os.PathLike[str] | None = None,
    ) -> None:
        self._session = Session(graph, path=path, threads=threads, max_concurrency=MAX_CONCURRENCY, profile=profile)
        self.threads, self.concurrency = self._session.threads, self._session.concurrency
        _check_contract(self._session, bins)

    def __call__(self, planes: Planes, targets: NDArray[np.int64]) -> Planes:
        """Estimate targets (see `lightsaft_infer.arrays.Network`). Raises ModelError if ONNX Runtime fails."""
        estimates: Planes = self._session.run("estimates", {"mixture": planes, "target": targets})
        return estimates

    def end_profile(self) -> Path:
        """End profiling. Returns the path of the trace, JSON in Chrome's format."""
        return self._session.end_profile()


class _Tensor(NamedTuple):
    """Type and shape of an input or output. In an expected shape, None is a dimension that must be dynamic."""

    type: str
    shape: tuple[int | str | None, ...]


def _check_contract(session: Session, bins: int) -> None:
    inputs = {
        "mixture": _Tensor("tensor(float)", (None, 4, None, bins)),
        "target": _Tensor("tensor(int64)", (None,)),
    }
    outputs = {"estimates": _Tensor("tensor(float)", (None, None, 4, None, bins))}
    _check_tensors("input", session.inputs, inputs, session.path)
    _check_tensors("output", session.outputs, outputs, session.path)


def _check_tensors(kind: str, nodes: Sequence[Any], expected: dict[str, _Tensor], path: str) -> None:
    got = {node.name: _Tensor(node.type, tuple(node.shape)) for node in nodes}
    for name in expected | got:
        if name not in got or name not in expected or not _matches(expected[name], got[name], kind):
            texts = ["none" if name not in tensors else str(tuple(tensors[name])) for tensors in (expected, got)]
            raise ModelError(f"expected {kind} {name} to be {texts[0]}, got {texts[1]}: {path}")


def _matches(expected: _Tensor, got: _Tensor, kind: str) -> bool:
    if expected.type != got.type or len(expected.shape) != len(got.shape):
        return False
    for want, have in zip(expected.shape, got.shape, strict=True):
        fixed = isinstance(have, (int, np.integer))
        # An exporter may lose a fixed size of the output and call it symbolic; each output is checked when it is used.
        if (fixed and have != want) or (not fixed and want is not None and kind == "input"):
            return False
    return True
