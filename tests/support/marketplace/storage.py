"""The storage origin: files behind presigned links, by S3's rules."""

from __future__ import annotations

import re

from .catalogue import Catalogue
from .links import Links
from .messages import FileRange, Reply, Request
from .values import File

LAST_MODIFIED = "Mon, 02 Mar 2026 18:10:00 GMT"
CONTROL = re.compile("[\x00-\x1f\x7f]")


class Storage:
    def __init__(self, catalogue: Catalogue, links: Links) -> None:
        self.catalogue = catalogue
        self.links = links

    def answer(self, request: Request) -> Reply:
        if "Authorization" in request.headers:
            return xml_error(400, "InvalidRequest", "Missing x-amz-content-sha256")
        if request.method != "GET":  # the signature covers the verb
            return xml_error(403, "SignatureDoesNotMatch", "The signature does not match")
        state = self.links.check(request)
        if state == "expired":
            return xml_error(403, "AccessDenied", "Request has expired")
        if state == "forged":
            return xml_error(403, "SignatureDoesNotMatch", "The signature does not match")
        for _, _, file in self.catalogue.files():
            if file.storage_path == request.path:
                return send_file(request, file)
        return xml_error(404, "NoSuchKey", "The specified key does not exist.")


def xml_error(status: int, code: str, message: str, **headers: str) -> Reply:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"Content-Type": "application/xml", **named}, text.encode())


def send_file(request: Request, file: File) -> Reply:
    assert file.path is not None
    size = file.path.stat().st_size
    disposition = request.arg("response-content-disposition") or ""
    headers = {
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        "ETag": file.etag,
        "Last-Modified": LAST_MODIFIED,
        # The name is the uploader's text; only what would break the framing is taken out.
        "Content-Disposition": CONTROL.sub("_", disposition),
    }
    wanted = parse_range(request.headers.get("Range", ""), size)
    if wanted is None or request.headers.get("If-Range", file.etag) not in (
        file.etag,
        LAST_MODIFIED,
    ):
        return Reply(200, headers, FileRange(file.path, 0, size))
    start, end = wanted
    if start >= size or end < start:
        message = "The requested range is not satisfiable"
        return xml_error(416, "InvalidRange", message, Content_Range=f"bytes */{size}")
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    return Reply(206, headers, FileRange(file.path, start, end - start + 1))


def parse_range(text: str, size: int) -> tuple[int, int] | None:
    """First and last byte of one `bytes=` range, or None for what a server ignores."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", text.strip())
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else (size, size - 1)
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last), size - 1) if last else size - 1
