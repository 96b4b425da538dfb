"""MDX-Net graphs under ONNX Runtime, called as the model contract says.

Planes are float32 (1, 4, frames, bins): left real, right real, left imaginary, right imaginary. An MDX-Net graph takes
the lowest bins as float32 (1, 4, bins, frames): left real, left imaginary, right real, right imaginary.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arrays import Planes
from .errors import ModelError
from .manifest import MdxNet
from .session import Session


class MdxNetwork:
    """An MDX-Net graph of one target, with the steps of its published inference [1]_ around it.

    Parameters
    ----------
    session : Session
    layout : MdxNet
    frames : int
        The fixed number of frames of a chunk ("dim_t").

    Attributes
    ----------
    threads : int
    concurrency : int
        Always 1: these networks are large, and two runs at the same time would need twice the memory.

    Raises
    ------
    ModelError
        If the input and output of the graph have other shapes than the layout says.

    References
    ----------
    .. [1] M. Kim, W. Choi et al., "KUIELab-MDX-Net: a two-stream neural network for music demixing", 2021.
    """

    def __init__(self, session: Session, *, layout: MdxNet, frames: int) -> None:
        self._session = session
        self.threads, self.concurrency = self._session.threads, self._session.concurrency
        self._layout = layout
        shape = mdx_shape(self._session)
        for name, declared, expected in (("dim_f", shape.bins, layout.bins), ("dim_t", shape.frames, frames)):
            if declared not in (None, expected):
                raise ModelError(f"expected a graph with {name} {expected}, got {declared}: {self._session.path}")
        self._input, self._output = shape.input, shape.output

    def __call__(self, planes: Planes, targets: NDArray[np.int64]) -> Planes:
        """Estimate the target (see `lightsaft_infer.arrays.Network`). Raises ModelError if ONNX Runtime fails."""
        layout = self._layout
        batch, _, frames, bins = planes.shape
        mixture = np.ascontiguousarray(_exchanged(planes)[..., : layout.bins].swapaxes(2, 3))
        mixture[:, :, : layout.zeroed_bins] = 0
        estimate = self._run(mixture)
        if layout.denoise:
            estimate = (estimate - self._run(-mixture)) * np.float32(0.5)
        estimates = np.zeros((batch, len(targets), 4, frames, bins), np.float32)
        estimates[..., : layout.bins] = _exchanged(estimate.swapaxes(2, 3))[:, np.newaxis]
        estimates *= np.float32(layout.compensate)
        return estimates

    def _run(self, mixture: Planes) -> Planes:
        estimate: Planes = self._session.run(self._output, {self._input: mixture})
        if estimate.shape != mixture.shape:
            raise ModelError(
                f"expected an estimate of shape {mixture.shape}, got {estimate.shape}: {self._session.path}"
            )
        return estimate


def _exchanged(planes: Planes) -> Planes:
    """Planes with the second and the third one exchanged, which turns either order of planes into the other one."""
    return planes[:, [0, 2, 1, 3]]


class MdxShape(NamedTuple):
    """The input and output of an MDX-Net graph: their names, and the sizes of the input, None where they may vary."""

    input: str
    output: str
    bins: int | None
    frames: int | None


def mdx_shape(session: Session) -> MdxShape:
    """Return the shape of an MDX-Net graph.

    Parameters
    ----------
    session : Session

    Returns
    -------
    MdxShape

    Raises
    ------
    ModelError
        If the graph does not have one input and one output of float32 (batch, 4, bins, frames).
    """
    tensors = [*session.inputs, *session.outputs]
    sizes = [tuple(size if isinstance(size, int) else None for size in tensor.shape) for tensor in tensors]
    fit = all(
        tensor.type == "tensor(float)" and len(size) == 4 and size[0] in (None, 1) and size[1] in (None, 4)
        for tensor, size in zip(tensors, sizes, strict=True)
    )
    if len(session.inputs) != 1 or len(session.outputs) != 1 or not fit or not _agree(*sizes):
        raise ModelError(
            "expected an MDX-Net graph with one input and one output, both float32 (batch, 4, dim_f, dim_t), "
            f"got inputs {_described(session.inputs)} and outputs {_described(session.outputs)}: {session.path}"
        )
    return MdxShape(tensors[0].name, tensors[1].name, sizes[0][2], sizes[0][3])


def _agree(first: tuple[int | None, ...], second: tuple[int | None, ...]) -> bool:
    """Whether two shapes have the same sizes where both have one."""
    return all(None in pair or pair[0] == pair[1] for pair in zip(first, second, strict=True))


def _described(tensors: list[Any]) -> str:
    texts = [f"{tensor.name} {tensor.type} ({', '.join(map(str, tensor.shape))})" for tensor in tensors]
    return ", ".join(texts) or "none"
