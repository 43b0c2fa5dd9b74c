"""The host's other ways to use an adapter: offloaded layers, and bypass mode."""

from __future__ import annotations

import pytest
import torch
from support.lora_modules import (
    CONV,
    NAMES,
    Q_KOHYA,
    Q,
    on_input,
    patched,
    run,
    shared,
    weights,
    write_module,
)  # fmt: skip


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [("ia3", Q), ("oft", Q), ("oft_kohya", Q), ("ot_oft", Q), ("boft", Q), ("dora", Q),
     ("ia3", CONV), ("oft", CONV)],
)  # fmt: skip
def test_the_low_memory_path_gives_the_same_weight(stack_node, loras, sd15, algorithm, key):
    """Offloaded layers patch their weight while it is cast, through copies of the adapters."""
    from comfy.model_patcher import LowVramPatch

    base = weights(sd15)[key]
    write_module(loras / "a.safetensors", algorithm, key, NAMES[key], tuple(base.shape))
    model = run(stack_node, model=sd15, lora_1="a.safetensors")[0]

    patch = LowVramPatch(key, model.patches)
    size = patch.memory_required()
    patch.prepare(torch.empty(size, dtype=torch.uint8), None, copy=True)

    assert torch.allclose(patch(base.clone()), patched(model)[key], atol=1e-7)


@pytest.mark.parametrize(
    ("algorithm", "key", "alter"),
    [("ia3", Q, None), ("ia3", Q, on_input), ("ia3", CONV, None), ("oft", Q, None),
     ("oft", CONV, None), ("ot_oft", Q, shared)],
)  # fmt: skip
def test_bypass_mode_gives_the_same_output(stack_node, loras, sd15, algorithm, key, alter):
    import comfy.weight_adapter

    base = weights(sd15)[key]
    write_module(
        loras / "a.safetensors", algorithm, key, NAMES[key], tuple(base.shape), alter=alter
    )
    model = run(stack_node, model=sd15, lora_1="a.safetensors", strength_model_1=0.6)[0]
    module = sd15.get_model_object(key.removesuffix(".weight"))
    is_conv = base.dim() == 4
    x = torch.randn((2, base.shape[1], 5, 5) if is_conv else (2, 7, base.shape[1]))

    hook = comfy.weight_adapter.BypassForwardHook(module, model.patches[key][0][1], 0.6)
    hook.inject()
    try:
        bypassed = module(x)
    finally:
        hook.eject()
    model.patch_model(torch.device("cpu"))
    try:
        exact = module(x)
    finally:
        model.unpatch_model()

    assert torch.allclose(bypassed, exact, atol=1e-5)
    assert not torch.allclose(bypassed, module(x), atol=1e-5)


def test_dora_refuses_bypass_mode(stack_node, loras, sd15):
    base = weights(sd15)[Q]
    write_module(loras / "a.safetensors", "dora", Q, Q_KOHYA, tuple(base.shape))
    adapter = run(stack_node, model=sd15, lora_1="a.safetensors")[0].patches[Q][0][1]

    with pytest.raises(NotImplementedError, match="bypass"):
        adapter.bypass_forward(lambda x: x, torch.zeros(1))
