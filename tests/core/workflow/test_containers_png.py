"""Text chunks: read, replaced, and refused when the file is broken."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.graphs import chunk, png_image, text_chunk

from satchel.errors import UnreadableMediaError
from satchel.workflow.containers import png

LATIN = "caf\xe9".encode("latin-1")


def ztxt(keyword: bytes, text: bytes) -> bytes:
    return chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(text))


def itxt(keyword: bytes, text: bytes, *, compressed: bool = False) -> bytes:
    flag = b"\1\0" if compressed else b"\0\0"
    body = zlib.compress(text) if compressed else text
    return chunk(b"iTXt", keyword + b"\0" + flag + b"en\0translated\0" + body)


def boundaries(image: bytes) -> list[int]:
    """Where each chunk begins."""
    places, position = [], 8
    while position < len(image):
        places.append(position)
        position += 12 + struct.unpack_from(">I", image, position)[0]
    return places


@pytest.mark.parametrize(
    ("carrier", "text"),
    [
        (text_chunk("prompt", '{"a": 1}'), '{"a": 1}'),
        (text_chunk("prompt", '{"a": "ü"}'), '{"a": "ü"}'),  # UTF-8 in tEXt, as many write it
        (chunk(b"tEXt", b"prompt\0" + LATIN), "café"),  # what the specification says
        (ztxt(b"prompt", b"squeezed"), "squeezed"),
        (itxt(b"prompt", "日本".encode()), "日本"),
        (itxt(b"prompt", "日本".encode(), compressed=True), "日本"),
        (chunk(b"tEXt", b"prompt\0"), ""),
    ],
)
def test_every_kind_of_text_chunk_is_read(carrier: bytes, text: str):
    assert png.read_texts(png_image(carrier)) == {"prompt": text}


def test_an_image_without_texts_has_none():
    assert png.read_texts(png_image()) == {}


def test_the_first_of_a_keyword_wins():
    image = png_image(ztxt(b"workflow", b"first"), text_chunk("workflow", "second"))

    assert png.read_texts(image) == {"workflow": "first"}


@pytest.mark.parametrize("text", ["plain", '{"name": "墨.safetensors"}', "x" * 100_000])
def test_written_texts_are_read_back_and_the_image_is_the_same(text: str):
    other = chunk(b"pHYs", b"\0\0\x0b\x13\0\0\x0b\x13\1")
    original = png_image(other, text_chunk("Software", "ComfyUI"))

    written = png.with_texts(original, {"workflow": text, "satchel": "{}"})

    assert png.read_texts(written) == {"workflow": text, "satchel": "{}", "Software": "ComfyUI"}
    assert png.pixel_data(written) == png.pixel_data(original)
    with Image.open(io.BytesIO(written)) as after, Image.open(io.BytesIO(original)) as before:
        assert after.tobytes() == before.tobytes()
        assert after.text["workflow"] == text


def test_all_other_chunks_stay_byte_for_byte_and_in_order():
    others = [chunk(b"gAMA", b"\0\0\xb1\x8f"), text_chunk("parameters", "a cat"), ztxt(b"c", b"z")]
    original = png_image(*others, text_chunk("prompt", "{}"))

    written = png.with_texts(original, {"prompt": '{"new": 1}'})

    replacement = text_chunk("prompt", '{"new": 1}')
    assert written.replace(replacement, b"", 1) == original.replace(text_chunk("prompt", "{}"), b"")


@pytest.mark.parametrize("old", [text_chunk("workflow", "1"), ztxt(b"workflow", b"1"),
                                 itxt(b"workflow", b"1")])  # fmt: skip
def test_texts_of_the_same_keyword_are_replaced_whatever_their_kind(old: bytes):
    written = png.with_texts(png_image(old, old), {"workflow": "2"})

    assert png.read_texts(written) == {"workflow": "2"}
    assert written.count(b"workflow") == 1


def test_writing_twice_gives_the_same_bytes():
    once = png.with_texts(png_image(), {"workflow": "{}", "satchel": "{}"})

    assert png.with_texts(once, {"workflow": "{}", "satchel": "{}"}) == once


def test_bytes_after_the_end_of_the_image_do_no_harm():
    image = png_image(text_chunk("prompt", "{}"))

    assert png.read_texts(image + b"appended by some tool") == {"prompt": "{}"}


def test_an_image_cut_at_any_chunk_is_refused():
    image = png_image(text_chunk("prompt", "{}"), ztxt(b"workflow", b"{}"))

    for place in boundaries(image):
        with pytest.raises(UnreadableMediaError, match="cut short"):
            png.read_texts(image[:place])


@given(st.data())
def test_an_image_cut_anywhere_is_refused(data: st.DataObject):
    image = png_image(text_chunk("prompt", "{}"))
    end = data.draw(st.integers(0, len(image) - 1))

    with pytest.raises(UnreadableMediaError):
        png.with_texts(image[:end], {"prompt": "{}"})


def flipped(image: bytes, kind: bytes) -> bytes:
    """The image with the last bit of a chunk's checksum turned."""
    place = next(at for at in boundaries(image) if image[at + 4 : at + 8] == kind)
    last = place + 11 + struct.unpack_from(">I", image, place)[0]
    return image[:last] + bytes([image[last] ^ 1]) + image[last + 1 :]


