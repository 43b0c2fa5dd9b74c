"""Patches of a MODEL or CLIP that act in a part of sampling only.

Permanent patches cannot follow steps; the host's hooks do, but they come with conditioning, and who
connects a MODEL has none in hand. So the hooks and their patches lie on the patcher, and a wrapper
hands them to all conditioning when sampling begins. A text encoder follows its own schedule while
it encodes. What changes is the host's hook machinery's to change, and to put back bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import comfy.hooks
from comfy.patcher_extension import CallbacksMP, WrappersMP

from ...satchel.lora.window import Window
from ...satchel.tensors.fuse import Wave
from .hooks import WindowKeyframes, hook_waves

KEY = "satchel_windows"


class WindowHook(comfy.hooks.WeightHook):
    """A weight hook whose patches are on the patcher already."""

    def add_hook_patches(self, *_: Any) -> bool:
        return False  # another patcher, which it does not concern


def clone_with_windows(original: Any) -> Any:
    """A clone of a MODEL or CLIP that hooks can be applied to."""
    if hasattr(original, "patcher"):
        return original.clone(disable_dynamic=True)
    # Weights that stream from disk have no place for hooks; the host samples without, too.
    return original.get_non_dynamic_delegate() if original.is_dynamic() else original.clone()


def add_windows(clone: Any, windows: Sequence[tuple[Window, list[Wave]]]) -> None:
    """Adds patches that act in their window to a clone from `clone_with_windows`."""
    is_clip = hasattr(clone, "patcher")
    patcher = clone.patcher if is_clip else clone
    group = comfy.hooks.HookGroup()
    for window, waves in windows:
        hook = WindowHook()
        hook.hook_keyframe = WindowKeyframes.of(window)
        hook_waves(patcher, hook, waves)
        group.add(hook)
    if is_clip:
        clone.use_clip_schedule = True
        _force(patcher, group)
        keep = CallbacksMP.ON_REGISTER_ALL_HOOK_PATCHES
        patcher.add_callback_with_key(keep, KEY, lambda patcher, *_: _force(patcher, group))
    else:
        patcher.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, KEY, _HandOut(group))


def _force(patcher: Any, group: Any) -> None:
    """Makes a text encoder use the group. Set CLIP Hooks replaces what was there before it."""
    forced = patcher.forced_hooks
    if forced is None or not group.is_subset_of(forced):
        patcher.forced_hooks = group.clone() if forced is None else forced.clone_and_combine(group)


class _HandOut:
    """Hands a group of hooks to all conditioning of a sampling run."""

    def __init__(self, group: Any) -> None:
        self.group = group

    def __call__(self, executor: Any, *arguments: Any, **named: Any) -> Any:
        # The host tells groups by identity, and batches conditioning that shares one.
        combined: dict[Any, Any] = {None: self.group}
        for conditioning in executor.class_obj.conds.values():
            for part in conditioning:
                before = part.get("hooks")
                if before not in combined:
                    combined[before] = before.clone_and_combine(self.group)
                part["hooks"] = combined[before]
        return executor(*arguments, **named)
