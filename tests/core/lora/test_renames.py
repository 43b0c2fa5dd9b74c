"""From names in files to weights of models: families' tables, prefixes, text encoders."""

from __future__ import annotations

import pytest
from support.lora_key_tables import TABLES, load_table

from satchel.errors import LoraFileError
from satchel.lora.renames import RULES, find_targets
from satchel.lora.renames.file_modules import read_modules
from satchel.lora.renames.key_map import KeyMap
from satchel.lora.renames.rule import Renamed, Rows, Rule

PAIR = ("{}.lora_down.weight", "{}.lora_up.weight")


def key_map(shapes, encoders=(), more=()):
    """A model whose modules have these native names and shapes, as every host knows them."""
    names = {}
    for name in shapes:
        names[f"diffusion_model.{name}"] = f"diffusion_model.{name}.weight"
        names[f"lora_unet_{name.replace('.', '_')}"] = f"diffusion_model.{name}.weight"
    for key in encoders:
        names[f"text_encoders.{key}"] = f"{key}.weight"
    keys = {f"diffusion_model.{name}.weight": shape for name, shape in shapes.items()}
    return KeyMap(names | dict(more), keys.get)


def modules(*names):
    return read_modules({end.format(name): (4, 4) for name in names for end in PAIR})


def native_shapes(table):
    """Module -> weight shape, from a table in ComfyUI's own names."""
    shapes = {}
    for name, shape in load_table(TABLES / table)["tensors"].items():
        module, _, tail = name.removeprefix("diffusion_model.").rpartition(".lora_")
        if name.startswith("diffusion_model."):
            rows, columns = shapes.get(module, (0, 0))
            shapes[module] = (shape[0], columns) if tail[0] == "B" else (rows, shape[1])
    return shapes


@pytest.mark.parametrize(
    ("table", "native"),
    [
        ("diffusers_hunyuan_video.json", "comfy_hunyuan_video.json"),
        ("musubi_hunyuan_video_15.json", "comfy_hunyuan_video_15.json"),
        ("musubi_hunyuan_image_21.json", "comfy_hunyuan_image_21.json"),
        ("diffusers_wan21_1_3b.json", "comfy_wan21_1_3b.json"),
        ("lycoris_wan21_14b.json", "comfy_wan21_14b.json"),
        ("transformer_native_wan21_1_3b.json", "comfy_wan21_1_3b.json"),
        ("wan_fun_wan21_1_3b.json", "comfy_wan21_1_3b.json"),
        ("diffusers_anima.json", "comfy_anima.json"),
        ("diffusers_lumina2.json", "comfy_lumina2.json"),
        ("diffusers_ideogram4.json", "comfy_ideogram4.json"),
        ("diffusers_ltxv_2b.json", "comfy_ltxv_2b.json"),
        ("diffusers_omnigen2.json", "comfy_omnigen2.json"),
        ("fal_kontext_flux_dev.json", "comfy_flux_dev.json"),
        ("omi_flux_dev.json", "comfy_flux_dev.json"),
        ("musubi_conv_flux_dev.json", "comfy_flux_dev.json"),
        ("xlabs_flux_dev.json", "comfy_flux_dev.json"),
        ("uso_flux_dev.json", "comfy_flux_dev.json"),
    ],
)
def test_every_module_of_a_dialect_finds_rows_of_its_own(table, native):
    shapes = native_shapes(native)
    if "hunyuan" in native:  # trainers leave it out, but it tells HunyuanVideo from FLUX.1
        shapes["txt_in.individual_token_refiner.blocks.0.self_attn.qkv"] = (24, 8)
    found_modules = [m for m in read_modules(load_table(TABLES / table)["tensors"])
                     if not m.is_encoder]  # fmt: skip

    found = find_targets(found_modules, key_map(shapes))

    assert found.keys() == {module.name for module in found_modules}
    by_key = {}
    for module in found_modules:
        target = found[module.name]
        key, (dim, start, length) = (target, (0, 0, None)) if isinstance(target, str) else target
        rows = shapes[key.removeprefix("diffusion_model.").removesuffix(".weight")][0]
        length = length or rows
        assert dim == 0
        assert module.shapes.get("up", (length,))[0] == length  # the file's rows fit its slice
        by_key.setdefault(key, []).append((start, length))
    for slices in by_key.values():
        slices.sort()
        ends = [start + length for start, length in slices]
        assert [start for start, _ in slices] == [0, *ends[:-1]]  # no gap, no overlap


