"""Stable Diffusion UNets: SD 1.x, SD 2.x, SDXL and its refiner.

One function walks the UNet and writes its rows in both namings: the original
(`input_blocks.4.1`) and diffusers' (`down_blocks.1.attentions.0`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .architecture import Architecture
from .layout import Layout

_TRANSFORMER = """
norm c
proj_in c c{conv}
proj_out c c{conv}
transformer_blocks.<{depth}>.attn1.(to_q|to_k|to_v|to_out.0|to_out) c c
transformer_blocks.<{depth}>.attn2.(to_q|to_out.0|to_out) c c
transformer_blocks.<{depth}>.attn2.(to_k|to_v) c context
transformer_blocks.<{depth}>.ff.net.0.proj 8c c
transformer_blocks.<{depth}>.ff.net.2 c 4c
transformer_blocks.<{depth}>.(norm1|norm2|norm3) c
"""
# native name, diffusers name, sizes
_RESNET = (
    ("in_layers.0", "norm1", "i"),
    ("in_layers.2", "conv1", "c ix3x3"),
    ("emb_layers.1", "time_emb_proj", "c time"),
    ("out_layers.0", "norm2", "c"),
    ("out_layers.3", "conv2", "c cx3x3"),
    ("skip_connection", "conv_shortcut", "c ix1x1"),
)

Row = tuple[str, str, str]
"""Native path, diffusers path, sizes."""


@dataclass(frozen=True, slots=True)
class UNet:
    """The numbers that tell the four UNets apart."""

    channels: tuple[int, ...]
    """Width of each level."""
    depths: tuple[int, ...]
    """Transformer blocks in each attention of a level."""
    middle_depth: int
    context: int
    """Width of the text the cross attention reads."""
    conv_projections: bool = False
    """`proj_in` and `proj_out` are 1x1 convolutions (SD 1.x)."""
    label: int = 0
    """Width of the pooled text and sizes that `label_emb` reads."""

    def layouts(self) -> tuple[Layout, ...]:
        """The two tables."""
        return (
            Layout("native", lambda: "\n".join(f"{row[0]} {row[2]}" for row in self._rows()), {}),
            Layout(
                "diffusers", lambda: "\n".join(f"{row[1]} {row[2]}" for row in self._rows()), {}
            ),
        )

    def _rows(self) -> Iterator[Row]:
        base, levels = self.channels[0], len(self.channels)
        yield "input_blocks.0.0", "conv_in", f"{base} 4x3x3"
        width, skips = base, [base]
        for x, channels in enumerate(self.channels):
            for i in range(2):
                native, other = f"input_blocks.{3 * x + i + 1}", f"down_blocks.{x}"
                yield from self._resnet(f"{native}.0", f"{other}.resnets.{i}", width, channels)
                width = channels
                skips.append(width)
            native, other = f"input_blocks.<{3 * x + 1},{3 * x + 2}>", f"down_blocks.{x}"
            yield from self._attention(
                f"{native}.1", f"{other}.attentions.<0-1>", channels, self.depths[x]
            )
            if x + 1 < levels:
                native, other = f"input_blocks.{3 * x + 3}.0", f"down_blocks.{x}.downsamplers.0"
                yield f"{native}.op", f"{other}.conv", f"{width} {width}x3x3"
                skips.append(width)
        yield from self._resnet("middle_block.0", "mid_block.resnets.0", width, width)
        yield from self._attention(
            "middle_block.1", "mid_block.attentions.0", width, self.middle_depth
        )
        yield from self._resnet("middle_block.2", "mid_block.resnets.1", width, width)
        yield from self._up(width, skips)
        yield from self._rest(base)

    def _up(self, width: int, skips: list[int]) -> Iterator[Row]:
        levels = len(self.channels)
        for x in range(levels):
            channels, depth = self.channels[-1 - x], self.depths[-1 - x]
            for i in range(3):
                native, other = f"output_blocks.{3 * x + i}", f"up_blocks.{x}"
                yield from self._resnet(
                    f"{native}.0", f"{other}.resnets.{i}", width + skips.pop(), channels
                )
                width = channels
            yield from self._attention(
                f"output_blocks.<{3 * x}-{3 * x + 2}>.1",
                f"up_blocks.{x}.attentions.<0-2>",
                channels,
                depth,
            )
            if x + 1 < levels:
                native = f"output_blocks.{3 * x + 2}.{2 if depth else 1}.conv"
                yield native, f"up_blocks.{x}.upsamplers.0.conv", f"{width} {width}x3x3"

    def _rest(self, base: int) -> Iterator[Row]:
        time = 4 * base
        yield "time_embed.0", "time_embedding.linear_1", f"{time} {base}"
        yield "time_embed.2", "time_embedding.linear_2", f"{time} {time}"
        if self.label:
            yield "label_emb.0.0", "add_embedding.linear_1", f"{time} {self.label}"
            yield "label_emb.0.2", "add_embedding.linear_2", f"{time} {time}"
        yield "out.0", "conv_norm_out", f"{base}"
        yield "out.2", "conv_out", f"4 {base}x3x3"

    def _resnet(self, native: str, other: str, inputs: int, channels: int) -> Iterator[Row]:
        sizes = {"i": inputs, "c": channels, "time": 4 * self.channels[0]}
        for name, diffusers, text in _RESNET:
            if name != "skip_connection" or inputs != channels:
                yield f"{native}.{name}", f"{other}.{diffusers}", _numbers(text, sizes)

    def _attention(self, native: str, other: str, channels: int, depth: int) -> Iterator[Row]:
        if not depth:
            return
        conv = "x1x1" if self.conv_projections else ""
        table = _TRANSFORMER.format(depth=f"0-{depth - 1}", conv=conv)
        for line in table.strip().splitlines():
            name, _, text = line.partition(" ")
            sizes = _numbers(text, {"c": channels, "context": self.context})
            yield f"{native}.{name}", f"{other}.{name}", sizes


def _numbers(text: str, sizes: dict[str, int]) -> str:
    """Replaces the names in a row's sizes: `8c c` -> `2560 320`, `c ix3x3` -> `640 320x3x3`."""
    words = []
    for word in text.split():
        size, *kernel = word.split("x3x3") if "x3x3" in word else word.split("x1x1")
        name = size.lstrip("0123456789")
        number = int(size[: len(size) - len(name)] or 1) * sizes[name]
        words.append(f"{number}{word[len(size) :]}" if kernel else str(number))
    return " ".join(words)


