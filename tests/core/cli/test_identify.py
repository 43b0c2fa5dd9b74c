"""`satchel identify`: what a file is, what it is not, and what it claims."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import Run, sha256_of, written
from support.models import write_safetensors

from satchel.lora.architectures import ARCHITECTURES
from satchel.lora.dialects import DIALECTS

IDENTIFY_KEYS = {"name", "path", "size", "sha256", "autov3", "kind", "architecture", "candidates",
                 "dialect", "algorithm", "rank", "trainer", "trigger_words",
                 "claimed_base_model", "training_resolution", "digests", "unavailable", "claims",
                 "published"}  # fmt: skip


def test_identify_tells_what_files_are(run: Run, author: Path, tmp_path: Path):
    lora = write_safetensors(
        tmp_path / "lora.safetensors",
        {
            "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": (4, 320, 1, 1),
            "lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight": (320, 4, 1, 1),
            "lora_unet_down_blocks_0_attentions_0_proj_in.alpha": (),
        },
    )
    text = written(tmp_path / "model.gguf", b"GGUF" + bytes(20))

    outcome = run("identify", lora, author / "vae/v.safetensors", text, "--json")

    assert (outcome.status, outcome.err) == (0, "")
    for value, path in zip(outcome.json, (lora, author / "vae/v.safetensors", text), strict=True):
        assert set(value) == IDENTIFY_KEYS
        assert set(value["rank"]) == {"min", "mode", "max"}
        assert (value["path"], value["sha256"]) == (str(path), sha256_of(path))
    first, vae, gguf = outcome.json
    assert (first["kind"], first["algorithm"], first["rank"]["mode"]) == ("loras", "lora", 4)
    assert vae["kind"] is None
    assert (gguf["architecture"], gguf["algorithm"]) == (None, None)


def test_identify_explains_what_it_ruled_out(run: Run, tmp_path: Path):
    base = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    lora = write_safetensors(
        tmp_path / "lora.safetensors",
        {f"{base}.lora_down.weight": (4, 768), f"{base}.lora_up.weight": (320, 4)},
        metadata={"ss_resolution": "(768, 512)"},
    )

    (value,) = run("identify", lora, "--explain", "--json").json
    text = run("identify", lora, "--explain").out

    assert (value["architecture"], value["training_resolution"]) == ("sd15", [768, 512])
    ruled_out = value["ruled_out"]
    assert set(ruled_out["architectures"]) == set(ARCHITECTURES) - {"sd15"}
    assert set(ruled_out["dialects"]) == set(DIALECTS) - {value["dialect"]}
    sentence = ruled_out["architectures"]["sd21"]
    assert "320x768 in this file and 320x1024 in Stable Diffusion 2.x" in sentence
    assert ruled_out["dialects"]["diffusers"].startswith("Not diffusers: its names begin with")
    assert all(line in text for line in (sentence, ruled_out["dialects"]["comfy"]))
    assert "ruled_out" not in run("identify", lora, "--json").json[0]
    assert sentence not in run("identify", lora).out


def test_nothing_is_ruled_out_of_what_is_no_lora(run: Run, tmp_path: Path):
    path = write_safetensors(tmp_path / "vae.safetensors", {"decoder.conv_in.weight": (4, 4, 3, 3)})

    (value,) = run("identify", path, "--explain", "--json").json

    assert value["ruled_out"] == {"architectures": {}, "dialects": {}}


def test_identify_knows_the_folder_of_a_file(run: Run, author: Path):
    outcome = run("identify", author / "vae/v.safetensors", "--models", author, "--json")

    assert outcome.json[0]["kind"] == "vae"


@pytest.mark.parametrize(
    ("name", "content"),
    [("absent.safetensors", None), ("short.safetensors", b"abc"), ("zip.safetensors", b"PK" * 50)],
)
def test_identify_refuses_what_is_no_model(
    run: Run, tmp_path: Path, name: str, content: bytes | None
):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    outcome = run("identify", path)

    assert (outcome.status, outcome.out) == (2, "")
    assert name in outcome.err


def test_identify_computes_all_six_digests_when_asked(run: Run, author: Path):
    path = author / "loras/style/ink.safetensors"

    (value,) = run("identify", "--all-digests", path, "--models", author, "--json").json

    known = value["digests"].keys() | value["unavailable"].keys()
    assert known == {"SHA256", "AutoV1", "AutoV2", "AutoV3", "BLAKE3", "CRC32"}
    assert value["digests"]["SHA256"] == sha256_of(path)
    assert value["unavailable"]["AutoV1"] == "It is only defined for files of 2 MiB or more."


def test_identify_says_whether_the_header_tells_the_truth(run: Run, author: Path):
    path = write_safetensors(
        author / "loras/x.safetensors", metadata={"sshs_model_hash": "ab" * 32}
    )

    (value,) = run("identify", path, "--models", author, "--json").json

    assert value["claims"] == [
        {"kind": "AutoV3", "hex": "ab" * 6, "origin": "header", "true": False}
    ]