def test_each_rule_has_a_name_and_only_applies_to_its_model():
    assert len({rule.name for rule in RULES}) == len(RULES)
    shapes = {"blocks.0.self_attn.q": (8, 8), "blocks.0.self_attn.output_proj": (8, 8)}
    both = modules("transformer.blocks.0.attn1.to_q")

    wan = find_targets(both, key_map({"blocks.0.self_attn.q": (8, 8)}))
    assert list(wan.values()) == ["diffusion_model.blocks.0.self_attn.q.weight"]
    assert not find_targets(both, key_map({"layers.0.attention.qkv": (24, 8)}))
    assert find_targets(both, key_map(shapes))


@pytest.mark.parametrize(
    ("rows", "shape", "slice_"),
    [
        (Rows("qkv", 0), (24, 8), (0, 8)),
        (Rows("qkv", 2), (24, 8), (16, 8)),
        (Rows("qkv", 0), (3840, 2304), (0, 2304)),
        (Rows("qkv", 1), (3840, 2304), (2304, 768)),
        (Rows("qkv", 2), (3840, 2304), (3072, 768)),
        (Rows("qkv_mlp", 3), (56, 8), (24, 32)),
        (Rows("qkv_mlp", 0, 3), (56, 8), (0, 24)),
    ],
)
def test_rows_follow_from_the_shape(rows, shape, slice_):
    assert rows.of(shape) == slice_


def test_a_pattern_keeps_numbers_and_the_rest_of_a_name():
    rule = Rule("x", "a", {"b_#_c_#": Renamed("d_#_#", Rows("qkv", 1)), "old_*": "new_*"})

    assert rule.apply("b_3_c_12") == Renamed("d_3_12", Rows("qkv", 1))
    assert rule.apply("old_blocks_0_q") == Renamed("new_blocks_0_q")
    assert rule.apply("b_x_c_1") is None
    assert rule.apply("xb_3_c_12") is None


@pytest.mark.parametrize(
    "prefix",
    ["diffusion_model.", "transformer.", "base_model.model.", "unet.", "", "lora_unet_",
     "lora_unet__", "lora_transformer_", "lycoris_"],
)  # fmt: skip
def test_any_prefix_before_a_known_name_will_do(prefix):
    flat = prefix.endswith("_")
    name = f"{prefix}{'blocks_0_self_attn_q' if flat else 'blocks.0.self_attn.q'}"

    found = find_targets(modules(name), key_map({"blocks.0.self_attn.q": (8, 8)}))

    assert found == {name: "diffusion_model.blocks.0.self_attn.q.weight"}


def test_a_trailing_underscore_is_no_part_of_a_name():
    found = find_targets(modules("lora_unet_blocks_0_q_"), key_map({"blocks.0.q": (8, 8)}))

    assert list(found.values()) == ["diffusion_model.blocks.0.q.weight"]


def test_the_hosts_own_names_come_first():
    """Where one spelling means two things, the host's exact name decides."""
    slice_ = ("diffusion_model.blocks.0.qkv.weight", (0, 8, 8))
    model = key_map(
        {"blocks.0.qkv": (24, 8), "blocks.0.k": (8, 8)}, more={"transformer.blocks.0.k": slice_}
    )

    found = find_targets(modules("transformer.blocks.0.k"), model)
    other = find_targets(modules("base_model.model.blocks.0.k"), model)

    assert found == {"transformer.blocks.0.k": slice_}
    assert not other  # the path alone has two meanings here


