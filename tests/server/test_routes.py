"""The HTTP routes of a real server: shapes, refusals, secrets."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from satchel_tools.comfyui import ComfyUI, RequestRefusedError
from satchel_tools.demo_graphs import demo_graph, stack_rows, to_api, to_ui
from satchel_tools.demo_models import CLIP, LORAS, UNET, VAE
from support.marketplace import Marketplace, Published

from .conftest import TOKEN

pytestmark = pytest.mark.server

PREFIX = "/satchel/v1"
ROWS = stack_rows([(True, LORAS[0].name, 0.9, 0.6, ""), (False, LORAS[3].name, 1.0, 1.0, "")])
NODES = demo_graph(UNET.name, CLIP.name, VAE.name, ROWS)
UI, API = to_ui(NODES), to_api(NODES)
MODELS = 5


def refusal(server: ComfyUI, path: str, body: Any) -> tuple[int, dict[str, Any]]:
    """Status and error object of a request that must fail."""
    with pytest.raises(RequestRefusedError) as caught:
        server.post_json(PREFIX + path, body)
    return caught.value.status, caught.value.body["error"]


def locked(**changes: Any) -> dict[str, Any]:
    """A lock with one LoRA, as an author might write it by hand."""
    model = {
        "name": "x.safetensors",
        "directory": "loras",
        "sha256": "0" * 64,
        "size": 100,
        "sources": [],
        "used_by": ["1"],
    }
    return {"version": 1, "generator": "test", "models": [{**model, **changes}], "host": {}}


def test_block_weights_are_answered_with_their_own_presets_written_out(author: ComfyUI) -> None:
    answer = author.post_json(PREFIX + "/block-weights", {"text": "EARLY, IN04=0.5"})

    assert answer == {"text": "EARLY, IN04=0.5"}  # shipped ones are known everywhere
    assert refusal(author, "/block-weights", {"text": "IN04="})[1]["code"] == "block_weight_syntax"
    assert refusal(author, "/block-weights", {"text": 5})[0] == 400


def test_blocks_are_answered_slot_by_slot_and_painted_ones_as_text(author: ComfyUI) -> None:
    body = {"text": "IN04=0.5", "architecture": "sdxl"}
    answer = author.post_json(PREFIX + "/blocks", body)
    weights = {slot["name"]: slot["value"] for slot in answer["slots"]}
    assert (weights["IN04"], weights["IN05"], answer["told_by"]) == (0.5, 1, "architecture")

    painted = author.post_json(PREFIX + "/blocks", {**body, "values": {"IN05": 0.5}})
    assert painted["text"] == "IN04-05=0.5"

    malformed = author.post_json(PREFIX + "/blocks", {**body, "text": "IN44=1"})
    assert malformed["error"]["code"] == "block_weight_syntax"
    assert len(malformed["slots"]) == len(answer["slots"])

    nothing = author.post_json(PREFIX + "/blocks", {"text": "", "model": {"name": "x"}})
    assert (nothing["architecture"], nothing["slots"]) == ("", [])
    for name in ("nowhere.safetensors", "../loras/" + LORAS[0].name):
        missing = author.post_json(PREFIX + "/blocks", {"text": "", "lora": name})
        assert (missing["lora_missing"], missing["told_by"]) == (True, "")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": 5}, "invalid_input"),
        ({"architecture": "sd99"}, "invalid_input"),
        ({"architecture": "sdxl", "values": {"IN04": "1"}}, "invalid_input"),
        ({"architecture": "sdxl", "values": {"IN04": 11}}, "invalid_input"),
        ({"architecture": "sdxl", "values": []}, "invalid_input"),
        ({"seed": -1}, "invalid_input"),
    ],
)
def test_blocks_refuse_what_they_cannot_read(author: ComfyUI, body: Any, code: str) -> None:
    assert refusal(author, "/blocks", body)[1]["code"] == code


def test_object_info_does_not_repeat_the_lora_list(author: ComfyUI) -> None:
    info = author.get_json("/object_info/SatchelLoraStack")["SatchelLoraStack"]

    assert set(info["input"]["optional"]) == {"model", "clip", "lora_stack"}
    assert LORAS[0].name not in json.dumps(info)


@pytest.mark.parametrize(
    "path",
    ["/plan", "/install", "/export", "/convert", "/block-weights", "/blocks", "/jobs/1/cancel"],
)
def test_a_body_that_is_not_declared_as_json_is_refused(author: ComfyUI, path: str) -> None:
    body = json.dumps({"json": API}).encode()

    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        status, answer = author.request("POST", PREFIX + path, body, {"Content-Type": content_type})
        assert status == 415
        assert json.loads(answer)["error"]["code"] == "unsupported_media_type"


@pytest.mark.parametrize("path", ["/plan", "/install", "/export", "/convert", "/blocks"])
def test_a_get_never_works(author: ComfyUI, path: str) -> None:
    status, _ = author.request("GET", PREFIX + path)

    assert status in (404, 405)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "invalid_input"),
        ({}, "invalid_input"),
        ({"base64": "!"}, "invalid_input"),
        ({"base64": base64.b64encode(b"\x89PNG\r\n\x1a\n1234").decode()}, "unreadable_media"),
        ({"base64": base64.b64encode(b"GIF89a").decode()}, "workflow_format"),
        ({"json": {"name": "package.json"}}, "workflow_format"),
        ({"json": API, "lock": {"version": 99, "models": []}}, "lock_version"),
        ({"json": API, "lock": {"version": 1, "models": [1]}}, "lock"),
    ],
)
def test_bad_documents_get_a_sentence_and_a_hint(author: ComfyUI, body: Any, code: str) -> None:
    status, error = refusal(author, "/plan", body)

    assert 400 <= status < 500
    assert error["code"] == code
    assert error["message"].endswith(".")
    assert error["hint"]
    assert set(error) == {"code", "message", "hint", "details"}


def test_an_unknown_job_is_not_found(author: ComfyUI) -> None:
    status, answer = author.request("GET", f"{PREFIX}/jobs/none")

    assert status == 404
    assert json.loads(answer)["error"]["code"] == "unknown_job"


def test_a_plan_where_everything_is_here_is_ok(author: ComfyUI) -> None:
    answer = author.post_json(f"{PREFIX}/plan", {"json": API})

    assert answer["plan"]["ok"]
    assert answer["rewrites"] == []
    assert answer["prompt"] == API
    assert answer["graph"] is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "../../x.safetensors"}, "leaves its folder"),
        ({"name": "C:/x.safetensors"}, "Windows forbids"),
        ({"directory": "custom_nodes"}, "no model folder"),
        ({"directory": "configs"}, "no model folder"),
        ({"name": "x.ckpt"}, "run code"),
        ({"name": "x.py"}, "no model file"),
        ({"sources": [{"kind": "civitai", "url": "https://evil.example/x"}]}, "allowlist"),
        ({"sources": [{"kind": "https", "url": "http://127.0.0.1:1/x"}]}, "not plain https"),
    ],
)
def test_hostile_locks_are_refused_and_write_nothing(
    recipient: ComfyUI, changes: dict[str, Any], reason: str
) -> None:
    recipient.post_json(f"{PREFIX}/plan", {"json": API})  # from here on there is a catalog
    before = sorted(recipient.base.rglob("*.*"))
    document = {"json": locked(**changes)}

    (model,) = recipient.post_json(f"{PREFIX}/plan", document)["plan"]["models"]
    after = recipient.post_json(f"{PREFIX}/install", document)

    assert model["state"] == "refused"
    assert reason in model["reason"]
    assert not after["plan"]["ok"]
    assert after["installed"] == []
    assert [path for path in sorted(recipient.base.rglob("*.*")) if path not in before] == []


def test_a_lock_with_a_wrong_hash_leaves_nothing_that_a_loader_lists(
    author: ComfyUI, recipient: ComfyUI, market: Marketplace, published: dict[str, Published]
) -> None:
    lock = author.post_json(f"{PREFIX}/export", {"json": API})["lock"]
    (entry,) = (model for model in lock["models"] if model["name"] == "ink-wash.safetensors")
    # The marketplace answers as the lock says, but serves other bytes.
    market.fault("wrong_bytes", times=None, match=published["Ink Wash"])

    status, error = refusal(recipient, "/install", {"json": {**lock, "models": [entry]}})

    assert (status, error["code"]) == (422, "hash_mismatch")
    assert entry["sha256"] in error["message"]
    (aside,) = (recipient.base / "models" / "loras").iterdir()
    assert aside.suffix == ".quarantine"
    aside.unlink()


def test_an_export_carries_the_lock_and_no_secret(author: ComfyUI) -> None:
    answer = author.post_json(f"{PREFIX}/export", {"json": UI})

    lock = answer["graph"]["extra"]["satchel"]
    assert lock == answer["lock"]
    assert len(lock["models"]) == MODELS
    assert all(model["sha256"] and model["sources"] for model in lock["models"])
    assert answer["unresolved"] == []
    text = json.dumps(answer)
    for secret in (TOKEN, str(author.base), "127.0.0.1", "X-Amz"):
        assert secret not in text
    stack = next(node for node in answer["graph"]["nodes"] if node["type"] == "SatchelLoraStack")
    for embedded in stack["properties"]["models"]:
        assert set(embedded) == {"name", "url", "hash", "hash_type", "directory"}
        assert embedded["name"] in stack["widgets_values"]


POWER_ROW = {"on": False, "lora": LORAS[0].name, "strength": 0.5}
POWER = {"class_type": "Power Lora Loader (rgthree)", "inputs": {"lora_1": POWER_ROW}}
STEM = LORAS[1].name.removesuffix(".safetensors")
MANAGED_ROWS = {"__value__": [{"name": STEM, "strength": "0.40", "active": True}]}
MANAGED = {"class_type": "Lora Stacker (LoraManager)", "inputs": {"loras": MANAGED_ROWS}}
OTHERS = {"1": POWER, "2": MANAGED}


def test_lora_nodes_of_other_packs_are_converted(author: ComfyUI) -> None:
    answer = author.post_json(f"{PREFIX}/convert", {"json": OTHERS})

    assert set(answer) == {"graph", "prompt", "converted", "kept"}
    assert [(entry["node"], entry["to"]) for entry in answer["converted"]] == [
        ("1", "SatchelLoraStack"), ("2", "SatchelLoraStack")
    ]  # fmt: skip
    first, second = answer["prompt"]["1"]["inputs"], answer["prompt"]["2"]["inputs"]
    assert (first["on_1"], first["lora_1"], first["strength_clip_1"]) == (False, LORAS[0].name, 0.5)
    assert (second["lora_1"], second["strength_model_1"]) == (LORAS[1].name, 0.4)
    only = author.post_json(f"{PREFIX}/convert", {"json": OTHERS, "nodes": ["2"]})
    assert [entry["node"] for entry in only["converted"]] == ["2"]
    assert only["prompt"]["1"] == POWER


@pytest.mark.parametrize("key", ["types", "nodes"])
@pytest.mark.parametrize("value", ["1", [1], {}])
def test_a_selection_that_is_no_list_of_texts_is_refused(
    author: ComfyUI, key: str, value: Any
) -> None:
    status, error = refusal(author, "/convert", {"json": {"1": POWER}, key: value})

    assert (status, error["code"]) == (400, "invalid_input")


def test_the_status_names_what_can_be_converted(author: ComfyUI) -> None:
    assert POWER["class_type"] in author.get_json(f"{PREFIX}/status")["convertible"]


def test_the_token_is_in_no_log_and_no_database(author: ComfyUI) -> None:
    author.post_json(f"{PREFIX}/export", {"json": UI})

    written = [path for path in author.base.rglob("*") if path.is_file() and not path.is_symlink()]
    files = [path for path in written if path.suffix not in (".safetensors",)]
    assert any(path.name == "catalog.sqlite3" for path in files)
    for path in files:
        if "custom_nodes" not in path.parts:
            assert TOKEN.encode() not in path.read_bytes(), path
    status, answer = author.request("GET", f"{PREFIX}/status")
    assert status == 200
    assert json.loads(answer)["tokens"]["civitai"] is True
    assert TOKEN.encode() not in answer


def test_the_status_counts_what_the_lora_cache_did(author: ComfyUI) -> None:
    before = author.get_json(f"{PREFIX}/status")["lora_cache"]
    (stack,) = (key for key, node in API.items() if node["class_type"] == "SatchelLoraStack")
    inputs = {**API[stack]["inputs"], "strength_model_1": 0.31}  # so that the host runs it anew

    author.run_prompt({**API, stack: {**API[stack], "inputs": inputs}})
    author.run_prompt(
        {**API, stack: {**API[stack], "inputs": {**inputs, "strength_model_1": 0.32}}}
    )

    after = author.get_json(f"{PREFIX}/status")["lora_cache"]
    assert after["hits"] > before["hits"]
    assert after["misses"] > 0
    assert after["bytes"] > 0


def test_the_host_itself_replaces_a_node_that_one_mapping_carries_whole(author: ComfyUI) -> None:
    (replacement,) = author.get_json("/node_replacements")["CR Apply LoRA Stack"]
    links = {"model": ["1", 0], "clip": ["2", 0], "lora_stack": ["4", 2]}
    prompt = {
        "1": API["1"], "2": API["2"], "4": {"class_type": "SatchelLoraStack", "inputs": ROWS},
        "5": {"class_type": "CR Apply LoRA Stack", "inputs": links, "_meta": {"title": "x"}},
        "6": {"class_type": "PreviewAny", "inputs": {"source": ["5", 1]}},
    }  # fmt: skip

    entry = author.run_prompt(prompt)

    assert replacement["new_node_id"] == "SatchelLoraStack"
    assert "CLIP" in json.dumps(entry["outputs"]["6"])
