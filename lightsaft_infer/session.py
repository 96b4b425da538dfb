"""Sessions of ONNX Runtime on the CPU: the only module that imports it to run a graph."""

import functools
import os
from pathlib import Path
from typing import Any

from .arguments import AnyPath, whole_number
from .cores import available_cores
from .errors import ModelError

MAX_THREADS = 1024


class Session:
    """A graph that ONNX Runtime runs on the CPU.

    Parameters
    ----------
    graph : bytes
        Content of the ONNX file.
    path : path
        The ONNX file, which error messages name.
    threads : int, optional
        Number of threads for all runs together. Default: one for each core that this process may use.
    max_concurrency : int, optional
        Number of runs at the same time, at most. Each needs its own working memory.
    profile : path, optional
        Start of the file name of the trace that ONNX Runtime's profiler writes. Default: no profiling.

    Attributes
    ----------
    threads : int
    concurrency : int
        Number of threads that should call `run` at the same time to use all threads.

    Raises
    ------
    ModelError
        If ONNX Runtime cannot load the graph.
    ArgumentError
        If `threads` is less than 1 or more than 1024.
    """

    def __init__(
        self,
        graph: bytes,
        *,
        path: AnyPath,
        threads: int | None = None,
        max_concurrency: int = 1,
        profile: AnyPath | None = None,
    ) -> None:
        onnxruntime = _imported()
        self.path = os.fspath(path)
        self.threads = available_cores() if threads is None else whole_number(threads, "threads", most=MAX_THREADS)
        self.concurrency = min(self.threads, max_concurrency)
        options = onnxruntime.SessionOptions()
        # The threads that call it take part in the work, beside the session's own.
        options.intra_op_num_threads = self.threads - self.concurrency + 1
        options.inter_op_num_threads = 1
        # Memory patterns preallocate a block for each input shape: a fifth to a half more memory, and no faster.
        options.enable_mem_pattern = False
        _register_arena()
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.log_severity_level = 4  # its errors are raised, and need not be printed too
        if profile is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(profile)
        try:
            # Without its fallback, which prints a banner on standard output.
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:  # ONNX Runtime's errors have no common root but Exception
            raise ModelError(f"ONNX Runtime cannot load {self.path}: {error}") from error

    @property
    def inputs(self) -> list[Any]:
        """The inputs of the graph, each with `name`, `type` and `shape`."""
        return list(self._session.get_inputs())

    @property
    def outputs(self) -> list[Any]:
        """The outputs of the graph, each with `name`, `type` and `shape`."""
        return list(self._session.get_outputs())

    def run(self, output: str, inputs: dict[str, Any]) -> Any:
        """Return an output of the graph. Raises ModelError if ONNX Runtime fails."""
        try:
            return self._session.run([output], inputs)[0]
        except Exception as error:
            shape = next(iter(inputs.values())).shape
            raise ModelError(f"ONNX Runtime failed on an input of shape {shape}: {error}") from error

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
