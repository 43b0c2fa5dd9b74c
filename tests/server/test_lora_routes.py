"""The routes behind the page's dialogs about LoRAs: the list, previews."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from urllib.parse import urlencode

import pytest
from satchel_tools.comfyui import ComfyUI
from support.models import write_safetensors
from support.pictures import png, webp_canvas

from .conftest import StartServer
from .test_routes import PREFIX, refusal

pytestmark = pytest.mark.server

QUERY = "lora_unet_input_blocks_8_1_transformer_blocks_9_attn1_to_q"
SDXL = {f"{QUERY}.lora_down.weight": (1, 1280), f"{QUERY}.lora_up.weight": (1280, 1)}


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> ComfyUI:
    return start_server("pictures")


@pytest.fixture(scope="module")
def loras(server: ComfyUI) -> Path:
    folder = server.base / "models" / "loras"
    words = {"modelspec.trigger_phrase": "ink wash"}
    write_safetensors(folder / "style/ink & wash.safetensors", SDXL, dtype="F16", metadata=words)
    (folder / "style/ink & wash.preview.png").write_bytes(png(300, 150))
    (server.base / "models" / "secret.png").write_bytes(png(8, 8))
    return folder


def preview(server: ComfyUI, **query: str) -> tuple[int, bytes]:
    return server.request("GET", f"{PREFIX}/preview?{urlencode(query)}")


def test_the_list_tells_what_headers_say_and_not_twice(server: ComfyUI, loras: Path) -> None:
    first = server.post_json(PREFIX + "/loras", {})
    (card,) = first["loras"]
    assert card == {
        "name": "style/ink & wash.safetensors",
        "families": ["sdxl"],
        "base": "SDXL",
        "words": ["ink wash"],
        "preview": (loras / "style/ink & wash.preview.png").stat().st_mtime_ns // 1_000_000,
    }
    assert (first["families"]["flux1"], first["reading"], first["model"]) == (
        "FLUX.1",
        False,
        None,
    )
    assert str(server.base) not in json.dumps(first)

    again = server.post_json(PREFIX + "/loras", {"known": first["stamp"]})

    assert again == {"stamp": first["stamp"], "reading": False, "model": None}
    ghost = {"directory": "checkpoints", "name": "ghost.safetensors"}
    assert server.post_json(PREFIX + "/loras", {"model": ghost})["model"] is None
    for bad in ({"known": 5}, {"model": "x"}, {"model": {"name": 5}}):
        assert refusal(server, "/loras", bad)[0] == 400


def test_a_preview_is_made_small_and_anew(server: ComfyUI, loras: Path) -> None:
    name = "style/ink & wash.safetensors"
    status, small = preview(server, kind="loras", name=name)
    _, large = preview(server, kind="loras", name=name.replace("/", "\\"), size="large")

    assert status == 200
    for picture in (small, large):
        assert picture.startswith(b"\xff\xd8\xff")
        assert b"secret" not in picture
    assert size_of(small) == (128, 64)
    assert size_of(large) == (300, 150)


def test_a_preview_comes_with_headers_that_let_it_be_nothing_else(
    server: ComfyUI, loras: Path
) -> None:
    from urllib.request import urlopen

    query = urlencode({"kind": "loras", "name": "style/ink & wash.safetensors"})
    with urlopen(f"{server.url}{PREFIX}/preview?{query}") as answer:
        headers = answer.headers

    assert headers["Content-Type"] == "image/jpeg"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"kind": "loras", "name": "ghost.safetensors"}, 404),
        ({"kind": "loras", "name": "style/ink & wash.preview.png"}, 404),
        ({"kind": "loras", "name": "../secret.safetensors"}, 404),
        ({"kind": "loras", "name": "/etc/passwd"}, 404),
        ({"kind": "custom_nodes", "name": "x.safetensors"}, 400),
        ({"kind": "loras"}, 400),
        ({"name": "x.safetensors"}, 400),
        ({"kind": "loras", "name": "style/ink & wash.safetensors", "size": "9999"}, 400),
    ],
)
def test_nothing_but_previews_of_models_is_served(
    server: ComfyUI, loras: Path, query: dict[str, str], status: int
) -> None:
    got, body = preview(server, **query)

    assert (got, json.loads(body)["error"]["message"][-1]) == (status, ".")


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html>no picture</html>",
        png(20, 20)[:60],
        png(60_000, 60_000, b""),
        b"",
    ],
    ids=["svg", "html", "cut short", "bomb", "empty"],
)
def test_what_is_no_picture_by_its_bytes_is_refused(
    server: ComfyUI, loras: Path, content: bytes
) -> None:
    write_safetensors(loras / "odd.safetensors", SDXL, dtype="F16")
    (loras / "odd.png").write_bytes(content)

    status, body = preview(server, kind="loras", name="odd.safetensors")

    assert status == 422
    assert json.loads(body)["error"]["code"] == "unreadable_media"
    (loras / "odd.png").unlink()
    (loras / "odd.safetensors").unlink()


def test_a_canvas_too_large_to_open_is_not_opened(server: ComfyUI, loras: Path) -> None:
    write_safetensors(loras / "wide.safetensors", SDXL, dtype="F16")
    (loras / "wide.webp").write_bytes(webp_canvas(16_384, 16_384))

    status, body = preview(server, kind="loras", name="wide.safetensors")

    assert (status, "64000000 pixels" in json.loads(body)["error"]["message"]) == (422, True)
    (loras / "wide.webp").unlink()
    (loras / "wide.safetensors").unlink()


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Width and height by the frame header (SOF0 to SOF2)."""
    at = 2
    while jpeg[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
    height, width = struct.unpack(">HH", jpeg[at + 5 : at + 9])
    return width, height


def test_norms_of_a_lora_are_told_by_slot(server: ComfyUI, loras: Path) -> None:
    write_safetensors(loras / "ones.safetensors", SDXL, dtype="F16", element=b"\x00\x3c")
    body = {"lora": "ones.safetensors", "architecture": "sdxl"}

    answer = server.post_json(PREFIX + "/block-norms", body)

    assert answer == {"norms": {"IN08": pytest.approx(1280)}, "unmeasured": 0}
    job = server.post_json(PREFIX + "/block-norms", {**body, "wait": False})["job"]
    assert server.get_json(f"{PREFIX}/jobs/{job}")["id"] == job
    for bad, status in (
        ({**body, "lora": "ghost.safetensors"}, 404),
        ({**body, "lora": "../secret.safetensors"}, 404),
        ({**body, "architecture": "abacus"}, 400),
        ({"lora": "ones.safetensors"}, 400),
    ):
        assert refusal(server, "/block-norms", bad)[0] == status
    (loras / "ones.safetensors").unlink()


def test_stack_presets_are_kept_shared_and_imported_with_the_names_here(
    server: ComfyUI, loras: Path
) -> None:
    path = f"{PREFIX}/stack-presets"
    ink = {"on": True, "lora": "style/ink & wash.safetensors", "strength_model": 0.5,
           "strength_clip": 0.5, "blocks": "IN08=0.5"}  # fmt: skip
    assert server.get_json(path) == {"presets": []}
    server.post_json(PREFIX + "/identify", {"kind": "loras", "name": ink["lora"]})
    (saved,) = server.post_json(path + "/save", {"name": "Ink", "rows": [ink]})["presets"]
    assert (saved["name"], saved["rows"]) == ("Ink", [ink])
    taken = {"name": "Ink", "rows": [{**ink, "on": False}]}
    assert refusal(server, "/stack-presets/save", taken)[1]["code"] == "preset_exists"
    assert refusal(server, "/stack-presets/save", {"name": "x", "rows": [{}]})[0] == 400
    server.post_json(path + "/save", {**taken, "replace": True})

    file = server.post_json(path + "/share", {"name": "Ink"})
    assert list(file["models"]) == [ink["lora"]]
    theirs = json.loads(json.dumps(file).replace(ink["lora"], "elsewhere/ink.safetensors"))
    answer = server.post_json(path + "/import", {"file": theirs})
    assert answer["imported"] == ["Ink"]
    assert [preset["rows"][0]["lora"] for preset in answer["presets"]] == [ink["lora"]]
    other = {**theirs, "models": {}}
    assert server.post_json(path + "/import", {"file": other})["imported"] == ["Ink (2)"]

    for bad in ("text", None, {"presets": []}, [1]):
        assert refusal(server, "/stack-presets/import", {"file": bad})[0] == 400
    server.post_json(path + "/delete", {"name": "Ink"})
    assert [preset["name"] for preset in server.get_json(path)["presets"]] == ["Ink (2)"]
    for action in ("save", "delete", "share", "import"):
        assert server.request("GET", f"{path}/{action}")[0] in (404, 405)
        status, _ = server.request(
            "POST", f"{path}/{action}", b"{}", {"Content-Type": "text/plain"}
        )
        assert status == 415
