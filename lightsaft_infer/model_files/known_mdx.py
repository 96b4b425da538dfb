"""Facts about public MDX-Net files, so that nothing has to be typed to import them.

The facts are those that Ultimate Vocal Remover uses, from `mdx_model_data/model_data_new.json` in
https://github.com/TRvlvr/application_data and `models/MDX_Net_Models/model_data/model_data.json` in
https://github.com/Anjok07/ultimatevocalremovergui. A file is known by the MD5 of its last 10,000 KiB.
"""

import dataclasses
import hashlib

TAIL_BYTES = 10_000 * 1024
ZEROED_BINS = 3  # with all these models, as audio-separator 0.47 does

# MD5, n_fft, target, compensate
TABLE = """
0ddfc0eb5792638ad5dc27850236c246  6144 vocals       1.035
0f2a6bc5b49d87d64728ee40e23bceb1  5120 instrumental 1.019
1c56ec0224f1d559c42fd6fd2a67b154  5120 instrumental 1.025
1d64a6d2c30f709b8c9b4ce1366d96ee  5120 instrumental 1.065
203f2a3955221b64df85a41af87cf8f0  6144 instrumental 1.035
26d308f91f3423a67dc69a6d12a8793d  8192 other        1.035
291c2049608edb52648b96e27eb80e95  6144 instrumental 1.035
2cdd429caac38f0194b133884160f2c6  7680 instrumental 1.045
2f5501189a2f6db6349916fabe8c90de  6144 vocals       1.035
398580b6d5d973af3120df54cee6759d  7680 vocals       1.75
488b3e6f8bd3717d9d7c428476be2d75  7680 instrumental 1.035
4910e7827f335048bdac11fa967772f9  4096 drums        1.035
53c4baf4d12c3e6c3831bb8f5b532b93  7680 vocals       1.043
55657dd70583b0fedfba5f67df11d711  6144 instrumental 1.022
5d343409ef0df48c7d78cce9f0106781  7680 vocals       1.075
5f6483271e1efb9bfb59e4a3e6d4d098  6144 vocals       1.035
65ab5919372a128e4167f5e01a8fda85  8192 other        1.035
6703e39f36f18aa7855ee1047765621d 16384 bass         1.035
6b31de20e84392859a3d09d43f089515  6144 vocals       1.035
73492b58195c3b52d34590d5474452f6  7680 vocals       1.043
77d07b2667ddf05b9e3175941b4454a0  7680 vocals       1.021
867595e9de46f6ab699008295df62798  7680 vocals       1.03
8a88db95c7fb5dbe6a095ff2ffb428b1  5120 instrumental 1.026
94ff780b977d3ca07c7a343dab2e25dd  6144 instrumental 1.039
970b3f9492014d18fefeedfe4773cb42  7680 vocals       1.009
a3cd63058945e777505c01d2507daf37  6144 vocals       1.03
b02be2d198d4968a121030cf8950b492  5120 no_crowd     1.02
b06327a00d5e5fbc7d96e1781bbdb596  6144 instrumental 1.035
b33d9b3950b6cbf5fe90a32608924700  7680 vocals       1.03
b6bccda408a436db8500083ef3491e8b  7680 instrumental 1.02
b78da4afc6512f98e4756f5977f5c6b9  7680 instrumental 1.021
c3b29bdce8c4fa17ec609e16220330ab 16384 bass         1.035
cb790d0c913647ced70fc6b38f5bea1a  5120 instrumental 1.01
cc63408db3d80b4d85b0287d1d7c9632  6144 instrumental 1.033
cd5b2989ad863f116c855db1dfe24e39  6144 reverb       1.035
ceed671467c1f64ebdfac8a2490d0d52  7680 instrumental 1.035
d2a1376f310e4f7fa37fb9b5774eb701  7680 instrumental 1.035
d7bff498db9324db933d913388cba6be  6144 vocals       1.035
d94058f8c7f1fae4164868ae8ae66b20  6144 vocals       1.035
dc41ede5961d50f277eb846db17f5319  4096 drums        1.035
e5572e58abf111f80d8241d2e44e7fa4  7680 instrumental 1.028
e7324c873b1f615c35c1967f912db92a  7680 vocals       1.03
ead8d05dab12ec571d67549b3aab03fc  6144 instrumental 1.035
f2df6d6863d8f435436d8b561594ff49  7680 instrumental 1.035
"""


@dataclasses.dataclass(frozen=True)
class KnownModel:
    """The facts about a file. Target and n_fft are None if they are not known."""

    n_fft: int | None = None
    target: str | None = None
    compensate: float = 1.0
    zeroed_bins: int = 0


def known_model(graph: bytes) -> KnownModel:
    """Return the facts about a file.

    Parameters
    ----------
    graph : bytes
        Content of the file.

    Returns
    -------
    KnownModel
        Without facts if the file is not in the table.
    """
    digest = hashlib.md5(graph[-TAIL_BYTES:], usedforsecurity=False).hexdigest()
    for line in TABLE.split("\n"):
        if line.startswith(digest):
            _, n_fft, target, compensate = line.split()
            return KnownModel(int(n_fft), target, float(compensate), ZEROED_BINS)
    return KnownModel()
