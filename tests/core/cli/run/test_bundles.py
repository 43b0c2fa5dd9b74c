"""`satchel run` of a bundle: its images and models are uploaded, where the server takes them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.graphs import api_graph, api_node
from support.run_server import API, HERE, MODEL, PLAN, PREFIX, Standin

from satchel.cli import main


def test_images_of_a_bundle_are_uploaded_and_named_as_the_server_calls_them(
    server: Standin, graph: Path, tmp_path: Path
):
    loader = api_node("LoadImage", image="sub\\cat.png [input]")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("b.api.json", json.dumps(api_graph(loader)))
        archive.writestr("input/sub/cat.png", b"a cat")
        archive.writestr("input/unused.png", b"a dog")
    result = {"plan": {**HERE, "models": []}, "prompt": api_graph(loader)}
    server.answers[f"{PREFIX}/jobs/p"] = {"state": "done", "result": result}
    server.answers["/upload/image"] = {"name": "cat (1).png", "subfolder": "sub", "type": "input"}

    assert main(["run", str(tmp_path / "b.zip"), "--server", server.url]) == 0

    uploads = [body for _, path, _, body in server.seen if path == "/upload/image"]
    queued = [json.loads(body) for _, path, _, body in server.seen if path == "/prompt"]
    assert len(uploads) == 1
    assert b"a cat" in uploads[0]
    assert queued[0]["prompt"]["1"]["inputs"]["image"] == "sub/cat (1).png"


BUNDLED = {**PLAN, "models": [{**MODEL, "source": "bundle", "bytes": 7}], "bytes_to_fetch": 7}


@pytest.fixture
def bundle(server: Standin, tmp_path: Path) -> list[str]:
    """Arguments that run a bundle with a model that the server lacks, and takes."""
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("b.api.json", json.dumps(API))
        archive.writestr("models/vae/a.safetensors", b"weights")
        archive.writestr("models/loras/other.safetensors", b"not asked for")
    result = {"plan": BUNDLED, "prompt": API, "refusal": None}
    server.answers[f"{PREFIX}/jobs/p"] = {"state": "done", "result": result}
    server.answers[f"{PREFIX}/uploads"] = {"upload": "u" * 32, "bytes": 7}
    return ["run", str(tmp_path / "b.zip"), "--server", server.url]


def bodies(server: Standin, path: str) -> list[bytes]:
    return [body for _, asked, _, body in server.seen if asked == path]


def test_the_models_that_a_server_takes_from_a_bundle_are_uploaded_and_no_others(
    server: Standin, bundle: list[str]
):
    assert main([*bundle, "--yes"]) == 0

    (planned,) = map(json.loads, bodies(server, f"{PREFIX}/plan"))
    assert {"directory": "vae", "name": "a.safetensors", "bytes": 7} in planned["bundled"]
    (sent,) = bodies(server, f"{PREFIX}/uploads")
    with zipfile.ZipFile(io.BytesIO(sent)) as archive:
        assert archive.namelist() == ["workflow.api.json", "models/vae/a.safetensors"]
        assert archive.read("models/vae/a.safetensors") == b"weights"
    (installed,) = map(json.loads, bodies(server, f"{PREFIX}/install"))
    assert installed["upload"] == "u" * 32
    assert "json" not in installed


@pytest.mark.parametrize(
    ("more", "status"), [((), 3), (("--dry-run", "--yes"), 1), (("--yes", "--max-bytes", "6"), 3)]
)
def test_nothing_is_uploaded_without_agreement_and_it_is_told_what_would_be(
    server: Standin, bundle: list[str], more: tuple[str, ...], status: int,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    assert main([*bundle, *more]) == status

    assert server.asked(f"{PREFIX}/uploads") == server.asked(f"{PREFIX}/install") == 0
    told = capsys.readouterr().out
    assert "To fetch: 0 B.\nTo upload from b.zip: 1 model, 7 B." in told


def test_a_server_that_has_the_models_gets_none(server: Standin, bundle: list[str]):
    server.answers[f"{PREFIX}/jobs/p"] = {"state": "done", "result": {"plan": HERE, "prompt": API}}

    assert main([*bundle, "--yes"]) == 0
    assert server.asked(f"{PREFIX}/uploads") == 0


def test_a_refusal_that_the_plan_tells_stops_before_the_upload(
    server: Standin, bundle: list[str], capsys: pytest.CaptureFixture[str]
):
    error = {"code": "install_not_allowed", "message": "Not you.", "hint": "Send the token."}
    result = {"plan": BUNDLED, "prompt": API, "refusal": error}
    server.answers[f"{PREFIX}/jobs/p"] = {"state": "done", "result": result}

    assert main([*bundle, "--yes"]) == 3
    assert "Not you. Send the token." in capsys.readouterr().err
    assert server.asked(f"{PREFIX}/uploads") == 0


@pytest.mark.parametrize("answer", [
    (403, {"error": {"code": "forbidden_size", "message": "Too large.", "hint": "Ask."}}),
    (404, {}),
])  # fmt: skip
def test_where_the_upload_is_refused_the_sources_are_tried_and_the_reason_is_told(
    server: Standin, bundle: list[str], answer: Any, capsys: pytest.CaptureFixture[str]
):
    server.answers[f"{PREFIX}/uploads"] = answer

    assert main([*bundle, "--yes"]) == 0
    told = capsys.readouterr().err
    assert "The models in b.zip could not be uploaded: " in told
    assert ("Too large. Ask." in told) is (answer[0] == 403)
    (installed,) = map(json.loads, bodies(server, f"{PREFIX}/install"))
    assert installed["json"]["prompt"] == API


def test_where_no_source_does_either_nothing_is_fetched(
    server: Standin, bundle: list[str], capsys: pytest.CaptureFixture[str]
):
    def refuse() -> Any:
        lost = {**MODEL, "fetch": False, "reason": "No source is known for it."}
        result = {"plan": {**PLAN, "models": [lost]}, "prompt": API}
        server.answers[f"{PREFIX}/jobs/p"] = {"state": "done", "result": result}
        return 403, {"error": {"code": "forbidden_size", "message": "Too large."}}

    server.answers[f"{PREFIX}/uploads"] = refuse

    assert main([*bundle, "--yes"]) == 1
    told = capsys.readouterr().err
    assert "Too large." in told
    assert "No source is known for it." in told
    assert server.asked(f"{PREFIX}/install") == server.asked("/prompt") == 0
