"""The network under ONNX Runtime.

Planes are float32 (1, 4, frames, bins): left real, right real, left imaginary, right imaginary.
"""

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arrays import Planes
from .cores import available_cores
from .errors import ArgumentError, ModelError, whole_number

MAX_THREADS = 1024
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
        onnxruntime = _imported()
        self.threads = available_cores() if threads is None else whole_number(threads, "threads")
        if self.threads > MAX_THREADS:
            raise ArgumentError(f"expected {MAX_THREADS} threads at most, got {threads}")
        self.concurrency = min(self.threads, MAX_CONCURRENCY)
        options = onnxruntime.SessionOptions()
        # The threads that call it take part in the work, beside the session's own.
        options.intra_op_num_threads = self.threads - self.concurrency + 1
        options.inter_op_num_threads = 1
        # Memory patterns preallocate a block for each input shape: a fifth to a half more memory, and no faster.
        options.enable_mem_pattern = False
        _register_arena()
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.log_severity_level = 3
        if profile is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(profile)
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors have no common root but Exception
            raise ModelError(f"ONNX Runtime cannot load {os.fspath(path)}: {error}") from error
        _check_contract(self._session, bins, os.fspath(path))

    def __call__(self, planes: Planes, targets: NDArray[np.int64]) -> Planes:
        """Estimate targets (see `lightsaft_infer.arrays.Network`). Raises ModelError if ONNX Runtime fails."""
        try:
            estimates: Planes = self._session.run(["estimates"], {"mixture": planes, "target": targets})[0]
        except Exception as error:
            raise ModelError(f"ONNX Runtime failed on an input of shape {planes.shape}: {error}") from error
        return estimates

    def end_profile(self) -> Path:
        """End profiling. Returns the path of the trace, JSON in Chrome's format."""
        return Path(self._session.end_profiling())


def _imported() -> Any:
    """ONNX Runtime without its telemetry, which writes a device identifier under the home folder and contacts a server
    as soon as it is imported."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


@functools.cache
def _register_arena() -> None:
    """Register a memory arena with ONNX Runtime, once in a process.

    It grows by the requested sizes, not by powers of two, and its blocks are cut to size. Two runs at the same time
    then need 20 MB less.
    """
    onnxruntime = _imported()
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    default = -1
    config = {
        "max_mem": 0,
        "arena_extend_strategy": 1,
        "initial_chunk_size_bytes": default,
        "max_dead_bytes_per_chunk": 2**19,
        "initial_growth_chunk_size_bytes": default,
    }
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg(config))


class _Tensor(NamedTuple):
    """Type and shape of an input or output. In an expected shape, None is a dimension that must be dynamic."""

    type: str
    shape: tuple[int | str | None, ...]


def _check_contract(session: Any, bins: int, path: str) -> None:
    inputs = {
        "mixture": _Tensor("tensor(float)", (None, 4, None, bins)),
        "target": _Tensor("tensor(int64)", (None,)),
    }
    outputs = {"estimates": _Tensor("tensor(float)", (None, None, 4, None, bins))}
    _check_tensors("input", session.get_inputs(), inputs, path)
    _check_tensors("output", session.get_outputs(), outputs, path)


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