@pytest.mark.parametrize("kind", [b"IHDR", b"tEXt", b"IDAT", b"IEND"])
def test_a_chunk_with_a_wrong_checksum_is_refused(kind: bytes):
    image = png_image(text_chunk("prompt", "{}"))

    with pytest.raises(UnreadableMediaError, match=f"{kind.decode()}' chunk is damaged"):
        png.read_texts(flipped(image, kind))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no PNG"),
        (b"\xff\xd8\xff\xe0JFIF", "no PNG"),
        (png.SIGNATURE, "cut short"),
        (png.SIGNATURE + chunk(b"IEND", b""), "header"),
        (png.SIGNATURE + text_chunk("prompt", "{}") + chunk(b"IEND", b""), "header"),
        (png_image(chunk(b"zTXt", b"prompt\0\0no zlib stream")), "damaged"),
        (png_image(chunk(b"zTXt", b"prompt\0\0" + zlib.compress(b"x" * 999)[:-9])), "damaged"),
        (png_image(chunk(b"iTXt", b"prompt\0\1\0\0\0no zlib stream")), "damaged"),
        (png_image(struct.pack(">I", 0x7FFFFFFF) + b"tEXt"), "cut short"),
    ],
)
def test_broken_files_are_refused_with_a_reason(content: bytes, reason: str):
    with pytest.raises(UnreadableMediaError, match=reason) as refused:
        png.read_texts(content)

    assert refused.value.hint
    assert reason in refused.value.details["reason"]


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return b"\0" * (png.MAX_INFLATED_BYTES + 1)


def test_a_compressed_text_that_unpacks_without_end_is_refused(bomb: bytes):
    for carrier in (ztxt(b"prompt", bomb), itxt(b"prompt", bomb, compressed=True)):
        with pytest.raises(UnreadableMediaError, match="far too large"):
            png.read_texts(png_image(carrier))


def test_many_compressed_texts_that_are_large_together_are_refused(bomb: bytes):
    third = bomb[: len(bomb) // 3 + 1]
    carriers = [ztxt(keyword, third) for keyword in (b"a", b"b", b"c")]

    with pytest.raises(UnreadableMediaError, match="far too large"):
        png.read_texts(png_image(*carriers))


@given(st.data())
def test_a_mutated_image_is_read_or_refused_and_nothing_else(data: st.DataObject):
    image = bytearray(png_image(ztxt(b"prompt", b"{}"), itxt(b"workflow", b"{}", compressed=True)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(image) - 1))
        image[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        image = bytearray(with_true_checksums(bytes(image)))

    for read in (png.read_texts, png.pixel_data, lambda it: png.with_texts(it, {"prompt": "1"})):
        with contextlib.suppress(UnreadableMediaError):
            read(bytes(image))


def with_true_checksums(image: bytes) -> bytes:
    """Repairs the checksums, so that mutations reach what is behind them."""
    repaired = image[:8]
    for place in boundaries_of_mutated(image):
        length, kind = struct.unpack_from(">I4s", image, place)
        repaired += chunk(kind, image[place + 8 : place + 8 + length])
    return repaired


def boundaries_of_mutated(image: bytes) -> list[int]:
    places, position = [], 8
    while position + 12 <= len(image):
        places.append(position)
        position += 12 + struct.unpack_from(">I", image, position)[0]
    return places
