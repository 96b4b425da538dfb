"""The published networks: LaSAFT-Net and LightSAFT-Net (v1), LASAFT-Net-v2."""

from typing import Any

from torch import Tensor, nn

from ..config import Config
from .blocks import TFCTDF, ConditionGenerator, DecoderV2, LaSAFT, LightSAFT, gate, per_image
from .unet import Conditions, Network


class NetworkV1(Network):
    """LaSAFT-Net and LightSAFT-Net: every block is conditioned, and so are the gates of the decoder."""

    encoders: Any
    mid_block: Any
    decoders: Any

    def _blocks(self, config: Config, sizes: list[int]) -> None:
        block = LaSAFT if config.block == "lasaft" else LightSAFT
        self.encoders = nn.ModuleList(block(config.channels, size, config) for size in sizes[:-1])
        self.mid_block = block(config.channels, sizes[-1], config)
        self.decoders = nn.ModuleList(block(2 * config.channels, size, config) for size in sizes[-2::-1])
        self.condition_generator = ConditionGenerator(config)

    def conditions(self, target: Tensor) -> Conditions:
        embedding = self.embedding(target)
        gamma, beta = self.condition_generator(embedding)
        return {
            "encoders": [block.condition(embedding) for block in self.encoders],
            "middle": self.mid_block.condition(embedding),
            "decoders": [
                (gamma[:, level], beta[:, level], block.condition(embedding))
                for level, block in enumerate(self.decoders)
            ],
        }

    def encode(self, level: int, x: Tensor, conditions: Conditions) -> Tensor:
        return self._attend(self.encoders[level], x, conditions["encoders"][level])

    def middle(self, x: Tensor, conditions: Conditions) -> Tensor:
        return self._attend(self.mid_block, x, conditions["middle"])

    def decode(self, level: int, x: Tensor, conditions: Conditions) -> Tensor:
        weight, bias, attention = conditions["decoders"][level]
        block = self.decoders[level]
        x = gate(per_image(block.tfc, x), weight, bias)
        return x + block.transform(x, attention)

    @staticmethod
    def _attend(block: Any, x: Tensor, attention: Tensor) -> Tensor:
        x = per_image(block.tfc, x)
        return x + block.transform(x, attention)


class NetworkV2(Network):
    """LASAFT-Net-v2: only the decoder is conditioned."""

    resampling_activation = True
    encoders: Any
    mid_block: Any
    decoders: Any

    def _blocks(self, config: Config, sizes: list[int]) -> None:
        self.encoders = nn.ModuleList(TFCTDF(config.channels, size, config) for size in sizes[:-1])
        self.mid_block = TFCTDF(config.channels, sizes[-1], config)
        self.decoders = nn.ModuleList(DecoderV2(2 * config.channels, size, config) for size in sizes[-2::-1])

    def conditions(self, target: Tensor) -> Conditions:
        embedding = self.embedding(target)
        return {"decoders": [block.condition(embedding) for block in self.decoders]}

    def encode(self, level: int, x: Tensor, conditions: Conditions) -> Tensor:
        return per_image(self.encoders[level], x)

    def middle(self, x: Tensor, conditions: Conditions) -> Tensor:
        return per_image(self.mid_block, x)

    def decode(self, level: int, x: Tensor, conditions: Conditions) -> Tensor:
        return self.decoders[level](x, conditions["decoders"][level])
