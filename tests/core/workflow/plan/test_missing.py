"""What would have to happen for a model that is not here: it is missing, gone or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.marketplace import Marketplace, Published
from support.plans import SHA, planned, source, wanting
from support.workspaces import make_workspace

from satchel.downloads.space import SPARE_BYTES
from satchel.workflow.plan import plan_document
from satchel.workspace import Workspace


def test_a_missing_model_says_where_it_comes_from(
    recipient: Workspace, published: Published, ink: Path
):
    plan = plan_document(wanting(ink, source(published)), recipient)

    model = plan.models[0].to_json()
    size = ink.stat().st_size
    assert (model["state"], model["source"], model["bytes"]) == ("missing", "civitai.com", size)
    assert (model["local"], model["reason"]) == (None, None)
    assert (plan.ok, plan.installable, plan.bytes_to_fetch) == (False, True, size)
    assert plan.bytes_free > SPARE_BYTES
    assert plan.to_fetch == list(plan.models)


def test_a_missing_model_without_a_source_is_looked_up_by_its_digest(
    recipient: Workspace, market: Marketplace, published: Published, ink: Path
):
    plan = plan_document(wanting(ink), recipient)

    assert plan.models[0].state == "missing"
    assert plan.models[0].model.identity.sources[0].version_id == published.version_id
    assert plan.installable
    assert market.requests[0].path == "/api/v1/model-versions/by-hash"


def test_a_model_that_nobody_knows_is_missing_with_the_reason(recipient: Workspace, ink: Path):
    plan = plan_document(wanting(ink), recipient)

    assert plan.models[0].state == "missing"
    assert plan.models[0].reason == (
        "No source is known for it, and no marketplace knows its SHA256."
    )
    assert not plan.installable


def test_a_model_behind_a_login(recipient: Workspace, market: Marketplace, ink: Path):
    published = market.publish(ink, model_name="Ink", require_login=True)

    plan = plan_document(wanting(ink, source(published)), recipient)

    assert plan.models[0].state == "login"
    assert "login" in plan.models[0].reason
    assert (plan.installable, plan.bytes_to_fetch) == (False, 0)


def test_a_model_behind_a_login_is_missing_once_there_is_a_token(tmp_path: Path, ink: Path):
    with Marketplace(keys=["secret"]) as market:
        published = market.publish(ink, model_name="Ink", require_login=True)
        workspace = make_workspace(tmp_path / "recipient", market, token="secret")

        assert planned(wanting(ink, source(published)), workspace)["state"] == "missing"


def test_a_model_that_was_taken_down_is_gone(recipient: Workspace, published: Published, ink: Path):
    model = planned(wanting(ink, source(published, version_id=1, file_id=None)), recipient)

    assert (model["state"], model["reason"]) == ("gone", "Civitai does not have it any more.")


def test_a_model_whose_file_was_replaced_is_gone(
    recipient: Workspace, published: Published, ink: Path
):
    model = planned(wanting(ink, source(published), sha256=SHA), recipient)

    assert model["state"] == "gone"
    assert model["reason"] == "Civitai now serves another file in its place."


def test_one_source_that_is_open_is_enough(recipient: Workspace, published: Published, ink: Path):
    dead = source(published, version_id=1, file_id=None)

    assert planned(wanting(ink, dead, source(published)), recipient)["state"] == "missing"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "../../x.safetensors"}, "The file name '../../x.safetensors' is refused"),
        ({"name": "..\\..\\x.safetensors"}, "is refused: it leaves its folder"),
        ({"name": "/etc/x.safetensors"}, "is refused"),
        ({"name": "C:\\x.safetensors"}, "is refused"),
        ({"name": "con.safetensors"}, "Windows reserves it"),
        ({"name": "a\u202ex.safetensors"}, "invisible"),
        ({"name": "x" * 300 + ".safetensors"}, "too long"),
        ({"name": "a\0b.safetensors"}, "is refused"),
        ({"kind": "custom_nodes"}, "The directory 'custom_nodes' is refused"),
        ({"kind": "configs"}, "The directory 'configs' is refused"),
        ({"kind": "../custom_nodes"}, "is refused: it is no model folder"),
        ({"kind": ""}, "is refused: it is no model folder"),
        ({"name": "ink.ckpt"}, "can run code"),
        ({"name": "ink.py"}, "no model file that Satchel installs"),
    ],
)
@pytest.mark.parametrize("quick", [False, True])
def test_names_folders_and_formats_that_are_refused(
    recipient: Workspace, market: Marketplace, published: Published, ink: Path,
    fields: dict[str, Any], sentence: str, quick: bool,
):  # fmt: skip
    model = planned(wanting(ink, source(published), **fields), recipient, quick=quick)

    assert model["state"] == "refused"
    assert sentence in model["reason"]
    assert market.requests == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"url": "https://evil.example/ink.safetensors"}, "outside the allowlist: evil.example"),
        ({"url": "https://civitai.com.evil.example/x"}, "outside the allowlist"),
        ({"url": "http://civitai.com/api/download/models/1"}, "not plain https"),
        ({"url": "https://civitai.com:8443/x"}, "not plain https"),
        ({"url": "https://user:pass@civitai.com/x"}, "with credentials"),
        ({"url": "https://169.254.169.254/latest"}, "outside the allowlist"),
        ({"url": "file:///etc/passwd"}, "Refused to open"),
        ({"url": "https://[::1/x"}, "malformed"),
        ({"url": "ink.safetensors"}, "Refused to open"),
        ({"kind": "torrent"}, "does not fetch from sources of the kind 'torrent'"),
    ],
)
def test_sources_that_are_refused(
    recipient: Workspace, market: Marketplace, published: Published, ink: Path,
    fields: dict[str, Any], sentence: str,
):  # fmt: skip
    model = planned(wanting(ink, source(published, **fields)), recipient)

    assert model["state"] == "refused"
    assert sentence in model["reason"]
    assert market.requests == []


def test_a_refused_source_beside_an_allowed_one_is_left_out(
    recipient: Workspace, published: Published, ink: Path
):
    evil = source(published, url="https://evil.example/x")

    plan = plan_document(wanting(ink, evil, source(published)), recipient)

    assert plan.models[0].state == "missing"
    assert [s.url for s in plan.models[0].model.identity.sources] == [source(published).url]


def test_a_pickle_is_missing_once_the_operator_allows_it(
    tmp_path: Path, market: Marketplace, published: Published, ink: Path
):
    workspace = make_workspace(tmp_path / "recipient", market, allow_pickle=True)

    model = planned(wanting(ink, source(published), name="ink.ckpt"), workspace)

    assert model["state"] == "missing"


def test_a_marketplace_that_is_down_is_a_reason_and_no_failure(tmp_path: Path, ink: Path):
    with Marketplace() as market:
        published = market.publish(ink, model_name="Ink")
        workspace = make_workspace(tmp_path / "recipient", market)

    known = plan_document(wanting(ink, source(published)), workspace)
    unknown = plan_document(wanting(ink), workspace)

    assert [known.models[0].state, unknown.models[0].state] == ["missing", "missing"]
    assert "cannot be reached" in known.models[0].reason
    assert known.installable  # trying may work
    assert "could not be looked up: 127.0.0.1 cannot be reached" in unknown.models[0].reason
    assert not unknown.installable
