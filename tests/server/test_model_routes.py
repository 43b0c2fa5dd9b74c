"""The routes about models, files, the queue and tokens, on a real server with the stand-in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from satchel_tools.comfyui import ComfyUI, PromptFailedError
from satchel_tools.demo_models import LORAS
from support.marketplace import Marketplace, Published
from support.marketplace.huggingface import HuggingFace

from .conftest import TOKEN, StartServer
from .test_routes import API, PREFIX, refusal

pytestmark = pytest.mark.server

PLANTED = "planted-secret-0123456789"
INK = LORAS[0]
POSTS = [
    "/resolve", "/search", "/versions", "/base-models", "/get", "/identify", "/scan", "/find",
    "/updates", "/previews", "/model-info",
    *(f"/queue/{action}" for action in ("add", "pause", "resume", "cancel", "move", "priority",
                                        "limits", "clear")),
    *(f"/auth/{action}" for action in ("check", "set", "clear")),
]  # fmt: skip


@pytest.fixture(scope="module")
def hub() -> Iterator[HuggingFace]:
    with HuggingFace(tokens=(PLANTED,)) as running:
        yield running


@pytest.fixture(scope="module")
def server(
    start_server: StartServer,
    hub: HuggingFace,
    published: dict[str, Published],
    tmp_path_factory: pytest.TempPathFactory,
) -> ComfyUI:
    """A server without models whose tokens may be set."""
    tokens = tmp_path_factory.mktemp("tokens") / "credentials.json"
    return start_server(
        "shelf", env={"SATCHEL_CREDENTIALS": str(tokens), "SATCHEL_HUGGINGFACE_URL": hub.site_url}
    )


@pytest.fixture(scope="module")
def allowed(start_server: StartServer, published: dict[str, Published]) -> ComfyUI:
    """A server whose operator lets nodes ask and download."""
    return start_server("allowed", env={"SATCHEL_NODE_DOWNLOADS": "allow"})


@pytest.fixture
def ink(published: dict[str, Published]) -> Published:
    return published[INK.title]


def post(server: ComfyUI, path: str, **body: Any) -> Any:
    return server.post_json(PREFIX + path, body)


def eventually(value: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := value()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


# --- what every route refuses -------------------------------------------------------------------


@pytest.mark.parametrize("path", POSTS)
def test_work_is_done_for_json_posts_only(server: ComfyUI, path: str) -> None:
    status, _ = server.request("GET", PREFIX + path)
    assert status in (404, 405)
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        status, answer = server.request(
            "POST", PREFIX + path, b'{"reference": "x"}', {"Content-Type": content_type}
        )
        assert status == 415
        assert json.loads(answer)["error"]["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/resolve", {}, "invalid_input"),
        ("/resolve", {"reference": "not a reference"}, "reference_syntax"),
        ("/resolve", {"reference": "1" * 64}, "not_found"),
        ("/get", {"reference": "https://127.0.0.1/x.safetensors"}, "forbidden_url"),
        ("/get", {"reference": "https://example.com/x.safetensors"}, "forbidden_url"),
        ("/get", {"reference": "civitai:1@2", "kind": "custom_nodes"}, "invalid_input"),
        ("/search", {"query": "x", "sort": "luck"}, "invalid_input"),
        ("/search", {"query": "x", "source": "nowhere"}, "invalid_input"),
        ("/versions", {"reference": "1" * 64}, "invalid_input"),
        ("/versions", {"reference": "https://civitai.com/models/999999999"}, "not_found"),
        ("/identify", {"kind": "loras", "name": "../../secret.safetensors"}, "model_not_found"),
        ("/identify", {"kind": "custom_nodes", "name": "x"}, "invalid_input"),
        ("/scan", {"kinds": ["custom_nodes"]}, "invalid_input"),
        ("/scan", {"hash": "yes"}, "invalid_input"),
        ("/find", {"query": ""}, "invalid_input"),
        ("/updates", {"kinds": "loras"}, "invalid_input"),
        ("/scan", {"previews": "yes"}, "invalid_input"),
        ("/previews", {"kinds": ["custom_nodes"]}, "invalid_input"),
        ("/model-info", {"files": []}, "invalid_input"),
        ("/model-info", {"files": ["/etc/passwd"]}, "invalid_input"),
        ("/queue/pause", {"ids": [999]}, "unknown_download"),
        ("/queue/pause", {"ids": "1"}, "invalid_input"),
        ("/queue/limits", {"total": 0}, "invalid_input"),
        ("/queue/priority", {"id": 1, "priority": 10**9}, "invalid_input"),
        ("/auth/set", {"source": "nowhere", "token": "x"}, "invalid_input"),
        ("/auth/set", {"source": "huggingface", "token": "two words"}, "invalid_input"),
    ],
)
def test_bad_bodies_get_a_sentence(
    server: ComfyUI, path: str, body: dict[str, Any], code: str
) -> None:
    status, error = refusal(server, path, body)

    assert (error["code"], error["message"][-1]) == (code, ".")
    assert 400 <= status < 500


# --- references ---------------------------------------------------------------------------------


def test_a_reference_is_resolved_searched_fetched_and_then_known(
    server: ComfyUI, ink: Published
) -> None:
    resolved = post(server, "/resolve", reference=ink.air)
    found = post(server, "/search", query=INK.title, source="civitai", kinds=["loras"])
    got = post(server, "/get", reference=ink.air)
    again = post(server, "/get", reference=ink.air)

    assert resolved["model"]["sha256"] == ink.sha256.lower()
    assert [v["model_name"] for page in found["pages"] for v in page["versions"]] == [INK.title]
    assert (got["sha256"], got["fetched"], again["fetched"]) == (ink.sha256.lower(), True, False)
    assert (server.base / "models" / "loras" / got["name"]).is_file()
    # What is known is found, without a path of this machine in any answer.
    scanned = post(server, "/scan", hash=True, look_up=True)
    by_digest = post(server, "/find", query=ink.sha256)
    (info,) = post(server, "/model-info", files=[{"kind": "loras", "name": got["name"]}])["models"]
    facts = post(server, "/identify", kind="loras", name=got["name"])
    updates = post(server, "/updates", known_only=True)
    known = server.get_json(f"{PREFIX}/updates/known")
    page = post(server, "/versions", reference=found["pages"][0]["versions"][0]["page_url"])
    assert (scanned["unhashed"], scanned["complaints"]) == (0, [])
    assert [model["name"] for model in by_digest["models"]] == [got["name"]]
    assert (info["model"], info["identified"]) == (INK.title, "bytes")
    assert facts["sha256"] == ink.sha256.lower()
    assert updates["checked"] == 1
    assert (known["checked"], known["updates"], known["stamp"]) == (1, [], "")
    assert page["versions"][0]["files"][0]["sha256"] == ink.sha256.lower()
    told = json.dumps([resolved, found, got, scanned, by_digest, info, facts, updates, known, page])
    assert str(server.base) not in told
    assert TOKEN not in told


def test_a_job_of_a_new_route_can_be_watched(server: ComfyUI, ink: Published) -> None:
    job = post(server, "/resolve", reference=ink.air, wait=False)["job"]

    done = eventually(
        lambda: (j := server.get_json(f"{PREFIX}/jobs/{job}"))["state"] == "done" and j
    )

    assert done["result"]["model"]["sha256"] == ink.sha256.lower()


def test_files_are_hashed_behind_when_that_is_asked_for(server: ComfyUI, demo_models: Path) -> None:
    other = LORAS[1]
    target = server.base / "models" / "loras" / "behind.safetensors"
    target.write_bytes((demo_models / other.kind / other.name).read_bytes())

    before = post(server, "/scan", kinds=["loras"])
    assert before["unhashed"] == 1
    assert before["hashing_behind"] is False
    post(server, "/scan", kinds=["loras"], hash_behind=True)

    eventually(lambda: post(server, "/scan", kinds=["loras"])["unhashed"] == 0)


def test_sources_tell_their_words_for_base_models(server: ComfyUI) -> None:
    assert "SDXL 1.0" in post(server, "/base-models")["sources"]["civitai"]


def test_the_rules_of_the_operator_are_told(server: ComfyUI) -> None:
    rules = server.get_json(f"{PREFIX}/status")["rules"]

    assert rules["sources"]["civitai"] is True
    assert rules["sources"]["replicate"] is False
    assert (rules["update_check_hours"], rules["pickle"]) == (0, False)


# --- the queue ----------------------------------------------------------------------------------


def test_the_server_works_through_its_queue(
    server: ComfyUI, market: Marketplace, published: dict[str, Published]
) -> None:
    encoder = published["Random CLIP-L"]
    market.fault("throttle", bytes_per_s=2_000_000, times=None, match=encoder)
    entry = post(server, "/queue/add", reference=encoder.air, priority=2)

    def state() -> str:
        (one,) = [
            e for e in server.get_json(f"{PREFIX}/queue")["entries"] if e["id"] == entry["id"]
        ]
        assert "path" not in one
        return str(one["state"])

    eventually(lambda: state() == "running")
    post(server, "/queue/pause", ids=[entry["id"]])
    eventually(lambda: state() == "paused")
    assert post(server, "/queue/limits", connections=2)["limits"]["connections"] == 2
    post(server, "/queue/priority", id=entry["id"], priority=-1)
    post(server, "/queue/move", id=entry["id"])
    market.clear_faults()
    post(server, "/queue/resume", ids=[entry["id"]])
    eventually(lambda: state() == "done")

    assert list((server.base / "models" / "text_encoders").glob("*.safetensors"))
    assert post(server, "/queue/clear")["entries"] == []


def test_a_queued_download_goes_on_when_the_server_starts_again(
    start_server: StartServer, market: Marketplace, published: dict[str, Published]
) -> None:
    server, encoder = start_server("restarted"), published["Random CLIP-L"]
    market.fault("throttle", bytes_per_s=2_000_000, times=None, match=encoder)
    entry = post(server, "/queue/add", reference=encoder.air)
    eventually(lambda: server.get_json(f"{PREFIX}/queue")["entries"][0]["done"] > 0)

    server.kill()
    market.clear_faults()
    server.start()

    eventually(lambda: server.get_json(f"{PREFIX}/queue")["entries"][0]["state"] == "done")
    assert server.get_json(f"{PREFIX}/queue")["entries"][0]["id"] == entry["id"]


# --- tokens -------------------------------------------------------------------------------------


def test_a_token_goes_in_and_never_comes_out(server: ComfyUI, ink: Published) -> None:
    def of(answer: dict[str, Any]) -> dict[str, Any]:
        return {one["source"]: one for one in answer["sources"]}["huggingface"]

    assert of(server.get_json(f"{PREFIX}/auth"))["set"] is False
    answers = [
        post(server, "/auth/set", source="huggingface", token=PLANTED),
        server.get_json(f"{PREFIX}/auth"),
        post(server, "/auth/check"),
        server.get_json(f"{PREFIX}/status"),
        server.get_json(f"{PREFIX}/queue"),
        post(server, "/resolve", reference=ink.air),
    ]
    assert of(answers[0])["from"] == "file"
    assert of(answers[2])["state"] == "accepted"
    assert of(post(server, "/auth/clear", source="huggingface"))["set"] is False
    assert PLANTED not in json.dumps(answers)
    assert TOKEN not in json.dumps(answers)


def test_a_planted_token_is_nowhere_but_in_its_file(
    server: ComfyUI, market: Marketplace, hub: HuggingFace, ink: Published
) -> None:
    """Logs, the catalog, the queue, addresses, arguments of processes."""
    post(server, "/auth/set", source="huggingface", token=PLANTED)
    _, failed = server.request(
        "POST", f"{PREFIX}/auth/set",
        json.dumps({"source": "huggingface", "token": f"{PLANTED}\n x"}).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    post(server, "/queue/add", reference=ink.air)
    post(server, "/search", query=INK.title)
    post(server, "/auth/check")
    eventually(
        lambda: {e["state"] for e in server.get_json(f"{PREFIX}/queue")["entries"]} <= {"done"}
    )
    export = post(server, "/export", json=API)
    assert hub.requests

    assert PLANTED not in json.dumps(export)
    assert PLANTED.encode() not in failed
    files = [path for path in server.base.rglob("*") if path.is_file() and not path.is_symlink()]
    names = {path.name for path in files}
    assert {"catalog.sqlite3", "downloads.sqlite3", "comfyui.log"} <= names
    for path in files:
        if "custom_nodes" not in path.parts and path.suffix != ".safetensors":
            content = path.read_bytes()
            assert PLANTED.encode() not in content, path
            assert TOKEN.encode() not in content, path
    for request in (*market.requests, *hub.requests):
        assert PLANTED not in request.path + str(request.query)
        assert TOKEN not in request.path + str(request.query)
    if Path("/proc/self/cmdline").exists():
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                arguments = process.read_bytes()
            except OSError:
                continue  # it has ended
            assert PLANTED.encode() not in arguments
            assert TOKEN.encode() not in arguments


# --- nodes in hand-written graphs ---------------------------------------------------------------


def shown(server: ComfyUI, node: str, inputs: dict[str, Any], output: int = 0) -> str:
    graph = {
        "1": {"class_type": node, "inputs": inputs},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", output]}},
    }
    (text,) = server.run_prompt(graph)["outputs"]["2"]["text"]
    return str(text)


def test_nodes_ask_nobody_unless_the_operator_says_so(
    recipient: ComfyUI, market: Marketplace, ink: Published
) -> None:
    market.clear_requests()

    with pytest.raises(PromptFailedError) as caught:
        shown(recipient, "SatchelResolveModel", {"reference": ink.air, "kind": "loras"})
    assert "satchel get" in str(caught.value)
    assert "--to loras" in str(caught.value)
    with pytest.raises(PromptFailedError) as caught:
        shown(recipient, "SatchelSearchMarketplace", {"query": "ink wash"})
    assert "satchel search 'ink wash'" in str(caught.value)

    assert market.requests == []


def test_a_fetched_reference_is_resolved_and_told_without_asking(
    server: ComfyUI, market: Marketplace, ink: Published
) -> None:
    name = post(server, "/get", reference=ink.air)["name"]
    post(server, "/scan", look_up=True)
    market.clear_requests()

    resolved = shown(server, "SatchelResolveModel", {"reference": ink.air, "kind": "loras"})
    by_digest = shown(server, "SatchelResolveModel", {"reference": ink.sha256, "kind": "loras"}, 1)
    file = {"kind": "loras", "name": name}
    sha256 = shown(server, "SatchelModelInfo", file)
    told = shown(server, "SatchelModelInfo", file, 6)

    assert (resolved, by_digest, sha256) == (name, name, ink.sha256.lower())
    assert INK.title in told
    assert market.requests == []
    with pytest.raises(PromptFailedError, match="none of the loras folders"):
        shown(server, "SatchelModelInfo", {"kind": "loras", "name": "../../x.safetensors"})


def test_where_nodes_may_download_they_take_only_what_is_pinned(
    allowed: ComfyUI, ink: Published
) -> None:
    graph = {
        "1": {"class_type": "SatchelResolveModel",
              "inputs": {"reference": f"civitai:{ink.model_id}@{ink.version_id}", "kind": "loras"}},
        "2": {"class_type": "SatchelModelInfo", "inputs": {"kind": "loras", "name": ["1", 1]}},
        "5": {"class_type": "PreviewAny", "inputs": {"source": ["2", 0]}},
    }  # fmt: skip
    (sha256,) = allowed.run_prompt(graph)["outputs"]["5"]["text"]
    found = shown(allowed, "SatchelSearchMarketplace", {"query": INK.title, "source": "civitai"})

    assert sha256 == ink.sha256.lower()
    assert INK.title in found
    for reference in (
        f"civitai:{ink.model_id}",
        "https://huggingface.co/a/b/resolve/main/c.safetensors",
        "https://example.com/c.safetensors",
    ):
        with pytest.raises(PromptFailedError, match="only what is pinned"):
            shown(allowed, "SatchelResolveModel", {"reference": reference, "kind": "vae"})
