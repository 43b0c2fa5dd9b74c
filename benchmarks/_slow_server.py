"""A site and its storage on loopback, slow as real ones are: `_slow_server.py FILE RATE LATENCY`.

Every connection has its own cap (bytes per second) and every answer waits for the latency
(seconds), as does every new connection. Prints the port, then serves until stdin ends.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
import time

SLICE_BYTES = 64 * 1024


def main() -> None:
    path, rate, latency = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    accepting = threading.Thread(target=_accept, args=(listener, path, rate, latency), daemon=True)
    accepting.start()
    sys.stdin.read()


def _accept(listener: socket.socket, path: str, rate: float, latency: float) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A small buffer, or the first megabytes of each connection would come at once.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * SLICE_BYTES)
        arguments = (connection, path, rate, latency)
        threading.Thread(target=_serve, args=arguments, daemon=True).start()


def _serve(connection: socket.socket, path: str, rate: float, latency: float) -> None:
    time.sleep(latency)
    with connection, connection.makefile("rb") as lines:
        try:
            while head := _head(lines):
                time.sleep(latency)
                if head.startswith("GET /api/"):
                    port = connection.getsockname()[1]
                    connection.sendall(_redirect(f"http://localhost:{port}/file.safetensors"))
                else:
                    _send(connection, path, head, rate)
        except OSError:
            return  # the client has enough


def _head(lines: object) -> str:
    head = b""
    for line in lines:  # type: ignore[attr-defined]
        head += line
        if line == b"\r\n":
            break
    return head.decode("latin-1")


def _redirect(location: str) -> bytes:
    return f"HTTP/1.1 307 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def _send(connection: socket.socket, path: str, head: str, rate: float) -> None:
    size = os.path.getsize(path)
    match = re.search(r"(?im)^range: bytes=(\d+)-(\d*)", head)
    start = int(match[1]) if match else 0
    end = int(match[2]) + 1 if match and match[2] else size
    status = f"206 Partial\r\nContent-Range: bytes {start}-{end - 1}/{size}" if match else "200 OK"
    connection.sendall(
        f'HTTP/1.1 {status}\r\nAccept-Ranges: bytes\r\nETag: "bench"\r\n'
        f"Content-Type: application/octet-stream\r\nContent-Length: {end - start}\r\n\r\n".encode()
    )
    if head.startswith("HEAD"):
        return
    begun, position = time.perf_counter(), start
    with open(path, "rb") as file:
        while position < end:
            sent = os.sendfile(
                connection.fileno(), file.fileno(), position, min(SLICE_BYTES, end - position)
            )
            position += sent
            ahead = (position - start) / rate - (time.perf_counter() - begun)
            if ahead > 0:
                time.sleep(ahead)


if __name__ == "__main__":
    main()
