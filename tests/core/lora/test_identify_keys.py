"""Tensor names, dialect conditions and module tables."""

from __future__ import annotations

import pytest
from support.lora_key_tables import TABLES, header_of, load_table

from satchel.lora.architectures import ARCHITECTURES, architecture_rules
from satchel.lora.architectures.layout import Layout, Shape, split_path
from satchel.lora.dialects import DIALECTS, KeyFacts, detect_dialect
from satchel.lora.identify import identify_lora
from satchel.lora.keys import collect_modules, split_prefix, split_tail
from satchel.lora.tensor_shapes import read_adapter

TAILS = [
    ("lora_unet_x.lora_down.weight", "lora_unet_x", "down", "updown"),
    ("lora_unet_x.alpha", "lora_unet_x", "alpha", ""),
    ("x.y.lora_B.weight", "x.y", "up", "AB"),
    ("x.y.lora_A.default.weight", "x.y", "down", "AB_default"),
    ("x.y.lora_A", "x.y", "down", "AB_bare"),
    ("x.y.lora_B.bias", "x.y", "up_bias", "AB"),
    ("x.to_q.lora.up.weight", "x.to_q", "up", "dot"),
    ("x.q_proj.lora_linear_layer.down.weight", "x.q_proj", "down", "linear_layer"),
    ("x.processor.to_q_lora.down.weight", "x.processor.to_q_lora", "down", "plain"),
    ("x.lora_magnitude_vector.weight", "x", "magnitude", ""),
    ("x.oft_blocks.2", "x", "oft_blocks.2", ""),
    ("x.to_out.0.weight", "x.to_out.0", "weight", ""),
]


@pytest.mark.parametrize(("name", "base", "role", "spelling"), TAILS)
def test_a_tensor_name_splits_into_module_and_role(
    name: str, base: str, role: str, spelling: str
) -> None:
    assert split_tail(name) == (base, (role, spelling))


@pytest.mark.parametrize("name", ["", "weights", "x.bias", "x.running_mean", "bundle_emb.a.clip_l"])
def test_a_foreign_name_has_no_role(name: str) -> None:
    assert split_tail(name) is None


PREFIXES = [
    ("lora_unet_double_blocks_0_img_attn_qkv", "", "lora_unet_", "double_blocks_0_img_attn_qkv"),
    ("diffusion_model.double_blocks.0.img_attn.qkv", "", "diffusion_model.",
     "double_blocks_0_img_attn_qkv"),
    ("transformer_blocks.0.attn.to_q", "", "", "transformer_blocks_0_attn_to_q"),
    ("lora_unet__blocks_0_self_attn_q", "", "lora_unet__", "blocks_0_self_attn_q"),
    ("lora_unet_transformer_blocks_0_attn_to_k_", "", "lora_unet_",
     "transformer_blocks_0_attn_to_k"),
    ("base_model.model.blocks.0.ffn.0", "", "base_model.model.", "blocks_0_ffn_0"),
    ("double_blocks.0.processor.qkv_lora1", "plain", "", "double_blocks_0_qkv_lora1"),
    ("unet.a.attn1.processor.to_q_lora", "plain", "unet.", "a_attn1_to_q"),
    ("diffusion_model.transformer_2.blocks.0.ffn.0", "", "diffusion_model.transformer_2.",
     "blocks_0_ffn_0"),
]  # fmt: skip


@pytest.mark.parametrize(("base", "spelling", "prefix", "path"), PREFIXES)
def test_dotted_and_flat_names_give_one_flat_path(
    base: str, spelling: str, prefix: str, path: str
) -> None:
    assert split_prefix(base, spelling) == (prefix, path, False)


@pytest.mark.parametrize(
    "base",
    ["lora_te1_text_model_x", "lora_te_layers_0", "text_encoder_2.text_model.x",
     "text_encoders.t5xxl.transformer.encoder.block.0", "clip_l.text_model.x", "t5.encoder.x"],
)  # fmt: skip
def test_a_text_encoders_module_is_known_by_its_prefix(base: str) -> None:
    assert split_prefix(base)[2]


def test_a_bare_weight_is_an_adapter_only_beside_its_ia3_flag() -> None:
    assert collect_modules([("x.weight", (320,))]) == []
    assert len(collect_modules([("x.weight", (320,)), ("x.on_input", ())])) == 1


