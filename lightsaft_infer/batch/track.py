"""A track of a batch."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Track:
    """A track to separate, in plain values that can be sent to another process.

    Attributes
    ----------
    name : str
        Its path below the input folder of the batch, with "/".
    source : str
        Its path or URL.
    folder : str
        The folder of its stems below the output folder, with "/".
    out : str
        Path or URL of the output folder.
    model : str
        Path of the manifest.
    model_sha256 : str
        Digest that identifies the model (`Manifest.sha256`).
    threads : int
        Threads of the network.
    options : dict
        "targets" (list of str), "residual" (str or None), "consistency" (bool), "format" (a suffix without the dot),
        "subtype" and "clip", and optionally "bitrate", "tags" and "downmix", with the meaning that they have in
        `separate_file`.
    """

    name: str
    source: str
    folder: str
    out: str
    model: str
    model_sha256: str
    threads: int
    options: dict[str, Any]

    @property
    def outputs(self) -> dict[str, str]:
        """The path of each stem's file below the output folder, by target."""
        return {name: f"{self.folder}/{file}" for name, file in stem_files(self.options).items()}


def stem_files(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the name of each stem's file in the folder of a track, by target. For the options, see `Track`."""
    names = [*options["targets"], *filter(None, [options["residual"]])]
    return {name: f"{name}.{options['format']}" for name in names}
