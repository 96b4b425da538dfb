"""Where a network is trained: the processor or a GPU."""

import os
import re
from typing import Any

import torch

from .errors import SettingsError

CPU = torch.device("cpu")


def device_of(name: str, local_rank: int = 0) -> torch.device:
    """Return a device by its name.

    Parameters
    ----------
    name
        "cpu"; "cuda:N"; "cuda", the GPU of the number `local_rank`; or "auto": "cuda" if there is a GPU, else "cpu".
    local_rank
        Number of this process among those on this machine.

    Raises
    ------
    SettingsError
        If there is no such name, or no such GPU.

    Examples
    --------
    >>> device_of("cpu")
    device(type='cpu')
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return CPU
    gpu = re.fullmatch(r"auto|cuda(?::(\d+))?", name)
    if gpu is None:
        raise SettingsError(f"expected auto, cpu, cuda or cuda:N as device, got: {name}")
    index, found = int(gpu[1] or local_rank), torch.cuda.device_count()
    if index >= found:
        raise SettingsError(f"expected GPU {index} for the device {name}, but torch {torch.__version__} finds {found}")
    return torch.device("cuda", index)


def prepare(device: torch.device) -> None:
    """Make a GPU that of this process, and have its libraries choose the fastest algorithms."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device computes in bfloat16 by instructions of its own."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8  # Ampere and later
    return bool(torch.cpu._is_avx512_bf16_supported())


def loader_processes(device: torch.device, processes: int) -> int:
    """Return how many processes draw the mixtures of one training process.

    One is enough beside a processor that trains. A GPU waits for them, so it gets a share of all cores.
    """
    return 1 if device.type == "cpu" else max(1, min(16, (os.cpu_count() or 1) // processes))


def on_processor(state: Any) -> Any:
    """Return a state with its tensors in the memory of the processor. Tensors that are there already are not copied."""
    if isinstance(state, torch.Tensor):
        return state.to(CPU)
    if isinstance(state, dict):
        return type(state)((name, on_processor(part)) for name, part in state.items())
    if isinstance(state, (list, tuple)):
        return type(state)(on_processor(part) for part in state)
    return state