_SD1 = UNet((320, 640, 1280, 1280), (1, 1, 1, 0), 1, 768, conv_projections=True)
_SD2 = UNet((320, 640, 1280, 1280), (1, 1, 1, 0), 1, 1024)
_SDXL = UNet((320, 640, 1280), (0, 2, 10), 10, 2048, label=2816)
_REFINER = UNet((384, 768, 1536, 1536), (0, 4, 4, 0), 4, 1280, label=2560)

_STACKS = (
    "input_blocks", "middle_block", "output_blocks",
    "down_blocks", "mid_block_attentions", "mid_block_resnets", "up_blocks",
)  # fmt: skip

ARCHITECTURES = (
    Architecture("sd15", "Stable Diffusion 1.x", ("clip_l",), _SD1.layouts(), stacks=_STACKS,
                 claims=("sdv1", "stablediffusionv1", "sd1", "stablediffusion15")),
    Architecture("sd21", "Stable Diffusion 2.x", ("clip_h",), _SD2.layouts(), stacks=_STACKS,
                 claims=("sdv2", "stablediffusionv2", "stablediffusion20", "sd2")),
    Architecture("sdxl", "SDXL", ("clip_l", "clip_g"), _SDXL.layouts(), stacks=_STACKS,
                 claims=("sdxl", "stablediffusionxl", "stablediffusionxlv1base")),
    Architecture("sdxl_refiner", "SDXL refiner", ("clip_g",), _REFINER.layouts(), stacks=_STACKS,
                 claims=("sdxlrefiner", "stablediffusionxlv1refiner")),
)  # fmt: skip
