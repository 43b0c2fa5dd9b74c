"""Which URLs may be asked at all: exact hosts, https, public addresses.

URLs come from untrusted workflows and from redirects, so every hop is checked, and the address
that was checked is the one that is connected to.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import ForbiddenUrlError, UnavailableError
from ..settings import Settings, origin_of
from .hosts import HOSTS, NOWHERE, PICTURES, Hosts

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# What one parser skips or takes for a slash, another takes for a part of the host's name.
_AMBIGUOUS = re.compile(r"[\x00-\x1f\x7f\\]")
_PLAIN_HOST = re.compile(r"[a-z0-9.:-]+\Z")


@dataclass(frozen=True, slots=True)
class UrlPolicy:
    """Decides about URLs; the operator's own origins are the only exceptions."""

    trusted_origins: frozenset[str]
    hosts: Hosts = NOWHERE

    @classmethod
    def of_source(cls, kind: str, settings: Settings) -> UrlPolicy:
        """The policy for one source; `https` has no host of its own."""
        if kind not in HOSTS or not settings.asks(kind):
            return cls(settings.trusted_origins)
        # The site itself stays subject to the check of addresses; a mirror may be anywhere.
        built_in = {f"https://{host}" for host in HOSTS[kind].site}
        mirror = {origin_of(settings.source(kind).url)} - built_in
        return cls(settings.trusted_origins | mirror, HOSTS[kind])

    @classmethod
    def of_pictures(cls, kind: str, settings: Settings) -> UrlPolicy:
        """The policy for the pictures of one source."""
        if kind not in PICTURES or not settings.asks(kind):
            return cls(settings.trusted_origins)
        own = settings.source(kind).url if kind != "civitai" else settings.civitai_images_url
        built_in = {f"https://{host}" for host in PICTURES[kind].site}
        mirror = {origin_of(own)} - built_in if own else set()
        return cls(settings.trusted_origins | mirror, PICTURES[kind])

    def check(self, url: str, *, redirected: bool = False) -> None:
        """Refuses a URL that may not be opened.

        Raises:
            ForbiddenUrlError: not https, credentials or an odd port in it, or a host outside the
                allowlist.
        """
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
            origin = origin_of(url)
        except ValueError:
            raise _forbidden("a malformed URL", "") from None
        if _AMBIGUOUS.search(url) or not _PLAIN_HOST.match(host):
            raise _forbidden("a malformed URL", "")
        if parts.username is not None or parts.password is not None:
            raise _forbidden("a URL with credentials", host)
        if origin in self.trusted_origins:
            return
        if parts.scheme != "https" or port not in (None, 443):
            raise _forbidden("a URL that is not plain https", host)
        stored = host in self.hosts.storage or host.endswith(self.hosts.storage_suffixes)
        if not (host in self.hosts.site or (redirected and stored)):
            raise _forbidden("a host outside the allowlist", host)

    def addresses_of(self, host: str, port: int, scheme: str) -> tuple[str, ...]:
        """Resolves a host and returns the addresses to connect to, in the order to try them.

        Raises:
            ForbiddenUrlError: any of its addresses is private, loopback or link-local. All of them
                must be public: a name that mixes both is an attack.
            UnavailableError: the name does not resolve.
        """
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise UnavailableError(
                f"The host {host} cannot be found.", hint="Check the network connection."
            ) from error
        addresses = [str(answer[4][0]) for answer in answers]
        name = f"[{host}]" if ":" in host else host
        if origin_of(f"{scheme}://{name}:{port}") not in self.trusted_origins:
            for address in addresses:
                if not _is_public(address):
                    raise _private_address(host, address)
        return tuple(dict.fromkeys(addresses))


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # An IPv4 address in IPv6 clothing is judged by what it leads to.
        embedded = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            embedded = ipaddress.IPv4Address(ip.packed[-4:])
        if embedded is not None:
            return embedded.is_global and not embedded.is_multicast
        if ip not in _GLOBAL_UNICAST:
            return False
    return ip.is_global and not ip.is_multicast


_FAKE_IP = ipaddress.ip_network("198.18.0.0/15")
"""What proxies in "fake-IP" mode answer for every name."""


def _private_address(host: str, address: str) -> ForbiddenUrlError:
    error = _forbidden(f"a host that leads to the address {address}", host)
    error.hint = "Only the operator of this machine can allow it, with SATCHEL_TRUSTED_ORIGINS."
    if ":" not in address and ipaddress.ip_address(address) in _FAKE_IP:
        error.hint = (
            f"A proxy with fake-IP DNS answers for {host}. Exclude the host there, or set"
            f" SATCHEL_TRUSTED_ORIGINS=https://{host} if the proxy is yours."
        )
    return error


def _forbidden(what: str, host: str) -> ForbiddenUrlError:
    return ForbiddenUrlError(
        f"Refused to open {what}" + (f": {host}." if host else "."),
        hint="Satchel fetches from known marketplaces only. Get the file by hand, or the operator"
        " of this machine allows the host with SATCHEL_TRUSTED_ORIGINS.",
        host=host,
    )
