"""Which clients may install on this server."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ..satchel.errors import InstallNotAllowedError
from ..satchel.policy import TOKEN_HEADER, Policy

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP")
"""A proxy on this machine speaks for somebody else."""


def check_client(policy: Policy, peer: str, headers: Mapping[str, str]) -> None:
    """Lets clients of this machine pass, and others as the policy says.

    Args:
        peer: the client's address; empty for a unix socket, which only this machine reaches.
        headers: of the request, in any case.

    Raises:
        InstallNotAllowedError: it may not install.
    """
    forwarded = any(headers.get(name) for name in _FORWARDED)
    if policy.remote == "anyone" or (_is_local(peer) and not forwarded):
        return
    if policy.accepts_token(headers.get(TOKEN_HEADER)):
        return
    hint = "Its operator allows others with a token (docs/policy.md)."
    if policy.remote == "token" and policy.operator_token is not None:
        hint = f"Send the operator's token in the header {TOKEN_HEADER}."
    raise InstallNotAllowedError(
        "Models can be installed only from the machine that ComfyUI runs on.", hint=hint
    )


def _is_local(peer: str) -> bool:
    try:
        address = ipaddress.ip_address(peer.split("%")[0])
    except ValueError:
        return not peer
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback)


def policy_facts(policy: Policy) -> dict[str, Any]:
    """What clients may know of the rules: never the token."""
    return {
        "remote": policy.remote,
        "operator_token": policy.operator_token is not None,
        "formats": sorted(policy.formats) if policy.formats is not None else None,
        "max_file_bytes": policy.max_file_bytes,
        "max_total_bytes": policy.max_total_bytes,
    }
