from __future__ import annotations

import math

import pytest

from satchel.errors import InvalidInputError
from satchel.lora.window import ALWAYS, Window, step_window


@pytest.mark.parametrize(
    ("window", "keyframes"),
    [
        (ALWAYS, []),
        (Window(0.25), [(0.0, 0.0), (0.25, 1.0)]),
        (Window(0, 0.75), [(0.0, 1.0), (0.75, 0.0)]),
        (Window(0.25, 0.75), [(0.0, 0.0), (0.25, 1.0), (0.75, 0.0)]),
        (step_window(None, None), []),
        (step_window(1, None), []),
        (step_window(3, None), [(0.0, 0.0), (2.0, 1.0)]),
        (step_window(3, 6), [(0.0, 0.0), (2.0, 1.0), (5.0, 0.0)]),
    ],
)
def test_a_window_becomes_keyframes(window, keyframes):
    assert window.keyframes() == keyframes
    assert window.is_always == (not keyframes)


@pytest.mark.parametrize(
    ("inner", "outer", "common"),
    [
        (ALWAYS, ALWAYS, ALWAYS),
        (Window(0.2, 0.6), ALWAYS, Window(0.2, 0.6)),
        (ALWAYS, Window(0.2, 0.6), Window(0.2, 0.6)),
        (Window(0.2, 0.6), Window(0.5, 1), Window(0.5, 0.6)),
        (step_window(3, 6), ALWAYS, step_window(3, 6)),
        (step_window(3, 6), step_window(5, None), step_window(5, 6)),
    ],
)
def test_windows_meet_where_both_act(inner, outer, common):
    assert inner.within(outer) == common


@pytest.mark.parametrize(
    ("inner", "outer", "sentence"),
    [
        (Window(0, 0.3), Window(0.5, 1), "none of which is from 0.5 to 1 of sampling"),
        (step_window(3, 6), Window(0.5, 1), "in steps 3 to 5, which cannot be combined"),
    ],
)
def test_windows_that_do_not_meet_are_told(inner, outer, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        inner.within(outer)


@pytest.mark.parametrize("bounds", [(0.5, 0.5), (1, 0), (math.nan, 1)])
def test_a_window_of_nothing_is_refused(bounds):
    with pytest.raises(InvalidInputError, match="There is nothing"):
        Window(*bounds)
