"""Importing portable workflows by clicking, against the stand-in marketplace."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from satchel_tools.comfyui import ComfyUI
from support.marketplace import Marketplace
from support.models import write_safetensors

from .axe import violations
from .sharing import (
    Shared,
    dialog,
    drop,
    drop_json,
    expect_ready,
    expect_state,
    open_menu,
    png_with_text,
    press,
    row,
    shared_bytes,
    stack_graph,
    widget_names,
)

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]


def test_a_dropped_workflow_shows_its_plan_and_one_button_installs_everything(
    open_page: OpenPage, share: Callable[..., Shared], loras: Path, renderer: str
) -> None:
    shared = share()
    kept = Path(loras / "mine" / "renamed.safetensors")
    kept.parent.mkdir()
    kept.write_bytes(shared_bytes(loras, shared.names[1]))
    page = open_page(renderer)

    drop_json(page, shared.graph)

    expect_state(page, shared.names[0], "Will be downloaded")
    expect_state(page, shared.names[1], "Here, under another name")
    assert "civitai.com" in row(page, shared.names[0]).inner_text()
    assert "mine/renamed.safetensors" in row(page, shared.names[1]).inner_text()
    assert "to download" in dialog(page).inner_text()
    press(page, "Install 1 model")
    expect_ready(page)

    assert widget_names(page) == [shared.names[0], "mine/renamed.safetensors"]
    assert (loras / shared.names[0]).is_file()
    assert page.missing_models() == []
    active = page.run("() => app.extensionManager.workflow.activeWorkflow.filename")
    assert re.fullmatch(r"shared( \(\d+\))?", active)  # other tests may have opened one


def test_a_workflow_chosen_in_the_file_dialog_is_asked_about_too(
    open_page: OpenPage, share: Callable[..., Shared], tmp_path: Path
) -> None:
    shared = share(1)
    path = tmp_path / "chosen.json"
    path.write_text(json.dumps(shared.graph), encoding="utf-8")
    page = open_page()

    with page.page.expect_file_chooser() as chooser:
        page.run("() => { app.extensionManager.command.execute('Comfy.OpenWorkflow') }")
    chooser.value.set_files(path)

    expect_state(page, shared.names[0], "Will be downloaded")
    press(page, "Close")


def test_a_dropped_png_installs_as_well(
    open_page: OpenPage, comfy: ComfyUI, share: Callable[..., Shared], loras: Path
) -> None:
    shared = share(1)
    image = png_with_text("workflow", json.dumps(shared.graph))
    page = open_page()

    drop(page, "picture.png", image, "image/png")
    press(page, "Install 1 model")
    expect_ready(page)

    assert (loras / shared.names[0]).is_file()
    assert widget_names(page) == shared.names
    assert page.missing_models() == []


def test_a_failed_download_says_why_and_can_be_tried_again(
    open_page: OpenPage, market: Marketplace, share: Callable[..., Shared], loras: Path
) -> None:
    shared = share(2)
    fault = market.fault("wrong_bytes", times=None, match=shared.published[1])
    assert fault is not None
    page = open_page()
    drop_json(page, shared.graph)

    press(page, "Install 2 models")
    alert = dialog(page).get_by_role("alert")
    alert.locator("strong").wait_for()

    assert shared.names[1] in alert.inner_text()
    assert alert.locator("p").first.inner_text() != ""
    expect_state(page, shared.names[0], "Here")
    assert not (loras / shared.names[1]).exists()
    assert page.missing_models() == [shared.names[1]]

    market.clear_faults()
    press(page, "Try again")
    expect_ready(page)
    assert (loras / shared.names[1]).is_file()
    assert page.missing_models() == []


def test_an_installation_shows_its_progress_and_can_be_cancelled_and_taken_up_again(
    open_page: OpenPage, market: Marketplace, share: Callable[..., Shared], loras: Path
) -> None:
    shared = share(1, elements=1_000_000)
    market.fault("throttle", times=None, match=shared.published[0], bytes_per_s=400_000)
    page = open_page()
    drop_json(page, shared.graph)

    press(page, "Install 1 model")
    dialog(page).get_by_text(f"Downloading {shared.names[0]}").wait_for()
    page.page.wait_for_function("() => document.querySelector('.satchel-progress').value > 0.05")
    # Once it stops the installation; a second time it must not take the dialog away unread.
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("Escape")
    dialog(page).get_by_text("Stopped.").wait_for()
    market.clear_faults()
    market.fault("throttle", times=None, match=shared.published[0], bytes_per_s=400_000)
    press(page, "Install 1 model")
    press(page, "Cancel")
    dialog(page).get_by_text("Stopped.").wait_for()

    assert not (loras / shared.names[0]).exists()
    market.clear_faults()
    press(page, "Install 1 model")
    expect_ready(page)
    assert (loras / shared.names[0]).is_file()


def test_what_cannot_be_installed_is_shown_with_its_reason_and_the_button_is_off(
    open_page: OpenPage, share: Callable[..., Shared]
) -> None:
    shared = share(1)
    shared.graph["extra"]["satchel"]["models"][0]["directory"] = "custom_nodes"
    del shared.graph["nodes"][0]["properties"]["models"]
    page = open_page()

    drop_json(page, shared.graph)

    expect_state(page, shared.names[0], "Refused")
    assert row(page, shared.names[0]).locator(".satchel-detail").first.inner_text() != ""
    assert dialog(page).get_by_role("button", name="Install").is_disabled()
    assert "None of the missing models can be downloaded." in dialog(page).inner_text()
    press(page, "Close")


def test_what_needs_a_login_says_so_and_does_not_hold_up_the_rest(
    open_page: OpenPage, market: Marketplace, comfy: ComfyUI, share: Callable[..., Shared]
) -> None:
    open_one, locked = share(1), share(1, require_login=True)
    values = [*open_one.graph["nodes"][0]["widgets_values"]]
    values += locked.graph["nodes"][0]["widgets_values"]
    open_one.graph["nodes"][0]["widgets_values"] = values
    open_one.graph["extra"]["satchel"]["models"] += locked.graph["extra"]["satchel"]["models"]
    page = open_page()
    drop_json(page, open_one.graph)
    expect_state(page, locked.names[0], "Needs a login")

    press(page, "Install 1 model")
    dialog(page).get_by_text("1 model installed.").wait_for()

    expect_state(page, open_one.names[0], "Here")
    expect_state(page, locked.names[0], "Needs a login")
    press(page, "Close")
    assert page.missing_models() == locked.names


def test_hostile_names_are_shown_as_text(open_page: OpenPage, share: Callable[..., Shared]) -> None:
    shared = share(1)
    hostile = "<img src=x onerror=window.broken=1>.safetensors"
    shared.graph["extra"]["satchel"]["models"][0]["name"] = hostile
    shared.graph["nodes"][0]["widgets_values"][1] = hostile
    page = open_page()

    drop_json(page, shared.graph)

    dialog(page).locator(".satchel-name").get_by_text(hostile).wait_for()
    assert page.run("() => window.broken === undefined")
    press(page, "Close")


def test_files_under_other_names_are_used_without_any_question(
    open_page: OpenPage, share: Callable[..., Shared], loras: Path
) -> None:
    shared = share(2)
    for index, name in enumerate(shared.names):
        (loras / f"local-{index}.safetensors").write_bytes(shared_bytes(loras, name))
    page = open_page()

    drop_json(page, shared.graph)
    expect_ready(page)

    assert widget_names(page) == ["local-0.safetensors", "local-1.safetensors"]
    assert page.missing_models() == []


def test_closing_by_escape_leaves_the_graph_alone_and_undo_does_not_ask_again(
    open_page: OpenPage, share: Callable[..., Shared]
) -> None:
    shared = share(1)
    page = open_page()
    drop_json(page, shared.graph)
    expect_state(page, shared.names[0], "Will be downloaded")

    page.page.keyboard.press("Escape")
    dialog(page).wait_for(state="detached")
    assert widget_names(page) == shared.names
    assert page.missing_models() == shared.names

    page.run("() => { app.rootGraph.nodes[0].pos = [500, 500] }")
    page.focus_canvas()
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    page.page.keyboard.press("Control+z")
    page.page.wait_for_function("() => app.rootGraph.nodes[0].pos[0] === 100")
    page.page.wait_for_timeout(300)
    assert dialog(page).count() == 0
    assert not any("/satchel/" in url for url in asked)


def test_the_main_button_has_the_focus_and_keys_do_not_reach_the_graph(
    open_page: OpenPage, share: Callable[..., Shared]
) -> None:
    shared = share(1)
    page = open_page()
    drop_json(page, shared.graph)
    main = dialog(page).get_by_role("button", name="Install 1 model")
    main.wait_for()

    assert page.run("() => document.activeElement.textContent") == "Install 1 model"
    page.page.keyboard.press("Delete")
    assert page.run("() => app.rootGraph.nodes.length") == 1
    for _ in range(4):
        page.page.keyboard.press("Tab")
        inside = "() => document.activeElement === document.body ||"
        assert page.run(inside + " !!document.activeElement.closest('.satchel-dialog')")
    page.page.keyboard.press("Escape")


def test_a_plain_workflow_is_opened_without_any_question(open_page: OpenPage, loras: Path) -> None:
    page = open_page()
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))

    drop_json(page, stack_graph("nowhere.safetensors"))
    page.page.wait_for_function("() => app.rootGraph.nodes.length === 1")
    page.page.wait_for_timeout(300)

    assert dialog(page).count() == 0
    assert not any("/satchel/" in url for url in asked)


def test_the_dialog_can_be_switched_off(open_page: OpenPage, share: Callable[..., Shared]) -> None:
    shared = share(1)
    page = open_page()
    ask = "(ask) => app.extensionManager.setting.set('Satchel.AskOnOpen', ask)"
    page.run(ask, False)
    try:
        drop_json(page, shared.graph)
        page.page.get_by_text("Satchel > Check models").first.wait_for()
        assert dialog(page).count() == 0
    finally:
        page.run(ask, True)


def test_check_models_in_the_menu_plans_the_open_graph(
    open_page: OpenPage, share: Callable[..., Shared], loras: Path
) -> None:
    shared = share(1)
    write_safetensors(loras / "here.safetensors", seed=99)
    page = open_page()
    page.load(stack_graph("here.safetensors", "nowhere.safetensors"))

    open_menu(page, "Check models")

    expect_state(page, "nowhere.safetensors", "Not found anywhere")
    expect_state(page, "here.safetensors", "Here")
    assert shared.names[0] not in dialog(page).inner_text()
    press(page, "Close")


def foreign_node(version: str) -> dict[str, Any]:
    """A node of a pack that is not here, as the frontend saves it."""
    return {
        "id": 9, "type": "Nowhere", "pos": [500, 100], "size": [200, 60], "flags": {}, "order": 1,
        "mode": 0, "inputs": [], "outputs": [], "widgets_values": [],
        "properties": {"cnr_id": "comfyui-nowhere", "ver": version},
    }  # fmt: skip


def test_node_packs_are_listed_with_the_command_that_gets_them(
    open_page: OpenPage, share: Callable[..., Shared]
) -> None:
    shared = share(1)
    shared.graph["nodes"].append(foreign_node("1.2.3"))
    page = open_page()
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    drop_json(page, shared.graph)
    expect_state(page, shared.names[0], "Will be downloaded")
    pack = dialog(page).locator("tr[data-pack^=comfyui-nowhere]")

    assert pack.locator(".satchel-state").inner_text().strip() == "Missing"
    pack.get_by_role("button", name="Copy command").click()
    pack.get_by_role("button", name="Copied").wait_for()
    copied = page.run("() => navigator.clipboard.readText()")
    assert copied == "comfy node install comfyui-nowhere@1.2.3"
    assert violations(dialog(page)) == []
    press(page, "Close")


def test_a_workflow_that_only_lacks_a_node_pack_says_so(
    open_page: OpenPage, share: Callable[..., Shared], loras: Path
) -> None:
    shared = share(1)
    (loras / shared.names[0]).write_bytes(shared_bytes(loras, shared.names[0]))
    shared.graph["nodes"].append(foreign_node(""))
    page = open_page()

    drop_json(page, shared.graph)

    dialog(page).get_by_text("1 node pack is missing.").wait_for()
    assert dialog(page).locator("footer").get_by_role("button").all_inner_texts() == ["Close"]
    press(page, "Close")


def test_mature_and_unsafe_models_are_marked_before_anything_is_fetched(
    open_page: OpenPage, share: Callable[..., Shared]
) -> None:
    shared = share(1)
    entry = shared.graph["extra"]["satchel"]["models"][0]
    entry.update(nsfw_level=16, licence="cc-by-nc-4.0", gated=True)
    page = open_page()

    drop_json(page, shared.graph)

    expect_state(page, shared.names[0], "Will be downloaded")
    warnings = row(page, shared.names[0]).locator(".satchel-warning").all_inner_texts()
    assert warnings == ["Mature content", "Its page has to be accepted first"]
    assert "Licence: cc-by-nc-4.0" in row(page, shared.names[0]).inner_text()
    press(page, "Close")
