"""Draws a stack's figures: a heat map of sizes, and a matrix of similarities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from ..satchel.tensors.stack_report import StackFigures

Color = tuple[int, int, int]

MAX_ENTRIES = 40
"""More LoRAs than this are left out of the picture; the text has them all."""
MAX_COLUMNS = 64
"""Slots in one band of the heat map; more make further bands."""

MARGIN, GAP, ROW = 32, 26, 30
MAX_LABEL = 330
BACKGROUND, PANEL, EMPTY = (18, 20, 26), (27, 30, 38), (33, 37, 46)
TEXT, FAINT, PROBLEM = (232, 234, 240), (150, 157, 172), (255, 122, 110)
SIZES: tuple[Color, ...] = (
    (46, 30, 84), (104, 34, 116), (172, 48, 104), (228, 86, 72), (250, 156, 58), (252, 236, 150),
)  # fmt: skip
"""From a change of next to nothing to the largest of the stack."""
SIMILARITIES: tuple[Color, ...] = (
    (70, 150, 255), (50, 88, 150), (46, 51, 62), (150, 88, 38), (255, 158, 60),
)  # fmt: skip
"""From -1 over 0 to 1."""


@dataclass(frozen=True, slots=True)
class PictureRow:
    """What is written beside one entry."""

    name: str
    fits: str
    """How much of its file fits the model."""
    problem: bool = False


@cache
def font(size: int) -> Any:
    return ImageFont.load_default(size)


def draw_stack(figures: StackFigures, rows: Sequence[PictureRow], title: str) -> Image.Image:
    """A picture of the figures on a dark background, RGB; its size follows from its content."""
    shown = min(len(rows), MAX_ENTRIES)
    labels = [f"{number}  {row.name}" for number, row in enumerate(rows[:shown], 1)]
    label_width = min(MAX_LABEL, max([90, *(_width(text, 16) for text in labels)]) + 14)
    heat = _HeatMap(figures, rows[:shown], labels, label_width)
    matrix = _Matrix(figures, labels, label_width)
    head = 74
    width = 2 * MARGIN + max(heat.width, matrix.width, _width(title, 24))
    height = head + heat.height + GAP + matrix.height + MARGIN
    image = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(image)
    draw.text((MARGIN, 24), title, TEXT, font(24))
    if shown < len(rows):
        text = f"the first {shown} of {len(rows)}"
        draw.text((width - MARGIN, 30), text, FAINT, font(16), anchor="ra")
    heat.draw(image, draw, MARGIN, head)
    matrix.draw(draw, MARGIN, head + heat.height + GAP)
    return image


class _HeatMap:
    """Norms: one row for each entry, one column for each slot."""

    HEAD = 34
    NUMBERS = 190

    def __init__(
        self, figures: StackFigures, rows: Sequence[PictureRow], labels: Sequence[str],
        label_width: int,
    ) -> None:  # fmt: skip
        self.figures, self.rows, self.labels, self.label_width = figures, rows, labels, label_width
        self.slots = list(range(len(figures.slots)))
        columns = max(1, min(len(self.slots), MAX_COLUMNS))
        self.cell = max(18, min(44, 1150 // columns))
        self.bands = [self.slots[i : i + MAX_COLUMNS]
                      for i in range(0, len(self.slots), MAX_COLUMNS)] or [[]]  # fmt: skip
        names = max([0, *(_width(figures.slots[slot], 14) for slot in self.slots)])
        self.names = names + 12
        self.largest = max([0.0, *(figures.norm(entry, slot) for entry in range(len(rows))
                                   for slot in self.slots)])  # fmt: skip
        self.band_height = self.names + ROW * len(rows) + 18
        self.width = max(label_width + columns * self.cell + self.NUMBERS, 760)
        self.height = self.HEAD + self.band_height * len(self.bands)

    def draw(self, image: Image.Image, draw: ImageDraw.ImageDraw, left: int, top: int) -> None:
        draw.text((left, top), "Size of each LoRA's change, by block slot", TEXT, font(17))
        ticks = [(t, f"{self.largest * t * t:.3g}") for t in (0.0, 0.5, 1.0)]
        _color_bar(draw, left + self.width, top, SIZES, ticks)
        for number, band in enumerate(self.bands):
            band_top = top + self.HEAD + number * self.band_height
            self._draw_names(image, band, left + self.label_width, band_top)
            if number == 0:
                x = left + self.label_width + len(band) * self.cell + 14
                for offset, word in ((0, "all"), (74, "modules")):
                    place = (x + offset, band_top + self.names - 4)
                    draw.text(place, word, FAINT, font(14), anchor="ls")
            for entry in range(len(self.rows)):
                row_top = band_top + self.names + entry * ROW
                self._draw_row(draw, entry, band, left, row_top, with_numbers=number == 0)

    def _draw_names(self, image: Image.Image, band: list[int], left: int, top: int) -> None:
        """Slot names, upright."""
        for column, slot in enumerate(band):
            name = self.figures.slots[slot]
            label = Image.new("L", (self.names, 18))
            ImageDraw.Draw(label).text((4, 9), name, 255, font(14), anchor="lm")
            label = label.rotate(90, expand=True)
            place = (left + column * self.cell + (self.cell - 18) // 2, top)
            image.paste(FAINT, (*place, place[0] + label.width, place[1] + label.height), label)

    def _draw_row(
        self, draw: ImageDraw.ImageDraw, entry: int, band: list[int], left: int, top: int, *,
        with_numbers: bool,
    ) -> None:  # fmt: skip
        row, middle = self.rows[entry], top + ROW // 2
        label = _shortened(self.labels[entry], self.label_width - 14)
        draw.text((left, middle), label, PROBLEM if row.problem else TEXT, font(16), anchor="lm")
        x = left + self.label_width
        for column, slot in enumerate(band):
            norm = self.figures.norm(entry, slot)
            color = _blend(SIZES, (norm / self.largest) ** 0.5) if norm else EMPTY
            cell = x + column * self.cell
            draw.rectangle((cell + 1, top + 1, cell + self.cell - 2, top + ROW - 2), color)
        if with_numbers:
            x += len(band) * self.cell + 14
            total = f"{self.figures.total(entry):.3g}"
            draw.text((x, middle), total, TEXT, font(16), anchor="lm")
            color = PROBLEM if row.problem else FAINT
            draw.text((x + 74, middle), row.fits, color, font(14), anchor="lm")


class _Matrix:
    """Cosines of each pair of entries."""

    HEAD = 34
    NOTE = 340

    def __init__(self, figures: StackFigures, labels: Sequence[str], label_width: int) -> None:
        self.figures, self.labels, self.label_width = figures, labels, label_width
        self.count = len(labels)
        self.cell = 54 if self.count <= 16 else 28
        self.row = max(ROW, self.cell * 2 // 3)
        self.notes = _pair_notes(figures, self.count)
        self.width = label_width + self.count * self.cell + 40 + self.NOTE
        self.height = self.HEAD + 24 + max(self.row * self.count, 24 * (len(self.notes) + 1)) + 8

    def draw(self, draw: ImageDraw.ImageDraw, left: int, top: int) -> None:
        draw.text((left, top), "Similarity of each pair (cosine)", TEXT, font(17))
        ticks = [(0.0, "-1 opposite"), (0.5, "0 unrelated"), (1.0, "1 the same")]
        _color_bar(draw, left + self.width, top, SIMILARITIES, ticks, length=260)
        x, y = left + self.label_width, top + self.HEAD + 24
        for column in range(self.count):
            place = (x + column * self.cell + self.cell // 2, y - 6)
            draw.text(place, str(column + 1), FAINT, font(14), anchor="ms")
        for entry, label in enumerate(self.labels):
            middle = y + entry * self.row + self.row // 2
            text = _shortened(label, self.label_width - 14)
            draw.text((left, middle), text, TEXT, font(16), anchor="lm")
            for other in range(self.count):
                self._draw_cell(draw, entry, other, x + other * self.cell, y + entry * self.row)
        x += self.count * self.cell + 40
        for line, (note, color) in enumerate(self.notes):
            draw.text((x, y + 12 + 24 * line), note, color, font(15), anchor="lm")

    def _draw_cell(
        self, draw: ImageDraw.ImageDraw, entry: int, other: int, left: int, top: int
    ) -> None:
        box = (left + 1, top + 1, left + self.cell - 2, top + self.row - 2)
        cosine = self.figures.cosine(entry, other)
        if entry == other or cosine is None:
            draw.rectangle(box, PANEL)
            return
        color = _blend(SIMILARITIES, (cosine + 1) / 2)
        draw.rectangle(box, color)
        if self.cell >= 40:
            ink = BACKGROUND if sum(color) > 380 else TEXT
            middle = (left + self.cell // 2, top + self.row // 2)
            draw.text(middle, f"{cosine:+.2f}", ink, font(15), anchor="mm")


def _pair_notes(figures: StackFigures, count: int, most: int = 6) -> list[tuple[str, Color]]:
    """Where the most and the least alike pairs meet."""
    pairs = [(cosine, i, j) for i in range(count) for j in range(i + 1, count)
             if (cosine := figures.cosine(i, j)) is not None]  # fmt: skip
    notes: list[tuple[str, Color]] = []
    for cosine, i, j in sorted(pairs, key=lambda pair: -abs(pair[0])):
        together = cosine >= 0
        slot = figures.agreeing(i, j) if together else figures.opposed(i, j)
        if slot is None or len(notes) == most:
            continue
        word, color = ("alike", SIMILARITIES[-1]) if together else ("opposed", SIMILARITIES[0])
        where = f"{figures.slots[slot]} ({figures.cosine(i, j, slot):+.2f})"
        notes.append((f"{i + 1} and {j + 1}: {word}, most in {where}", color))
    return notes


def _color_bar(
    draw: ImageDraw.ImageDraw, right: int, top: int, colors: Sequence[Color],
    ticks: Sequence[tuple[float, str]], length: int = 180,
) -> None:  # fmt: skip
    """A legend that ends at `right`, with words beneath it."""
    left = right - length
    for x in range(length):
        draw.line((left + x, top, left + x, top + 9), _blend(colors, x / (length - 1)))
    for at, word in ticks:
        anchor = "la" if at == 0 else "ra" if at == 1 else "ma"
        draw.text((left + at * length, top + 13), word, FAINT, font(13), anchor=anchor)


def _blend(colors: Sequence[Color], at: float) -> Color:
    """The color at 0 to 1 of a scale."""
    place = max(0.0, min(1.0, at)) * (len(colors) - 1)
    index = min(int(place), len(colors) - 2)
    part = place - index
    first, second = colors[index], colors[index + 1]
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _width(text: str, size: int) -> int:
    return int(font(size).getlength(text)) + 1


def _shortened(text: str, width: int, size: int = 16) -> str:
    """The text, with its middle left out where it is too wide."""
    if _width(text, size) <= width:
        return text
    keep = len(text)
    while keep > 4 and _width(f"{text[: keep // 2]}…{text[-(keep // 2) :]}", size) > width:
        keep -= 1
    return f"{text[: keep // 2]}…{text[-(keep // 2) :]}"
