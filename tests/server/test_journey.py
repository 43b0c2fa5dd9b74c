"""From one server to another: export, plan, install, run - and what interrupts it."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from satchel_tools.comfyui import ComfyUI, PromptFailedError
from satchel_tools.demo_graphs import to_api, to_ui
from support.marketplace import Marketplace, Published

from .conftest import StartServer
from .test_routes import API, MODELS, NODES, PREFIX, UI

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def portable(author: ComfyUI) -> dict[str, Any]:
    """The demo's graph as its author exports it."""
    return author.post_json(f"{PREFIX}/export", {"json": UI})


def wait_for(condition: Any, seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def test_a_recipient_gets_every_form_of_an_export_to_run(
    author: ComfyUI, start_server: StartServer
) -> None:
    entry = author.run_prompt(API, {"extra_pnginfo": {"workflow": UI}})
    (image,) = entry["outputs"]["10"]["images"]
    png = (author.base / image["type"] / image["filename"]).read_bytes()
    document = {"base64": base64.b64encode(png).decode()}
    exported = author.post_json(f"{PREFIX}/export", document)
    recipient = start_server("newcomer")

    imported = recipient.post_json(f"{PREFIX}/install", {"base64": exported["png_base64"]})

    assert imported["plan"]["ok"]
    assert len(imported["installed"]) == MODELS
    assert recipient.run_prompt(imported["prompt"])["outputs"]["10"]["images"]
    for again in (
        {"json": exported["graph"]},
        {"json": exported["prompt"], "lock": exported["lock"]},
        {"base64": exported["png_base64"]},
    ):
        assert recipient.post_json(f"{PREFIX}/plan", again)["plan"]["ok"]


def test_a_recipient_killed_in_mid_download_finishes_the_next_time(
    portable: dict[str, Any],
    start_server: StartServer,
    market: Marketplace,
    published: dict[str, Published],
) -> None:
    recipient = start_server("unlucky")
    text_encoders = recipient.base / "models" / "text_encoders"
    market.fault("throttle", bytes_per_s=20_000_000, times=None, match=published["Random CLIP-L"])
    document = {"json": portable["graph"]}

    recipient.post_json(f"{PREFIX}/install", {**document, "wait": False})
    # It may have holes, so its length says nothing.
    wait_for(
        lambda: [p for p in text_encoders.glob("*.part") if p.stat().st_blocks * 512 > 8_000_000]
    )
    recipient.kill()
    assert list(text_encoders.glob("*.safetensors")) == []
    market.clear_faults()
    market.clear_requests()
    recipient.start()
    imported = recipient.post_json(f"{PREFIX}/install", document)

    assert imported["plan"]["ok"]
    resumed = [r for r in market.requests if r.origin == "storage" and "Range" in r.headers]
    assert {request.status for request in resumed} == {206}
    left = [path.name for path in (recipient.base / "models").rglob(".satchel-*")]
    assert left == []


def test_a_job_reports_progress_and_can_be_cancelled(
    portable: dict[str, Any], start_server: StartServer, market: Marketplace
) -> None:
    recipient = start_server("impatient")
    market.fault("throttle", bytes_per_s=20_000_000, times=None)

    job = recipient.post_json(f"{PREFIX}/install", {"json": portable["graph"], "wait": False})[
        "job"
    ]

    def downloading() -> Any:
        progress = recipient.get_json(f"{PREFIX}/jobs/{job}").get("progress", {})
        return progress if progress.get("state") == "downloading" else None

    progress = wait_for(downloading)
    assert 0 < progress["done"] <= progress["total"]
    assert progress["files_total"] == MODELS
    recipient.post_json(f"{PREFIX}/jobs/{job}/cancel", {})
    wait_for(lambda: recipient.get_json(f"{PREFIX}/jobs/{job}")["state"] == "cancelled")


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"lora_1": "nowhere.safetensors"}, "Row 1"),
        ({"blocks_1": "XX99=1"}, "Row 1"),
        ({"blocks_1": "IN01="}, "Row 1"),
        ({"strength_model_1": 99}, "Row 1"),
        ({"lora_x": "a"}, "lora_x"),
    ],
)
def test_a_row_that_cannot_be_used_fails_the_run_with_its_number(
    author: ComfyUI, inputs: dict[str, Any], sentence: str
) -> None:
    graph = to_api(NODES)
    graph["4"]["inputs"] = {**graph["4"]["inputs"], **inputs}

    with pytest.raises(PromptFailedError) as caught:
        author.run_prompt(graph, {"extra_pnginfo": {"workflow": to_ui(NODES)}})

    assert sentence in str(caught.value)
    assert str(caught.value).count(sentence) == 1
