"""A stack as weight hooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import comfy.hooks

from ...satchel.lora.window import Window
from ...satchel.tensors.fuse import Wave
from .adapters import host_adapter

HookPlan = Callable[[Any, str], list[Wave]]
"""(patcher, "model" or "clip") -> the patches that a hook adds to it."""
BOTH_SIDES = ("model", "clip")


class StackHook(comfy.hooks.WeightHook):
    """A weight hook that plans its patches on the model which registers it.

    The core's own hook matches a file with the model at that moment, but gives every weight the
    same strength.
    """

    def __init__(self, plan: HookPlan | None = None, sides: Sequence[str] = BOTH_SIDES) -> None:
        super().__init__()
        self.plan = plan
        """None only while the host clones the hook, which fills in what it made empty."""
        self.sides = sides

    def add_hook_patches(
        self, model: Any, model_options: Any, target_dict: dict[str, Any], registered: Any
    ) -> bool:
        is_clip = target_dict.get("target") == comfy.hooks.EnumWeightTarget.Clip
        side = "clip" if is_clip else "model"
        if side not in self.sides or not self.should_register(
            model, model_options, target_dict, registered
        ):
            return False
        hook_waves(model, self, self.plan(model, side))
        registered.add(self)
        return True

    def clone(self) -> StackHook:
        clone = super().clone()
        clone.plan, clone.sides = self.plan, self.sides
        return clone


def hook_waves(patcher: Any, hook: Any, waves: list[Wave]) -> None:
    """Gives a patcher what a hook changes while it is applied."""
    patcher.add_hook_patches(hook, {})  # so that the patcher knows it even if it changes nothing
    for wave in waves:
        patches = {target: host_adapter(value) for target, value in wave.patches.items()}
        patcher.add_hook_patches(hook, patches, wave.strength)


def stack_hooks(plans: Sequence[tuple[HookPlan, Window]], previous: Any) -> Any:
    """A group with one hook for each plan, behind those of `previous`, which may be None.

    How many steps there will be is not known when a prompt is encoded: a window that is told in
    steps acts on the text if it holds the first one.
    """
    group = comfy.hooks.HookGroup()
    for plan, window in plans:
        in_steps = window.unit == "step" and not window.is_always
        hook = StackHook(plan, ("model",) if in_steps else BOTH_SIDES)
        hook.hook_keyframe = WindowKeyframes.of(window)
        group.add(hook)
        if in_steps and window.has_beginning:
            group.add(StackHook(plan, ("clip",)))
    return group if previous is None else previous.clone_and_combine(group)


class WindowKeyframes(comfy.hooks.HookKeyframeGroup):
    """Keyframes of a window. Those told in steps find their noise levels once sampling starts."""

    def __init__(self, steps: Sequence[float] = ()) -> None:
        super().__init__()
        self.steps = steps
        """The step at which each keyframe starts; empty if the host's parts of sampling count."""

    @classmethod
    def of(cls, window: Window) -> WindowKeyframes:
        in_steps, frames = window.unit == "step", window.keyframes()
        keyframes = cls([start for start, _ in frames] if in_steps else ())
        for start, strength in frames:
            # Without guaranteed steps a keyframe counts only within its part.
            part = 0.0 if in_steps else start
            keyframes.add(comfy.hooks.HookKeyframe(strength, part, guarantee_steps=0))
        return keyframes

    def reset(self) -> None:
        super().reset()
        self._curr_t = -1.0  # the host leaves the last run's: a run of one step would be ignored

    def initialize_timesteps(self, model: Any) -> None:
        if not self.steps:
            super().initialize_timesteps(model)

    def prepare_current_keyframe(self, curr_t: Any, transformer_options: dict[str, Any]) -> bool:
        if self.steps:
            sigmas = transformer_options["sample_sigmas"]
            for keyframe, step in zip(self.keyframes, self.steps, strict=True):
                # The last entry is where sampling ends, not a step: it is never reached.
                keyframe.start_t = float(sigmas[min(int(step), len(sigmas) - 1)])
        changed: bool = super().prepare_current_keyframe(curr_t, transformer_options)
        return changed

    def clone(self) -> WindowKeyframes:
        clone = type(self)(self.steps)
        clone.keyframes = [keyframe.clone() for keyframe in self.keyframes]
        clone._set_first_as_current()
        return clone
