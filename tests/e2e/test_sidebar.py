"""The Satchel sidebar by clicking, against the stand-in marketplace."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from satchel_tools.comfyui import ComfyUI
from support.marketplace import Marketplace, Picture, Published
from support.models import write_safetensors
from support.pictures import png

from .axe import violations
from .conftest import GOOD_TOKEN
from .sharing import Shared, stack_graph, widget_names

if TYPE_CHECKING:
    from playwright.sync_api import Locator
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]

_numbers = itertools.count(1)
# Other tests may run beside these: the page is slow then.
expect.set_options(timeout=20_000)


@pytest.fixture
def side(open_page: OpenPage) -> Iterator[Callable[..., Locator]]:
    """Opens a view of the sidebar; a page that tests share is left as it was found."""
    opened: list[Frontend] = []

    def open_view(page: Frontend, view: str) -> Locator:
        opened.append(page)
        sidebar = page.page.locator(".satchel-side")
        if sidebar.count() == 0:
            page.page.locator(".satchel-tab-button").click()
        sidebar.get_by_role("tab", name=view).click()
        return sidebar

    yield open_view
    for page in opened:
        if page.page.locator(".satchel-side").count():
            page.page.locator(".satchel-tab-button").click()
            page.page.locator(".satchel-side").wait_for(state="detached")


@pytest.fixture
def publish(
    comfy: ComfyUI, market: Marketplace, loras: Path
) -> Iterator[Callable[..., tuple[str, str, Published]]]:
    """Publishes a LoRA that is not here; what the queue fetched is cleared away."""

    def publish_one(elements: int = 4096, **settings: Any) -> tuple[str, str, Published]:
        number = next(_numbers)
        name = f"sidebar{number}.safetensors"
        path = comfy.base / "author" / name
        path.parent.mkdir(exist_ok=True)
        write_safetensors(path, {"w": (elements,)}, seed=7000 + number)
        title = f"Sidebar {number}"
        return name, title, market.publish(path, model_name=title, **settings)

    yield publish_one
    queue = comfy.get_json("/satchel/v1/queue")["entries"]
    if queue:
        comfy.post_json("/satchel/v1/queue/cancel", {"ids": [entry["id"] for entry in queue]})
        comfy.post_json("/satchel/v1/queue/clear", {})


def model(sidebar: Locator, name: str) -> Locator:
    return sidebar.locator(f'[data-model="{name}"]')


def test_what_is_missing_is_shown_got_one_by_one_and_then_here(
    open_page: OpenPage, side: Callable[..., Locator], share: Callable[..., Shared], loras: Path,
    renderer: str,
) -> None:  # fmt: skip
    shared = share(3)
    page = open_page(renderer)
    page.run("() => app.extensionManager.setting.set('Satchel.AskOnOpen', false)")
    page.load(shared.graph)
    sidebar = side(page, "This workflow")
    first, *others = shared.names

    expect(model(sidebar, first)).to_contain_text("civitai.com")
    expect(model(sidebar, first)).to_contain_text("LoRA")
    expect(model(sidebar, first).locator("code")).to_have_text(
        shared.published[0].sha256[:10].lower()
    )
    assert page.missing_models() == sorted(shared.names)
    sidebar.get_by_role("button", name=f"Get {first}").click()
    expect(model(sidebar, first)).to_have_attribute("data-tone", "here")
    assert (loras / first).is_file()
    assert not any((loras / name).exists() for name in others)
    expect(model(sidebar, others[0])).to_have_attribute("data-tone", "fetch")

    sidebar.get_by_role("button", name="Get all").click()
    expect(sidebar.get_by_text("All 3 models of this workflow are here.")).to_be_visible()
    assert all((loras / name).is_file() for name in others)
    assert page.missing_models() == []
    assert widget_names(page) == shared.names
    page.run("() => app.extensionManager.setting.set('Satchel.AskOnOpen', true)")


def test_the_view_follows_the_open_graph_and_tells_why_something_is_missing(
    open_page: OpenPage, side: Callable[..., Locator], loras: Path
) -> None:
    write_safetensors(loras / "here.safetensors", seed=71)
    page = open_page()
    page.load(stack_graph("here.safetensors", "nowhere.safetensors", seed=71))
    sidebar = side(page, "This workflow")

    expect(model(sidebar, "here.safetensors")).to_have_attribute("data-tone", "here")
    expect(model(sidebar, "nowhere.safetensors")).to_contain_text("does not say which bytes")

    page.load(stack_graph("other.safetensors", seed=72), name="other")
    expect(model(sidebar, "other.safetensors")).to_be_visible()
    expect(model(sidebar, "nowhere.safetensors")).to_have_count(0)
    asked: list[str] = []
    page.page.on("request", lambda request: asked.append(request.url))
    side(page, "Settings")
    page.load(stack_graph("third.safetensors", seed=73), name="third")
    page.page.wait_for_timeout(800)
    assert not any("/satchel/v1/plan" in url for url in asked)


def test_what_is_missing_leads_to_the_search_and_from_there_into_the_queue(
    open_page: OpenPage, side: Callable[..., Locator], publish: Callable[..., Any], loras: Path
) -> None:
    name, title, _ = publish()
    page = open_page()
    page.load(stack_graph(name, seed=74))
    sidebar = side(page, "This workflow")

    sidebar.get_by_role("button", name=f"Find {name}").click()
    sidebar.get_by_role("searchbox").fill(title)
    sidebar.get_by_role("button", name="Search").click()
    found = sidebar.locator(f'[data-found="{title}"]')
    found.get_by_role("button", name=title).click()
    expect(found.locator(".satchel-side-file")).to_contain_text("KB")
    found.get_by_role("button", name="Get ").click()
    found.get_by_role("button", name="In the queue").click()

    row = sidebar.locator(f'[data-download="{name}"]')
    expect(row).to_have_attribute("data-state", "done")
    assert (loras / name).is_file()
    side(page, "This workflow")
    expect(model(sidebar, name)).to_have_attribute("data-tone", "here")


def test_what_is_found_has_pictures_that_are_loaded_when_they_are_seen(
    open_page: OpenPage, side: Callable[..., Locator], market: Marketplace, tmp_path: Path
) -> None:
    titles = [f"Gallery {number:02}" for number in range(16)]
    for number, title in enumerate(titles):
        path = write_safetensors(tmp_path / f"{title}.safetensors", seed=7500 + number)
        market.publish(path, model_name=title, pictures=[Picture(png(90, 60))] * (number > 0))
    page = open_page()
    asked: list[str] = []
    page.page.on("request", lambda one: asked.append(one.url) if "/found-pic" in one.url else None)
    sidebar = side(page, "Find")

    sidebar.get_by_role("searchbox").fill("Gallery")
    sidebar.get_by_role("button", name="Search").click()

    bare, first, last = (sidebar.locator(f'[data-found="{titles[at]}"]') for at in (0, 1, -1))
    expect(first.locator("img")).to_have_js_property("naturalWidth", 90)
    assert last.locator("img").count() == 0
    last.scroll_into_view_if_needed()
    expect(last.locator("img")).to_have_js_property("naturalWidth", 90)
    assert bare.locator("img").count() == 0
    assert len(asked) == len(set(asked)) < len(titles)
    squares = [one.locator(".satchel-square").bounding_box() for one in (bare, first)]
    assert [box and box["width"] for box in squares] == [52, 52]


def test_mature_content_is_asked_for_only_by_those_who_want_it(
    open_page: OpenPage, side: Callable[..., Locator], market: Marketplace
) -> None:
    page = open_page()
    sidebar = side(page, "Find")
    mature = sidebar.get_by_role("checkbox", name="Include mature content")
    expect(mature).not_to_be_checked()

    for wanted in ("false", "true"):
        market.clear_requests()
        mature.set_checked(wanted == "true")
        sidebar.get_by_role("searchbox").fill("nothing is called like that")
        sidebar.get_by_role("button", name="Search").click()
        expect(sidebar.get_by_text("0 models found.")).to_be_visible()
        asked = [one.query["nsfw"] for one in market.requests if one.path == "/api/v1/models"]
        assert set(asked) == {(wanted,)}
    mature.set_checked(False)


def test_a_download_shows_its_speed_is_paused_and_goes_on(
    open_page: OpenPage, side: Callable[..., Locator], publish: Callable[..., Any],
    market: Marketplace, loras: Path,
) -> None:  # fmt: skip
    name, _, published = publish(2_000_000)
    market.fault("throttle", times=None, match=published, bytes_per_s=400_000)
    page = open_page()
    sidebar = side(page, "Downloads")

    sidebar.get_by_label("Address, AIR or SHA256").fill(published.air)
    sidebar.get_by_role("button", name="Add").click()
    row = sidebar.locator(f'[data-download="{name}"]')
    expect(row).to_contain_text("/s")
    expect(row).to_contain_text("left")
    row.get_by_role("button", name="Pause").click()
    expect(row).to_have_attribute("data-state", "paused")
    row.get_by_label("Priority").select_option("First")
    market.clear_faults()
    row.get_by_role("button", name="Resume").click()

    expect(row).to_have_attribute("data-state", "done")
    assert (loras / name).is_file()
    sidebar.get_by_role("button", name="Clear finished").click()
    expect(row).to_have_count(0)


def test_a_failed_download_says_why_and_is_tried_again(
    open_page: OpenPage, side: Callable[..., Locator], publish: Callable[..., Any],
    market: Marketplace, loras: Path,
) -> None:  # fmt: skip
    name, _, published = publish()
    market.fault("wrong_bytes", times=None, match=published)
    page = open_page()
    sidebar = side(page, "Downloads")
    sidebar.get_by_label("Address, AIR or SHA256").fill(published.air)
    sidebar.get_by_label("Address, AIR or SHA256").press("Enter")

    row = sidebar.locator(f'[data-download="{name}"]')
    expect(row).to_have_attribute("data-state", "failed")
    assert name in row.locator(".satchel-side-why").inner_text()
    market.clear_faults()
    row.get_by_role("button", name="Try").click()

    expect(row).to_have_attribute("data-state", "done")
    assert (loras / name).is_file()


def test_the_limits_of_the_queue_are_changed_where_it_is_shown(
    open_page: OpenPage, side: Callable[..., Locator], comfy: ComfyUI
) -> None:
    before = comfy.get_json("/satchel/v1/queue")["limits"]
    page = open_page()
    sidebar = side(page, "Downloads")
    sidebar.get_by_text("Limits").click()
    expect(sidebar.get_by_label("Files at once", exact=True)).to_have_value(str(before["total"]))

    with page.page.expect_response("**/queue/limits"):
        sidebar.get_by_label("Bandwidth").fill("2.5")
        sidebar.get_by_label("Bandwidth").press("Enter")
    sidebar.get_by_label("Connections per file").fill("99")
    sidebar.get_by_label("Connections per file").press("Enter")
    after = comfy.get_json("/satchel/v1/queue")["limits"]
    comfy.post_json("/satchel/v1/queue/limits", before)

    assert after == {**before, "bytes_per_s": 2_500_000}


def test_a_token_is_written_checked_and_never_shown(
    open_page: OpenPage, side: Callable[..., Locator], credentials: Path
) -> None:
    page = open_page()
    sidebar = side(page, "Settings")
    row = sidebar.locator('[data-token="civitai"]')
    answers: list[str] = []
    page.page.on(
        "response",
        lambda got: answers.append(got.text()) if "/satchel/v1/auth" in got.url else None,
    )

    row.get_by_label("Token of Civitai", exact=True).fill(GOOD_TOKEN)
    row.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Set")
    expect(row.get_by_label("Token of Civitai", exact=True)).to_have_value("")
    sidebar.get_by_role("button", name="Check tokens").click()
    expect(row).to_contain_text("accepted")

    assert GOOD_TOKEN in credentials.read_text("utf-8")
    assert answers
    assert GOOD_TOKEN not in "".join(answers)
    assert GOOD_TOKEN not in page.page.content()
    assert page.run("(secret) => JSON.stringify({ ...localStorage, ...sessionStorage })"
                    ".includes(secret)", GOOD_TOKEN) is False  # fmt: skip
    row.get_by_role("button", name="Remove").click()
    expect(row).to_contain_text("Not set")


def test_newer_versions_are_told_by_a_badge_and_one_toast(
    open_page: OpenPage, side: Callable[..., Locator], publish: Callable[..., Any],
    market: Marketplace, comfy: ComfyUI, loras: Path,
) -> None:  # fmt: skip
    name, title, published = publish(version_name="v1")
    (loras / name).write_bytes((comfy.base / "author" / name).read_bytes())
    newer = write_safetensors(comfy.base / "author" / f"newer-{name}", seed=7999)
    market.publish(newer, model_name=title, version_name="v2", in_model=published)
    comfy.post_json("/satchel/v1/scan", {"hash": True, "look_up": True})
    assert len(comfy.post_json("/satchel/v1/updates", {})["updates"]) == 1

    page = open_page()
    # It is told as for the first time.
    page.run("() => { for (const key of ['Told', 'Seen']) "
             "localStorage.removeItem(`Satchel.Updates.${key}`) }")  # fmt: skip
    page.open(comfy.url)
    badge = page.page.locator(".satchel-tab-button .sidebar-icon-badge")
    expect(badge).to_have_text("1")
    expect(page.page.get_by_text("1 model has a newer version.").first).to_be_visible()
    sidebar = side(page, "Settings")
    expect(sidebar.locator(f'[data-update="{name}"]')).to_contain_text("v2")
    expect(badge).to_have_count(0)

    page.open(comfy.url)
    page.settle()
    expect(page.page.locator(".satchel-tab-button")).to_be_visible()
    assert page.page.get_by_text("1 model has a newer version.").count() == 0
    expect(badge).to_have_count(0)

    # A server that is away and comes back is told of as long as it is away.
    page.page.route("**/satchel/v1/updates/known", lambda route: route.abort())
    side(page, "Settings")
    away = sidebar.get_by_role("alert").filter(has_text="does not answer")
    expect(away).to_have_count(1)
    page.page.unroute("**/satchel/v1/updates/known")
    side(page, "Downloads")
    side(page, "Settings")
    expect(away).to_have_count(0)


def test_the_sidebar_can_be_used_by_keys_alone(
    open_page: OpenPage, side: Callable[..., Locator]
) -> None:
    page = open_page()
    sidebar = side(page, "This workflow")
    tabs = sidebar.get_by_role("tab")
    tabs.first.focus()

    seen = []
    for key in ("ArrowRight", "ArrowRight", "End", "ArrowRight", "ArrowLeft", "Home"):
        page.page.keyboard.press(key)
        seen.append(sidebar.get_by_role("tab", selected=True).get_attribute("aria-label"))
    assert seen[0] == tabs.nth(1).get_attribute("aria-label")
    assert (seen[2], seen[3], seen[4], seen[5]) == (
        "Settings", "This workflow", "Settings", "This workflow")  # fmt: skip
    assert page.run("() => document.activeElement.getAttribute('role')") == "tab"
    # Keys that mean something to the graph stay here.
    page.load(stack_graph(seed=75))
    page.run("() => { app.canvas.selectItems(app.rootGraph.nodes) }")
    tabs.first.focus()
    page.page.keyboard.press("Delete")
    assert page.run("() => app.rootGraph.nodes.length") == 1


@pytest.mark.parametrize("palette", ["dark", "light"])
def test_nobody_is_kept_out_of_the_sidebar(
    open_page: OpenPage, side: Callable[..., Locator], loras: Path, palette: str
) -> None:
    write_safetensors(loras / "here.safetensors", seed=76)
    page = open_page(palette=palette)
    page.load(stack_graph("here.safetensors", "nowhere.safetensors", seed=76))
    found: dict[str, list[str]] = {}
    ready = {
        "This workflow": "nowhere.safetensors", "Find": "is sent to the marketplaces",
        "Downloads": "download", "Settings": "Rules of this server",
    }  # fmt: skip

    for view, text in ready.items():
        sidebar = side(page, view)
        sidebar.get_by_text(text).first.wait_for()
        page.page.wait_for_timeout(200)
        found[view] = violations(sidebar)

    assert {view: lines for view, lines in found.items() if lines} == {}
