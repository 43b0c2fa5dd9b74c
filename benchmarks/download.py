"""Downloads beside aria2c and beside the raw limit of the same server, in one run on loopback.

    python dev.py bench download [--json] [--size-mb 256] [--rate-mb 6] [--latency-ms 40]

The server is a process of its own that caps every connection and delays every answer, as storages
do. All contestants take the same file over as many connections, in turn, and the best round of
each counts: bare sockets that throw the bytes away (the limit); aria2c, from the site like Satchel
and straight from the storage, which saves it a redirect; Satchel; and Satchel with its digests left
out, which tells what verification costs. Two SHA256 want a good part of a processor: on a machine
that is busy otherwise they cost more.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from satchel.catalog import Catalog  # noqa: E402
from satchel.downloads import Downloader, TransferLimits, transfer  # noqa: E402
from satchel.hashes import FileDigests  # noqa: E402
from satchel.identity import ModelIdentity, Source  # noqa: E402
from satchel.marketplaces.resolver import Resolver  # noqa: E402
from satchel.settings import Settings, SourceSettings  # noqa: E402

MOST_BYTES = 4 << 30
"""A run moves no more than this through loopback."""


class Unverified:
    """Stands in for the verifier and believes what it is told."""

    digests: FileDigests

    def __init__(self, part: Any) -> None:
        pass

    def wrote(self, position: int, data: bytes) -> None:
        pass

    def finish(self, watch: Any) -> FileDigests:
        return self.digests

    def stop(self) -> None:
        pass


def main() -> int:
    options = _parse_arguments()
    size = options.size_mb << 20
    if size * 5 * options.rounds > MOST_BYTES:
        sys.exit("That would be too much; fewer rounds, or a smaller file.")
    with tempfile.TemporaryDirectory(prefix="satchel-download-") as directory:
        folder = Path(directory)
        digests = _write_model(folder / "served.safetensors", size)
        rate, latency = options.rate_mb * 1e6, options.latency_ms / 1000
        with _server(folder / "served.safetensors", rate, latency) as port:
            best = _run(options, folder, port, digests)
    result = _result(options, size, best)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        _print(result)
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--size-mb", type=int, default=256, help="MiB of the file (%(default)s)")
    parser.add_argument("--rate-mb", type=float, default=6, help="MB/s per connection")
    parser.add_argument("--latency-ms", type=float, default=40, help="before every answer")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2, help="rounds; the fastest counts")
    return parser.parse_args()


def _write_model(path: Path, size: int) -> FileDigests:
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    header += b" " * (-len(header) % 8)
    body = os.urandom(size)
    path.write_bytes(struct.pack("<Q", len(header)) + header + body)
    whole = hashlib.sha256(path.read_bytes()).hexdigest()
    return FileDigests(whole, hashlib.sha256(body).hexdigest()[:12], path.stat().st_size)


@contextmanager
def _server(path: Path, rate: float, latency: float) -> Iterator[int]:
    script = Path(__file__).with_name("_slow_server.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(path), str(rate), str(latency)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(10)


def _run(
    options: argparse.Namespace, folder: Path, port: int, digests: FileDigests
) -> dict[str, tuple[float, float]]:
    """(seconds, processor seconds of this process or of aria2c) of each one's fastest round."""
    contestants: dict[str, Callable[[Path], None]] = {
        "raw": lambda target: _raw(port, digests.size, options.connections),
        "satchel": lambda target: _satchel(target, port, digests, options.connections, True),
        "unverified": lambda target: _satchel(target, port, digests, options.connections, False),
    }
    if shutil.which("aria2c"):
        for name, path in (("aria2c", "api/download/models/1"), ("aria2c_direct", "file")):
            url = f"http://localhost:{port}/{path}"
            contestants[name] = lambda target, url=url: _aria2c(target, url, options.connections)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for turn in range(options.rounds):
        for name, contestant in contestants.items():
            target = folder / f"{name}-{turn}"
            target.mkdir()
            os.sync()  # what the one before left unwritten is not this one's burden
            before, start = _processor_s(), time.perf_counter()
            contestant(target)
            taken[name].append((time.perf_counter() - start, _processor_s() - before))
            shutil.rmtree(target)
    return {name: min(rounds) for name, rounds in taken.items()}


