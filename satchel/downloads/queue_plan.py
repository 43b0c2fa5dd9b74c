"""What the queue does next: looks at values only, and says what to do with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..errors import QuotaExceededError, RateLimitedError, SatchelError, UnavailableError
from .queue_values import EntryState, QueueEntry, QueueLimits, Wish

ATTEMPTS = 5
FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 3600.0
QUOTA_WAIT_S = 900.0
"""After a refusal for too many requests that names no time."""
_PASSING = (UnavailableError, RateLimitedError, QuotaExceededError)


@dataclass(frozen=True, slots=True)
class Start:
    """Fetch an entry."""

    id: int


@dataclass(frozen=True, slots=True)
class Stop:
    """End a fetch of this runner, because somebody wished so."""

    id: int


@dataclass(frozen=True, slots=True)
class Settle:
    """Take over the entry of a runner that is gone."""

    id: int
    state: EntryState


Action: TypeAlias = Start | Stop | Settle


def plan_next(
    entries: Sequence[QueueEntry],
    limits: QueueLimits,
    *,
    me: str,
    alive: Collection[str],
    now: float,
) -> tuple[Action, ...]:
    """Decides for one runner.

    Args:
        me: the runner's own name.
        alive: names of all runners that exist, this one included.
        now: seconds since 1970.
    """
    running = [entry for entry in entries if entry.state == "running"]
    actions: list[Action] = [
        Settle(entry.id, state_after(entry.wish)) for entry in running if entry.owner not in alive
    ]
    actions += [Stop(entry.id) for entry in running if entry.owner == me and entry.wish]
    hosts = Counter(entry.host for entry in running if entry.owner in alive)
    free = limits.total - hosts.total()
    for entry in sorted(entries, key=order_key):
        if free <= 0:
            break
        if entry.state != "queued" or entry.retry_at > now:
            continue
        if hosts[entry.host] < limits.per_host:
            actions.append(Start(entry.id))
            hosts[entry.host] += 1
            free -= 1
    return tuple(actions)


def order_key(entry: QueueEntry) -> tuple[int, int, int]:
    """Sorts by priority, then by position."""
    return (-entry.priority, entry.position, entry.id)


def state_after(wish: Wish) -> EntryState:
    """Where an entry that was stopped goes."""
    states: dict[Wish, EntryState] = {"": "queued", "pause": "paused", "cancel": "cancelled"}
    return states[wish]


def retry_wait(error: SatchelError, attempts: int) -> float | None:
    """Seconds until a failed entry is tried again; None when that would not help.

    Args:
        attempts: how often it was tried so far.
    """
    if not isinstance(error, _PASSING) or attempts >= ATTEMPTS:
        return None
    asked = error.details.get("retry_after_s")
    if asked is None and not isinstance(error, UnavailableError):
        asked = QUOTA_WAIT_S
    own = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** max(0, attempts - 1))
    return min(LONGEST_WAIT_S, max(own, float(asked or 0.0)))
