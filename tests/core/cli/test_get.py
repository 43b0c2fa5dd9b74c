"""`satchel get`: one file by a digest, an address or an AIR."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.command_line import Run, model_files
from support.marketplace import Marketplace, Published
from support.models import write_safetensors


def test_get_fetches_by_digest_url_and_air(
    run: Run, market: Marketplace, published: dict[str, Published], recipient: Path
):
    ink = published["ink"]
    references = [
        ink.sha256,
        f"https://civitai.com/models/{ink.model_id}?modelVersionId={ink.version_id}",
        f"https://civitai.com/api/download/models/{ink.version_id}",
        ink.air,
    ]
    first, *others = [run("get", text, "--models", recipient, "--json") for text in references]

    assert (first.status, first.err) == (0, "")
    assert first.json == {
        "name": "ink.safetensors", "directory": "loras", "size": ink.size,
        "path": str(recipient / "loras/ink.safetensors"), "sha256": ink.sha256.lower(),
        "fetched": True, "pinned": True, "note": None,
    }  # fmt: skip
    assert [outcome.json for outcome in others] == [{**first.json, "fetched": False}] * 3
    assert model_files(recipient) == ["loras/ink.safetensors"]
    assert len([r for r in market.requests if r.origin == "storage"]) == 1


def test_get_recognises_a_file_that_it_has_never_hashed_by_its_name(
    run: Run, market: Marketplace, published: dict[str, Published], author: Path, recipient: Path
):
    (recipient / "vae").mkdir()
    shutil.copy(author / "vae/v.safetensors", recipient / "vae/v.safetensors")

    outcome = run("get", published["v"].sha256, "--models", recipient)

    assert outcome.status == 0
    assert model_files(recipient) == ["vae/v.safetensors"]
    assert not [r for r in market.requests if r.origin == "storage"]


def test_get_does_not_hash_the_whole_library(
    run: Run, published: dict[str, Published], recipient: Path
):
    write_safetensors(recipient / "loras/other.safetensors", seed=7)

    run("get", published["ink"].sha256, "--models", recipient)

    listed = run("scan", "loras", "--models", recipient, "--json").json
    assert {m["name"]: m["sha256"] is not None for m in listed} == {
        "ink.safetensors": True, "other.safetensors": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        ("ink wash", 2),
        ("https://example.com/models/1?modelVersionId=2", 1),
        ("https://civitai.com/models/1", 1),
        ("0" * 64, 2),
        ("1" * 64, 1),
        ("https://civitai.com/api/download/models/1", 1),
    ],
)
def test_get_says_why_it_cannot(
    run: Run, market: Marketplace, recipient: Path, reference: str, status: int
):
    outcome = run("get", reference, "--models", recipient)

    assert (outcome.status, outcome.out) == (status, "")
    assert outcome.err.startswith("satchel: ")
    assert model_files(recipient) == []


def test_get_puts_a_file_where_it_is_told(
    run: Run, published: dict[str, Published], recipient: Path
):
    outcome = run(
        "get", published["ink"].sha256, "--to", "style_models", "--models", recipient, "--json"
    )

    assert outcome.json["directory"] == "style_models"
    assert model_files(recipient) == ["style_models/ink.safetensors"]