# Shapes from the formats' own code for a weight [640, 320] or a 3x3 convolution [640, 320, 3, 3].
ADAPTERS = [
    ("lora", {"down": (4, 320), "up": (640, 4)}, 4, (640, 320, 2)),
    ("locon", {"down": (4, 320, 3, 3), "up": (640, 4, 1, 1)}, 4, (640, 2880, 4)),
    ("locon", {"down": (4, 320, 1, 1), "mid": (4, 4, 3, 3), "up": (640, 4, 1, 1)}, 4,
     (640, 2880, 4)),
    ("lora", {"down": (4, 320, 1, 1), "up": (640, 4, 1, 1)}, 4, (640, 320, 4)),
    ("dora", {"down": (4, 320), "up": (640, 4), "dora_scale": (640, 1)}, 4, (640, 320, 2)),
    ("lora", {"down": (4, 320)}, 4, (None, 320, 2)),
    ("lora", {"up": (640, 4)}, 4, (640, None, 0)),
    ("loha", {"hada_w1_a": (640, 4), "hada_w1_b": (4, 320)}, 4, (640, 320, 0)),
    ("loha", {"hada_w1_a": (4, 640), "hada_w1_b": (4, 320), "hada_t1": (4, 4, 3, 3)}, 4,
     (640, 2880, 4)),
    ("lokr", {"lokr_w1": (8, 8), "lokr_w2_a": (80, 4), "lokr_w2_b": (4, 40)}, 4, (640, 320, 0)),
    ("lokr", {"lokr_w1": (8, 8), "lokr_w2": (80, 40, 3, 3)}, None, (640, 2880, 4)),
    ("lokr", {"lokr_w1_a": (8, 2), "lokr_w1_b": (2, 8), "lokr_w2": (80, 40)}, 2, (640, 320, 0)),
    ("lokr", {"lokr_w1": (8, 8), "lokr_w2_a": (4, 80), "lokr_w2_b": (4, 40),
              "lokr_t2": (4, 4, 3, 3)}, 4, (640, 2880, 4)),
    ("glora", {"a1": (320, 4), "a2": (4, 320), "b1": (640, 4), "b2": (4, 320)}, 4,
     (640, 320, 0)),
    ("oft", {"oft_blocks": (64, 10, 10)}, 10, (640, None, 0)),
    ("oft", {"oft_blocks.0": (4, 80, 80), "oft_blocks.1": (4, 80, 80)}, 80, (640, None, 0)),
    ("oft", {"oft_R": (10, 496)}, 32, (None, 320, 0)),
    ("oft", {"oft_R": (1, 496)}, 32, (None, None, 0)),
    ("boft", {"oft_blocks": (5, 16, 40, 40)}, 40, (640, None, 0)),
    ("ia3", {"weight": (640,), "on_input": ()}, None, (None, None, 0)),
    ("full", {"diff": (640, 320)}, None, (640, 320, 2)),
    ("norm", {"diff": (640,)}, None, (640, None, 0)),
    ("norm", {"w_norm": (640,), "b_norm": (640,)}, None, (640, None, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("algorithm", "tensors", "rank", "shape"), ADAPTERS)
def test_tensors_tell_algorithm_rank_and_shape(
    algorithm: str, tensors: dict[str, tuple[int, ...]], rank: int | None, shape: tuple[int, ...]
) -> None:
    assert read_adapter(tensors) == (algorithm, rank, Shape(*shape))


def test_only_whole_tokens_are_block_numbers() -> None:
    assert split_path("double_blocks_3_img_mlp_0") == ("double_blocks#_img_mlp#", ("3", "0"))
    assert split_path("x_attn1_fc2") == ("x_attn1_fc2", ())


def test_a_table_row_expands_alternatives_numbers_and_sizes() -> None:
    layout = Layout(
        "native", "b.<D>.(q|k) h+2kv 4h\nconv h hx3x3\nnorm h", {"h": 8, "kv": 2, "D": 3}
    )

    rules = {rule.skeleton: rule for rule in layout.rules()}

    assert (rules["b#_q"].out, rules["b#_q"].inputs, rules["b#_q"].dims) == (12, 32, 2)
    assert rules["b#_k"].indices == {("0",), ("1",), ("2",)}
    assert (rules["conv"].inputs, rules["conv"].dims) == (72, 4)
    assert (rules["norm"].inputs, rules["norm"].dims) == (None, 1)


@pytest.mark.parametrize("row", ["name", "name 1 2 3", "name h/2 h"])
def test_a_malformed_table_row_is_refused(row: str) -> None:
    with pytest.raises(ValueError, match=r"row|size"):
        list(Layout("native", row, {"h": 8}).rules())


@pytest.mark.parametrize("id_", ARCHITECTURES)
def test_every_architecture_compiles_and_names_its_stacks(id_: str) -> None:
    roots = {skeleton.partition("#")[0] for skeleton in architecture_rules(id_)}

    assert ARCHITECTURES[id_].stacks
    assert not roots.isdisjoint(ARCHITECTURES[id_].stacks)


TABLE_OF_DIALECT = {
    load_table(path)["dialect"]: path
    for path in sorted(TABLES.glob("*.json"), reverse=True)
    if path.stem != "musubi_flux_dev"  # the same keys as kohya's
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect_accepts_its_own_file_and_refuses_all_others_with_a_sentence(
    dialect: str, facts_of_files: dict[str, KeyFacts]
) -> None:
    for other, facts in facts_of_files.items():
        refusal = DIALECTS[dialect].refusal(facts)
        if other == dialect:
            assert refusal is None
        else:
            assert refusal is not None, other
            assert refusal.startswith(f"Not {dialect}: ")


@pytest.fixture(scope="module")
def facts_of_files() -> dict[str, KeyFacts]:
    """Dialect -> the facts that identification hands to the dialects for its file."""
    seen: list[KeyFacts] = []
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("satchel.lora.identify.detect_dialect", seen.append)
        for path in TABLE_OF_DIALECT.values():
            identify_lora(header_of(load_table(path)["tensors"]))
    return dict(zip(TABLE_OF_DIALECT, seen, strict=True))


def test_no_dialect_accepts_no_keys() -> None:
    none = KeyFacts("?", "", frozenset(), frozenset(), frozenset(), "")

    assert detect_dialect(none) is None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_examples_of_a_dialect_begin_with_its_prefixes(dialect: str) -> None:
    prefixes = {p for signature in DIALECTS[dialect].signatures for p in signature.prefixes}

    for example in DIALECTS[dialect].examples:
        split = split_tail(example)
        assert split is not None
        prefix, _, is_text_encoder = split_prefix(split[0], split[1].spelling)
        assert is_text_encoder or prefix in prefixes
