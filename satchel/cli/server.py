"""A ComfyUI server with Satchel, as a client sees it: its routes, its answers, its errors."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from ..errors import BadResponseError, InvalidInputError, SatchelError, UnavailableError
from ..policy import TOKEN_HEADER
from ..settings import origin_of

CONNECT_S, READ_S = 10, 300
MAX_ANSWER_BYTES = 256 * 1024 * 1024
MAX_OUTPUT_BYTES = 16 * 1024 * 1024 * 1024
_READ_BYTES = 256 * 1024


class ServerRefusal(SatchelError):
    """What the server said when it refused, under the code that it gave. `details` are its own."""

    def __init__(self, error: Mapping[str, Any], status: int) -> None:
        message = error.get("message")
        details = error.get("details")
        super().__init__(
            str(message or f"The server answered with the status {status}."),
            hint=str(error.get("hint") or ""),
        )
        self.details = details if isinstance(details, dict) else {}
        self.server_code = str(error.get("code") or "")

    def to_json(self) -> dict[str, Any]:
        return {**super().to_json(), "code": self.server_code or self.code}


class Server:
    """One server. Redirects are not followed: what is sent is meant for it alone.

    Args:
        url: as a browser would open it.
        token: the operator's, if it has one.

    Raises:
        InvalidInputError: the URL is none.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = _checked_url(url)
        self._session = requests.Session()
        # A proxy of the environment must not get requests to this machine.
        self._session.trust_env = not _is_loopback(urlsplit(self.url).hostname or "")
        if token:
            self._session.headers[TOKEN_HEADER] = token

    def get(self, path: str) -> Any:
        """The JSON that a GET answers."""
        return self._json("GET", path)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON that a POST answers."""
        return self._json("POST", path, data=json.dumps(body).encode(),
                          headers={"Content-Type": "application/json"})  # fmt: skip

    def upload_input(self, name: str, content: bytes) -> str:
        """Puts a file into ComfyUI's input folder; returns the name that it has there."""
        folder, _, base = name.rpartition("/")
        answer = self._json(
            "POST", "/upload/image",
            files={"image": (base, content)}, data={"type": "input", "subfolder": folder},
        )  # fmt: skip
        found = answer.get("name") if isinstance(answer, dict) else None
        if not isinstance(found, str):
            raise BadResponseError(
                "The server did not say what it called an upload.",
                hint="Update ComfyUI on the server, and check that the address is its own.",
            )
        below = answer.get("subfolder")
        return f"{below}/{found}" if isinstance(below, str) and below else found

    def upload_bundle(self, pieces: Iterator[bytes]) -> str:
        """Hands over a bundle; returns the id that `/plan` and `/install` know it by."""
        answer = self._json("POST", "/satchel/v1/uploads", data=pieces,
                            headers={"Content-Type": "application/zip"})  # fmt: skip
        found = answer.get("upload") if isinstance(answer, dict) else None
        if not isinstance(found, str):
            raise BadResponseError(
                "The server did not say what it called an upload.",
                hint="Update ComfyUI on the server, and check that the address is its own.",
            )
        return found

    def download(self, output: Mapping[str, str], target: Path) -> None:
        """Saves one output of a run to a file that is not there yet."""
        query = "&".join(f"{key}={quote(value)}" for key, value in output.items())
        with self._request("GET", f"/view?{query}", stream=True) as response:
            if response.status_code != 200:
                raise _refusal(response)
            done = 0
            with target.open("xb") as file:
                for piece in response.iter_content(_READ_BYTES):
                    done += len(piece)
                    if done > MAX_OUTPUT_BYTES:
                        raise BadResponseError(
                            "The server sends an output that does not end.",
                            hint="The server's log may say more.",
                        )
                    file.write(piece)

    def _json(self, method: str, path: str, **sent: Any) -> Any:
        with self._request(method, path, stream=True, **sent) as response:
            if response.status_code >= 300:
                raise _refusal(response)
            try:
                return json.loads(_bounded(response))
            except (ValueError, RecursionError) as error:
                raise BadResponseError(
                    f"What {self.url} answered is no JSON.",
                    hint="Is it a ComfyUI with this release of Satchel?",
                ) from error

    def _request(self, method: str, path: str, **options: Any) -> requests.Response:
        try:
            return self._session.request(
                method, self.url + path, timeout=(CONNECT_S, READ_S), allow_redirects=False,
                **options,
            )  # fmt: skip
        except requests.RequestException as error:
            raise UnavailableError(
                f"{self.url} does not answer.",
                hint="Start ComfyUI there, or give another --server.",
            ) from error


def _checked_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        if not valid or parts.username is not None or parts.query or parts.fragment:
            raise ValueError
        return origin_of(text) + parts.path.rstrip("/")
    except ValueError:
        raise InvalidInputError(
            f"{text!r} is no address of a server.", hint="Write it like http://127.0.0.1:8188 ."
        ) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bounded(response: requests.Response) -> bytes:
    content = bytearray()
    for piece in response.iter_content(_READ_BYTES):
        content += piece
        if len(content) > MAX_ANSWER_BYTES:
            raise ValueError
    return bytes(content)


def _refusal(response: requests.Response) -> SatchelError:
    """The server's own error; ComfyUI's routes answer `{"error": {message, ...}, node_errors}`."""
    try:
        body = json.loads(_bounded(response))
    except (ValueError, requests.RequestException):
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        if response.status_code == 404:
            return UnavailableError(
                "The server has no such route.", hint="Install this release of Satchel there."
            )
        error = {"message": f"The server answered with the status {response.status_code}."}
    if isinstance(body, dict) and isinstance(body.get("node_errors"), dict):
        error = {**error, "details": {"node_errors": body["node_errors"]}}
    return ServerRefusal(error, response.status_code)
