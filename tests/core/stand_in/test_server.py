"""The stand-in as a server: big files, clients that leave, its start and its end."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import requests
from support.marketplace import Marketplace
from support.marketplace.server import Listener
from support.stand_in_requests import get_link, safetensors


def test_big_files_are_sent_by_the_kernel_on_one_connection(market, publish, monkeypatch):
    lora = publish(bytes(8 << 20))
    session = requests.Session()
    link = get_link(market, lora)
    sent, connections = [], []
    accept, sendfile = Listener.process_request, socket.socket.sendfile
    monkeypatch.setattr(
        Listener,
        "process_request",
        lambda self, *args: connections.append(args[1]) or accept(self, *args),
    )
    monkeypatch.setattr(
        socket.socket, "sendfile",
        lambda self, file, offset, count: sent.append(count) or sendfile(self, file, offset, count),
    )  # fmt: skip

    for _ in range(2):
        with session.get(link, stream=True, timeout=10) as response:
            assert sum(map(len, response.iter_content(1 << 20))) == 8 << 20

    assert (sent, len(connections)) == ([8 << 20] * 2, 1)


def test_a_client_that_goes_away_leaves_no_error_behind(market, publish, capfd):
    lora = publish(bytes(8 << 20))
    link = get_link(market, lora)
    for _ in range(3):
        requests.get(link, stream=True, timeout=5).close()
    market.stop()

    assert market.errors == []
    assert capfd.readouterr().err == ""


def test_it_can_be_stopped_without_having_run():
    market = Marketplace()

    market.stop()
    market.stop()

    assert market.requests == []


def test_it_runs_by_hand(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors())
    folder = Path(sys.modules[Marketplace.__module__].__file__).parent
    command = [sys.executable, str(folder), str(path)]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        try:
            site = lines[0].split()[1]
            response = requests.get(f"{site}/api/v1/models", timeout=5)
        finally:
            process.terminate()

    assert lines[2].startswith("urn:air:sd1:lora:civitai:")
    assert [item["name"] for item in response.json()["items"]] == ["a"]