def test_two_names_of_one_weight_are_refused():
    both = modules("lora_unet_blocks_0_q", "transformer.blocks.0.q")

    with pytest.raises(LoraFileError, match="lora_unet_blocks_0_q and transformer"):
        find_targets(both, key_map({"blocks.0.q": (8, 8)}))


def test_an_unknown_shape_has_no_slices():
    shapes = {"layers.0.attention.qkv": (24, 8), "layers.0.attention.o": (8, 8)}
    packed = KeyMap(key_map(shapes).names, lambda key: None)
    names = ("transformer.layers.0.attention.to_q", "transformer.layers.0.attention.to_out.0")

    assert find_targets(modules(*names), packed).keys() == {names[1]}


CLIP_FC1 = "transformer.text_model.encoder.layers.0.mlp.fc1"
CLIP_Q = "transformer.text_model.encoder.layers.0.self_attn.q_proj"
T5_Q = "transformer.encoder.block.0.layer.0.SelfAttention.q"
QWEN_Q = "transformer.model.layers.0.self_attn.q_proj"
TE_Q = "text_model.encoder.layers.0.self_attn"


@pytest.mark.parametrize(
    ("module", "encoders", "key"),
    [
        (f"clip_l.{CLIP_FC1[12:]}", ["clip_l", "clip_g"], f"clip_l.{CLIP_FC1}"),
        (f"clip_g.{CLIP_FC1[12:]}", ["clip_l", "clip_g"], f"clip_g.{CLIP_FC1}"),
        (f"lora_te1_{CLIP_FC1[12:].replace('.', '_')}", ["clip_l", "clip_g"],
         f"clip_l.{CLIP_FC1}"),
        (f"lora_te2_{CLIP_FC1[12:].replace('.', '_')}", ["clip_l", "clip_g"],
         f"clip_g.{CLIP_FC1}"),
        (f"text_encoder.{CLIP_FC1[12:]}", ["clip_h"], f"clip_h.{CLIP_FC1}"),
        (f"text_encoder.{CLIP_FC1[12:]}", ["clip_g"], f"clip_g.{CLIP_FC1}"),
        (f"text_encoder_2.{CLIP_FC1[12:]}", ["clip_l"], None),
        (f"t5.{T5_Q[12:]}", ["clip_l", "t5xxl"], f"t5xxl.{T5_Q}"),
        (f"text_encoder_2.{T5_Q[12:]}", ["clip_l", "t5xxl"], f"t5xxl.{T5_Q}"),
        (f"lora_te3_{T5_Q[12:].replace('.', '_')}", ["t5xxl"], f"t5xxl.{T5_Q}"),
        (f"lora_te3_{T5_Q[12:].replace('.', '_')}", ["clip_l"], None),
        ("lora_te1_layers_0_self_attn_q_proj", ["qwen3_4b"], f"qwen3_4b.{QWEN_Q}"),
        ("text_encoder.layers.0.self_attn.q_proj", ["clip_l"], None),
    ],
)  # fmt: skip
def test_text_encoders_are_found_by_what_is_inside(module, encoders, key):
    kinds = {"clip_l": (CLIP_FC1, CLIP_Q), "t5xxl": (T5_Q,), "qwen3_4b": (QWEN_Q,)}
    kinds |= {"clip_g": kinds["clip_l"], "clip_h": kinds["clip_l"]}
    connected = [f"{encoder}.{inner}" for encoder in encoders for inner in kinds[encoder]]

    found = find_targets(modules(module), key_map({}, connected))

    assert found.get(module) == (f"{key}.weight" if key else None)


@pytest.mark.parametrize(
    ("old", "new"), [("to_q", "q_proj"), ("to_k", "k_proj"), ("to_out", "out_proj")]
)
def test_the_attention_processors_of_old_diffusers_are_known(old, new):
    tensors = {f"text_encoder.{TE_Q}.{old}_lora.{end}.weight": (4, 4) for end in ("up", "down")}
    inner = f"clip_l.transformer.{TE_Q}.{new}"

    found = find_targets(read_modules(tensors), key_map({}, [inner]))

    assert found == {f"text_encoder.{TE_Q}.{old}": f"{inner}.weight"}
