"""Exporting by clicking and by keyboard: every form is imported again and means the same."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from satchel_tools.comfyui import ComfyUI
from support.marketplace import Marketplace, Published
from support.models import write_safetensors

from .axe import violations
from .sharing import dialog as plan_dialog
from .sharing import (
    drop,
    drop_json,
    expect_state,
    numbers,
    open_menu,
    png_with_text,
    press,
    stack_graph,
)

if TYPE_CHECKING:
    from playwright.sync_api import Locator
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]


@pytest.fixture
def known(market: Marketplace, comfy: ComfyUI, loras: Path) -> str:
    """A LoRA in a folder of its author, which is published."""
    number = next(numbers)
    name = f"style/known{number}.safetensors"
    path = write_safetensors(loras / name, seed=number * 1000)
    kept = comfy.base / f"known{number}.safetensors"
    kept.write_bytes(path.read_bytes())
    market.publish(kept, model_name=f"Known {number}")
    return name


def flat(name: str) -> str:
    return name.rpartition("/")[2]


def dialog(page: Frontend) -> Locator:
    return page.page.get_by_role("dialog", name="Export portable workflow")


def open_export(page: Frontend, *names: str) -> Locator:
    """Opens the dialog on a stack of these files, and waits until it knows what they are."""
    forget_format(page)
    page.load(stack_graph(*names), name="my flow")
    page.run("() => { void app.extensionManager.command.execute('Satchel.Export') }")
    save = dialog(page).get_by_role("button", name="Save", exact=True)
    save.wait_for()
    return save


def forget_format(page: Frontend) -> None:
    """The choice of an earlier test is remembered as a setting."""
    page.run("() => app.extensionManager.setting.set('Satchel.ExportFormat', 'json')")


def saved(page: Frontend, choice: str, save: Locator, count: int = 1) -> dict[str, bytes]:
    """Chooses a format, saves and returns the files by what follows the workflow's name, which the
    frontend numbers when there is a tab of that name."""
    files: list[Any] = []

    def keep(download: Any) -> None:
        files.append(download)

    page.page.on("download", keep)
    dialog(page).get_by_role("radio", name=choice).check()
    save.click()
    dialog(page).wait_for(state="detached")
    while len(files) < count:
        page.page.wait_for_timeout(20)
    page.page.remove_listener("download", keep)
    return {
        each.suggested_filename[each.suggested_filename.index(".") :]: Path(
            each.path()
        ).read_bytes()
        for each in files
    }


def expect_imported(page: Frontend, name: str) -> None:
    expect_state(page, name, "Will be downloaded")
    rows = page.run("() => app.rootGraph.serialize().nodes[0].widgets_values")
    assert rows[:4] == [True, name, 0.8, 0.6]
    press(page, "Close")
    plan_dialog(page).wait_for(state="detached")


def test_one_key_and_one_click_save_a_file_that_imports_again(
    open_page: OpenPage, comfy: ComfyUI, loras: Path, known: str, renderer: str
) -> None:
    unknown = f"un{flat(known)}"
    write_safetensors(loras / unknown, seed=next(numbers) * 1000 + 1)
    page = open_page(renderer)
    forget_format(page)
    page.load(stack_graph(known, unknown), name="my flow")
    page.focus_canvas()

    page.page.keyboard.press("Shift+E")
    dialog(page).get_by_role("button", name="Save", exact=True).wait_for()
    told = dialog(page).inner_text()
    assert "carry the identity of 1 model" in told
    assert "1 model is unresolved" in told
    assert "civitai.com" in dialog(page).locator(f'tr[data-model="{flat(known)}"]').inner_text()
    assert unknown in dialog(page).locator(".satchel-unresolved").inner_text()
    assert violations(dialog(page)) == []

    with page.page.expect_download() as download:
        page.page.keyboard.press("Enter")  # the button has the focus
    dialog(page).wait_for(state="detached")
    page.page.get_by_text("Saved as my flow.portable.json").first.wait_for()
    assert download.value.suggested_filename == "my flow.portable.json"
    graph = json.loads(Path(download.value.path()).read_text("utf-8"))

    (loras / known).unlink()
    drop_json(page, graph)
    expect_state(page, flat(known), "Will be downloaded")
    press(page, "Close")


def test_every_form_is_imported_again_with_the_same_lock(
    open_page: OpenPage, comfy: ComfyUI, loras: Path, known: str
) -> None:
    page = open_page()
    files: dict[str, bytes] = {}
    for choice, count in (("Workflow .json", 1), ("Picture .png", 1), ("Picture .webp", 1),
                          ("Bundle .zip", 1), ("API graph", 2)):  # fmt: skip
        files |= saved(page, choice, open_export(page, known), count)
    (loras / known).unlink()

    lock = json.loads(files[".api.lock.json"])
    for name, kind in ((".portable.json", "application/json"),
                       (".portable.png", "image/png"),
                       (".portable.webp", "image/webp"),
                       (".portable.zip", "application/zip")):  # fmt: skip
        drop(page, f"flow{name}", files[name], kind)
        expect_imported(page, flat(known))
        carried = page.run("() => app.rootGraph.serialize().extra.satchel")
        assert carried["models"] == lock["models"]
    planned = comfy.post_json(
        "/satchel/v1/plan", {"json": json.loads(files[".api.json"]), "lock": lock}
    )
    (model,) = planned["plan"]["models"]
    assert (model["name"], model["fetch"]) == (flat(known), True)


def test_a_bundle_holds_the_models_only_if_wanted(
    open_page: OpenPage, loras: Path, known: str
) -> None:
    page = open_page()
    save = open_export(page, known)
    dialog(page).get_by_role("radio", name="Bundle").check()
    dialog(page).get_by_role("checkbox", name="With the models").check()
    (content,) = saved(page, "Bundle .zip", save).values()

    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    packed = f"models/loras/{flat(known)}"
    assert packed in names
    texts = [name[name.index(".") :] for name in names if name != packed]
    assert texts == [".api.json", ".json", ".lock.json"]
    original = (loras / known).read_bytes()
    (loras / known).unlink()
    drop(page, "x.zip", content, "application/zip")
    expect_state(page, flat(known), "Will be taken from the bundle")
    press(page, "Install 1 model")
    plan_dialog(page).wait_for(state="detached")
    assert (loras / flat(known)).read_bytes() == original


def test_a_chosen_picture_carries_the_workflow_and_nothing_of_its_own(
    open_page: OpenPage, known: str, tmp_path: Path
) -> None:
    path = tmp_path / "holiday.png"
    path.write_bytes(png_with_text("secret", "where I was"))
    page = open_page()
    save = open_export(page, known)
    dialog(page).get_by_role("radio", name="Picture .png").check()
    with page.page.expect_file_chooser() as chooser:
        dialog(page).get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files(path)
    dialog(page).get_by_text("Picture: holiday.png").wait_for()

    (content,) = saved(page, "Picture .png", save).values()

    assert content[16:24] == b"\0\0\0\1\0\0\0\1"  # one pixel, as the picture had
    assert b"where I was" not in content
    assert b"satchel" in content


def test_an_unresolved_model_is_resolved_by_a_reference_that_the_server_verifies(
    open_page: OpenPage, market: Marketplace, comfy: ComfyUI, loras: Path, known: str
) -> None:
    number = next(numbers)
    name = f"late{number}.safetensors"
    path = write_safetensors(loras / name, seed=number * 1000)
    page = open_page()
    open_export(page, name)
    published = publish(market, path, comfy.base / name)
    other = publish(market, loras / known, comfy.base / f"other{number}.safetensors")
    field = dialog(page).get_by_role("textbox", name=f"Where {name} is published")

    field.fill(other.air)
    field.press("Enter")
    problem = dialog(page).locator(".satchel-unresolved").get_by_role("alert")
    problem.wait_for()
    assert "is another file than" in problem.inner_text()
    assert page.run("() => document.activeElement.value") == other.air
    assert violations(dialog(page)) == []

    field.fill(published.air)
    field.press("Enter")
    dialog(page).get_by_text("is published there, byte for byte").wait_for()
    assert dialog(page).locator(".satchel-unresolved").count() == 0
    (content,) = saved(
        page, "Workflow .json", dialog(page).get_by_role("button", name="Save", exact=True)
    ).values()

    (model,) = json.loads(content)["extra"]["satchel"]["models"]
    assert model["sources"][0]["version_id"] == published.version_id


def publish(market: Marketplace, path: Path, kept: Path) -> Published:
    """Publishes a copy, since files of the server come and go."""
    kept.write_bytes(path.read_bytes())
    return market.publish(kept, model_name=path.stem)


def test_what_is_private_is_told_and_taken_out(open_page: OpenPage, known: str) -> None:
    page = open_page()
    graph = stack_graph(known)
    token = "?token=abcdef0123456789abcdef0123456789"
    url = f"https://civitai.com/api/download/models/1{token}"
    graph["nodes"][0]["properties"]["models"] = [
        {"name": "x.safetensors", "url": url, "directory": "loras"}
    ]
    page.load(graph, name="my flow")

    open_menu(page, "Export portable workflow")
    save = dialog(page).get_by_role("button", name="Save", exact=True)
    save.wait_for()
    assert "Taken out, because it is private" in dialog(page).inner_text()
    (content,) = saved(page, "Workflow .json", save).values()

    assert token.encode() not in content
    assert token.encode() not in base64.b64encode(content)


def test_the_dialog_is_used_by_keyboard_alone_and_escape_leaves_everything_as_it_was(
    open_page: OpenPage, known: str
) -> None:
    page = open_page()
    open_export(page, known)
    before = page.run("() => JSON.stringify(app.rootGraph.serialize().nodes)")
    focused = "() => document.activeElement.textContent || document.activeElement.value"

    assert page.run(focused) == "Save"
    page.page.keyboard.press("Shift+Tab")
    assert page.run(focused) == "Close"
    page.page.keyboard.press("Shift+Tab")
    assert page.run(focused) == "json"
    page.page.keyboard.press("ArrowRight")
    assert page.run(focused) == "png"
    page.page.keyboard.press("Tab")
    assert page.run(focused) == "Choose a picture"
    page.page.keyboard.press("Delete")
    page.page.keyboard.press("Escape")
    dialog(page).wait_for(state="detached")

    assert page.run("() => JSON.stringify(app.rootGraph.serialize().nodes)") == before


def test_the_canvas_menu_and_the_about_page_know_the_package(
    open_page: OpenPage, comfy: ComfyUI
) -> None:
    page = open_page()
    version = comfy.get_json("/satchel/v1/status")["version"]

    page.page.mouse.click(700, 650, button="right")
    page.menu("Satchel").click()
    page.page.get_by_text("Check models").first.wait_for()
    page.page.keyboard.press("Escape")
    page.page.mouse.click(250, 600)
    page.run("() => { app.extensionManager.command.execute('Comfy.ShowSettingsDialog') }")
    page.page.get_by_text("About", exact=True).first.click()
    page.page.get_by_text(f"ComfyUI-Satchel v{version}").wait_for()
    page.page.keyboard.press("Escape")