def _processor_s() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _raw(port: int, size: int, connections: int) -> None:
    share = -(-size // connections)
    spans = [(start, min(size, start + share)) for start in range(0, size, share)]
    threads = [threading.Thread(target=_drain, args=(port, *span)) for span in spans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _drain(port: int, start: int, end: int) -> None:
    buffer = bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        ask = f"GET /file HTTP/1.1\r\nHost: x\r\nRange: bytes={start}-{end - 1}\r\n\r\n"
        connection.sendall(ask.encode())
        left = end - start
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        left -= len(head.split(b"\r\n\r\n", 1)[1])
        while left > 0:
            left -= connection.recv_into(buffer)


def _satchel(target: Path, port: int, digests: FileDigests, connections: int, verify: bool) -> None:
    site = f"http://127.0.0.1:{port}"
    settings = Settings(
        sources={"civitai": SourceSettings(site)},
        trusted_origins=frozenset({f"http://localhost:{port}"}),
    )
    url = "https://civitai.com/api/download/models/1?fileId=2"
    source = Source("civitai", url, version_id=1, file_id=2)
    model = ModelIdentity("loras", "a.safetensors", digests.sha256, digests.size, sources=(source,))
    resolver = Resolver(settings, Catalog(target / "catalog.sqlite3"))
    Unverified.digests = digests
    true_verifier = transfer.Verifier
    if not verify:
        transfer.Verifier = Unverified  # type: ignore[assignment, misc]
    try:
        downloader = Downloader(resolver, limits=TransferLimits(connections))
        downloader.fetch(model, target / "a.safetensors")
    finally:
        transfer.Verifier = true_verifier  # type: ignore[misc]


def _aria2c(target: Path, url: str, connections: int) -> None:
    subprocess.run(
        ["aria2c", "-q", "--no-conf", "--file-allocation=none", "--console-log-level=error",
         f"-x{connections}", f"-s{connections}", "-k1M", "-d", str(target), "-o", "a.safetensors",
         url],
        check=True,
    )  # fmt: skip


def _result(
    options: argparse.Namespace, size: int, best: dict[str, tuple[float, float]]
) -> dict[str, Any]:
    rates = {name: size / 1e6 / seconds for name, (seconds, _) in best.items()}
    ratios = {
        "satchel_to_raw": rates["satchel"] / rates["raw"],
        "verification_costs": 1 - rates["satchel"] / rates["unverified"],
        "raw_to_cap": rates["raw"] / (options.rate_mb * options.connections),
    }
    for name in ("aria2c", "aria2c_direct"):
        if name in rates:
            ratios[f"satchel_to_{name}"] = rates["satchel"] / rates[name]
    return {
        "size_bytes": size,
        "connections": options.connections,
        "rate_mb_per_s_each": options.rate_mb,
        "latency_ms": options.latency_ms,
        "mb_per_s": rates,
        "processor_s": {name: seconds for name, (_, seconds) in best.items()},
        "ratios": ratios,
    }


def _print(result: dict[str, Any]) -> None:
    print(
        f"{result['size_bytes'] >> 20} MiB over {result['connections']} connections, each capped at"
        f" {result['rate_mb_per_s_each']:g} MB/s, {result['latency_ms']:g} ms before every answer"
    )
    for name, rate in sorted(result["mb_per_s"].items(), key=lambda item: -item[1]):
        print(f"  {name:<13} {rate:6.1f} MB/s   {result['processor_s'][name]:5.2f} s of processor")
    ratios = result["ratios"]
    if "satchel_to_aria2c" in ratios:
        print(f"to aria2c           {ratios['satchel_to_aria2c']:.3f}")
        print(f"  without redirect  {ratios['satchel_to_aria2c_direct']:.3f}")
    else:
        print("aria2c is not installed (Debian package aria2), so there is no ratio to it.")
    print(f"to the raw limit    {ratios['satchel_to_raw']:.3f}")
    print(f"verification costs  {ratios['verification_costs']:.1%} of the throughput")
    print(
        f"The server gave the bare sockets {ratios['raw_to_cap']:.0%} of its caps: below about 90%"
        " it, or the machine, is the bottleneck."
    )


if __name__ == "__main__":
    sys.exit(main())
