"""Identification against key tables: every dialect and every architecture, whole and sparse."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
from support.lora_key_tables import TABLES, dump_table, fold, header_of, load_table, unfold

from satchel.lora.architectures import ARCHITECTURES
from satchel.lora.dialects import DIALECTS
from satchel.lora.identify import LoraIdentity, Rank, identify_lora
from satchel.lora.keys import split_tail

NAMES = sorted(path.stem for path in TABLES.glob("*.json"))
NOTHING = Rank(None, None, None)

# Files that another architecture's keys could be too. Every other table must have a unique answer
# without metadata, or candidates of one family that shares every trained module.
FLUX = {"flux_dev", "flux_schnell", "flux_fill", "flux_canny"}
CHROMA = {"chroma", "chroma_radiance"}
COSMOS = {"anima", "cosmos_predict2_2b"}
AMBIGUOUS = {
    "musubi_flux_dev": FLUX | CHROMA,
    "kohya_flux_dev_oft_kohya": FLUX | CHROMA | {"hunyuan_video"},
    "kohya_chroma": FLUX | CHROMA,
    "comfy_chroma": FLUX | CHROMA,
    "diffusers_chroma": FLUX | CHROMA,
    "comfy_chroma_radiance": FLUX | CHROMA,
    "comfy_ltxv_13b": {"ltxv_13b", "ltx2"},
    "diffusers_anima": COSMOS,
    "comfy_cosmos_predict2_2b": COSMOS,
    "kohya_cosmos_predict2_2b": COSMOS,
    "kohya_sd15_oft": {"sd15", "sd21"},
    "kohya_sd15_oft_kohya": {"sd15", "sd21"},
    "kohya_sd15_boft": {"sd15", "sd21"},
    "kohya_sd15_ia3": {"sd15", "sd21"},
    "kohya_sd15_norm": {"sd15", "sd21"},
    "kohya_sd15_full": {"sd15", "sd21", "sdxl"},
}
# The same keys as another dialect: only metadata tells them apart.
SAME_KEYS = {"musubi_flux_dev": "kohya"}


@cache
def table_of(name: str) -> dict[str, Any]:
    """A table, which several tests look at and none changes."""
    return load_table(TABLES / f"{name}.json")


@cache
def without_metadata(name: str) -> LoraIdentity:
    return identify(table_of(name)["tensors"])


def identify(tensors: dict[str, tuple[int, ...]], **metadata: str) -> LoraIdentity:
    return identify_lora(header_of(tensors, **metadata))


def assert_never_wrong(identity: LoraIdentity, truth: str) -> None:
    assert identity.architecture in (None, truth)
    if identity.candidates:
        assert truth in identity.candidates, identity.reasons.get(truth)


def module_of(name: str) -> str:
    split = split_tail(name)
    return split[0] if split else name


@pytest.mark.parametrize("name", NAMES)
def test_a_file_without_metadata_is_unique_or_honestly_ambiguous(name: str) -> None:
    table = table_of(name)

    identity = without_metadata(name)

    assert_never_wrong(identity, table["architecture"])
    assert table["architecture"] in identity.candidates
    if name in AMBIGUOUS:
        assert identity.architecture is None
        assert set(identity.candidates) == AMBIGUOUS[name]
    else:
        families = {ARCHITECTURES[id_].family_id for id_ in identity.candidates}
        assert identity.architecture or len(families) == 1
    assert identity.dialect == SAME_KEYS.get(name, table["dialect"])
    assert identity.algorithm == table["algorithm"]
    rank = identity.rank
    assert [rank.min, rank.mode, rank.max] == table["rank"]


@pytest.mark.parametrize("name", NAMES)
def test_metadata_that_a_trainer_writes_never_makes_it_wrong(name: str) -> None:
    table = table_of(name)

    identity = identify(table["tensors"], **table["metadata"])

    assert_never_wrong(identity, table["architecture"])
    assert identity.dialect == table["dialect"]
    if "ss_base_model_version" in table["metadata"]:
        assert identity.architecture is not None


@pytest.mark.parametrize("name", NAMES)
def test_a_rejected_architecture_has_a_reason_and_a_candidate_has_none(name: str) -> None:
    identity = without_metadata(name)

    assert set(identity.reasons) == set(ARCHITECTURES) - set(identity.candidates)
    assert all(reason.endswith(".") for reason in identity.reasons.values())


SPARSE = {
    "attention only": lambda base: re.search(r"attn|attention", base),
    "feed-forward only": lambda base: re.search(r"mlp|ff|feed", base),
    "first two blocks": lambda base: re.search(r"(?:blocks|layers)[._][01](?!\d)", base),
    "first five blocks": lambda base: re.search(r"(?:blocks|layers)[._][0-4](?!\d)", base),
    "first twenty blocks": lambda base: re.search(r"(?:blocks|layers)[._]1?\d(?!\d)", base),
    "single blocks only": lambda base: "single" in base,
    "text encoder only": lambda base: re.match(r"lora_te|text_encoder|clip_|t5\.", base),
    "queries only": lambda base: re.search(r"to_q|qkv|[._]q(_proj)?_?$", base),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_sparse_file_is_never_identified_wrongly(name: str) -> None:
    table = table_of(name)
    bases = {key: module_of(key) for key in table["tensors"]}
    for keep in SPARSE.values():
        kept = {base for base in bases.values() if keep(base)}
        tensors = {k: shape for k, shape in table["tensors"].items() if bases[k] in kept}

        identity = identify(tensors)

        assert_never_wrong(identity, table["architecture"])
        assert (identity.algorithm is None) == (not tensors)


@pytest.mark.parametrize("name", NAMES)
def test_a_single_module_is_never_identified_wrongly(name: str) -> None:
    table = table_of(name)
    bases = sorted({module_of(key) for key in table["tensors"]})
    for base in bases[:: max(1, len(bases) // 8)]:
        tensors = {k: s for k, s in table["tensors"].items() if module_of(k) == base}

        assert_never_wrong(identify(tensors), table["architecture"])


def test_every_architecture_and_every_dialect_has_a_table() -> None:
    tables = [table_of(name) for name in NAMES]

    assert {table["architecture"] for table in tables} == set(ARCHITECTURES)
    assert {table["dialect"] for table in tables} == set(DIALECTS)


NO_LORA = {
    "an empty file": {},
    "a checkpoint": {
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight": (320, 320),
        "model.diffusion_model.input_blocks.1.1.proj_in.bias": (320,),
    },
    "a diffusion model": {"double_blocks.0.img_attn.qkv.weight": (9216, 3072)},
    "an embedding": {"emb_params": (8, 768), "clip_g": (8, 1280), "clip_l": (8, 768)},
    "alphas alone": {"lora_unet_double_blocks_0_img_attn_qkv.alpha": ()},
    "a bundled embedding": {"bundle_emb.sks.clip_l": (4, 768)},
}


@pytest.mark.parametrize("kind", NO_LORA)
def test_a_file_without_an_adapter_has_no_algorithm(kind: str) -> None:
    identity = identify(NO_LORA[kind])

    assert identity.algorithm is None
    assert (identity.architecture, identity.candidates, identity.dialect) == (None, (), None)
    assert identity.rank == NOTHING


def lora(base: str, out: int, inputs: int, rank: int = 4) -> dict[str, tuple[int, ...]]:
    return {f"{base}.lora_A.weight": (rank, inputs), f"{base}.lora_B.weight": (out, rank)}


UNKNOWN = {
    "Sana": lora("transformer.transformer_blocks.3.attn1.to_q", 2240, 2240),
    "CogVideoX": lora("transformer.transformer_blocks.3.attn1.to_q", 3072, 3072),
    "Mochi": lora("blocks.3.attn.qkv_x", 9216, 3072),
    "a wider Wan": lora("diffusion_model.blocks.3.self_attn.q", 6144, 6144),
    "a deeper Wan": {
        name: shape
        for n in range(60)
        for name, shape in lora(f"diffusion_model.blocks.{n}.self_attn.q", 5120, 5120).items()
    },
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_model_nobody_knows_is_not_guessed(kind: str) -> None:
    identity = identify(UNKNOWN[kind])

    assert (identity.architecture, identity.candidates) == (None, ())
    assert identity.algorithm == "lora"
    assert identity.rank == Rank(4, 4, 4)


def test_metadata_does_not_override_contradicting_shapes() -> None:
    table = table_of("kohya_sdxl")
    copied = {"ss_base_model_version": "sd_v1", "modelspec.architecture": "flux-1-dev/lora"}

    assert identify(table["tensors"], **copied).architecture == "sdxl"


def test_metadata_breaks_a_tie_that_the_shapes_leave() -> None:
    table = table_of("kohya_chroma")

    assert identify(table["tensors"]).architecture is None
    assert identify(table["tensors"], ss_base_model_version="flux1").architecture == "flux_dev"
    chosen = identify(table["tensors"], ss_base_model_version="chroma")
    assert chosen.architecture == "chroma"
    assert "metadata" in chosen.reasons["flux_dev"]


def test_a_family_that_shares_its_modules_lists_all_members() -> None:
    table = table_of("kohya_flux_schnell")

    identity = identify(table["tensors"])

    assert identity.architecture is None
    assert set(identity.candidates) == FLUX
    schnell = {"modelspec.architecture": "flux-1-schnell/lora"}
    assert identify(table["tensors"], **schnell).candidates == ("flux_schnell",)


def test_a_wider_input_tells_the_control_models_apart() -> None:
    blocks = table_of("kohya_flux_dev")["tensors"]
    wide = {
        "lora_unet_img_in.lora_down.weight": (4, 384),
        "lora_unet_img_in.lora_up.weight": (3072, 4),
    }

    assert identify(blocks | wide).candidates == ("flux_fill",)


def test_reasons_name_the_module_and_both_shapes() -> None:
    table = table_of("comfy_wan21_14b")

    identity = identify(table["tensors"])

    assert "5120x5120 in this file and 1536x1536 in Wan 2.1 1.3B" in identity.reasons["wan21_1_3b"]
    assert "no module like" in identity.reasons["sdxl"]


def test_a_file_that_stops_at_another_models_depth_is_not_the_deeper_model() -> None:
    table = table_of("musubi_flux_dev")

    reason = identify(table["tensors"]).reasons["hunyuan_video"]

    assert "deeper" in reason


def test_several_algorithms_make_a_mixed_file() -> None:
    base = "lora_unet_double_blocks_{}_img_attn_proj"
    tensors = {
        f"{base.format(0)}.lora_down.weight": (4, 3072),
        f"{base.format(0)}.lora_up.weight": (3072, 4),
        f"{base.format(1)}.lokr_w1": (8, 8),
        f"{base.format(1)}.lokr_w2": (384, 384),
    }

    assert identify(tensors).algorithm == "mixed"


def test_ranks_that_vary_are_reported_with_the_commonest() -> None:
    base = "diffusion_model.double_blocks.{}.img_attn.proj"
    tensors = {
        name: shape
        for n, rank in enumerate((4, 16, 16, 64))
        for name, shape in lora(base.format(n), 3072, 3072, rank).items()
    }

    assert identify(tensors).rank == Rank(4, 16, 64)


MALFORMED = [(), (4,), (0, 0), (4, 3072, 1, 1, 1, 1, 1)]


@pytest.mark.parametrize("shape", MALFORMED)
@pytest.mark.parametrize("tail", ["lora_down.weight", "lora_up.weight", "hada_w1_a", "lokr_w1",
                                  "oft_blocks", "oft_blocks.0", "oft_R.weight", "b1.weight",
                                  "diff", "w_norm", "on_input"])  # fmt: skip
def test_malformed_tensors_raise_nothing(tail: str, shape: tuple[int, ...]) -> None:
    identity = identify({f"lora_unet_double_blocks_0_img_attn_qkv.{tail}": shape})

    assert "sdxl" not in identity.candidates


def test_folding_a_key_table_loses_nothing() -> None:
    shapes = {
        "a.0.b_1.lora_A.weight": (4, 8),
        "a.1.b_1.lora_A.weight": (4, 8),
        "a.1.b_2.lora_A.weight": (4, 8),
        "te_06b.x": (1,),
    }

    assert unfold(fold(shapes)) == shapes
    assert '"te_06b.x"' in dump_table({"tensors": fold(shapes)})
