"""The library of the sidebar: search, filters, details, notes, LoRAs dragged into the graph."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest
from support.marketplace import Marketplace, Picture
from support.models import write_safetensors
from support.pictures import png

from .axe import violations
from .stack_rows import new_stack, saved_values

if TYPE_CHECKING:
    from playwright.sync_api import Locator
    from satchel_tools.browser import Frontend
    from satchel_tools.comfyui import ComfyUI

    OpenPage = Callable[..., Frontend]

NAMES = ["brush.safetensors", "ink copy.safetensors", "style/ink.safetensors", "wash.safetensors"]
PICTURE = Path(__file__).resolve().parents[2] / "web" / "docs" / "SatchelLoraStack.png"


@pytest.fixture
def files(loras: Path) -> Path:
    """Four files in the LoRA folder; two are the same, one has a picture."""
    for number, name in enumerate(NAMES):
        write_safetensors(loras / name, {"w": (300 - number,)}, seed=number + 500)
    (loras / "ink copy.safetensors").write_bytes((loras / "style/ink.safetensors").read_bytes())
    (loras / "style/ink.preview.png").write_bytes(PICTURE.read_bytes())
    return loras


@pytest.fixture
def other_kind(comfy: ComfyUI) -> Iterator[Path]:
    path = write_safetensors(comfy.base / "models" / "vae" / "sidebar soft.safetensors", seed=505)
    yield path
    path.unlink()


def open_library(page: Frontend) -> Locator:
    """The view with the LoRAs only: other tests leave other models, and a page that others used."""
    page.page.locator(".satchel-tab-button").click()
    page.page.locator(".satchel-side").get_by_role("tab", name="Library").click()
    library = page.page.locator(".satchel-library")
    back = library.get_by_role("button", name="Back to the list")
    if back.count():
        back.click()
    sort = library.get_by_label("Sort by")
    if sort.input_value() != "relevance":
        sort.select_option("relevance")
    show_all = library.get_by_role("button", name="Show all")
    if show_all.is_visible():
        show_all.click()
    library.locator(".satchel-card").first.wait_for()
    only_loras(library)
    return library


def only_loras(library: Locator) -> None:
    with library.page.expect_response(
        lambda response: (
            response.url.endswith("/satchel/v1/library")
            and json.loads(response.request.post_data or "")["kinds"] == ["loras"]
        )
    ):
        library.get_by_label("Folder", exact=True).select_option("loras")
    library.page.wait_for_function(
        "() => !document.querySelector('.satchel-card:not([data-model^=\"loras/\"])')"
    )


def cards(library: Locator) -> Locator:
    return library.get_by_role("listbox", name="Model files").get_by_role("option")


def wait_for_cards(library: Locator, names: list[str]) -> None:
    library.page.wait_for_function(
        "(names) => JSON.stringify([...document.querySelectorAll('.satchel-card')]"
        ".map((card) => card.dataset.model?.slice('loras/'.length))) === names",
        arg=json.dumps(names, separators=(",", ":")),
        timeout=10_000,
    )


def card(library: Locator, name: str) -> Locator:
    return library.locator(f'[data-model="loras/{name}"]')


def test_files_are_found_by_words_and_filters(
    open_page: OpenPage, files: Path, other_kind: Path
) -> None:
    page = open_page()
    library = open_library(page)
    wait_for_cards(library, NAMES)

    library.get_by_role("searchbox").fill("ink")
    wait_for_cards(library, ["style/ink.safetensors", "ink copy.safetensors"])
    library.get_by_role("searchbox").fill("no such thing")
    library.get_by_text("No file is like that.").wait_for()
    library.get_by_role("button", name="Show all").click()
    only_loras(library)
    library.get_by_label("Folder", exact=True).select_option("vae")
    library.locator(f".satchel-card[data-model='vae/{other_kind.name}']").wait_for()
    assert card(library, "brush.safetensors").is_visible()
    library.get_by_role("button", name="Folder: not VAE any more").click()
    library.get_by_label("Sort by").select_option("size")
    wait_for_cards(library, ["brush.safetensors", "ink copy.safetensors",
                             "style/ink.safetensors", "wash.safetensors"])  # fmt: skip


def test_files_are_identified_and_copies_and_updates_found(
    open_page: OpenPage, comfy: ComfyUI, files: Path, market: Marketplace, tmp_path: Path
) -> None:
    first = market.publish(files / "wash.safetensors", model_name="Rainy Wash",
                           trained_words=["rainwash"], base_model="SDXL 1.0")  # fmt: skip
    newer = write_safetensors(tmp_path / "wash2.safetensors", seed=531)
    market.publish(newer, model_name="Rainy Wash", version_name="v2", in_model=first,
                   base_model="SDXL 1.0")  # fmt: skip
    page = open_page()
    library = open_library(page)

    library.get_by_role("button", name="Identify").click()
    card(library, "wash.safetensors").get_by_text("Rainy Wash").wait_for()
    library.get_by_role("button", name="Duplicates").click()
    wait_for_cards(library, ["ink copy.safetensors", "style/ink.safetensors"])
    library.get_by_role("button", name="Duplicates").click()
    library.get_by_role("button", name="Updates").click()
    wait_for_cards(library, ["wash.safetensors"])

    card(library, "wash.safetensors").click()
    library.get_by_role("heading", name="Rainy Wash").wait_for()
    link = library.get_by_role("link", name="Open on Civitai")
    assert (link.get_attribute("href") or "").startswith("https://civitai.com/models/")
    assert link.get_attribute("rel") == "noopener noreferrer"
    library.get_by_role("button", name="rainwash").wait_for()
    library.get_by_role("button", name="Get v2").click()
    library.get_by_text("v2 is in the download queue.").wait_for()
    page.page.wait_for_function(
        "async (route) => (await (await fetch(route)).json()).entries.at(-1)?.state === 'done'",
        arg="/satchel/v1/queue",
    )
    comfy.post_json("/satchel/v1/queue/clear", {})
    library.get_by_role("button", name="Back to the list").click()
    library.get_by_text("No file is like that.").wait_for()


def test_identifying_makes_a_picture_appear_and_the_page_asks_no_one_else(
    open_page: OpenPage, comfy: ComfyUI, files: Path, market: Marketplace
) -> None:
    for name in ("brush", "wash"):
        path = write_safetensors(files / f"{name}.safetensors", seed=crc32(name.encode()))
        shown = [Picture(png(300, 400, colour=b"\xd0\x40\x20"))]
        market.publish(path, model_name=f"Painted {name}", pictures=shown)
    market.fault("status", times=1, origin="images", status=503)
    page = open_page()
    foreign: list[str] = []
    page.page.on(
        "request",
        lambda asked: foreign.append(asked.url) if not asked.url.startswith(comfy.url) else None,
    )
    library = open_library(page)
    assert card(library, "wash.safetensors").locator("img").count() == 0

    library.get_by_role("button", name="Identify").click()
    drawn = library.locator(
        '[data-model="loras/brush.safetensors"] img, [data-model="loras/wash.safetensors"] img'
    )
    drawn.first.wait_for()

    page.page.wait_for_function(
        "() => [...document.querySelectorAll('.satchel-card img')]"
        ".some((image) => image.complete && image.naturalHeight === 128)"
    )
    assert drawn.count() == 1  # the image host failed once
    assert [url for url in foreign if url.startswith("http")] == []


def test_pictures_of_known_models_are_offered(
    open_page: OpenPage, comfy: ComfyUI, files: Path, market: Marketplace
) -> None:
    pale = write_safetensors(files / "wash.safetensors", seed=crc32(b"pale"))
    market.publish(pale, model_name="Pale Wash", pictures=[Picture(png(9, 9))])
    comfy.post_json("/satchel/v1/scan", {"look_up": True})
    library = open_library(open_page())

    library.get_by_role("button", name="Get pictures (1)").click()

    card(library, "wash.safetensors").locator("img").wait_for()
    assert library.get_by_role("button", name="Get pictures").count() == 0


def test_a_note_is_written_found_and_shown_as_text(open_page: OpenPage, files: Path) -> None:
    page = open_page()
    library = open_library(page)
    card(library, "brush.safetensors").click()
    assert library.locator("h3").evaluate("(heading) => document.activeElement === heading")

    library.get_by_label("Your note").fill("<img src=x onerror=alert(1)> dry bristles")
    library.get_by_label("Your trigger words").fill("drybrush, bristle")
    library.get_by_role("button", name="Save").click()
    library.get_by_text("Saved.").wait_for()
    page.page.keyboard.press("Escape")
    library.get_by_role("searchbox").wait_for()
    library.get_by_role("searchbox").fill("bristles")
    wait_for_cards(library, ["brush.safetensors"])
    card(library, "brush.safetensors").click()

    library.get_by_role("button", name="drybrush").wait_for()
    assert "<img src=x" in library.get_by_label("Your note").input_value()
    assert library.locator("img").count() == 0


def test_a_lora_is_dragged_to_the_canvas_and_then_onto_its_stack(
    open_page: OpenPage, files: Path, renderer: str
) -> None:
    page = open_page(renderer)
    library = open_library(page)

    drag(page, card(library, "style/ink.safetensors"), (700, 300))
    (node,) = page.run("() => app.rootGraph.nodes.map((node) => [Number(node.id), node.type])")
    assert node[1] == "SatchelLoraStack"
    assert saved_values(page, node[0])[1] == "style/ink.safetensors"

    title = page.run(
        "(id) => { const node = app.rootGraph.getNodeById(id); "
        "return app.canvasPosToClientPos([node.pos[0] + 60, node.pos[1] + 20]) }", node[0],
    )  # fmt: skip
    drag(page, card(library, "wash.safetensors"), tuple(title))

    assert saved_values(page, node[0])[1::5] == ["style/ink.safetensors", "wash.safetensors"]
    assert page.run("() => app.rootGraph.nodes.length") == 1
    page.focus_canvas(900, 700)
    page.page.keyboard.press("Control+z")
    page.page.wait_for_function(
        "() => app.rootGraph.serialize().nodes[0]?.widgets_values"
        ".filter((value) => String(value).endsWith('.safetensors')).length === 1"
    )


def drag(page: Frontend, what: Locator, to: tuple[float, float]) -> None:
    box = what.bounding_box()
    assert box is not None
    mouse = page.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    mouse.down()
    mouse.move(to[0] - 30, to[1], steps=4)
    mouse.move(*to, steps=2)
    mouse.up()
    page.settle()


def test_everything_works_by_keys(open_page: OpenPage, files: Path) -> None:
    page = open_page()
    node = new_stack(page)
    page.run("(id) => app.canvas.selectNode(app.rootGraph.getNodeById(id))", node)
    library = open_library(page)
    press = page.page.keyboard.press

    library.get_by_role("searchbox").focus()
    press("ArrowDown")
    press("End")
    active = library.get_by_role("listbox").get_attribute("aria-activedescendant")
    assert page.page.locator(f"#{active}").get_attribute("data-model") == f"loras/{NAMES[-1]}"
    press("Home")
    press("Enter")
    library.get_by_role("heading", name="brush").wait_for()
    library.get_by_role("button", name="Add to graph").press("Enter")
    library.get_by_text("Added to the selected LoRA Stack.").wait_for()
    assert saved_values(page, node)[1::5] == ["brush.safetensors"]
    library.get_by_role("heading", name="brush").press("Escape")
    assert library.get_by_role("listbox").evaluate("(list) => document.activeElement === list")


def test_thousands_of_files_draw_only_what_is_in_sight(open_page: OpenPage, loras: Path) -> None:
    (loras / "many").mkdir()
    content = write_safetensors(loras / "many/00000.safetensors").read_bytes()
    for number in range(1, 3000):
        (loras / f"many/{number:05}.safetensors").write_bytes(content)
    page = open_page()
    library = open_library(page)
    library.get_by_text("3000 of").or_(library.get_by_text("3000 files")).first.wait_for()
    most = cards(library).count()

    library.get_by_role("listbox").focus()
    page.page.keyboard.press("End")
    card(library, "many/02999.safetensors").wait_for()

    assert most < 60
    assert cards(library).count() < 60
    assert card(library, "many/02999.safetensors").get_attribute("aria-posinset") == "3000"
    # Who has looked at one file comes back to where they were.
    page.page.keyboard.press("Enter")
    library.get_by_role("button", name="Back to the list").click()
    card(library, "many/02999.safetensors").wait_for()


@pytest.mark.parametrize("palette", ["dark", "light"])
def test_nobody_is_kept_out_of_the_library(open_page: OpenPage, files: Path, palette: str) -> None:
    page = open_page(palette=palette)
    library = open_library(page)
    card(library, "style/ink.safetensors").locator("img").wait_for()
    found: dict[str, Any] = {"list": violations(library)}
    card(library, "style/ink.safetensors").click()
    library.get_by_text("No saved workflow names it.").wait_for()
    found["details"] = violations(library)

    assert {part: lines for part, lines in found.items() if lines} == {}
