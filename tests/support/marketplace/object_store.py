"""The storage behind a hub: files under signed links that run out, and that want no token."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

from .links import LINK_LIFE_S, Clock
from .messages import Reply, Request
from .storage import send_file, xml_error
from .values import File


class ObjectStore:
    """Files by their path in the storage; read again for every download."""

    def __init__(self, clock: Clock, *, signed: bool = True) -> None:
        """`signed` False: the paths are public, as they cannot be guessed."""
        self.clock = clock
        self.signed = signed
        self._secret = secrets.token_bytes(16)
        self._files: dict[str, File] = {}

    def put(self, key: str, path: Path, etag: str) -> None:
        self._files[key] = File(0, {}, path.name, path, key, f'"{etag}"')

    def remove(self, key: str) -> None:
        del self._files[key]

    def link(self, key: str, file_name: str) -> str:
        """Path and query of a link to a file."""
        if not self.signed:
            return quote(key)
        expires = str(int((self.clock.now() + timedelta(seconds=LINK_LIFE_S)).timestamp()))
        query = {
            "response-content-disposition": f"inline; filename*=UTF-8''{quote(file_name)};",
            "Expires": expires,
            "Signature": self._signature(key, expires),
        }
        return f"{quote(key)}?{urlencode(query)}"

    def answer(self, request: Request) -> Reply:
        if "Authorization" in request.headers or "Cookie" in request.headers:
            return xml_error(400, "InvalidArgument", "Only one auth mechanism allowed")
        expires = request.arg("Expires") or "0"
        if self.signed and (
            int(expires) < self.clock.now().timestamp()
            or request.arg("Signature") != self._signature(request.path, expires)
        ):
            return xml_error(403, "AccessDenied", "Access denied")
        file = self._files.get(request.path)
        if file is None:
            return xml_error(404, "NoSuchKey", "The specified key does not exist.")
        return send_file(request, file)

    def _signature(self, key: str, expires: str) -> str:
        return hmac.new(self._secret, f"{key}\n{expires}".encode(), hashlib.sha256).hexdigest()
