"""Networks with the weights of published checkpoints. Keys and shapes of the weights give the configuration."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor

from ..config import PRESETS, Config
from ..errors import CheckpointError
from ..networks import ACTIVATIONS, Network, build
from .lightning_file import load_weights

PREFIX = "spec2spec."
Block = Literal["lasaft", "lightsaft", "lightsaft_v2"]

# Keys of a published configuration, and the names of these settings in Config.
RENAMED = {
    "n_fft": "n_fft",
    "hop_length": "hop_length",
    "num_frame": "frames",
    "internal_channels": "channels",
    "n_internal_layers": "tfc_layers",
    "num_tdfs": "latent_sources",
    "dk": "d_k",
    "embedding_dim": "embedding_dim",
    "bn_factor": "bn_factor",
    "min_bn_units": "min_bn_units",
    "control_n_layer": "control_layers",
}
ACTIVATION_KEYS = ("activation", "first_conv_activation", "tfc_tdf_activation")
# The options of these networks. Other values of the published options are refused.
FIXED = {
    "spec_type": "complex",
    "spec_est_mode": "mapping",
    "input_channels": 4,
    "last_activation": "identity",
    "t_down_layers": None,
    "f_down_layers": None,
    "kernel_size_t": 3,
    "kernel_size_f": 3,
    "tfc_tdf_bias": False,
    "control_vector_type": "embedding",
    "control_input_dim": 4,
    "condition_to": "decoder",
    "control_type": "dense",
    "pocm_type": "matmul",
    "pocm_norm": "batch_norm",
    "query_listen": True,
    "key_listen": True,
}


def family(weights: Mapping[str, Any]) -> Block:
    """Return the `Config.block` of the network that a state dict (without prefix) belongs to.

    Raises
    ------
    CheckpointError
        If it belongs to none of the known networks.
    """
    marks: dict[Block, str] = {
        "lasaft": "encoders.0.tdfs.tdf.0.weight",
        "lightsaft": "encoders.0.LaSAFT_bn_layer.0.weight",
        "lightsaft_v2": "decoders.0.tfc_lightsaft.LaSAFT_bn_layer.0.weight",
    }
    found = [block for block, key in marks.items() if key in weights]
    if len(found) != 1:
        raise CheckpointError("expected weights of LaSAFT, LightSAFT or LASAFT-Net-v2, got keys of none of them")
    return found[0]


def published_config(block: Block, content: Mapping[str, Any]) -> Config:
    """Return the configuration of a dict with the published keys.

    Raises
    ------
    CheckpointError
        If keys are missing, or have values that this package does not support.
    """
    for key, value in FIXED.items():
        if key in content and content[key] != value:
            raise CheckpointError(f"expected {key} {value!r}, got {content[key]!r}: not supported")
    activations = {content[key] for key in ACTIVATION_KEYS if key in content}
    if len(activations) > 1:
        raise CheckpointError(f"expected one activation for all layers, got {sorted(activations)}: not supported")
    missing = [key for key in ("n_blocks", *RENAMED) if key not in content and key != "control_n_layer"]
    if missing:
        raise CheckpointError(f"the configuration lacks {', '.join(missing)}")
    sizes = {ours: content[theirs] for theirs, ours in RENAMED.items() if theirs in content}
    sizes["activation"] = next(iter(activations), "relu")
    return Config(block, levels=content["n_blocks"] // 2, **_known_activation(sizes))


def _known_activation(sizes: dict[str, Any]) -> dict[str, Any]:
    """Refuse sizes with an unknown activation."""
    if sizes["activation"] not in ACTIVATIONS:
        raise CheckpointError(f"expected one of the activations {', '.join(ACTIVATIONS)}, got {sizes['activation']!r}")
    return sizes


def infer_config(weights: Mapping[str, Tensor], hyper_parameters: Mapping[str, Any]) -> tuple[Config, list[str]]:
    """Infer the configuration of a state dict.

    Parameters
    ----------
    weights
        The state dict, without prefix. Its keys and shapes give most sizes.
    hyper_parameters
        The hyper-parameters in the file. They give the other sizes; if they do not, the published values are taken.

    Returns
    -------
    Config
        The configuration.
    list of str
        Notes: the origin of each size.

    Raises
    ------
    CheckpointError
        If weights are missing, or the configuration cannot be inferred.
    """
    block = family(weights)
    try:
        sizes = _sizes(block, {name: tuple(tensor.shape) for name, tensor in weights.items()})
    except (KeyError, IndexError, ZeroDivisionError) as error:
        raise CheckpointError(f"its {block} weights are incomplete: {error} is missing or cannot be used") from error
    alike = [
        preset
        for preset in PRESETS.values()
        if preset.block == block and all(getattr(preset, name) == value for name, value in sizes.items())
    ]
    published = alike[0] if alike else Config(block)
    notes = [f"{block}: " + ", ".join(f"{name} {value}" for name, value in sizes.items()) + ", from keys and shapes"]
    for name, keys in (("activation", ACTIVATION_KEYS), ("hop_length", ["hop_length"]), ("frames", ["num_frame"])):
        given = [hyper_parameters[key] for key in keys if isinstance(hyper_parameters.get(key), (int, str))]
        sizes[name] = given[0] if given else getattr(published, name)
        origin = "from the file's hyper-parameters" if given else "the published value, as the file does not say"
        notes.append(f"{name} {sizes[name]}, {origin}")
    return Config(block, **_known_activation(sizes)), notes


def _sizes(block: Block, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    def count(pattern: str) -> int:
        return len({match[1] for name in shapes if (match := re.match(pattern, name))})

    decoder = "decoders.0." + ("tfc_lightsaft." if block == "lightsaft_v2" else "")
    if block == "lightsaft_v2":
        sources, d_k = shapes[decoder + "keys.0.weight"][0], shapes[decoder + "linear_query.2.weight"][0]
    else:
        d_k, sources = shapes[decoder + "keys"]
    # Down to up: (frequencies, bottleneck) of each block, the bottleneck of all latent sources together for LaSAFT.
    first = {"lasaft": "tdfs.tdf.0", "lightsaft": "LaSAFT_bn_layer.0", "lightsaft_v2": "tdf.tdf.0"}[block]
    levels = count(r"downsamplings\.(\d+)\.")
    places = [*(f"encoders.{level}" for level in range(levels)), "mid_block"]
    together = sources if block == "lightsaft" else 1
    bottlenecks = [(shapes[f"{place}.{first}.weight"][1], shapes[f"{place}.{first}.weight"][0]) for place in places]
    frequencies, bottleneck = bottlenecks[0]
    width = frequencies * (sources if block == "lasaft" else 1)
    sizes = {
        "n_fft": 2 * frequencies,
        "levels": levels,
        "channels": shapes["first_conv.0.weight"][0],
        "tfc_layers": count(re.escape(decoder) + r"tfc\.H\.(\d+)\."),
        "latent_sources": sources,
        "d_k": d_k,
        "embedding_dim": shapes["embedding.weight"][1],
        "bn_factor": width // (bottleneck // together),
        "min_bn_units": min(units for _, units in bottlenecks) // together,
    }
    if block != "lightsaft_v2":
        linears = [name for name in shapes if re.match(r"condition_generator\.dense_.*weight", name)]
        sizes["control_layers"] = 1 + sum(len(shapes[name]) == 2 for name in linears)
    return sizes


def network_of(
    checkpoint: Mapping[str, Any], *, preset: str | None = None, config: Mapping[str, Any] | None = None
) -> tuple[Network, list[str]]:
    """Create a network with the weights of a published checkpoint.

    Parameters
    ----------
    checkpoint
        What `read_checkpoint` returns.
    preset
        Name of a preset that gives the configuration.
    config
        Dict with the published keys that gives the configuration. Without preset and config, it is inferred.

    Returns
    -------
    Network
        The network, in evaluation mode.
    list of str
        Notes: the origin of each inferred size.

    Raises
    ------
    CheckpointError
        If the configuration cannot be inferred or used, or the weights do not fit it.
    """
    everything = checkpoint["state_dict"]
    weights = {name.removeprefix(PREFIX): value for name, value in everything.items() if name.startswith(PREFIX)}
    block = family(weights)
    notes: list[str] = []
    if preset is not None:
        chosen = PRESETS[preset]
    elif config is not None:
        chosen = published_config(block, config)
    else:
        given = checkpoint.get("hyper_parameters") or checkpoint.get("hparams") or {}
        chosen, notes = infer_config(weights, given if isinstance(given, dict) else {})
    for name, value in everything.items():
        if name.endswith("stft.window") and len(value) != chosen.n_fft:
            raise CheckpointError(
                f"expected n_fft {len(value)}, the length of the STFT window {name}, got {chosen.n_fft}"
            )
    network = build(chosen)
    load_weights(network, weights)
    return network.eval(), notes
