"""Files that the host's own libraries write give back what was written into them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("av", reason="the host's Python writes these files")

from support.media_files import TEXTS, WRITERS

from satchel.workflow.containers import find_container
from satchel.workflow.documents import read_file

LONG = {**TEXTS, "workflow": json.dumps({"nodes": [], "links": [], "text": '日本 "q" ' * 30_000})}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_gives_back_long_texts_too(tmp_path: Path, name: str):
    path = tmp_path / name
    WRITERS[name](path, LONG) if name != "picture.jpg" else WRITERS[name](path, TEXTS)
    container = find_container(path.read_bytes())

    assert container is not None
    texts = container.read_texts(path.read_bytes())
    expected = TEXTS if name == "picture.jpg" else LONG  # its block ends at 64 KB
    assert {key: json.loads(texts[key]) for key in TEXTS} == {
        key: json.loads(text) for key, text in expected.items()
    }


@pytest.mark.parametrize("name", ["lossy.webp", "lossless.webp", "animated.webp"])
def test_a_webp_with_other_texts_has_the_same_pixels(tmp_path: Path, name: str):
    from PIL import Image

    before, after = tmp_path / "before.webp", tmp_path / "after.webp"
    WRITERS[name](before, TEXTS)
    container = find_container(before.read_bytes())
    after.write_bytes(container.with_texts(before.read_bytes(), {"workflow": LONG["workflow"]}))

    texts = container.read_texts(after.read_bytes())
    assert texts == {**TEXTS, "workflow": LONG["workflow"]}
    with Image.open(before) as one, Image.open(after) as other:
        assert (one.size, one.n_frames) == (other.size, other.n_frames)
        for frame in range(one.n_frames):
            one.seek(frame)
            other.seek(frame)
            assert one.tobytes() == other.tobytes()
        assert other.getexif()[0x0110] == f"prompt:{TEXTS['prompt']}"


@pytest.mark.parametrize(
    ("mode", "options"), [("RGB", {}), ("RGB", {"lossless": True}), ("RGBA", {"lossless": True})]
)
def test_a_webp_that_had_no_metadata_can_carry_it(tmp_path: Path, mode: str, options: dict):
    from PIL import Image

    plain, carrying = tmp_path / "plain.webp", tmp_path / "carrying.webp"
    Image.new(mode, (33, 7)).save(plain, **options)
    container = find_container(plain.read_bytes())
    carrying.write_bytes(container.with_texts(plain.read_bytes(), TEXTS))

    assert container.read_texts(plain.read_bytes()) == {}
    assert read_file(carrying).ui == json.loads(TEXTS["workflow"])
    with Image.open(plain) as one, Image.open(carrying) as other:
        assert (one.size, one.mode, one.tobytes()) == (other.size, other.mode, other.tobytes())
