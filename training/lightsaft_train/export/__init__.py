"""Export of networks: ONNX graphs with their manifests, and the reading of published checkpoints."""

from .lightning_file import read_checkpoint
from .mdx_graph import export_mdx
from .onnx_model import write_model
from .published_network import network_of

__all__ = ["export_mdx", "network_of", "read_checkpoint", "write_model"]
