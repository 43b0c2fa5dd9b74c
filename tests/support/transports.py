"""What tests of the HTTP layer share: a transport, waits that are written down, a server."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from satchel.errors import SatchelError
from satchel.marketplaces.hosts import CIVITAI
from satchel.marketplaces.transport import Transport
from satchel.marketplaces.url_policy import UrlPolicy
from satchel.progress import Cancellation
from satchel.settings import origin_of

TOKEN = "0123456789abcdef0123456789abcdef"


class Waits(Cancellation):
    """Writes down how long it should have slept."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.check()


def make_transport(waits: Waits, site: str, *others: str) -> Transport:
    return Transport(
        UrlPolicy(frozenset({origin_of(url) for url in (site, *others)}), CIVITAI),
        token=TOKEN,
        token_origin=origin_of(site),
        cancellation=waits,
    )


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[tuple[str, list]]:
    """A server with one answer to everything: its address and the requests it got."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(self)
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", got
        server.shutdown()


def assert_says_no_secret(error: SatchelError) -> None:
    text = json.dumps(error.to_json())
    for secret in (TOKEN, "X-Amz", "Signature", "fileId", "?"):
        assert secret not in text
