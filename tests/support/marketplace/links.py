"""Presigned storage links, and the clock they run out by."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import quote, urlencode

from .messages import Request
from .values import File

LINK_LIFE_S = 86400
AMZ_TIME = "%Y%m%dT%H%M%SZ"


@dataclass
class Clock:
    """Real time plus what a test added."""

    offset: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def advance(self, seconds: float) -> None:
        self.offset += timedelta(seconds=seconds)


@dataclass
class Links:
    clock: Clock
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def sign(self, file: File) -> str:
        """Path and query of a link to `file`, in the shape R2 gives."""
        disposition = f'attachment; filename="{file.fields["name"]}"'
        date = self.clock.now().strftime(AMZ_TIME)
        query = {
            "X-Amz-Expires": str(LINK_LIFE_S),
            "response-content-disposition": disposition,
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"FIXTUREKEY/{date[:8]}/us-east-1/s3/aws4_request",
            "X-Amz-Date": date,
            "X-Amz-SignedHeaders": "host",
            "X-Amz-Signature": self._signature(file.storage_path, date, disposition),
        }
        return f"{file.storage_path}?{urlencode(query, quote_via=quote, safe='/')}"

    def check(self, request: Request) -> Literal["valid", "expired", "forged"]:
        date = request.arg("X-Amz-Date") or ""
        disposition = request.arg("response-content-disposition") or ""
        signature = self._signature(request.path, date, disposition)
        if not hmac.compare_digest(signature, request.arg("X-Amz-Signature") or ""):
            return "forged"
        issued = datetime.strptime(date, AMZ_TIME).replace(tzinfo=UTC)
        if self.clock.now() > issued + timedelta(seconds=LINK_LIFE_S):
            return "expired"
        return "valid"

    def _signature(self, path: str, date: str, disposition: str) -> str:
        signed = "\n".join((path, date, disposition)).encode()
        return hmac.new(self.secret, signed, hashlib.sha256).hexdigest()
