"""Workflows that one machine exports and another imports, and what is on the page for that."""

from __future__ import annotations

import base64
import itertools
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.marketplace import Published

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend

numbers = itertools.count(1)


@dataclass
class Shared:
    """A workflow that its author exported, and what it needs."""

    graph: dict[str, Any]
    names: list[str]
    published: list[Published]


def stack_graph(*names: str, seed: int = 0) -> dict[str, Any]:
    """A saved graph with one LoRA Stack that uses these files."""
    rows = [value for name in names for value in (True, name, 0.8, 0.6, "")]
    stack = {
        "id": 4,
        "type": "SatchelLoraStack",
        "pos": [100, 100],
        "size": [320, 120],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "properties": {},
        "widgets_values": rows,
    }
    return {
        "id": f"00000000-0000-4000-8000-{seed:012d}",
        "last_node_id": 4,
        "last_link_id": 0,
        "nodes": [stack],
        "links": [],
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


def drop(page: Frontend, name: str, content: bytes, kind: str) -> None:
    """Drops a file onto the canvas."""
    transfer = page.page.evaluate_handle(
        """([name, encoded, type]) => {
          const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0))
          const transfer = new DataTransfer()
          transfer.items.add(new File([bytes], name, { type }))
          return transfer
        }""",
        [name, base64.b64encode(content).decode(), kind],
    )
    page.page.dispatch_event("#graph-canvas", "drop", {"dataTransfer": transfer})


def drop_json(page: Frontend, graph: dict[str, Any], name: str = "shared.json") -> None:
    drop(page, name, json.dumps(graph).encode(), "application/json")


def dialog(page: Frontend) -> Any:
    return page.page.get_by_role("dialog", name="Models of this workflow")


def press(page: Frontend, label: str) -> None:
    dialog(page).locator("footer").get_by_role("button", name=label).click()


def row(page: Frontend, name: str) -> Any:
    return dialog(page).locator(f'tr[data-model="{name}"]')


def expect_state(page: Frontend, name: str, state: str) -> None:
    row(page, name).locator(".satchel-state").get_by_text(state, exact=True).wait_for()


def expect_ready(page: Frontend) -> None:
    page.page.get_by_text("The workflow is ready").first.wait_for()
    dialog(page).wait_for(state="detached")


def widget_names(page: Frontend) -> list[str]:
    values: list[Any] = page.run("() => app.rootGraph.serialize().nodes[0].widgets_values")
    return values[1::5]


def shared_bytes(loras: Path, name: str) -> bytes:
    """The author's copy of a shared file."""
    return (loras.parents[1] / "author" / name).read_bytes()


def png_with_text(keyword: str, text: str) -> bytes:
    """A PNG of one black pixel that carries a text."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"tEXt", keyword.encode() + b"\0" + text.encode()),
        (b"IDAT", zlib.compress(b"\0\0")),
        (b"IEND", b""),
    ]
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in chunks:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        parts.append(struct.pack(">I", len(data)) + kind + data + checksum)
    return b"".join(parts)


def open_menu(page: Frontend, entry: str) -> None:
    """Chooses an entry of the Satchel menu in the host's main menu."""
    page.page.locator(".comfy-menu-button-wrapper").first.click()
    page.page.get_by_role("menuitem", name="Satchel").hover()
    page.page.get_by_role("menuitem", name=entry).click()
