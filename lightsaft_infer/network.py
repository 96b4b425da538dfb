"""The network under ONNX Runtime. The only module that imports onnxruntime.

Planes are float32 (batch, 4, frames, bins): left real, right real, left imaginary, right imaginary.
"""

import functools
import os
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .arrays import Planes
from .errors import ModelError

MAX_CONCURRENCY = 2  # runs of the network at a time: each has its own working memory


class Network(Protocol):
    """A separation network: any callable that follows the model contract.

    A network with an attribute `concurrency` above 1 is called by this number of threads at the same time.
    """

    def __call__(self, planes: Planes, targets: NDArray[np.int64], /) -> Planes:
        """Estimates float32 (1, targets, 4, frames, bins) of planes (1, 4, frames, bins) and target indices
        (targets,)."""


class OnnxNetwork:
    """A graph that follows the model contract, on the CPU.

    Parameters
    ----------
    graph : bytes of the ONNX file
    manifest : Manifest that the graph's inputs and outputs are checked against
    threads : number of threads that all runs together have; None takes every core that this process may use
    profile : path that the name of the trace of ONNX Runtime's profiler begins with; None: not profiled

    Attributes: `threads`; `concurrency`, the number of threads that should call it at the same time to use them all.

    Raises ModelError where ONNX Runtime cannot load the graph or the graph does not follow the contract.
    """

    def __init__(self, graph, manifest, *, threads=None, profile=None):
        import onnxruntime

        self.threads = available_cores() if threads is None else threads
        if self.threads < 1:
            raise ValueError(f"expected 1 or more threads, got {threads}")
        self.concurrency = min(self.threads, MAX_CONCURRENCY)
        options = onnxruntime.SessionOptions()
        # The callers' threads work, and those of the session with them.
        options.intra_op_num_threads = self.threads - self.concurrency + 1
        options.inter_op_num_threads = 1
        # Patterns preallocate a block for each input shape: a fifth to a half more memory here, and no faster.
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
            raise ModelError(f"ONNX Runtime cannot load the graph of {manifest.path}: {error}") from error
        _check_contract(self._session, manifest)

    def __call__(self, planes, targets):
        """Estimates float32 (batch, targets, 4, frames, bins) of planes and int64 target indices (targets,)."""
        try:
            return self._session.run(["estimates"], {"mixture": planes, "target": targets})[0]
        except Exception as error:
            raise ModelError(f"ONNX Runtime failed on an input of shape {planes.shape}: {error}") from error

    def end_profile(self):
        """End profiling; returns the path of the trace (JSON in Chrome's format)."""
        return Path(self._session.end_profiling())


@functools.cache
def _register_arena():
    """Give ONNX Runtime a memory arena, once in a process, that grows by what is asked for, not by powers of two, and
    whose blocks are cut to size: 20 MB less for two runs at a time."""
    import onnxruntime

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


def available_cores():
    """Number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_contract(session, manifest):
    """None in an expected shape stands for a dimension that must be dynamic."""
    inputs = {"mixture": ("tensor(float)", (None, 4, None, manifest.bins)), "target": ("tensor(int64)", (None,))}
    outputs = {"estimates": ("tensor(float)", (None, None, 4, None, manifest.bins))}
    for kind, nodes, expected in (("input", session.get_inputs(), inputs), ("output", session.get_outputs(), outputs)):
        got = {node.name: (node.type, tuple(node.shape)) for node in nodes}
        for name in expected | got:
            if name not in got or name not in expected or not _matches(expected[name], got[name], kind):
                raise ModelError(
                    f"expected {kind} {name} to be {expected.get(name, 'absent')}, got {got.get(name, 'none')}: "
                    f"{manifest.path.parent / manifest.onnx.file}"
                )


def _matches(expected, got, kind):
    (expected_type, expected_shape), (got_type, got_shape) = expected, got
    if expected_type != got_type or len(expected_shape) != len(got_shape):
        return False
    for want, have in zip(expected_shape, got_shape, strict=True):
        fixed = isinstance(have, (int, np.integer))
        # An exporter may lose a fixed size of the output and call it symbolic; the data is checked at every run.
        if (fixed and have != want) or (not fixed and want is not None and kind == "input"):
            return False
    return True
