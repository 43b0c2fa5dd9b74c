"""The site origin: API routes, downloads and the two pages a download may end on.

Three kinds of route: `public` ones do not look at the method, `mixed` ones know a key and answer
405, `authed` ones need a key. A key that is not valid counts as none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

from . import bodies, listing
from .catalogue import Catalogue
from .downloads import answer_download, check_id, is_early
from .links import Clock, Links
from .messages import Reply, Request, html_reply, json_reply, text_reply
from .values import File

BATCH_LIMIT, IDS_LIMIT = 100, 10_000
HASH_KINDS = ("AutoV1", "AutoV2", "AutoV3", "SHA256", "CRC32", "BLAKE3")
PUBLIC_CACHE = {
    "Cache-Control": "public, s-maxage=300, stale-while-revalidate=150",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Methods": "GET",
}
BY_HASH_CACHE = "public, s-maxage=3600, stale-while-revalidate=1800"
LOGIN_PAGE = (
    '<!DOCTYPE html><html lang="en"><head><meta charSet="utf-8"/><title>Sign in to Civitai</title>'
    '</head><body><div id="__next"><div>You need to be logged in to download this file</div>'
    "</div></body></html>"
)
VERSION_PAGE = "<!DOCTYPE html><html><head><title>Civitai</title></head><body></body></html>"
UNKNOWN_PAGE = (
    "<!DOCTYPE html><html><head><title>404</title></head>"
    '<body><div id="__next">Page not found</div></body></html>'
)


class Site:
    def __init__(
        self,
        catalogue: Catalogue,
        links: Links,
        clock: Clock,
        keys: Collection[str],
        own_url: Callable[[], str],
        storage_url: Callable[[], str],
    ) -> None:
        self.catalogue = catalogue
        self.links = links
        self.clock = clock
        self.keys = frozenset(keys)
        self.own_url = own_url
        self.storage_url = storage_url

    def answer(self, request: Request) -> Reply:
        if request.headers.get("User-Agent", "").startswith("Python-urllib"):
            return text_reply(403, "error code: 1010")
        for pattern, access, route in ROUTES:
            if match := re.fullmatch(pattern, request.path):
                run = partial(route, self, request, *match.groups())
                return self._guarded(request, access, run)
        return html_reply(404, UNKNOWN_PAGE)

    def has_key(self, request: Request) -> bool:
        words = request.headers.get("Authorization", "").split(" ")
        key = words[1] if len(words) > 1 else request.arg("token")
        return key in self.keys

    def _guarded(self, request: Request, access: str, run: Callable[[], Reply]) -> Reply:
        if access == "page":
            return run()
        if access != "public" and request.method != "GET":
            return json_reply(405, {"error": "Method not allowed"})
        if access == "authed" and not self.has_key(request):
            return json_reply(401, {"error": "Unauthorized"})
        reply = run()
        if "Cache-Control" in reply.headers or (access != "public" and self.has_key(request)):
            return reply
        return replace(reply, headers={**reply.headers, **PUBLIC_CACHE})

    def download(self, request: Request, version_id: str) -> Reply:
        if request.method == "HEAD":  # the real route is known to answer 401 to it
            return json_reply(401, {"error": "Unauthorized"})

        def link(file: File) -> str:
            return self.storage_url() + self.links.sign(file)

        key = self.has_key(request)
        return answer_download(request, version_id, self.catalogue.version, link, self.clock, key)

    def model(self, request: Request, model_id: str) -> Reply:
        if problem := check_id(model_id, "id"):
            return json_reply(400, {"error": problem})
        model = self.catalogue.models.get(int(model_id))
        body = model and bodies.model_body(model, self.own_url())
        if body is None:
            return json_reply(404, {"error": f"No model with id {model_id}"})
        return json_reply(200, body)

    def version(self, request: Request, version_id: str) -> Reply:
        if not version_id.isdecimal() or not int(version_id):
            return json_reply(400, {"error": "Missing modelVersionId"})
        found = self.catalogue.version(int(version_id))
        if found is None or not found[1].is_published or not found[1].fields["nsfwLevel"]:
            return json_reply(404, {"error": "Model not found"})
        model, version = found
        if not bodies.has_file(model, version):
            return json_reply(404, {"error": "Missing model file"})
        return json_reply(200, bodies.version_body(model, version, request.base_url))

    def by_hash(self, request: Request, value: str) -> Reply:
        found = [hit for hit in self.catalogue.by_hash(HASH_KINDS, value) if bodies.has_file(*hit)]
        if not found:
            return json_reply(404, {"error": "Model not found"}, Cache_Control=BY_HASH_CACHE)
        body = bodies.version_body(*found[0], request.base_url, by_hash=True)
        return json_reply(200, body, Cache_Control=BY_HASH_CACHE)

    def by_hash_batch(self, request: Request) -> Reply:
        hashes = parse_batch(request.body, BATCH_LIMIT)
        if isinstance(hashes, Reply):
            return hashes
        found = [hit for value in hashes for hit in self.catalogue.by_hash(("SHA256",), value)]
        # The site reads a header nobody sends, so its URLs start with this host.
        result = [
            bodies.version_body(model, version, "https://undefined", by_hash=True)
            if bodies.has_file(model, version)
            else None
            for model, version in found
        ]
        return json_reply(200, result)

    def by_hash_ids(self, request: Request) -> Reply:
        hashes = parse_batch(request.body, IDS_LIMIT)
        if isinstance(hashes, Reply):
            return hashes
        result = [
            {"modelVersionId": version.id, "modelId": model.id, "hash": value.upper()}
            for value in hashes
            for model, version in self.catalogue.by_hash(("SHA256",), value)
        ]
        return json_reply(200, result)

    def mini(self, request: Request, version_id: str) -> Reply:
        found = self.catalogue.version(int(version_id)) if version_id.isdecimal() else None
        if found is None or not found[1].is_published:
            return json_reply(404, {"error": "Model not found"})
        model, version = found
        wanted = request.arg("modelFileId")
        file = version.primary
        if wanted is not None:
            file = next((file for file in version.files if str(file.id) == wanted), None)
        if file is None:
            message = f"Model file {wanted} not found in version {version_id}"
            return json_reply(404, {"error": message})
        early = is_early(version, self.clock)
        return json_reply(
            200,
            bodies.mini_body(
                model, version, file, self.own_url(), by_file=wanted is not None, early=early
            ),
        )

    def list(self, request: Request) -> Reply:
        return listing.answer_list(request, self.catalogue, self.has_key(request))

    def images(self, request: Request) -> Reply:
        """By id only. Without `nsfw` and `withMeta` it is as if there were none, or no facts."""
        wanted = request.arg("imageId") or ""
        image = self.catalogue.images.get(int(wanted)) if wanted.isdecimal() else None
        shown = [image] if image is not None and request.arg("nsfw") else []
        if request.arg("withMeta") != "true":
            shown = [{**one, "meta": None} for one in shown]
        return json_reply(200, {"items": shown, "metadata": {}})

    def enums(self, request: Request) -> Reply:
        return json_reply(200, self.catalogue.enums or bodies.enums_body())

    def me(self, request: Request) -> Reply:
        return json_reply(200, bodies.me_body())

    def login_page(self, request: Request) -> Reply:
        return html_reply(200, LOGIN_PAGE)

    def version_page(self, request: Request, version_id: str) -> Reply:
        return html_reply(200, VERSION_PAGE)


ROUTES: tuple[tuple[str, str, Callable[..., Reply]], ...] = (
    (r"/api/download/models/([^/]+)", "public", Site.download),
    (r"/api/v1/models", "mixed", Site.list),
    (r"/api/v1/models/([^/]+)", "public", Site.model),
    (r"/api/v1/model-versions/by-hash", "public", Site.by_hash_batch),
    (r"/api/v1/model-versions/by-hash/ids", "public", Site.by_hash_ids),
    (r"/api/v1/model-versions/by-hash/([^/]+)", "public", Site.by_hash),
    (r"/api/v1/model-versions/mini/([^/]+)", "mixed", Site.mini),
    (r"/api/v1/model-versions/([^/]+)", "mixed", Site.version),
    (r"/api/v1/images", "public", Site.images),
    (r"/api/v1/enums", "public", Site.enums),
    (r"/api/v1/me", "authed", Site.me),
    (r"/login", "page", Site.login_page),
    (r"/model-versions/([^/]+)", "page", Site.version_page),
)
"""Path, access, method; the first match wins."""


def parse_batch(body: bytes, limit: int) -> list[str] | Reply:
    """The hashes asked for, once each and not in the order asked, or the refusal."""
    try:
        hashes = json.loads(body)
    except ValueError:
        hashes = None
    issues: list[dict[str, Any]] = []
    if not isinstance(hashes, list):
        message = "Invalid input: expected array"
        issues = [{"expected": "array", "code": "invalid_type", "path": [], "message": message}]
    elif len(hashes) > limit:
        issue = {"origin": "array", "code": "too_big", "maximum": limit, "inclusive": True}
        issues = [{**issue, "path": [], "message": "Too many hashes"}]
    else:
        issues = [
            {"code": "custom", "path": [index], "message": "Invalid hash"}
            for index, value in enumerate(hashes)
            if not isinstance(value, str) or len(value) != 64
        ]
    if issues:
        text = json.dumps(issues, indent=2)
        return json_reply(400, {"error": f"Request must include an array of SHA256 Hashes. {text}"})
    return list(dict.fromkeys(value.upper() for value in hashes))[::-1]
