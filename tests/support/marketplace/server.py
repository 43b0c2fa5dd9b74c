"""One listener: HTTP/1.1 on a loopback port, a thread per connection, silent."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .messages import CHUNK_BYTES, FileRange, Pace, Reply, Request, chunked

IDLE_S = 120
EDGE_HEADERS = {
    "Server": "cloudflare",
    "CF-RAY": "8f1d2c3b4a5e6f70-FRA",
    "CF-Cache-Status": "DYNAMIC",
}


class Listener(ThreadingHTTPServer):
    """Serves `answer` until `close`; what a handler raises is kept in `errors`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, origin: str, address: tuple[str, int], answer: Callable[[Request], Reply]
    ) -> None:
        super().__init__(address, _Handler)
        self.origin = origin
        self.answer = answer
        self.stopping = threading.Event()
        self.errors: list[BaseException] = []
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]}:{self.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop at once: stalled and throttled answers are cut off."""
        self.stopping.set()
        if self._thread.is_alive():  # `shutdown` of a server that never ran would wait for ever
            self.shutdown()
            self._thread.join()
        for connection in list(self._open):
            _hang_up(connection)
        self.server_close()

    def pause(self, seconds: float) -> bool:
        """Lets an answer wait; says whether the server is stopping."""
        return self.stopping.wait(seconds)

    def server_bind(self) -> None:
        # Skips HTTPServer's look-up of the host's full name, which may wait for a resolver.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):  # OSError: the client went away
            self.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_S
    server: Listener

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _handle(self) -> None:
        reply = self.server.answer(self._read_request())
        if reply.pace and self.server.pause(reply.pace.head_s):
            self.close_connection = True
            return
        self._send_head(reply)
        if self.command == "HEAD":
            return
        if reply.pace is None and isinstance(reply.body, FileRange):
            self._send_file(reply.body)
        else:
            self._send_paced(reply.body, reply.pace or Pace())

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _handle

    def _read_request(self) -> Request:
        url = urlsplit(self.path)
        query = parse_qs(url.query, keep_blank_values=True)
        length = int(self.headers.get("Content-Length") or 0)
        return Request(
            origin=self.server.origin,
            method=self.command,
            target=self.path,
            path=unquote(url.path),
            query={name: tuple(values) for name, values in query.items()},
            headers=self.headers,
            body=self.rfile.read(length),
        )

    def _send_head(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        edge = EDGE_HEADERS if self.server.origin == "site" else {}
        length = {"Content-Length": str(len(reply.body))}
        headers = {"Date": self.date_time_string(), **edge, **reply.headers, **length}
        for name, value in headers.items():
            # Header text leaves as UTF-8 bytes, which is what user-given file names come as.
            self.send_header(name, value.encode("utf-8", "surrogateescape").decode("latin-1"))
        self.end_headers()

    def _send_file(self, body: FileRange) -> None:
        if body.inverted or body.padding:
            self._send_paced(body, Pace())
            return
        with body.path.open("rb") as file:
            if body.length:
                self.connection.sendfile(file, body.start, body.length)

    def _send_paced(self, body: bytes | FileRange, pace: Pace) -> None:
        most = CHUNK_BYTES if pace.bytes_per_s is None else max(1, pace.bytes_per_s // 20)
        edges = [edge for edge in (pace.stall_after, pace.cut_after) if edge is not None]
        sent = 0
        if self._stops_at(sent, pace):
            return
        for chunk in chunked(body, most) if isinstance(body, bytes) else body.chunks(most):
            for piece in _split(chunk, [edge - sent for edge in edges]):
                self.wfile.write(piece)
                sent += len(piece)
                if self._stops_at(sent, pace):
                    return
            if pace.bytes_per_s and self.server.pause(len(chunk) / pace.bytes_per_s):
                self.close_connection = True
                return

    def _stops_at(self, sent: int, pace: Pace) -> bool:
        """Stall when it is time to; say whether the connection is to end here."""
        stopping = sent == pace.stall_after and self.server.pause(pace.stall_s)
        if stopping or sent == pace.cut_after:
            self.close_connection = True
            return True
        return False


def _split(chunk: bytes, edges: list[int]) -> list[bytes]:
    """The chunk in pieces that end at the edges lying inside it."""
    cuts = [0, *sorted(edge for edge in edges if 0 < edge < len(chunk)), len(chunk)]
    return [chunk[start:end] for start, end in pairwise(cuts)]


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # already closed by its thread
