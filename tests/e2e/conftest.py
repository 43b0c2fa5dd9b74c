"""A real ComfyUI, a stand-in marketplace and a real Chromium, for as long as these tests last."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from satchel_tools.comfyui import ComfyUI
from support.marketplace import Marketplace
from support.models import write_safetensors

from .sharing import Shared, numbers, stack_graph
from .stack_rows import NAMES

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from satchel_tools.browser import Frontend

GOOD_TOKEN = "e2e-secret-0123456789"
"""One that the marketplace accepts."""
NEEDED = ("SATCHEL_HOST_DIR", "SATCHEL_HOST_PYTHON", "SATCHEL_CHROMIUM")


_USED_PAGES = pytest.StashKey["list[Frontend]"]()
_FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.server)
            # A browser that waited in vain on a busy machine gets one more try, on a new page; the
            # summary says so. What was seen and is wrong fails at once.
            item.add_marker(pytest.mark.flaky(reruns=1, only_rerun=["TimeoutError"]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tells what the pages of a failed test show."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
        for page in item.stash.get(_USED_PAGES, []):
            report.sections.append(("the page", page.describe()))
    return report


@pytest.fixture(scope="session")
def paths() -> SimpleNamespace:
    """Where the host and the browser are."""
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not set: they name a ComfyUI and a Chromium")
    pytest.importorskip("playwright")
    directory, python, chromium = (Path(os.environ[name]) for name in NEEDED)
    return SimpleNamespace(directory=directory, python=python, chromium=chromium)


@pytest.fixture(scope="package")
def running_market(paths: SimpleNamespace) -> Iterator[Marketplace]:
    with Marketplace(keys=(GOOD_TOKEN,)) as market:
        yield market


@pytest.fixture
def market(running_market: Marketplace) -> Iterator[Marketplace]:
    """The marketplace without faults; what other tests published stays."""
    yield running_market
    running_market.clear_faults()


@pytest.fixture(scope="package")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps tokens that are set; there is no such file yet."""
    return tmp_path_factory.mktemp("tokens") / "credentials.json"


@pytest.fixture(scope="package")
def comfy(
    paths: SimpleNamespace,
    running_market: Marketplace,
    credentials: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ComfyUI]:
    env = {
        **running_market.environment,
        "SATCHEL_CREDENTIALS": str(credentials),
        "SATCHEL_TRUSTED_ORIGINS": f"{running_market.site_url},{running_market.storage_url}",
    }
    with ComfyUI(paths, tmp_path_factory.mktemp("comfy"), env=env) as server:
        yield server


@pytest.fixture(scope="package")
def browser(paths: SimpleNamespace) -> Iterator[Browser]:
    from satchel_tools.browser import chromium

    with chromium(paths.chromium) as running:
        yield running


@pytest.fixture
def loras(comfy: ComfyUI) -> Iterator[Path]:
    """The host's LoRA folder, empty."""
    folder = comfy.base / "models" / "loras"
    yield folder
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture
def some_loras(loras: Path) -> Path:
    for name in NAMES:
        write_safetensors(loras / name)
    return loras


@pytest.fixture
def share(comfy: ComfyUI, market: Marketplace, loras: Path) -> Callable[..., Shared]:
    """Makes, publishes and exports a stack of new LoRAs, then takes the files away."""

    def share_one(count: int = 2, *, elements: int = 4096, **publish: Any) -> Shared:
        number = next(numbers)
        names = [f"pack{number}-{letter}.safetensors" for letter in "abcdef"[:count]]
        published = []
        for index, name in enumerate(names):
            path = write_safetensors(loras / name, {"w": (elements,)}, seed=number * 10 + index)
            kept = comfy.base / "author" / name
            kept.parent.mkdir(exist_ok=True)
            kept.write_bytes(path.read_bytes())
            published.append(market.publish(kept, model_name=f"Pack {number} {index}", **publish))
        exported = comfy.post_json("/satchel/v1/export", {"json": stack_graph(*names, seed=number)})
        assert exported["unresolved"] == []
        for name in names:
            (loras / name).unlink()
        return Shared(exported["graph"], names, published)

    return share_one


@pytest.fixture(params=["classic", "nodes2"])
def renderer(request: pytest.FixtureRequest) -> str:
    """Both ways in which the frontend draws nodes."""
    name: str = request.param
    return name


@pytest.fixture(scope="package")
def pages() -> dict[str, Frontend]:
    """Open pages by renderer: loading the frontend takes longer than most tests."""
    return {}


@pytest.fixture
def open_page(
    request: pytest.FixtureRequest, browser: Browser, comfy: ComfyUI, pages: dict[str, Frontend]
) -> Iterator[Callable[..., Frontend]]:
    """Opens the frontend on an empty canvas; a script error on any page fails the test.

    The page is one that other tests used, except with options of `open_frontend`, and after a
    failure.
    """
    from satchel_tools.browser import open_frontend

    used: list[tuple[Frontend, bool]] = []
    shown = request.node.stash[_USED_PAGES] = []
    request.node.stash[_FAILED] = False

    def open_one(renderer: str = "classic", *, palette: str = "dark", **options: Any) -> Frontend:
        page = None if options else pages.pop(renderer, None)
        if page is not None and not page.reset():
            page.page.context.close()
            page = None
        if page is None:
            page = open_frontend(browser, comfy, vue_nodes=renderer == "nodes2", **options)
            page.reset()
        used.append((page, not options))
        shown.append(page)
        page.set_palette(palette)
        return page

    yield open_one
    shown.clear()
    errors = [error for page, _ in used for error in page.errors]
    failed = bool(errors) or request.node.stash[_FAILED]
    for page, is_plain in used:
        renderer = "nodes2" if page.vue_nodes else "classic"
        if failed or not is_plain or renderer in pages or len(used) > 1:
            page.page.context.close()
        else:
            pages[renderer] = page
    assert errors == []
