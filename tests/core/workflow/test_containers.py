"""Files that carry a workflow: samples of each kind, whole, cut short and damaged.

support/media_files.py wrote the samples; tests/nodes/test_media_files.py writes such files anew.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from satchel.errors import UnreadableMediaError, WorkflowFormatError
from satchel.workflow.containers import find_container
from satchel.workflow.containers.exif import make_block, read_texts
from satchel.workflow.documents import read_bytes, read_file

SAMPLES = Path(__file__).parents[2] / "data" / "containers"
NAMES = sorted(path.name for path in SAMPLES.iterdir())
WORKFLOW = {"nodes": [{"id": 1, "type": "Note"}], "links": [], "title": "日本"}


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_gives_its_graphs_and_its_lock(name: str):
    document = read_file(SAMPLES / name)

    assert document.ui == WORKFLOW
    assert document.api == {"1": {"class_type": "CLIPTextEncode", "inputs": {"text": "chat noir"}}}
    assert document.lock is not None
    assert (document.image is not None) == name.endswith((".png", ".webp"))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_does_not_decide_what_a_file_is(tmp_path: Path, name: str):
    (tmp_path / "graph.json").write_bytes((SAMPLES / name).read_bytes())

    assert read_file(tmp_path / "graph.json").ui == WORKFLOW


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_cut_short_is_refused_or_read_without_what_is_lost(name: str):
    content = (SAMPLES / name).read_bytes()
    container = find_container(content)

    for length in range(12, len(content), 7):
        try:
            texts = container.read_texts(content[:length])
        except UnreadableMediaError:
            continue
        whole = container.read_texts(content)
        assert all(whole[key].startswith(text) for key, text in texts.items())


@pytest.mark.parametrize("name", NAMES)
def test_damage_anywhere_ends_in_one_kind_of_error(name: str):
    content = (SAMPLES / name).read_bytes()
    container = find_container(content)
    draw = random.Random(name)

    for _ in range(400):
        damaged = bytearray(content)
        for _ in range(draw.randint(1, 8)):
            damaged[draw.randrange(12, len(content))] = draw.choice((0, 1, 127, 128, 254, 255))
        try:
            container.read_texts(bytes(damaged))
        except UnreadableMediaError:
            continue


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"RIFF\xff\xff\xff\xffWEBPEXIF\xff\xff\xff\xffMM", "cut short"),
        (b"\xff\xd8\xff\xe1\xff\xff", "cut short"),
        (b"\xff\xd8\xff\xe0\x00\x02\x00", "segments are damaged"),
        (b"\0\0\0\x10ftypisom\0\0\0\0\xff\xff\xff\xffmoov", "damaged or cut short"),
        (b"\0\0\0\x08ftyp\0\0\0\x01moov\0\0\0\0\0\0\0\x04", "damaged or cut short"),
        (b"\x1a\x45\xdf\xa3\x81\0\x18\x53\x80\x67\x88\0", "cut short"),
        (b"\x1a\x45\xdf\xa3\x81\0\0", "elements are damaged"),
        (b"fLaC\x84\xff\xff\xff", "cut short"),
        (b"OggS" + b"\0" * 22 + b"\xff", "cut short"),
        (b"OggS" + b"\0" * 23 + b"Oggs", "pages are damaged"),
        (b"<svg><metadata><![CDATA[ {", "does not end"),
        (b"<svg><metadata><![CDATA[ [1 ]]>", "no JSON"),
        (b"<svg><metadata><![CDATA[ [1] ]]>", "no JSON object"),
        (b"\xff\xff\xff\xff\0\0\0\0{}", "cut short"),
        (b"\x02\0\0\0\0\0\0\0{]", "header is no JSON"),
    ],
)
def test_hostile_lengths_are_named(content: bytes, reason: str):
    with pytest.raises(UnreadableMediaError, match=reason):
        read_bytes(content, "a")


def test_a_list_of_tags_that_leads_to_itself_ends():
    endless = b"II*\0\x08\0\0\0\x01\0" + b"\x69\x87\x04\0\x01\0\0\0\x08\0\0\0" + b"\0" * 4

    assert read_texts(endless) == {}


def test_a_file_without_a_workflow_says_what_kind_of_file_it_is():
    with pytest.raises(WorkflowFormatError, match="the FLAC file carries none"):
        read_bytes(b"fLaC\x80\0\0\0", "a.flac")


@pytest.mark.parametrize(
    ("comment", "texts"),
    [
        (b"ASCII\0\0\0a cat\nSteps: 20", {"parameters": "a cat\nSteps: 20"}),
        (b"UNICODE\0" + "chat é".encode("utf-16-be"), {"parameters": "chat é"}),
        (b"\0" * 8 + b'{"Workflow": {"nodes": []}}', {"workflow": '{"nodes": []}'}),
        (b'{"prompt": "{}"}', {"prompt": "{}"}),
        (b"ASCII\0\0\0[1]", {}),
    ],
)
def test_a_comment_holds_a_graph_or_an_a1111_text(comment: bytes, texts: dict[str, str]):
    exif = b"MM\0*\0\0\0\x08" + b"\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x1a" + b"\0" * 4
    at = len(exif) + 2 + 12 + 4
    exif += b"\0\x01\x92\x86\0\x07" + len(comment).to_bytes(4) + at.to_bytes(4) + b"\0" * 4

    assert read_texts(exif + comment) == texts


def test_a_block_is_read_back_as_it_was_made():
    texts = {"prompt": "{}", "satchel": json.dumps({"a": "日本:b"}), "workflow": '{"x": ":"}'}

    assert read_texts(make_block(texts)) == texts
    assert read_texts(b"Exif\0\0" + make_block(texts)) == texts
