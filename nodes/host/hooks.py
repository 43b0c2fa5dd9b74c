"""A stack as weight hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import comfy.hooks

from ...satchel.tensors.fuse import Wave
from .adapters import host_adapter

HookPlan = Callable[[Any, str], list[Wave]]
"""(patcher, "model" or "clip") -> the patches that a hook adds to it."""


class StackHook(comfy.hooks.WeightHook):
    """A weight hook that plans its patches on the model which registers it.

    The core's own hook matches a file with the model at that moment, but gives every weight the
    same strength.
    """

    def __init__(self, plan: HookPlan | None = None) -> None:
        super().__init__()
        self.plan = plan
        """None only while the host clones the hook, which fills in what it made empty."""

    def add_hook_patches(
        self, model: Any, model_options: Any, target_dict: dict[str, Any], registered: Any
    ) -> bool:
        if not self.should_register(model, model_options, target_dict, registered):
            return False
        is_clip = target_dict.get("target") == comfy.hooks.EnumWeightTarget.Clip
        model.add_hook_patches(self, {})  # so that the model knows it even if it changes nothing
        for wave in self.plan(model, "clip" if is_clip else "model"):
            patches = {target: host_adapter(value) for target, value in wave.patches.items()}
            model.add_hook_patches(self, patches, wave.strength)
        registered.add(self)
        return True

    def clone(self) -> StackHook:
        clone = super().clone()
        clone.plan = self.plan
        return clone


def stack_hooks(plan: HookPlan, strengths: list[tuple[float, float]], previous: Any) -> Any:
    """A group with one hook behind those of `previous`, which may be None.

    Args:
        strengths: (from this part of sampling on, 0 to 1; the hook's strength); empty for 1.
    """
    group = comfy.hooks.HookGroup()
    group.add(StackHook(plan))
    keyframes = comfy.hooks.HookKeyframeGroup()
    for start, strength in strengths:
        # Without guaranteed steps a keyframe counts only within its part.
        keyframes.add(comfy.hooks.HookKeyframe(strength, start, guarantee_steps=0))
    group.set_keyframes_on_hooks(keyframes)
    return group if previous is None else previous.clone_and_combine(group)
