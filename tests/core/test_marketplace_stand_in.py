"""The stand-in marketplace behaves as Civitai does: lookups, refusals, storage rules, faults."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests
from support.marketplace import KINDS, Marketplace, Published
from support.marketplace.hashing import civitai_hashes
from support.marketplace.server import Listener

KEY = "0123456789abcdef0123456789abcdef"
AGENT = {"User-Agent": "stand-in-test/1"}
LOGGED_IN = {**AGENT, "Authorization": f"Bearer {KEY}"}
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}
BYTES = bytes(range(256)) * 200

# Computed with the scanner's own code; BLAKE3 is compared where the package is there.
TINY = (
    "IAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJzc19uZXR3b3JrX21vZHVsZSI6Im5ldHdvcmtzLmxvcmEiLCJzc2hzX21vZG"
    "VsX2hhc2giOiIwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"
    "MDAwIn0sImEubG9yYV9kb3duLndlaWdodCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwyXSwiZGF0YV9vZmZzZXRzIj"
    "pbMCwxNl19LCJhLmxvcmFfdXAud2VpZ2h0Ijp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyLDJdLCJkYXRhX29mZnNldHMi"
    "OlsxNiwzMl19fSAgICAAAIA/AAAAQAAAQEAAAIBAAACgQAAAwEAAAOBAAAAAQQ=="
)
VECTORS = {
    "no safetensors": (
        b"hello world",
        {
            "SHA256": "B94D27B9934D3E08A52E52D7DA7DABFAC484EFE37A5380EE9088F7ACE2EFCDE9",
            "AutoV2": "B94D27B993",
            "AutoV3": "85C76DCAE229",
            "CRC32": "85114A0D",
            "BLAKE3": "D74981EFA70A0C880B8D8C1985D075DBCBF679B99A5F9914E5AAF96B831A9E24",
        },
    ),
    "tiny safetensors": (
        base64.b64decode(TINY),
        {
            "SHA256": "5C31228594C022CCE989F8586563FE36832F1EBFAB6AB7737834EA6DB6B960AE",
            "AutoV2": "5C31228594",
            "AutoV3": "AF7DE0621354",
            "CRC32": "E76EDFC0",
            "BLAKE3": "84D8DB660D8B047CEBB1515192AD82EF2E96B1325F39822A49AB1ECE1C0A65FA",
        },
    ),
    "just long enough for AutoV1": (
        bytes(0x200000),
        {
            "SHA256": "5647F05EC18958947D32874EEB788FA396A05D0BAB7C1B71F112CEB7E9B31EEE",
            "AutoV2": "5647F05EC1",
            "AutoV1": "DE2F2560",
            "AutoV3": "F40A75D5E289",
            "CRC32": "7E87898D",
            "BLAKE3": "8AC83F8CE09D064B023AB3C15880B02F2686CD1817FD25915B8153316EE059F8",
        },
    ),
    "one byte too short for AutoV1": (
        bytes(0x1FFFFF),
        {
            "SHA256": "3EAE3E14862B9061A2CBE9C782DF1366039096B2D1888C30850B66FB8D87813C",
            "AutoV2": "3EAE3E1486",
            "AutoV3": "E8A90C29DCAC",
            "CRC32": "39FBE08E",
            "BLAKE3": "0FD5D022ABFBBB8ED4CCF88AC5947ED06FA5813A2031E9F18D66185689808C1B",
        },
    ),
    "header longer than the file": (struct.pack("<Q", 1000) + b"{}", {}),
    "too short for a header": (b"PK", {}),
}


def safetensors(salt: str = "", size: int = len(BYTES)) -> bytes:
    header = json.dumps({"__metadata__": {"salt": salt}}).encode()
    return struct.pack("<Q", len(header)) + header + BYTES[:size]


@pytest.fixture
def market():
    with Marketplace(keys=(KEY,)) as market:
        yield market


@pytest.fixture
def publish(market, tmp_path):
    def build(content: bytes | None = None, **options) -> Published:
        number = len(list(tmp_path.iterdir()))
        path = tmp_path / f"lora_{number}.safetensors"
        path.write_bytes(safetensors(str(number)) if content is None else content)
        return market.publish(path, **{"model_name": "Ink Wash Lines", **options})

    return build


def get(market: Marketplace, path: str, headers=AGENT, **options) -> requests.Response:
    options = {"allow_redirects": False, "timeout": 5, **options}
    return requests.get(market.site_url + path, headers=headers, **options)


def get_api(market: Marketplace, path: str, headers=AGENT):
    response = get(market, f"/api/v1{path}", headers)
    return response.status_code, response.json()


def get_download(market, published, query="", headers=AGENT, **options) -> requests.Response:
    path = f"/api/download/models/{published.version_id}{query}"
    return get(market, path, headers, **options)


def get_link(market, published) -> str:
    return get_download(market, published).headers["Location"]


def drain(response: requests.Response, into: bytearray) -> None:
    for chunk in response.iter_content(1):
        into += chunk


def post_batch(market: Marketplace, body, route="by-hash") -> requests.Response:
    url = f"{market.site_url}/api/v1/model-versions/{route}"
    return requests.post(url, json=body, headers=AGENT, timeout=5)


@pytest.mark.parametrize("name", VECTORS)
def test_hashes_are_the_scanners(name, tmp_path):
    content, expected = VECTORS[name]
    path = tmp_path / "file"
    path.write_bytes(content)

    hashes = civitai_hashes(path)

    assert hashes == {kind: expected[kind] for kind in expected if kind in hashes}
    assert expected.keys() - hashes.keys() <= {"BLAKE3"}


def test_a_version_is_found_by_every_kind_of_hash_in_either_case(market, publish):
    lora = publish(bytes(0x200000) + b"x")
    assert {"AutoV1", "AutoV2", "AutoV3", "SHA256", "CRC32"} <= lora.hashes.keys()

    for value in lora.hashes.values():
        for spelling in (value, value.lower()):
            status, body = get_api(market, f"/model-versions/by-hash/{spelling}")

            assert (status, body["id"]) == (200, lora.version_id)
            assert body["files"][0]["hashes"] == lora.hashes
            assert body["files"][0]["overrideName"] is None


def test_a_full_length_autov3_and_an_unknown_hash_miss(market, publish):
    content = safetensors()
    publish(content)
    (header_bytes,) = struct.unpack("<Q", content[:8])
    autov3 = hashlib.sha256(content[8 + header_bytes :]).hexdigest()

    assert get_api(market, f"/model-versions/by-hash/{autov3[:12]}")[0] == 200
    response = get(market, f"/api/v1/model-versions/by-hash/{autov3}")
    assert (response.status_code, response.json()) == (404, {"error": "Model not found"})
    assert response.headers["Cache-Control"].startswith("public, s-maxage=3600")


def test_the_earliest_version_with_a_hash_is_the_answer(market, publish):
    first = publish(BYTES)
    second = publish(BYTES)

    _, body = get_api(market, f"/model-versions/by-hash/{first.sha256}")

    assert first.sha256 == second.sha256
    assert body["id"] == first.version_id


def test_an_archived_model_is_found_by_hash_without_its_files(market, publish):
    lora = publish(archived=True)

    status, body = get_api(market, f"/model-versions/by-hash/{lora.sha256}")

    assert (status, body["files"], body["model"]["mode"]) == (200, [], "Archived")
    assert "downloadUrl" not in body


def test_an_unpublished_version_is_found_nowhere(market, publish):
    lora = publish(unpublished=True)
    version = f"/model-versions/{lora.version_id}"

    assert get_api(market, version) == (404, {"error": "Model not found"})
    assert get_api(market, f"/model-versions/by-hash/{lora.sha256}")[0] == 404
    gone = {"error": f"No model with id {lora.model_id}"}
    assert get_api(market, f"/models/{lora.model_id}") == (404, gone)
    assert post_batch(market, [lora.sha256]).json() == []


def test_a_batch_is_answered_per_file_out_of_order_and_without_misses(market, publish):
    one, two = publish(), publish()
    other = publish(in_version=one, file_type="Pruned Model", metadata={"size": "pruned"})
    wanted = [one.sha256, "0" * 64, two.sha256.lower(), other.sha256]

    bodies = post_batch(market, wanted).json()

    assert [body["id"] for body in bodies] == [one.version_id, two.version_id, one.version_id]
    assert {file["downloadUrl"].split("/api")[0] for body in bodies for file in body["files"]} == {
        "https://undefined"
    }
    expected = {(lora.version_id, lora.sha256) for lora in (one, two, other)}
    ids = post_batch(market, wanted, "by-hash/ids").json()
    assert {(hit["modelVersionId"], hit["hash"]) for hit in ids} == expected
    assert [hit["hash"] for hit in ids] == [other.sha256, two.sha256, one.sha256]


def test_a_version_without_a_primary_file_is_null_in_a_batch(market, publish):
    lora = publish(file_type="Training Data")

    assert post_batch(market, [lora.sha256]).json() == [None]
    assert get_api(market, f"/model-versions/{lora.version_id}") == (
        404,
        {"error": "Missing model file"},
    )


@pytest.mark.parametrize(
    ("route", "count", "status"),
    [
        ("by-hash", 100, 200),
        ("by-hash", 101, 400),
        ("by-hash/ids", 101, 200),
        ("by-hash/ids", 10_000, 200),
        ("by-hash/ids", 10_001, 400),
    ],
)
def test_batches_have_a_largest_size(market, route, count, status):
    assert post_batch(market, [f"{n:064X}" for n in range(count)], route).status_code == status


@pytest.mark.parametrize("body", [["ABC"], ["0" * 64, 7], {"hashes": []}, "text"])
def test_one_bad_element_refuses_the_whole_batch(market, body):
    response = post_batch(market, body)

    assert response.status_code == 400
    assert response.json()["error"].startswith("Request must include an array of SHA256 Hashes. [")


def test_a_model_by_id_drops_empty_values_and_the_list_keeps_them(market, publish):
    lora = publish(base_model="Illustrious")

    by_id = get_api(market, f"/models/{lora.model_id}")[1]
    in_list = get_api(market, f"/models?ids={lora.model_id}")[1]["items"][0]

    version, listed = by_id["modelVersions"][0], in_list["modelVersions"][0]
    assert not {"trainedWords", "images", "description", "paidAccess"} & version.keys()
    assert (listed["trainedWords"], listed["images"], listed["description"]) == ([], [], None)
    assert version["files"][0]["sizeKB"] * 1024 == lora.size
    assert version["files"][0]["primary"] is True
    assert by_id["baseModels"] == ["Illustrious"]
    assert "mode" not in by_id


def test_versions_are_newest_first_and_only_files_beside_the_primary_say_which(market, publish):
    old = publish(version_name="v1")
    new = publish(version_name="v2", in_model=old)
    pruned = publish(in_version=old, metadata={"size": "pruned", "fp": "fp16"})

    body = get_api(market, f"/models/{old.model_id}")[1]

    assert [version["name"] for version in body["modelVersions"]] == ["v2", "v1"]
    assert [version["id"] for version in body["modelVersions"]] == [new.version_id, old.version_id]
    files = {file["id"]: file for file in body["modelVersions"][1]["files"]}
    assert files[pruned.file_id]["primary"] is True
    assert "primary" not in files[old.file_id]
    assert files[old.file_id]["downloadUrl"].endswith("?type=Model&format=SafeTensor")
    alone = get_api(market, f"/model-versions/{old.version_id}")[1]
    assert [file["primary"] for file in alone["files"]] == [False, True]
    assert "overrideName" not in alone["files"][0]


def test_a_model_that_was_taken_down_still_lists_its_files(market, publish):
    lora = publish(taken_down=True)

    body = get_api(market, f"/models/{lora.model_id}")[1]

    assert body["mode"] == "TakenDown"
    assert body["modelVersions"][0]["files"][0]["id"] == lora.file_id


@pytest.mark.parametrize(
    ("base_model", "type", "file_type", "prefix"),
    [
        ("SD 1.5", "LORA", "Model", "urn:air:sd1:lora:civitai:"),
        ("Illustrious", "LoCon", "Model", "urn:air:sdxl:lycoris:civitai:"),
        ("Flux.1 D", "Checkpoint", "Diffusion Model", "urn:air:flux1:diffusionmodel:civitai:"),
        ("Some Future Base", "Wildcards", "Model", "urn:air:some future base:unknown:civitai:"),
    ],
)
def test_an_air_names_ecosystem_and_type(market, publish, base_model, type, file_type, prefix):
    lora = publish(base_model=base_model, type=type, file_type=file_type)

    assert lora.air == f"{prefix}{lora.model_id}@{lora.version_id}"
    assert get_api(market, f"/model-versions/{lora.version_id}")[1]["air"] == lora.air


def test_mini_tells_what_a_download_will_ask_for(market, publish):
    options = {
        (False, False): {},
        (True, False): {"require_login": True},
        (True, True): {"early_access_until": "2099-01-01T00:00:00.000Z"},
    }
    for expected, option in options.items():
        lora = publish(file_name="as%20uploaded.safetensors", **option)

        body = get_api(market, f"/model-versions/mini/{lora.version_id}")[1]

        assert (body["requireAuth"], body["checkPermission"]) == expected
        assert (body["size"] * 1024, body["hashes"]) == (lora.size, lora.hashes)
        assert (body["fileName"], lora.name) == (
            "as%20uploaded.safetensors",
            "as uploaded.safetensors",
        )


def test_mini_takes_a_file_id_and_knows_the_wrong_one(market, publish):
    lora, other = publish(), publish()
    path = f"/model-versions/mini/{lora.version_id}?modelFileId="

    body = get_api(market, f"{path}{lora.file_id}")[1]

    assert body["air"] == f"{lora.air}+{lora.file_id}"
    assert body["downloadUrls"][0].endswith(f"?fileId={lora.file_id}")
    status, body = get_api(market, f"{path}{other.file_id}")
    assert status == 404
    assert body["error"] == f"Model file {other.file_id} not found in version {lora.version_id}"


def test_me_answers_only_to_a_valid_key(market):
    bad = {**AGENT, "Authorization": "Bearer nope"}

    assert get_api(market, "/me", LOGGED_IN)[1]["subject"]["type"] == "apiKey"
    assert get_api(market, f"/me?token={KEY}")[0] == 200
    for refused in (get_api(market, "/me"), get_api(market, f"/me?token={KEY}", bad)):
        assert refused == (401, {"error": "Unauthorized"})


def test_a_bad_key_is_anonymous_elsewhere(market, publish):
    lora = publish()
    path = f"/api/v1/model-versions/{lora.version_id}"

    for headers, cached in (
        (AGENT, True),
        ({"Authorization": "Bearer no"}, True),
        (LOGGED_IN, False),
    ):
        response = get(market, path, headers)
        assert response.status_code == 200
        assert ("Cache-Control" in response.headers) is cached


def test_the_list_hides_mature_and_archived_models_after_cutting_the_page(market, publish):
    plain, mature, archived = publish(), publish(nsfw=True), publish(archived=True)
    ids = f"ids={plain.model_id},{mature.model_id},{archived.model_id}"

    def listed(query):
        return [item["id"] for item in get_api(market, f"/models?{ids}{query}")[1]["items"]]

    assert listed("") == [plain.model_id]
    assert listed("&nsfw=true") == [plain.model_id, mature.model_id]
    assert listed("&archived=true") == [plain.model_id, archived.model_id]
    page = get_api(market, f"/models?{ids}&limit=1&token=secret")[1]
    page = requests.get(page["metadata"]["nextPage"], timeout=5).json()
    assert page["items"] == []
    assert "token=secret" in page["metadata"]["nextPage"]
    last = requests.get(page["metadata"]["nextPage"], timeout=5).json()
    assert last["metadata"] == {}


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/models/abc", 400, "✖ Invalid input: expected number, received NaN\n  → at id"),
        ("/models/0", 400, "✖ Too small: expected number to be >=1\n  → at id"),
        ("/models/99999999999", 400, "✖ Too big: expected number to be <=2147483647\n  → at id"),
        ("/models/9", 404, "No model with id 9"),
        ("/model-versions/0", 400, "Missing modelVersionId"),
        ("/model-versions/9", 404, "Model not found"),
        ("/models?favorites=true", 401, "Unauthorized"),
        ("/models?query=ink&page=2", 400, "Cannot use page param with query search"),
        ("/models?limit=100&page=11", 429, "You've requested too many pages"),
    ],
)
def test_an_api_error_says_it_as_the_site_does(market, path, status, error):
    answered, body = get_api(market, path)

    assert answered == status
    assert body["error"].startswith(error)


def test_a_validation_error_of_the_list_is_an_object(market):
    status, body = get_api(market, "/models?limit=101")

    assert (status, body["error"]["name"]) == (400, "ZodError")


def test_public_routes_ignore_the_method_and_others_refuse_it(market, publish):
    lora = publish()
    api = market.site_url + "/api/v1"

    public = requests.post(f"{api}/models/{lora.model_id}", timeout=5)
    mixed = [
        requests.request(method, f"{api}/model-versions/{lora.version_id}", timeout=5)
        for method in ("POST", "OPTIONS")
    ]

    assert public.json()["id"] == lora.model_id
    assert [response.status_code for response in mixed] == [405, 405]
    assert mixed[0].json() == {"error": "Method not allowed"}


def test_an_unknown_route_is_a_page_and_urllib_is_kept_out(market):
    page = get(market, "/api/v1/nope")
    blocked = get(market, "/api/v1/enums", {"User-Agent": "Python-urllib/3.12"})

    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert (blocked.status_code, blocked.text) == (403, "error code: 1010")
    assert "LORA" in get_api(market, "/enums")[1]["ModelType"]


DOWNLOAD_REFUSALS = [
    (
        {"require_login": True},
        401,
        "The creator of this asset requires you to be logged in to download it",
    ),
    (
        {"downloads_disabled": True, "require_login": True},
        401,
        "The creator of this asset has disabled downloads on this file",
    ),
    (
        {"early_access_until": "2099-01-01T00:00:00.000Z"},
        403,
        "This asset is in Early Access. You can use Buzz access it now!",
    ),
    ({"private": True}, 403, "You do not have access to download this file"),
    ({"unpublished": True}, 404, "File not found"),
    (
        {"archived": True, "unpublished": True, "require_login": True},
        410,
        "Model archived, not available for download",
    ),
]


@pytest.mark.parametrize(("options", "status", "message"), DOWNLOAD_REFUSALS)
def test_a_download_is_refused_in_json(market, publish, options, status, message):
    response = get_download(market, publish(**options))

    assert response.status_code == status
    assert response.json().get("message", response.json()["error"]) == message
    assert response.headers["Cache-Control"] == "no-store, max-age=0"


@pytest.mark.parametrize(
    ("options", "status", "goal"),
    [
        ({"require_login": True}, 307, "/login?returnUrl=%2Fmodel-versions%2F{}&reason="),
        ({"early_access_until": "permanent"}, 307, "/model-versions/{}"),
        ({"archived": True}, 410, None),
        ({"downloads_disabled": True}, 401, None),
    ],
)
def test_a_browser_is_sent_to_a_page_or_told_in_html(market, publish, options, status, goal):
    lora = publish(**options)

    response = get_download(market, lora, headers=BROWSER)

    assert response.status_code == status
    if goal is None:
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    else:
        assert response.headers["Location"].startswith(goal.format(lora.version_id))
        page = get_download(market, lora, headers=BROWSER, allow_redirects=True)
        assert (page.status_code, page.headers["Content-Type"][:9]) == (200, "text/html")


def test_a_key_opens_a_download_that_requires_login_and_no_other(market, publish):
    opened = [
        get_download(market, publish(**options), headers=LOGGED_IN).status_code == 307
        for options, *_ in DOWNLOAD_REFUSALS
    ]
    bad_key = get_download(market, publish(require_login=True), "?token=wrong")

    assert opened == [True, False, False, False, False, False]
    assert bad_key.status_code == 401
    assert get_download(market, publish(require_login=True), f"?token={KEY}").status_code == 307


def test_early_access_names_its_deadline_and_ends(market, publish):
    soon = publish(early_access_until="2099-01-01T00:00:00.000Z")
    never = publish(early_access_until="permanent")
    over = publish(early_access_until="2020-01-01T00:00:00.000Z")

    assert get_download(market, soon).json()["deadline"] == "2099-01-01T00:00:00.000Z"
    assert "deadline" not in get_download(market, never).json()
    assert get_download(market, over).status_code == 307


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?fileId={file}", 307),
        ("?fileId={other}", 404),
        ("?fileId=x", 400),
        ("?type=Model&format=SafeTensor", 307),
        ("?type=VAE", 404),
        ("?type=Banana", 400),
        ("?format=GGUF", 404),
        ("?format=GGUF&fileId={file}", 307),
        ("?size=huge", 400),
    ],
)
def test_download_parameters_select_or_refuse(market, publish, query, status):
    lora, other = publish(), publish()

    response = get_download(market, lora, query.format(file=lora.file_id, other=other.file_id))

    assert response.status_code == status


def test_a_bare_download_gives_the_primary_file_and_a_file_id_the_other(market, publish):
    full = publish()
    pruned = publish(in_version=full, metadata={"size": "pruned"})

    assert pruned.storage_path in get_download(market, full).headers["Location"]
    by_id = get_download(market, full, f"?fileId={full.file_id}")
    assert full.storage_path in by_id.headers["Location"]


def test_a_download_ends_at_the_storage_with_the_published_bytes(market, publish):
    lora = publish(file_name='夏 "x".safetensors')

    response = get_download(market, lora, headers=LOGGED_IN, allow_redirects=True)

    assert hashlib.sha256(response.content).hexdigest().upper() == lora.sha256
    assert response.headers["Accept-Ranges"] == "bytes"
    disposition = response.headers["Content-Disposition"].encode("latin-1").decode()
    assert disposition == 'attachment; filename="夏 "x".safetensors"'
    first, second = market.requests
    assert (first.origin, first.status, first.headers["authorization"][:6]) == (
        "site",
        307,
        "Bearer",
    )
    assert (second.origin, second.path) == ("storage", lora.storage_path)
    assert "Authorization" not in second.headers
    assert second.query["X-Amz-Expires"] == ("86400",)


@pytest.mark.parametrize("name", ["../../evil.safetensors", "a\r\nX-Evil: 1", "CON", "a\\b.pt"])
def test_a_hostile_name_reaches_the_header_and_stays_in_it(market, publish, name):
    response = requests.get(get_link(market, publish(file_name=name)), timeout=5)

    assert response.status_code == 200
    assert "X-Evil" not in response.headers
    expected = name.replace("\r\n", "__")
    assert response.headers["Content-Disposition"] == f'attachment; filename="{expected}"'


def test_the_storage_refuses_a_key_another_verb_and_a_changed_or_old_link(market, publish):
    lora = publish()
    link = get_link(market, lora)

    refusals = {
        "Missing x-amz-content-sha256": requests.get(link, headers=LOGGED_IN, timeout=5),
        "": requests.head(link, timeout=5),
        "does not match": requests.get(link.replace("Expires", "Exqires") + "0", timeout=5),
    }
    market.expire_links()
    refusals["Request has expired"] = requests.get(link, timeout=5)

    assert [response.status_code for response in refusals.values()] == [400, 403, 403, 403]
    for text, response in refusals.items():
        assert text in response.text
        assert response.headers["Content-Type"] == "application/xml"
    assert requests.get(get_link(market, lora), timeout=5).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({"Range": "bytes=0-9"}, 206, slice(0, 10)),
        ({"Range": "bytes=50000-"}, 206, slice(50000, None)),
        ({"Range": "bytes=-7"}, 206, slice(-7, None)),
        ({"Range": "bytes=51100-999999"}, 206, slice(51100, None)),
        ({"Range": "bytes=51200-"}, 416, None),
        ({"Range": "bytes=9-3"}, 200, slice(None)),
        ({"Range": "lines=1-2"}, 200, slice(None)),
        ({"Range": "bytes=9-", "If-Range": "{etag}"}, 206, slice(9, None)),
        ({"Range": "bytes=9-", "If-Range": '"other"'}, 200, slice(None)),
    ],
)
def test_the_storage_honours_ranges(market, publish, headers, status, expected):
    link = get_link(market, publish(BYTES))
    etag = requests.get(link, timeout=5).headers["ETag"]

    sent = {name: value.format(etag=etag) for name, value in headers.items()}
    response = requests.get(link, headers=sent, timeout=5)

    assert response.status_code == status
    if expected is None:
        assert response.headers["Content-Range"] == "bytes */51200"
    else:
        start, stop, _ = expected.indices(len(BYTES))
        assert response.content == BYTES[expected]
        given = response.headers.get("Content-Range")
        assert given == (f"bytes {start}-{stop - 1}/51200" if status == 206 else None)


@pytest.mark.parametrize("after", [0, 1, 40_000])
def test_a_cut_download_ends_after_exactly_so_many_bytes_and_can_be_resumed(market, publish, after):
    lora = publish(BYTES)
    market.fault("cut", after=after, match=lora)
    received = bytearray()

    with requests.get(get_link(market, lora), stream=True, timeout=5) as response:
        assert response.headers["Content-Length"] == "51200"
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            drain(response, received)
    rest = requests.get(
        get_link(market, lora), headers={"Range": f"bytes={after}-"}, timeout=5
    ).content

    assert len(received) == after
    assert bytes(received) + rest == BYTES


@pytest.fixture
def pauses(monkeypatch):
    """The seconds that answers were to wait, which they did not."""
    taken = []

    def pause(listener, seconds):
        taken.append(seconds)
        return listener.stopping.is_set()

    monkeypatch.setattr(Listener, "pause", pause)
    return taken


def test_a_stalled_download_passes_some_bytes_and_then_waits(market, publish, monkeypatch):
    lora = publish(BYTES)
    market.fault("stall", after=100, seconds=300, match=lora)
    link = get_link(market, lora)
    taken, arrived = [], threading.Event()

    def pause(listener, seconds):
        taken.append(seconds)
        return seconds > 0 and not arrived.wait(20)

    monkeypatch.setattr(Listener, "pause", pause)

    response = requests.get(link, stream=True, timeout=5)
    assert response.raw.read(100) == BYTES[:100]
    arrived.set()
    assert response.raw.read() == BYTES[100:]

    assert [seconds for seconds in taken if seconds] == [300]


def test_stopping_ends_a_stall_at_once(publish, market):
    lora = publish()
    market.fault("stall", seconds=60, match=lora)
    response = requests.get(get_link(market, lora), stream=True, timeout=5)

    market.stop()

    # Nothing that waits for bytes which do not come ends like this.
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        list(response.iter_content(1024))


def test_a_throttled_download_takes_its_time(market, publish, pauses):
    lora = publish(BYTES)
    market.fault("throttle", bytes_per_s=len(BYTES) * 4, match=lora)
    link = get_link(market, lora)

    assert requests.get(link, timeout=5).content == BYTES

    assert sum(pauses) == pytest.approx(0.25)
    assert len(pauses) > 4


def test_wrong_bytes_keep_the_length_and_a_wrong_length_keeps_the_bytes(market, publish):
    lora = publish(BYTES)
    link = get_link(market, lora)
    contents = {}
    for name, kind, settings in (
        ("wrong", "wrong_bytes", {}),
        ("short", "wrong_length", {"by": -200}),
        ("long", "wrong_length", {"by": 300}),
    ):
        market.fault(kind, match=lora, **settings)
        contents[name] = requests.get(link, timeout=5).content

    assert contents["wrong"] == bytes(255 - value for value in BYTES)
    assert contents["short"] == BYTES[:-200]
    assert contents["long"] == BYTES + bytes(300)
    assert requests.get(link, timeout=5).content == BYTES


@pytest.mark.parametrize(
    ("kind", "settings", "status", "header", "text"),
    [
        ("status_429", {}, 429, ("Retry-After", None), "error code: 1015"),
        ("status_429", {"retry_after": "37"}, 429, ("Retry-After", "37"), "error code: 1015"),
        ("quota_429", {}, 429, ("Retry-After", None), "unusual amount of downloading"),
        ("html_502", {}, 502, ("Content-Type", "text/html; charset=utf-8"), "Bad gateway"),
        ("overloaded_503", {}, 503, ("Retry-After", "2"), "temporarily overloaded"),
        ("html_200", {}, 200, ("Content-Type", "text/html; charset=utf-8"), "Be right back"),
        ("forbidden_403", {}, 403, ("Cache-Control", "no-store, max-age=0"), "Forbidden"),
        ("challenge_403", {}, 403, ("cf-mitigated", "challenge"), "Just a moment"),
        ("transient_404", {}, 404, ("Cache-Control", "private, no-store"), "File not found"),
        ("region_451", {}, 451, ("Retry-After", None), "REGION_BLOCKED"),
        ("status", {"status": 500}, 500, ("Retry-After", None), "Error getting file"),
        ("empty_body", {}, 200, ("Content-Length", "0"), ""),
        ("redirect_private", {}, 307, ("Location", "http://169.254.169.254/latest/meta-data/"), ""),
        ("redirect", {"location": "/there"}, 307, ("Location", "/there"), ""),
    ],
)
def test_a_site_fault_strikes_once(market, publish, kind, settings, status, header, text):
    path = f"/api/v1/models/{publish().model_id}"
    market.fault(kind, match="/models/", **settings)

    struck, healed = get(market, path), get(market, path)

    assert (struck.status_code, struck.headers.get(header[0])) == (status, header[1])
    assert text in struck.text
    assert healed.json()["name"] == "Ink Wash Lines"


def test_truncated_json_does_not_parse(market, publish):
    path = f"/api/v1/models/{publish().model_id}"
    market.fault("truncated_json")

    struck = get(market, path)

    assert struck.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        struck.json()


def test_a_redirect_loop_never_ends_and_one_elsewhere_leaves_both_origins(market, publish):
    loop, elsewhere = publish(), publish()
    market.fault("redirect_loop", match=loop, times=None)
    market.fault("redirect_http_elsewhere", match=elsewhere)

    with pytest.raises(requests.exceptions.TooManyRedirects):
        get_download(market, loop, allow_redirects=True)
    location = get_download(market, elsewhere).headers["Location"]
    assert location.startswith("http://files.elsewhere.invalid/")


def test_faults_keep_to_their_match_and_number_and_can_be_cleared(market, publish):
    struck, spared = publish(), publish()
    market.fault("html_502", match=struck, times=2)
    market.fault("status_429", match=struck, times=None)

    statuses = [get_download(market, struck).status_code for _ in range(4)]

    assert statuses == [502, 502, 429, 429]
    assert get_download(market, spared).status_code == 307
    market.clear_faults()
    assert get_download(market, struck).status_code == 307
    assert [record.status for record in market.requests][:4] == statuses
    with pytest.raises(KeyError):
        market.fault("no_such_kind")


def test_an_expired_link_does_not_use_up_a_fault_of_the_body(market, publish):
    lora = publish(BYTES)
    link = get_link(market, lora)
    market.expire_links()
    market.fault("wrong_bytes", match=lora)

    assert requests.get(link, timeout=5).status_code == 403
    assert requests.get(get_link(market, lora), timeout=5).content != BYTES


def test_every_kind_of_fault_has_an_origin():
    assert {kind.origin for kind in KINDS.values()} == {"site", "storage"}


def test_recorded_answers_come_back_by_id_and_by_hash(market, tmp_path):
    file = {
        "id": 3,
        "sizeKB": 1.5,
        "name": "a.safetensors",
        "overrideName": None,
        "type": "Model",
        "scannedAt": None,
        "metadata": {},
        "hashes": {"AutoV2": "F9503C52D9"},
        "downloadUrl": "https://civitai.com/api/download/models/2",
        "primary": True,
    }
    version = {
        "id": 2,
        "name": "v0.1",
        "baseModel": "Future",
        "publishedAt": "2026-03-02T18:30:00.000Z",
        "status": "Published",
        "nsfwLevel": 1,
        "stats": {"downloadCount": None, "thumbsUpCount": 0, "thumbsDownCount": 0},
        "files": [file],
    }
    model = {
        "id": 1,
        "name": "Recorded",
        "type": "LoCon",
        "nsfw": False,
        "poi": False,
        "nsfwLevel": 1,
        "supportsGeneration": False,
        "availability": "Public",
        "modelVersions": [version],
    }
    (tmp_path / "civitai_model.json").write_text(json.dumps(model))
    market.load_fixtures(tmp_path)

    body = get_api(market, "/models/1")[1]["modelVersions"][0]
    by_hash = get_api(market, "/model-versions/by-hash/f9503c52d9")[1]

    assert body["files"] == [
        {**file, "downloadUrl": f"{market.site_url}/api/download/models/2"},
    ]
    assert (by_hash["modelId"], by_hash["air"]) == (1, "urn:air:future:lycoris:civitai:1@2")
    assert by_hash["files"][0]["scannedAt"] is None
    assert get(market, "/api/download/models/2").json() == {"error": "File not found"}


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
