"""What a picture is by its first bytes, and how many pixels it claims."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pictures import png, webp_canvas

from satchel.picture_heads import MAX_PIXELS, PictureHead, picture_head

SAMPLES = Path(__file__).resolve().parents[1] / "data" / "containers"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("animated.png", "png"),
        ("lossy.webp", "webp"),
        ("lossless.webp", "webp"),
        ("animated.webp", "webp"),
        ("picture.jpg", "jpeg"),
    ],
)
def test_files_of_other_libraries_are_known_with_their_size(name, form):
    assert picture_head((SAMPLES / name).read_bytes()) == PictureHead(form, 24, 16)


def test_webp_without_an_extended_header_has_a_size_of_two_kinds():
    lossy = b"RIFF\0\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a" + bytes([24, 0x40, 16, 0x80])
    lossless = b"RIFF\0\0\0\0WEBPVP8L\x05\0\0\0\x2f" + (23 | 15 << 14).to_bytes(4, "little")

    assert picture_head(lossy) == picture_head(lossless) == PictureHead("webp", 24, 16)


@pytest.mark.parametrize("name", ["picture.avif", "fast.mp4", "drawing.svg", "sound.mp3"])
def test_other_formats_are_none(name):
    assert picture_head((SAMPLES / name).read_bytes()) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>\x89PNG\r\n\x1a\n</html>",
        b"GIF89a" + bytes(40),
        b"\x89PNG\r\n\x1a\n",
        png(8, 8)[:20],
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\0\x02" + b"\xff\xe0\0\x02" * 20_000,
        b"\xff\xd8\xff\xe0\0\x04ab<html>",
        b"\xff\xd8" + b"\xff" * 50,
        b"RIFF\0\0\0\0WEBP",
        b"RIFF\0\0\0\0WEBPVP8 \x0a\0\0\0" + bytes(10),
        b"RIFF\0\0\0\0WAVEfmt " + bytes(40),
        webp_canvas(5, 5)[:28],
    ],
)
def test_what_is_broken_or_something_else_is_none(data):
    assert picture_head(data) is None


@pytest.mark.parametrize(
    ("width", "height", "fits"),
    [(1, 1, True), (8000, 8000, True), (8001, 8000, False), (0, 5, False), (2**31, 2**31, False)],
)
def test_a_picture_has_a_bearable_number_of_pixels(width, height, fits):
    assert PictureHead("png", width, height).fits is fits
    assert MAX_PIXELS == 64_000_000


def test_a_canvas_that_no_decoder_should_open_is_told_by_its_head():
    assert picture_head(png(60_000, 60_000, b"")) == PictureHead("png", 60_000, 60_000)
    assert picture_head(webp_canvas(16_384, 16_384)) == PictureHead("webp", 16_384, 16_384)
