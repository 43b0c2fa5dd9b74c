"""The stand-in tells of models, versions and its own errors as Civitai's API does."""

from __future__ import annotations

import json

import pytest
import requests
from support.stand_in_requests import AGENT, KEY, LOGGED_IN, get, get_api


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
