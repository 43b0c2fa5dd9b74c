"""What a stack costs: files are read once, and a sum is one step on each weight."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from support.lora_files import random_pair, write_lora

Q = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
Q_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
CONV = "diffusion_model.input_blocks.2.0.in_layers.2.weight"
CONV_KOHYA = "lora_unet_down_blocks_0_resnets_1_conv1"
STRENGTHS = {"a.safetensors": 0.7, "b.safetensors": -0.4, "c.safetensors": 1.1}


@pytest.fixture
def pairs(loras, sd15):
    """Three LoRA files on a linear weight and a convolution."""
    weights = sd15.model.state_dict()
    shapes = {Q_KOHYA: tuple(weights[Q].shape), CONV_KOHYA: tuple(weights[CONV].shape)}
    files = {
        name: {module: random_pair(shape, 4, 2.0, seed) for module, shape in shapes.items()}
        for seed, name in enumerate(STRENGTHS)
    }
    for name, content in files.items():
        write_lora(loras / name, content)
    return files


@pytest.fixture
def cache(pack):
    """The cache of all nodes, empty at first."""
    pack.nodes.host.lora_cache.cache_clear()
    yield pack.nodes.host.lora_cache()
    pack.nodes.host.lora_cache.cache_clear()


def stacked(node, model, **changed):
    rows = {}
    for n, (name, strength) in enumerate((STRENGTHS | changed).items(), 1):
        rows |= {f"lora_{n}": name, f"strength_model_{n}": strength}
    return node.execute(model=model, **rows).result[0]


def exact(pairs, sd15, key, module, strengths=STRENGTHS):
    weight = sd15.model.state_dict()[key].double()
    delta = sum(strength * pairs[name][module].delta for name, strength in strengths.items())
    return weight + delta.reshape(weight.shape)


def fused(model, key):
    (patch,) = model.patches[key]
    return patch[1]


def applied(model, key, weight):
    import comfy.lora

    return comfy.lora.calculate_weight(model.patches[key], weight.clone(), key)


def test_another_strength_reads_no_file(stack_node, sd15, pairs, cache):
    stacked(stack_node, sd15)
    before = cache.counts()
    assert (before["misses"], before["files"]) == (3, 3)

    changed = {"b.safetensors": 0.9}
    model = stacked(stack_node, sd15, **changed)

    assert cache.counts() == before | {"hits": 3}
    weight = sd15.model.state_dict()[Q]
    expected = exact(pairs, sd15, Q, Q_KOHYA, STRENGTHS | changed)
    assert (applied(model, Q, weight) - expected).abs().max() < 2e-6


def test_the_cache_is_shared_and_counted(stack_node, sd15, clip, pairs, cache):
    stacked(stack_node, sd15)
    stack_node.execute(model=sd15, clip=clip, lora_1="a.safetensors")  # another key map

    counts = cache.counts()
    assert (counts["hits"], counts["misses"], counts["files"]) == (1, 3, 3)
    content = sum(
        tensor.nbytes for file in pairs.values() for pair in file.values()
        for tensor in (pair.up, pair.down, torch.tensor(pair.alpha))
    )  # fmt: skip
    assert counts["bytes"] == counts["bytes_read"] == content


def test_a_replaced_file_is_read_again(stack_node, sd15, pairs, cache, loras):
    stacked(stack_node, sd15)

    pairs["b.safetensors"][Q_KOHYA] = random_pair(tuple(sd15.model.state_dict()[Q].shape), 6)
    write_lora(loras / "new", pairs["b.safetensors"])
    os.replace(loras / "new", loras / "b.safetensors")
    model = stacked(stack_node, sd15)

    assert cache.counts()["misses"] == 4
    weight = sd15.model.state_dict()[Q]
    assert (applied(model, Q, weight) - exact(pairs, sd15, Q, Q_KOHYA)).abs().max() < 2e-6


@pytest.fixture
def wide(loras, sd15):
    """A file of two large pairs, in the slots IN01 and IN02, and the bytes of one of each."""
    weights = sd15.model.state_dict()
    pairs = {
        module: random_pair(tuple(weights[key].shape), 2048, 2048.0, seed)
        for seed, (key, module) in enumerate(((Q, Q_KOHYA), (CONV, CONV_KOHYA)))
    }
    write_lora(loras / "wide.safetensors", pairs)
    return pairs, {module: pair.up.nbytes + pair.down.nbytes for module, pair in pairs.items()}


def bytes_read_by(call):
    """What a call gives, and what this process has read meanwhile, as the system counts it."""
    counter = Path("/proc/self/io")
    if not counter.exists():
        pytest.skip("the system counts no bytes")

    def count():
        return int(counter.read_text().split("rchar: ")[1].split()[0])

    before = count()
    result = call()
    return result, count() - before


def test_only_active_slots_are_read(stack_node, sd15, wide, cache):
    pairs, sizes = wide
    slack = 20_000  # the header, alphas, and this measurement

    def run(blocks):
        return bytes_read_by(lambda: stack_node.execute(
            model=sd15, lora_1="wide.safetensors", blocks_1=blocks
        ).result)  # fmt: skip

    nothing, no_bytes = run("*=0")
    some, some_bytes = run("IN01=1, *=0")
    again, again_bytes = run("IN01=0.5, *=0")
    everything, more_bytes = run("IN01=0.25, *=1")

    assert min(sizes.values()) > 4 * slack
    assert no_bytes < slack
    assert nothing[0] is sd15
    assert sizes[Q_KOHYA] <= some_bytes < sizes[Q_KOHYA] + slack
    assert again_bytes < slack
    assert sizes[CONV_KOHYA] <= more_bytes < sizes[CONV_KOHYA] + slack
    assert cache.counts()["bytes"] == cache.counts()["bytes_read"] == sum(sizes.values()) + 8
    assert "1 of 2 modules patched" in some[3]
    assert "1 at strength or block weight 0" in some[3]
    weight = sd15.model.state_dict()[Q]
    for result, strength in ((some, 1.0), (again, 0.5), (everything, 0.25)):
        change = applied(result[0], Q, weight).double() - weight
        assert (change - strength * pairs[Q_KOHYA].delta).abs().max() < 1e-4
    assert CONV not in some[0].patches
    assert CONV in everything[0].patches


def test_numbers_that_nobody_uses_are_not_looked_at(stack_node, sd15, loras, wide, pack):
    pairs, _ = wide
    pairs[CONV_KOHYA].down[3, 2] = float("nan")
    write_lora(loras / "wide.safetensors", pairs)

    used = stack_node.execute(model=sd15, lora_1="wide.safetensors", blocks_1="IN02=0").result[0]

    assert set(used.patches) == {Q}
    with pytest.raises(pack.satchel.errors.LoraFileError, match="not finite") as caught:
        stack_node.execute(model=sd15, lora_1="wide.safetensors")
    assert caught.value.details["key"] == f"{CONV_KOHYA}.lora_down.weight"


def test_a_file_that_changes_between_two_readings_is_refused(pack, loras, wide, cache):
    host = pack.nodes.host
    path = loras / "wide.safetensors"
    key_map = pack.satchel.lora.renames.key_map.KeyMap({Q_KOHYA: Q}, lambda key: None)
    lora, _ = host.load_lora(path, key_map)
    os.utime(path, ns=(1, 1))

    with pytest.raises(pack.satchel.errors.LoraFileError, match="replaced while"):
        lora.realize([Q])


def test_identical_stacks_share_their_patches(stack_node, sd15, pairs):
    branches = [stacked(stack_node, sd15.clone()) for _ in range(2)]
    other = stacked(stack_node, sd15, **{"b.safetensors": 0.9})

    for key in (Q, CONV):
        assert fused(branches[0], key) is fused(branches[1], key)
        assert fused(branches[0], key) is not fused(other, key)


def test_a_lone_lora_is_shared_too(stack_node, sd15, pairs):
    adapters = [
        fused(stack_node.execute(model=sd15.clone(), lora_1="a.safetensors").result[0], Q)
        for _ in range(2)
    ]

    assert adapters[0] is adapters[1]


def test_a_sum_holds_the_tensors_of_the_files_and_no_copies(stack_node, sd15, pairs, cache):
    adapter = fused(stacked(stack_node, sd15), Q)
    alone = fused(stack_node.execute(model=sd15, lora_1="a.safetensors").result[0], Q)

    held = [tensor for part in adapter.weights[:2] for tensor in part]

    assert sum(tensor.nbytes for tensor in held) == sum(
        pairs[name][Q_KOHYA].up.nbytes + pairs[name][Q_KOHYA].down.nbytes for name in STRENGTHS
    )
    assert held[0] is alone.weights[0]
    assert held[3] is alone.weights[1]


@pytest.mark.parametrize(("key", "module"), [(Q, Q_KOHYA), (CONV, CONV_KOHYA)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_sum_is_rounded_once(stack_node, sd15, pairs, key, module, dtype):
    weight = sd15.model.state_dict()[key].to(dtype)
    delta = exact(pairs, sd15, key, module) - sd15.model.state_dict()[key].double()
    model = stacked(stack_node, sd15)

    result = applied(model, key, weight)

    wanted = weight.double() + delta
    # Half a unit in the last place, and what float32 loses before.
    allowed = wanted.abs() * torch.finfo(dtype).eps / 2 + 2e-6
    assert result.dtype == dtype
    assert ((result.double() - wanted).abs() <= allowed).all()


@pytest.mark.parametrize("key", [Q, CONV])
def test_what_the_host_rebuilds_does_the_same(stack_node, sd15, pairs, key):
    """Prefetching and offloading copy an adapter as type(adapter)(loaded_keys, weights)."""
    import comfy.lora

    adapter = fused(stacked(stack_node, sd15), key)
    weight = sd15.model.state_dict()[key]
    rebuilt = comfy.lora.prefetch_prepared_value(adapter, [0], None, None, False)
    results = [
        one.calculate_weight(weight.clone(), key, 1.0, 1.0, None, lambda same: same)
        for one in (adapter, type(adapter)(adapter.loaded_keys, adapter.weights), rebuilt)
    ]

    assert not torch.equal(results[0], weight)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_bypass_adds_the_same_sum(stack_node, sd15, pairs):
    adapter = fused(stacked(stack_node, sd15), Q)
    weight = sd15.model.state_dict()[Q].double()
    x = torch.randn(3, weight.shape[1], generator=torch.Generator().manual_seed(0))

    y = adapter.h(x, torch.zeros(3, weight.shape[0]))

    expected = x.double() @ (exact(pairs, sd15, Q, Q_KOHYA) - weight).T
    assert (y - expected).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("function", "memory_format"),
    [
        (lambda change: -change, torch.contiguous_format),
        (lambda change: change, torch.channels_last),
    ],
    ids=["function", "channels last"],
)
def test_unusual_weights_are_left_to_the_host(stack_node, sd15, pairs, function, memory_format):
    adapter = fused(stacked(stack_node, sd15), CONV)
    weight = sd15.model.state_dict()[CONV].clone(memory_format=memory_format)
    before = weight.double()
    delta = exact(pairs, sd15, CONV, CONV_KOHYA) - before

    result = adapter.calculate_weight(weight, CONV, 1.0, 1.0, None, function)

    assert (result.double() - before - function(delta)).abs().max() < 2e-6


def test_a_slice_of_a_weight_changes_and_nothing_else(stack_node, sd15, pairs):
    adapter = fused(stacked(stack_node, sd15), Q)
    small = sd15.model.state_dict()[Q]
    weight = torch.zeros(small.shape[0], 3 * small.shape[1])
    part = weight.narrow(1, small.shape[1], small.shape[1])

    adapter.calculate_weight(part, Q, 0.5, 1.0, None, lambda same: same)

    delta = 0.5 * (exact(pairs, sd15, Q, Q_KOHYA) - small.double())
    assert (part - delta).abs().max() < 2e-6
    part.zero_()
    assert not weight.any()


def test_unpatching_brings_every_bit_back(stack_node, sd15, pairs):
    sd15.unpatch_model()
    before = {key: value.clone() for key, value in sd15.model.state_dict().items()}
    model = stacked(stack_node, sd15)

    model.patch_model(torch.device("cpu"))
    assert not torch.equal(model.model.state_dict()[Q], before[Q])
    model.unpatch_model()

    after = model.model.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
