"""Draws block weights: a bar for each slot."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from ..satchel.lora.block_weights.rules import SlotWeights
from ..satchel.lora.block_weights.slots import Slot
from .stack_picture import (
    BACKGROUND,
    EMPTY,
    FAINT,
    MARGIN,
    MAX_COLUMNS,
    SIMILARITIES,
    TEXT,
    Color,
    font,
)

BAR, CELL, HEIGHT, NAMES = 14, 20, 150, 64
PLUS: Color = SIMILARITIES[-1]
MINUS: Color = SIMILARITIES[0]
HEAD = 66


def draw_blocks(slots: Sequence[Slot], weights: SlotWeights, title: str) -> Image.Image:
    """A picture of weights on a dark background, RGB; its size follows from the number of slots.

    A bar goes up from 0 to the slot's weight, down if that is negative. Marks beside it are weights
    that filters give to a part of the slot.
    """
    bands = [slots[i : i + MAX_COLUMNS] for i in range(0, len(slots), MAX_COLUMNS)]
    numbers = [number for slot in slots for number in _numbers(slot, weights)]
    top, bottom = max([1.0, *numbers]), min([0.0, *numbers])
    widest = max([len(band) for band in bands], default=0)
    width = max(2 * MARGIN + 44 + widest * CELL, 2 * MARGIN + int(font(22).getlength(title)))
    image = Image.new("RGB", (width, HEAD + len(bands) * (HEIGHT + NAMES + 22) + 10), BACKGROUND)
    draw = ImageDraw.Draw(image)
    draw.text((MARGIN, 22), title, TEXT, font(22))
    for number, band in enumerate(bands):
        y = HEAD + number * (HEIGHT + NAMES + 22)
        _draw_band(image, draw, band, weights, y, (bottom, top))
    return image


def _draw_band(
    image: Image.Image, draw: ImageDraw.ImageDraw, band: Sequence[Slot], weights: SlotWeights,
    top: int, span: tuple[float, float],
) -> None:  # fmt: skip
    low, high = span

    def height(number: float) -> int:
        return top + round(HEIGHT * (high - number) / (high - low))

    left = MARGIN + 44
    for mark in sorted({low, 0.0, 1.0, high}):
        y = height(mark)
        draw.line((left - 6, y, left + len(band) * CELL, y), EMPTY)
        draw.text((left - 10, y), f"{mark:g}", FAINT, font(13), anchor="rm")
    for column, slot in enumerate(band):
        x = left + column * CELL
        number = weights.factors[slot]
        ends = sorted((height(0), height(number)))
        draw.rectangle((x, ends[0], x + BAR, ends[1]), PLUS if number >= 0 else MINUS)
        for part in _numbers(slot, weights)[1:]:
            draw.line((x, height(part), x + BAR, height(part)), TEXT, 3)
        label = Image.new("L", (NAMES, 16))
        ImageDraw.Draw(label).text((NAMES - 4, 8), str(slot), 255, font(13), anchor="rm")
        label = label.rotate(90, expand=True)
        place = (x, top + HEIGHT + 8)
        image.paste(FAINT, (*place, place[0] + label.width, place[1] + label.height), label)


def _numbers(slot: Slot, weights: SlotWeights) -> list[float]:
    """The slot's weight, then those of its filters."""
    return [weights.factors[slot], *(number for _, number in weights.filters.get(slot, ()))]
