"""What tests of downloads share: identities of published files, and what lies in a folder."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.marketplace import Marketplace, Published

from satchel.identity import ModelIdentity, Source
from satchel.marketplaces.civitai_records import download_url
from satchel.progress import Cancellation

KEY = "0123456789abcdef0123456789abcdef"
SIZE = 400_000


class NoWaits(Cancellation):
    """Does not sleep between attempts, but may do something instead."""

    def __init__(self, instead=lambda: None) -> None:
        super().__init__()
        self._instead = instead

    def wait(self, seconds: float) -> None:
        self._instead()
        self.check()


def identity(*published: Published, **changes) -> ModelIdentity:
    first = published[0]
    values = {
        "kind": "loras",
        "name": "a.safetensors",
        "sha256": first.sha256.lower(),
        "size": first.size,
        "sources": tuple(source_of(item) for item in published),
        **changes,
    }
    return ModelIdentity(**values)


def source_of(published: Published) -> Source:
    url = download_url(published.version_id, published.file_id)
    return Source("civitai", url, None, None, published.version_id, published.file_id)


def part_of(folder: Path, published: Published) -> Path:
    return folder / f".satchel-{published.sha256.lower()[:24]}.part"


def original(tmp_path: Path, seed: int = 0) -> bytes:
    return (tmp_path / "published" / f"{seed}.safetensors").read_bytes()


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def ranges(market: Marketplace) -> list[str | None]:
    return [r.headers.get("Range") for r in market.requests if r.origin == "storage"]


@contextmanager
def rangeless(body: bytes, cuts: list[int], length: str = "") -> Iterator[str]:
    """A storage that always starts over, and ends the first answers early."""
    left = list(cuts)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(200)
            self.send_header("Content-Length", length or str(len(body)))
            self.end_headers()
            self.wfile.write(body[: left.pop(0)] if left else body)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
