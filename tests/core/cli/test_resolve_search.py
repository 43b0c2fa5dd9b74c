"""`satchel resolve` and `satchel search`: references and names, told to people and to programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.marketplace import Marketplace
from support.models import write_safetensors

from satchel.cli import main
from satchel.identity import Source
from satchel.marketplaces import resolver
from satchel.marketplaces.civitai import Civitai


@pytest.fixture
def market():
    with Marketplace() as running:
        yield running


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models" / "loras").mkdir(parents=True)
    return tmp_path / "models"


@pytest.fixture
def run(market, models, tmp_path, monkeypatch, capsys):
    for name, value in market.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SATCHEL_CATALOG", str(tmp_path / "catalog.sqlite3"))

    def satchel(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main([*arguments, "--models", str(models)])
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return status, printed.out, printed.err

    return satchel


@pytest.fixture
def lora(market, tmp_path):
    return market.publish(
        write_safetensors(tmp_path / "ink.safetensors"), model_name="Ink Wash",
        base_model="Illustrious", trained_words=("ink", "wash"),
    )  # fmt: skip


def forms(lora):
    return [
        lora.sha256, f"autov3:{lora.hashes['AutoV3']}", lora.air, f"{lora.air}+{lora.file_id}",
        f"https://civitai.red/models/{lora.model_id}/ink?modelVersionId={lora.version_id}",
        f"civitai.com/models/{lora.model_id}",
        f"https://civitai.com/api/download/models/{lora.version_id}?token=abc",
    ]  # fmt: skip


@pytest.mark.parametrize("form", range(7))
def test_a_reference_of_any_form_is_told_as_one_file(run, lora, form):
    status, out, error = run("resolve", forms(lora)[form], "--json")

    value = json.loads(out)
    assert (status, error) == (0, "")
    assert value["model"]["sha256"] == lora.sha256.lower()
    assert value["model"]["directory"] == "loras"
    assert (value["access"], value["version"]["model_name"]) == ("open", "Ink Wash")
    assert "abc" not in out


def test_people_are_told_what_matters(run, lora):
    status, out, _ = run("resolve", lora.air)

    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert status == 0
    assert facts["file"] == "ink.safetensors"
    assert facts["SHA256"] == lora.sha256.lower()
    assert facts["access"] == "open"
    assert facts["licence"].startswith("allowNoCredit true")
    assert "trigger words  ink, wash" in out
    assert "base model     Illustrious" in out


def test_a_local_file_is_told_by_its_bytes(run, lora, models, tmp_path):
    (models / "loras" / "renamed.safetensors").write_bytes(
        (tmp_path / "ink.safetensors").read_bytes()
    )

    status, out, _ = run("resolve", "renamed.safetensors", "--json")

    value = json.loads(out)
    assert (status, value["reference"]) == (0, "renamed.safetensors")
    assert [source["version_id"] for source in value["model"]["sources"]] == [lora.version_id]


@pytest.mark.parametrize(
    ("reference", "status", "message"),
    [
        ("ink wash", 2, "none of the known forms (at position 0)"),
        ("urn:air:sdxl:lora:civitai:1@x", 2, "a Civitai version is a number"),
        ("nothing.safetensors", 2, "No model file here is called nothing.safetensors"),
        ("civitai:7@8", 1, "Civitai does not have it"),
        ("1" * 64, 1, "No marketplace knows a file with the SHA256"),
        ("https://example.com/a.safetensors", 1, "a host outside the allowlist: example.com"),
    ],
)
def test_what_cannot_be_resolved_is_told(run, reference, status, message):
    found, out, error = run("resolve", reference)

    assert (found, out) == (status, "")
    assert message in error


def test_several_files_are_listed(run, market, lora, tmp_path):
    market.publish(
        write_safetensors(tmp_path / "v2.safetensors", seed=2), model_name="Ink", in_model=lora,
        version_name="v2",
    )  # fmt: skip

    status, _, error = run("resolve", f"civitai:{lora.model_id}")

    assert status == 2
    assert "2 files on Civitai" in error
    assert "Ink Wash v2" in error


def test_a_search_lists_and_pages(run, market, lora, tmp_path):
    market.publish(
        write_safetensors(tmp_path / "b.safetensors", seed=2), model_name="Ink VAE", type="VAE"
    )

    status, out, _ = run("search", "ink", "--limit", "1")
    assert status == 0
    assert out.startswith(
        "Ink Wash  v1.0  LORA  Illustrious  brushfox  https://civitai.com/models/"
    )
    assert "More: satchel search ink --source civitai --cursor 1" in out

    _, out, _ = run("search", "ink", "--source", "civitai", "--cursor", "1", "--json")
    (page,) = json.loads(out)
    assert [version["model_name"] for version in page["versions"]] == ["Ink VAE"]
    assert (page["source"], page["cursor"]) == ("civitai", None)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--kind", "vae"), ["Ink VAE"]),
        (("--kind", "vae", "--kind", "loras"), ["Ink Wash", "Ink VAE"]),
        (("--base", "Illustrious"), ["Ink Wash"]),
        (("--base", "Some Future Base"), []),
        (("--author", "nobody"), []),
    ],
)
def test_a_search_is_narrowed(run, market, lora, tmp_path, options, names):
    market.publish(
        write_safetensors(tmp_path / "b.safetensors", seed=2), model_name="Ink VAE", type="VAE"
    )

    status, out, _ = run("search", "ink", *options, "--json")

    (page,) = json.loads(out)
    assert [version["model_name"] for version in page["versions"]] == names
    assert status == (0 if names else 1)


def test_a_search_that_fails_or_cannot_be_is_told(run, market):
    assert "A cursor belongs to one source" not in run("search", "x", "--cursor", "1")[2]
    assert run("search", "x", "--source", "civarchive")[0] == 2
    market.fault("region_451", times=None)
    status, out, error = run("search", "ink")
    assert (status, out) == (1, "")
    assert "does not serve this region" in error


def test_a_base_model_that_the_site_has_no_word_for_is_told(run, lora):
    status, _, error = run("search", "ink", "--base", "Ilustrious")

    assert status == 1
    assert "Civitai has no base model 'Ilustrious'; it has Illustrious" in error


def test_nothing_found_is_said(run):
    assert run("search", "nothing")[:2] == (1, "Nothing was found.\n")


class Mirror(Civitai):
    """A second host, which serves what the stand-in has under the version that its URL ends in."""

    kind = "huggingface"
    label = "Mirror"

    def knows(self, reference):
        return False

    def open_download(self, source, headers):
        version_id = int(source.url.rpartition("/")[2])
        return super().open_download(Source("civitai", source.url, version_id=version_id), headers)


def test_get_goes_on_to_a_mirror_of_what_its_page_refuses(run, market, lora, tmp_path, monkeypatch):
    monkeypatch.setattr(resolver, "MARKETPLACES", (Civitai, Mirror))
    monkeypatch.delenv("SATCHEL_HUGGINGFACE_URL")
    locked = market.publish(
        tmp_path / "ink.safetensors", model_name="Ink", require_login=True, in_model=lora
    )
    page = f"https://civitai.com/models/{locked.model_id}?modelVersionId={locked.version_id}"
    market.archive.mirror(locked.sha256, f"https://huggingface.co/a/b/{lora.version_id}")

    status, out, error = run("get", page)

    assert (status, error) == (0, "")
    assert lora.sha256.lower() in out
    downloads = [one.status for one in market.requests if one.path.startswith("/api/download")]
    assert downloads == [401, 307]


def test_when_the_mirror_refuses_too_both_are_told(run, market, lora, tmp_path, monkeypatch):
    monkeypatch.setattr(resolver, "MARKETPLACES", (Civitai, Mirror))
    monkeypatch.delenv("SATCHEL_HUGGINGFACE_URL")
    market.archive.mirror(lora.sha256, "https://huggingface.co/a/b/1")
    market.fault("status", status=410, match="/api/download/", times=None)

    status, out, error = run("get", lora.air, "--json")

    value = json.loads(out)["error"]
    assert (status, value["code"]) == (1, "gone")
    assert "archived on Civitai" in error
    hosts = [tried["source"].split("/")[2] for tried in value["details"]["tried"]]
    assert hosts == ["civitai.com", "huggingface.co"]
