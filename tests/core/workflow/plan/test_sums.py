"""What a plan sums up, and that planning touches nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.marketplace import Published
from support.plans import entry, put, source, wanting

from satchel.downloads.space import SPARE_BYTES
from satchel.errors import CancelledError
from satchel.progress import Cancellation
from satchel.workflow.plan import plan_document
from satchel.workflow.planned import Plan, PlannedModel
from satchel.workspace import Workspace


@pytest.mark.parametrize(
    ("entries", "free", "to_fetch", "ok", "installable"),
    [
        ((), 10**9, 0, True, False),
        ((entry("present", 5), entry("renamed", 5)), 10**9, 0, True, False),
        ((entry("missing", 5, Path("x")), entry("missing", 7, Path("y"))), 10**9, 12, False, True),
        ((entry("missing", 5, Path("x")), entry("missing", 5, Path("y"))), 10**9, 5, False, True),
        ((entry("missing", 5, Path("x")), entry("gone", 7)), 10**9, 5, False, True),
        ((entry("missing", None, Path("x")),), 10**9, 0, False, True),
        ((entry("missing", 5),), 10**9, 0, False, False),
        ((entry("login", 5), entry("refused", 5)), 10**9, 0, False, False),
        ((entry("missing", 6, Path("x")),), SPARE_BYTES + 5, 6, False, False),
        ((entry("missing", 5, Path("x")),), SPARE_BYTES + 5, 5, False, True),
    ],
)  # fmt: skip
def test_the_sums_of_a_plan(
    entries: tuple[PlannedModel, ...], free: int, to_fetch: int, ok: bool, installable: bool
):
    plan = Plan(entries, free)

    assert (plan.bytes_to_fetch, plan.ok, plan.installable) == (to_fetch, ok, installable)


def test_planning_leaves_no_trace_in_the_model_folders(
    recipient: Workspace, published: Published, ink: Path, tmp_path: Path
):
    plan_document(wanting(ink, source(published)), recipient)

    assert list((tmp_path / "recipient/models").rglob("*")) == []


def test_a_cancelled_plan_stops(recipient: Workspace, ink: Path):
    put(recipient, "other.safetensors", ink.read_bytes())
    cancellation = Cancellation()
    cancellation.cancel()

    with pytest.raises(CancelledError):
        plan_document(wanting(ink), recipient.watched(lambda _: None, cancellation))
