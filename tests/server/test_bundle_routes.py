"""Bundles over HTTP: made for a browser, handed over by one, read with the same suspicion."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import Any

import pytest
from satchel_tools.comfyui import ComfyUI, RequestRefusedError

from .test_routes import API, MODELS, PREFIX, UI, refusal

pytestmark = pytest.mark.server

ZIP = {"Content-Type": "application/zip"}
ELSEWHERE = {"X-Forwarded-For": "192.0.2.1"}
LOADER = {
    "id": 90, "type": "LoadImage", "pos": [0, 0], "size": [200, 100], "flags": {}, "order": 0,
    "mode": 0, "inputs": [], "outputs": [], "properties": {},
    "widgets_values": ["cat.png", "image"],
}  # fmt: skip
WITH_IMAGE = {**UI, "nodes": [*UI["nodes"], LOADER]}


def upload(server: ComfyUI, content: bytes, **headers: str) -> Any:
    status, answer = server.request("POST", f"{PREFIX}/uploads", content, {**ZIP, **headers})
    if status >= 400:
        raise RequestRefusedError("POST", "/uploads", status, json.loads(answer))
    return json.loads(answer)


def fetched(server: ComfyUI, file_id: str) -> zipfile.ZipFile:
    status, content = server.request("GET", f"{PREFIX}/bundle/{file_id}")
    assert status == 200
    return zipfile.ZipFile(io.BytesIO(content))


@pytest.fixture(scope="module")
def bundle(author: ComfyUI) -> bytes:
    """The demo's graph with its models and an image."""
    (author.base / "input" / "cat.png").write_bytes(b"a cat")
    made = author.post_json(
        f"{PREFIX}/bundle", {"json": WITH_IMAGE, "name": "my/flow", "with_models": True}
    )
    status, content = author.request("GET", f"{PREFIX}/bundle/{made['file']}")
    assert (status, len(content), made["left_out"]) == (200, made["bytes"], [])
    return content


def test_a_bundle_holds_graph_lock_image_and_models_only_if_wanted(
    author: ComfyUI, bundle: bytes
) -> None:
    names = zipfile.ZipFile(io.BytesIO(bundle)).namelist()
    small = author.post_json(f"{PREFIX}/bundle", {"json": UI})

    assert {"my_flow.json", "my_flow.lock.json", "input/cat.png"} < set(names)
    assert sum(name.startswith("models/") for name in names) == MODELS
    assert fetched(author, small["file"]).namelist() == small["entries"]
    assert small["entries"] == ["workflow.json", "workflow.lock.json"]
    assert small["unresolved"] == []


def test_an_uploaded_bundle_installs_everything_and_changes_nothing_before(
    recipient: ComfyUI, bundle: bytes
) -> None:
    document = {"upload": upload(recipient, bundle)["upload"], "name": "flow.zip"}
    models = recipient.base / "models"

    planned = recipient.post_json(f"{PREFIX}/plan", document)
    assert {model["source"] for model in planned["plan"]["models"]} == {"bundle"}
    assert planned["inputs"] == [{"name": "cat.png", "bytes": 5}]
    assert not (recipient.base / "input" / "cat.png").exists()
    assert not list(models.rglob("*.safetensors"))

    installed = recipient.post_json(f"{PREFIX}/install", document)
    assert installed["plan"]["ok"]
    assert (recipient.base / "input" / "cat.png").read_bytes() == b"a cat"
    assert len(list(models.rglob("*.safetensors"))) == MODELS
    assert refusal(recipient, "/plan", document)[1]["code"] == "unknown_file"


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + b"\0" * 50])
def test_a_broken_bundle_is_refused(author: ComfyUI, content: bytes) -> None:
    document = {"upload": upload(author, content)["upload"], "name": "x.zip"}

    assert refusal(author, "/plan", document)[1]["code"] == "archive"


def test_a_hostile_bundle_is_refused_and_writes_nothing(author: ComfyUI) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x.json", json.dumps(UI))
        archive.writestr("../../escaped.txt", "x")
    document = {"upload": upload(author, packed.getvalue())["upload"]}

    assert refusal(author, "/install", document)[1]["code"] == "archive"
    assert not list(author.base.parent.rglob("escaped.txt"))


def test_an_upload_of_another_type_is_refused(author: ComfyUI) -> None:
    for content_type in ("text/plain", "multipart/form-data", "application/json"):
        with pytest.raises(RequestRefusedError) as caught:
            upload(author, b"PK", **{"Content-Type": content_type})
        assert caught.value.status == 415


def test_clients_on_other_machines_get_no_models_and_fill_no_disk(
    author: ComfyUI, bundle: bytes
) -> None:
    headers = {**ELSEWHERE, "Content-Type": "application/json"}
    with pytest.raises(RequestRefusedError) as caught:
        upload(author, bundle, **ELSEWHERE)
    assert caught.value.status == 403

    for body, expected in (({"with_models": True}, 403), ({}, 200)):
        sent = json.dumps({"json": UI, **body}).encode()
        status, _ = author.request("POST", f"{PREFIX}/bundle", sent, headers)
        assert status == expected


def test_a_bundle_larger_than_the_operator_allows_is_refused(start_server: Any) -> None:
    small = start_server("small", env={"SATCHEL_MAX_TOTAL_BYTES": "1000"})

    with pytest.raises(RequestRefusedError) as caught:
        upload(small, b"x" * 1001)

    assert caught.value.body["error"]["code"] == "forbidden_size"
    assert not list(small.base.rglob("exchange/*"))


def digests(lock: dict[str, Any]) -> list[str]:
    """Names change with the machine, bytes do not."""
    return sorted(model["sha256"] for model in lock["models"])


def test_a_picture_carries_what_is_exported(author: ComfyUI) -> None:
    from PIL import Image

    document = {"json": {"prompt": API, "extra_data": {"extra_pnginfo": {"workflow": UI}}}}
    for kind in ("png", "webp"):
        picture = io.BytesIO()
        Image.new("RGB", (8, 8)).save(picture, kind)
        sent = {**document, "image": base64.b64encode(picture.getvalue()).decode()}

        exported = author.post_json(f"{PREFIX}/export", sent)

        carried = author.post_json(
            f"{PREFIX}/plan", {"base64": exported[f"{kind}_base64"], "name": f"x.{kind}"}
        )
        assert carried["plan"]["ok"]
        assert digests(carried["graph"]["extra"]["satchel"]) == digests(exported["lock"])
        assert carried["prompt"].keys() == API.keys()


def test_what_is_no_picture_carries_nothing(author: ComfyUI) -> None:
    body = {"json": UI, "image": base64.b64encode(b"GIF89a").decode()}

    assert refusal(author, "/export", body)[1]["code"] == "unreadable_media"
