"""What people hand in: which file is what, and which is nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.graphs import (
    api_graph,
    api_node,
    png_image,
    text_chunk,
    ui_graph,
    ui_graph_1_0,
    ui_node,
)

from satchel.errors import LockError, LockVersionError, UnreadableMediaError, WorkflowFormatError
from satchel.workflow.documents import read_bytes, read_file, read_json

UI = ui_graph(ui_node(1, "VAELoader", ["a.safetensors"]))
API = api_graph(api_node("VAELoader", vae_name="a.safetensors"))
LOCK = {"version": 1, "models": [{"name": "a.safetensors", "directory": "vae"}]}
OTHER_LOCK = {"version": 1, "models": [{"name": "b.safetensors", "directory": "vae"}]}


def with_lock(graph: dict[str, Any], lock: Any = LOCK) -> dict[str, Any]:
    return {**graph, "extra": {"satchel": lock}}


def as_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("value", "ui", "api", "locked"),
    [
        (UI, True, False, False),
        (with_lock(UI), True, False, True),
        (ui_graph(), True, False, False),
        (ui_graph_1_0(*UI["nodes"]), True, False, False),
        (ui_graph(ui_node("a-text-id", "VAELoader", {"vae_name": "a.safetensors"})), True, False,
         False),
        (ui_graph(extra=None), True, False, False),
        (API, False, True, False),
        ({"1": {"class_type": "PreviewAny"}}, False, True, False),
        ({"prompt": API, "client_id": "x", "extra_data": {}}, False, True, False),
        (LOCK, False, False, True),
    ],
)  # fmt: skip
def test_json_is_told_apart_by_what_it_holds(value: Any, ui: bool, api: bool, locked: bool):
    for document in (read_json(value, "x"), read_bytes(as_bytes(value), "x.anything")):
        assert (document.ui is not None, document.api is not None) == (ui, api)
        assert (document.lock is not None) == locked
        assert document.image is None


@pytest.mark.parametrize(
    "value",
    [
        [], {}, {"a": 1}, "workflow", 7, None, True, [UI], {"nodes": {}}, {"nodes": []},
        {"nodes": [None], "links": []}, {"nodes": [{"id": 1}], "links": []},
        {"1": {"inputs": {}}}, {"1": {"class_type": 5, "inputs": {}}},
        {"1": {"class_type": "A", "inputs": []}}, {"prompt": {}}, {"prompt": []},
        {"name": "left-pad", "version": "1.0.0", "dependencies": {}},
        {"lockfileVersion": 3, "packages": {}}, {"version": "1", "models": []},
    ],
)  # fmt: skip
def test_json_that_is_no_workflow_is_refused(value: Any):
    for read in (lambda: read_json(value, "x.json"), lambda: read_bytes(as_bytes(value), "x.json")):
        with pytest.raises(WorkflowFormatError, match=r"x\.json holds no ComfyUI workflow") as no:
            read()
        assert no.value.hint


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"not json", b"\xff\xfe{\0}\0", b"PK\x05",
        b"[" * 200_000, b'{"a":' * 200_000, b'{"nodes": [' + b"9" * 5000 + b'], "links": []}',
    ],
    ids=lambda content: repr(content[:12]),
)  # fmt: skip
def test_bytes_that_are_no_json_are_refused(content: bytes):
    with pytest.raises(WorkflowFormatError, match="holds no ComfyUI workflow"):
        read_bytes(content, "x.json")


@pytest.mark.parametrize("depth", [300, 900, 5000])
def test_values_nested_deeper_than_any_graph_are_refused(depth: int):
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]

    with pytest.raises(WorkflowFormatError, match="nested too deeply"):
        read_json(ui_graph(ui_node(1, "Custom", nested)), "x.json")


def test_values_nested_as_deeply_as_graphs_are_fine():
    nested: list[Any] = []
    for _ in range(60):
        nested = [nested]

    assert read_json(ui_graph(ui_node(1, "Custom", nested)), "x.json").ui is not None


def test_a_byte_order_mark_does_no_harm():
    assert read_bytes(b"\xef\xbb\xbf" + as_bytes(UI), "x.json").ui == UI


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_become_null_as_in_the_frontend(token: str):
    text = json.dumps(api_graph({**api_node("A"), "is_changed": ["?"]})).replace('"?"', token)

    by_json = read_bytes(text.encode(), "x.json")
    by_png = read_bytes(png_image(text_chunk("prompt", text)), "x.png")

    assert by_json.api == by_png.api == api_graph({**api_node("A"), "is_changed": [None]})


@pytest.mark.parametrize(
    ("texts", "ui", "api", "locked"),
    [
        ({"workflow": UI, "prompt": API}, True, True, False),
        ({"workflow": UI}, True, False, False),
        ({"prompt": API}, False, True, False),
        ({"prompt": API, "satchel": LOCK}, False, True, True),
        ({"workflow": with_lock(UI), "prompt": API}, True, True, True),
        ({"satchel": LOCK}, False, False, True),
    ],
)
def test_a_png_gives_what_its_texts_hold(texts: Any, ui: bool, api: bool, locked: bool):
    image = png_image(texts=texts)

    document = read_bytes(image, "x.png")

    assert (document.ui is not None, document.api is not None) == (ui, api)
    assert (document.lock is not None) == locked
    assert document.image == image


@pytest.mark.parametrize(
    "image",
    [
        png_image(),
        png_image(text_chunk("parameters", "a cat, Steps: 20")),
        png_image(text_chunk("workflow", "no json")),
        png_image(text_chunk("prompt", "{" * 100_000)),
        png_image(texts={"workflow": {"a": 1}}),
        png_image(texts={"prompt": ["a"]}),
    ],
    ids=["no texts", "other texts", "no json", "endless json", "no graph", "no prompt"],
)
def test_a_png_without_a_workflow_is_refused(image: bytes):
    with pytest.raises(WorkflowFormatError, match=r"x\.png holds no ComfyUI workflow"):
        read_bytes(image, "x.png")


def test_a_broken_png_is_an_image_error_not_a_format_error():
    with pytest.raises(UnreadableMediaError):
        read_bytes(png_image(texts={"workflow": UI})[:-3], "x.png")


@pytest.mark.parametrize(
    ("lock", "error"),
    [
        ({"version": 1}, LockError),
        ({"version": 1, "models": [{}]}, LockError),
        ([], LockError),
        ("lock", LockError),
    ],
)
def test_a_graph_with_a_bad_lock_is_refused(lock: Any, error: type[LockError]):
    with pytest.raises(error):
        read_json(with_lock(UI, lock), "x.json")
    with pytest.raises(error):
        read_bytes(png_image(texts={"prompt": API, "satchel": lock}), "x.png")


NEWER = {"version": 2, "models": {"by": "another shape"}, "more": [1]}


@pytest.mark.parametrize("content", [
    as_bytes(with_lock(UI, NEWER)), png_image(texts={"prompt": API, "satchel": NEWER}),
    png_image(texts={"workflow": with_lock(UI, NEWER), "prompt": API}),
])  # fmt: skip
def test_a_newer_lock_in_a_graph_is_kept_aside_and_told(content: bytes):
    document = read_bytes(content, "x")

    assert (document.lock, document.newer_lock) == (None, NEWER)
    (note,) = document.notes
    assert "version 2" in note


def test_an_older_lock_that_came_with_the_image_counts_and_the_newer_one_stays():
    image = png_image(texts={"workflow": with_lock(UI, NEWER), "satchel": LOCK})

    document = read_bytes(image, "x")

    assert document.lock is not None
    assert (document.newer_lock, document.notes) == (NEWER, ())


def test_a_newer_lock_by_itself_is_refused():
    with pytest.raises(LockVersionError):
        read_json({"version": 2, "models": []}, "x.json")


def test_a_lock_beside_an_api_graph_is_found(tmp_path: Path):
    graph = tmp_path / "portrait.json"
    graph.write_bytes(as_bytes(API))
    (tmp_path / "portrait.lock.json").write_bytes(as_bytes(LOCK))

    document = read_file(graph)

    assert document.lock is not None
    assert document.lock.models[0].identity.name == "a.safetensors"
    assert document.name == "portrait.json"


def test_the_graphs_own_lock_goes_before_the_one_beside_it(tmp_path: Path):
    graph = tmp_path / "portrait.json"
    graph.write_bytes(as_bytes(with_lock(UI)))
    (tmp_path / "portrait.lock.json").write_bytes(as_bytes(OTHER_LOCK))

    document = read_file(graph)

    assert document.lock is not None
    assert document.lock.models[0].identity.name == "a.safetensors"


def test_a_lock_beside_another_graph_is_left_alone(tmp_path: Path):
    graph = tmp_path / "portrait.json"
    graph.write_bytes(as_bytes(API))
    (tmp_path / "landscape.lock.json").write_bytes(as_bytes(LOCK))

    assert read_file(graph).lock is None


@pytest.mark.parametrize("beside", [{}, API, UI, {"version": 1}])
def test_a_file_beside_a_graph_that_should_be_its_lock_and_is_none_is_refused(
    tmp_path: Path, beside: Any
):
    graph = tmp_path / "portrait.json"
    graph.write_bytes(as_bytes(API))
    (tmp_path / "portrait.lock.json").write_bytes(as_bytes(beside))

    with pytest.raises(WorkflowFormatError, match=r"portrait\.lock\.json"):
        read_file(graph)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path):
    for path in (tmp_path, tmp_path / "missing.json"):
        with pytest.raises(WorkflowFormatError, match=r"is a folder|does not exist"):
            read_file(path)


def test_a_file_that_is_far_too_large_is_not_even_read(tmp_path: Path):
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(300 * 1024 * 1024)  # a hole, not real bytes

    with pytest.raises(WorkflowFormatError, match="far too large"):
        read_file(huge)
