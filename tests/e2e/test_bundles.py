"""Bundles by clicking: dropped or chosen, read without a trace, opened whole."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from satchel_tools.comfyui import ComfyUI

from .axe import violations
from .sharing import (
    Shared,
    dialog,
    drop,
    expect_ready,
    expect_state,
    open_menu,
    press,
    shared_bytes,
    widget_names,
)

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]

PICTURE = b"\x89PNG\r\n\x1a\n of a cat"


def image_node(name: str) -> dict[str, Any]:
    return {
        "id": 9, "type": "LoadImage", "pos": [500, 100], "size": [280, 300], "flags": {},
        "order": 1, "mode": 0, "inputs": [], "outputs": [], "properties": {},
        "widgets_values": [name, "image"],
    }  # fmt: skip


def bundle_of(graph: dict[str, Any], **files: bytes) -> bytes:
    """A zip with a graph and files whose names have `__` for `/`."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("shared.json", json.dumps(graph))
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return packed.getvalue()


def files_below(comfy: ComfyUI) -> set[Path]:
    folders = (comfy.base / "input", comfy.base / "models")
    return {path for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_a_dropped_bundle_changes_nothing_until_its_button_is_pressed(
    open_page: OpenPage,
    comfy: ComfyUI,
    share: Callable[..., Shared],
    loras: Path,
    renderer: str,
) -> None:
    shared = share(2)
    packed, fetched = shared.names
    picture = f"cat-{packed}.png"
    shared.graph["nodes"].append(image_node(picture))
    files = {f"models__loras__{packed}": shared_bytes(loras, packed), f"input__{picture}": PICTURE}
    before = files_below(comfy)
    page = open_page(renderer)

    drop(page, "My bundle.zip", bundle_of(shared.graph, **files), "application/zip")
    expect_state(page, packed, "Will be taken from the bundle")
    expect_state(page, fetched, "Will be downloaded")
    assert dialog(page).get_by_text(picture).is_visible()
    assert files_below(comfy) == before
    assert widget_names(page) == shared.names
    assert violations(dialog(page)) == []

    press(page, "Install everything")
    expect_ready(page)

    assert (loras / packed).read_bytes() == shared_bytes(loras, packed)
    assert (loras / fetched).is_file()
    assert (comfy.base / "input" / picture).read_bytes() == PICTURE
    assert page.missing_models() == []
    assert page.run("() => app.extensionManager.workflow.activeWorkflow.filename") == "My bundle"
    (comfy.base / "input" / picture).unlink()


def test_an_image_whose_name_is_taken_gets_another_one_in_the_graph(
    open_page: OpenPage, comfy: ComfyUI, share: Callable[..., Shared], loras: Path
) -> None:
    shared = share(1)
    (name,) = shared.names
    (loras / name).write_bytes(shared_bytes(loras, name))
    (comfy.base / "input" / "taken.png").write_bytes(b"mine")
    shared.graph["nodes"].append(image_node("taken.png"))
    page = open_page()

    drop(page, "a.zip", bundle_of(shared.graph, **{"input__taken.png": PICTURE}), "")
    press(page, "Add 1 file")
    expect_ready(page)

    assert (comfy.base / "input" / "taken.png").read_bytes() == b"mine"
    values = page.run(
        "() => app.rootGraph.serialize().nodes.find((node) => node.id === 9).widgets_values"
    )
    assert values[0] == "taken (1).png"
    for path in (comfy.base / "input").glob("taken*.png"):
        path.unlink()


def test_a_bundle_that_needs_nothing_is_opened_at_once_by_the_menu(
    open_page: OpenPage, share: Callable[..., Shared], loras: Path, tmp_path: Path
) -> None:
    shared = share(1)
    (name,) = shared.names
    (loras / "other-name.safetensors").write_bytes(shared_bytes(loras, name))
    path = tmp_path / "chosen.zip"
    path.write_bytes(bundle_of(shared.graph))
    page = open_page()

    with page.page.expect_file_chooser() as chooser:
        open_menu(page, "Open workflow or bundle")
    chooser.value.set_files(path)

    # Its digest is not known yet: the file is read before the dialog closes by itself.
    expect_ready(page)
    assert widget_names(page) == ["other-name.safetensors"]


def test_a_large_bundle_is_handed_over_first_and_that_can_be_stopped(
    open_page: OpenPage, share: Callable[..., Shared], loras: Path, tmp_path: Path
) -> None:
    shared = share(1, elements=4_300_000)
    (name,) = shared.names
    path = tmp_path / "large.zip"
    path.write_bytes(
        bundle_of(shared.graph, **{f"models__loras__{name}": shared_bytes(loras, name)})
    )
    assert path.stat().st_size > 16 * 1024 * 1024
    page = open_page()
    held: list[Any] = []
    page.page.route("**/satchel/v1/uploads", lambda route: held.append(route))

    choose(page, path)
    sending = page.page.get_by_role("dialog", name="Reading large.zip")
    sending.get_by_role("button", name="Cancel").click()
    sending.wait_for(state="detached")
    assert page.run("() => app.rootGraph.nodes.length") == 0

    page.page.unroute("**/satchel/v1/uploads")
    choose(page, path)
    expect_state(page, name, "Will be taken from the bundle")
    press(page, "Install 1 model")
    expect_ready(page)
    assert (loras / name).is_file()


def choose(page: Frontend, path: Path) -> None:
    with page.page.expect_file_chooser() as chooser:
        page.run("() => { app.extensionManager.command.execute('Satchel.Open') }")
    chooser.value.set_files(path)


def test_a_hostile_or_broken_bundle_is_refused_with_its_reason(
    open_page: OpenPage, comfy: ComfyUI, share: Callable[..., Shared]
) -> None:
    shared = share(1)
    before = files_below(comfy)
    page = open_page()

    drop(page, "evil.zip", bundle_of(shared.graph, **{"..__..__x.txt": b"x"}), "application/zip")
    page.page.get_by_text("evil.zip is refused").first.wait_for()
    drop(page, "broken.zip", b"PK\x03\x04 nothing", "application/zip")
    page.page.get_by_text("broken.zip is refused").first.wait_for()

    assert dialog(page).count() == 0
    assert page.run("() => app.rootGraph.nodes.length") == 0
    assert files_below(comfy) == before
