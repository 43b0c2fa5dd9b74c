"""Plain https addresses: only where the operator allows it, named and sized by what is served."""

from __future__ import annotations

import base64
import hashlib

import pytest
from support.marketplace.messages import FileRange, Reply, html_reply, json_reply
from support.marketplace.object_store import ObjectStore
from support.marketplace.service import Service
from support.models import write_safetensors

from satchel.errors import (
    AccessDeniedError,
    BadResponseError,
    ForbiddenUrlError,
    LoginRequiredError,
    NotFoundError,
    UnavailableError,
)
from satchel.identity import Source
from satchel.marketplaces.direct import DirectFiles
from satchel.references.values import HubReference, UrlReference
from satchel.settings import Settings


class Server(Service):
    """Answers of the tests' own on the site, plain files on the storage."""

    def __init__(self) -> None:
        self.answers: dict[str, Reply] = {}
        self.store = ObjectStore(None, signed=False)  # type: ignore[arg-type]
        super().__init__(self._site, self.store.answer)

    def _site(self, request) -> Reply:
        return self.answers.get(request.path, json_reply(404, {}))


@pytest.fixture
def server():
    with Server() as server:
        yield server


@pytest.fixture
def file(tmp_path):
    return write_safetensors(tmp_path / "served.safetensors")


@pytest.fixture
def direct(server):
    return DirectFiles(Settings(trusted_origins=frozenset({server.site_url, server.storage_url})))


def chosen(direct, url):
    reference = UrlReference(url)
    return direct.choose(direct.versions(reference), reference)


def serve(server, path, file, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    server.answers[path] = Reply(200, named, FileRange(file, 0, file.stat().st_size))
    return server.site_url + path


def test_a_file_is_named_by_its_address_and_sized_by_one_byte_of_it(server, direct, file):
    server.store.put("/loras/ink wash.safetensors", file, "x")

    found = chosen(direct, f"{server.storage_url}/loras/ink%20wash.safetensors")

    assert found.identity.name == "ink wash.safetensors"
    assert (found.identity.kind, found.identity.size) == ("loras", file.stat().st_size)
    assert [request.status for request in server.requests] == [206]


def test_only_the_operators_own_origins_are_opened(direct):
    for url in ("https://files.example/a.safetensors", "https://huggingface.co/a/b/resolve/m/c"):
        with pytest.raises(ForbiddenUrlError) as caught:
            chosen(direct, url)
        assert "SATCHEL_TRUSTED_ORIGINS" in caught.value.hint


def test_a_redirect_to_somewhere_else_is_refused(server, direct):
    server.answers["/a"] = Reply(302, {"Location": "http://169.254.169.254/latest"})

    with pytest.raises(ForbiddenUrlError):
        chosen(direct, server.site_url + "/a")


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="ink.safetensors"', "ink.safetensors"),
        ("attachment; filename*=UTF-8''%E6%B0%B4.safetensors", "水.safetensors"),
        ('attachment; filename="../../etc/CON.safetensors"', "_CON.safetensors"),
        ('attachment; filename="C:\\\\models\\\\ink.sft"', "ink.sft"),
        ("attachment", "download"),
        ("", "download"),
    ],
)
def test_what_the_server_calls_the_file_is_made_portable(server, direct, file, disposition, name):
    url = serve(server, "/download", file, Content_Disposition=disposition)

    assert chosen(direct, url).identity.name == name


SHA256 = hashlib.sha256(b"x").digest()
BASE64 = base64.b64encode(SHA256).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"Repr_Digest": f"sha-512=:AAAA:, sha-256=:{BASE64}:"},
        {"Digest": f"SHA-256={BASE64}"},
        {"X_Checksum_Sha256": SHA256.hex().upper()},
    ],
)
def test_a_digest_that_the_server_tells_is_taken(server, direct, file, headers):
    found = chosen(direct, serve(server, "/a.safetensors", file, **headers))

    assert found.identity.sha256 == SHA256.hex()
    assert found.warnings == ()


@pytest.mark.parametrize(
    "headers", [{}, {"Digest": "sha-256=AAAA"}, {"Digest": "md5=AA"}, {"X_Checksum_Sha256": "no"}]
)
def test_without_a_whole_digest_there_is_none_and_that_is_said(server, direct, file, headers):
    found = chosen(direct, serve(server, "/a.safetensors", file, **headers))

    assert found.identity.sha256 is None
    assert "what arrives first is trusted" in found.warnings[0]


@pytest.mark.parametrize(
    ("reply", "error", "access"),
    [
        (json_reply(404, {}), NotFoundError, "gone"),
        (json_reply(410, {}), NotFoundError, "gone"),
        (json_reply(401, {}), LoginRequiredError, "login"),
        (json_reply(403, {}), AccessDeniedError, "unknown"),
        (json_reply(503, {}), UnavailableError, "unknown"),
        (json_reply(418, {}), BadResponseError, "unknown"),
        (html_reply(200, "<html></html>"), NotFoundError, "gone"),
    ],
)
def test_every_refusal_is_told_apart(server, direct, reply, error, access):
    server.answers["/a"] = reply
    source = Source("https", server.site_url + "/a")

    with pytest.raises(error) as caught:
        direct.open_download(source, {})
    assert caught.value.hint
    assert direct.availability([(source, "a" * 64)])[0].access == access


def test_availability_compares_the_digest_that_is_told(server, direct, file):
    url = serve(server, "/a", file, X_Checksum_Sha256="a" * 64)
    source = Source("https", url)

    answers = direct.availability([(source, "a" * 64), (source, "b" * 64)])

    assert [answer.access for answer in answers] == ["open", "gone"]


def test_a_download_goes_on_where_it_ended(server, direct, file):
    server.store.put("/a.safetensors", file, "x")
    source = Source("https", f"{server.storage_url}/a.safetensors")

    with direct.open_download(source, {"Range": "bytes=10-"}) as response:
        assert response.status_code == 206
        assert response.raw.read() == file.read_bytes()[10:]


def test_what_it_knows(direct):
    assert direct.knows(UrlReference("https://files.example/a.safetensors"))
    assert not direct.knows(HubReference("huggingface", "a/b"))
    assert direct.check_token() == "unset"
