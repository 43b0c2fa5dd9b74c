"""The one HTTP layer: checked hops, pinned addresses, scoped tokens, typed failures, retries."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError

from .. import __version__
from ..errors import (
    BadResponseError,
    RateLimitedError,
    SatchelError,
    UnavailableError,
)
from ..progress import Cancellation
from ..settings import origin_of
from .answers import Answer, message, public_url, raise_for_overload, read_json
from .url_policy import UrlPolicy

USER_AGENT = f"ComfyUI-Satchel/{__version__}"
"""An honest product name: Civitai answers browsers with HTML and Python's default with 403."""

CONNECT_TIMEOUT_S = 15
READ_TIMEOUT_S = 60
MAX_REDIRECTS = 5
ATTEMPTS = 3
MAX_WAIT_S = 30.0
"""All pauses of one call; a server that asks for more patience is reported instead."""
_SHORT_BYTES = 64 * 1024
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization"})


class Transport:
    """Opens URLs for one marketplace.

    Args:
        policy: says which URLs may be opened.
        token: sent only to `token_origin`.
        scheme: the word before the token in the `Authorization` header.
    """

    def __init__(
        self,
        policy: UrlPolicy,
        *,
        token: str | None = None,
        token_origin: str = "",
        scheme: str = "Bearer",
        cancellation: Cancellation | None = None,
    ) -> None:
        self._policy = policy
        self._authorization = f"{scheme} {token}" if token else ""
        self._token_origin = token_origin
        self._cancellation = cancellation or Cancellation()
        self._session = requests.Session()
        # The environment may name proxies, but its .netrc must not add credentials to anything.
        self._session.trust_env = False
        self._session.headers["User-Agent"] = USER_AGENT
        # What one answer sets is not told to the next request: a session here is nobody's login.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = _adapter(policy)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def open(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json_body: Any = None,
        redirected: bool = False,
        follow: Literal["all", "same_origin"] = "all",
    ) -> requests.Response:
        """Sends one request, following checked redirects; the body is not read yet.

        The token goes no further than the first redirect to another origin, even if a later one
        leads back.

        Args:
            redirected: `url` is what an earlier request was redirected to.
            follow: with `same_origin`, a redirect elsewhere is the answer.

        Raises:
            ForbiddenUrlError: the URL, or a redirect, leads where it may not.
            UnavailableError: no connection, or no answer in time.
        """
        start, strayed = _origin(url), False
        for _ in range(MAX_REDIRECTS + 1):
            self._policy.check(url, redirected=redirected)
            response = self._send(method, url, headers or {}, json_body, not strayed)
            location = response.headers.get("Location")
            if response.status_code not in (301, 302, 303, 307, 308) or not location:
                return response
            url, redirected = urljoin(url, location), True
            strayed = strayed or _origin(url) != start
            if strayed and follow == "same_origin":
                return response
            _finish(response)
            if response.status_code == 303:  # "see other" is read, whatever was sent
                method, json_body = "GET", None
        raise BadResponseError(
            f"{urlsplit(url).hostname} redirects in circles.", hint="Try again later."
        )

    def json(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json_body: Any = None,
    ) -> Answer:
        """The answer to an API call, retried while that is worth it.

        All pauses of one call together are at most `MAX_WAIT_S`.

        Raises:
            UnavailableError, RateLimitedError: still failing after the last attempt, or the
                server asks for more patience than that.
            QuotaExceededError, AccessDeniedError: not worth a retry.
            BadResponseError: the body is no JSON, or far too large.
        """
        waited = 0.0
        for attempt in range(ATTEMPTS):
            try:
                with self.open(method, url, headers=headers, json_body=json_body) as response:
                    return Answer(response.status_code, read_json(response), response.headers)
            except (UnavailableError, RateLimitedError) as error:
                asked = error.details.get("retry_after_s")
                # Jitter, so that many clients do not come back at the same moment.
                pause = (0.5 * 2**attempt if asked is None else asked) + random.uniform(0, 0.25)
                waited += pause
                if attempt + 1 == ATTEMPTS or waited > MAX_WAIT_S:
                    raise
                self._cancellation.wait(pause)
        raise AssertionError("the loop returns or raises")

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        json_body: Any,
        with_token: bool,
    ) -> requests.Response:
        sent = {"Accept-Encoding": "identity", **headers}
        if not with_token:
            sent = {name: sent[name] for name in sent if name.lower() not in _CREDENTIALS}
        if self._authorization and with_token and origin_of(url) == self._token_origin:
            sent["Authorization"] = self._authorization
        try:
            return self._session.request(
                method,
                url,
                headers=sent,
                json=json_body,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                proxies=dict(requests.utils.get_environ_proxies(url)),
                verify=os.environ.get("REQUESTS_CA_BUNDLE")
                or os.environ.get("SSL_CERT_FILE")
                or True,
            )
        except requests.RequestException as error:
            cause = _satchel_cause(error)
            if cause is not None:
                raise cause from error
            raise UnavailableError(
                f"{urlsplit(url).hostname} cannot be reached.",
                hint="Check the network connection and try again.",
                url=public_url(url),
            ) from error


def _finish(response: requests.Response) -> None:
    """Lets go of an answer that nobody reads, so that its connection serves the next one."""
    with suppress(HTTPError, OSError):
        response.raw.read(_SHORT_BYTES, decode_content=False)
    response.close()


def _origin(url: str) -> str:
    try:
        return origin_of(url)
    except ValueError:  # malformed; the policy refuses it with a sentence
        return ""


def _satchel_cause(error: BaseException | None) -> SatchelError | None:
    """Our own error inside what urllib3 and requests wrapped around it."""
    seen: set[int] = set()
    queue: list[Any] = [error]
    while queue:
        current = queue.pop()
        if isinstance(current, SatchelError):
            return current
        if isinstance(current, BaseException) and id(current) not in seen:
            seen.add(id(current))
            queue += [current.__cause__, current.__context__, getattr(current, "reason", None)]
            queue += list(current.args)
    return None


@lru_cache(maxsize=64)
def _adapter(policy: UrlPolicy) -> _GuardedAdapter:
    """One pool of connections per policy and process, so that they outlive a command's objects.

    No wider: a connection is only as good as the policy that checked its address.
    """
    return _GuardedAdapter(policy)


class _GuardedAdapter(HTTPAdapter):
    """Connects to the addresses that the policy checked, so that DNS cannot change its mind."""

    def __init__(self, policy: UrlPolicy) -> None:
        self._policy = policy
        super().__init__(pool_connections=16, pool_maxsize=16)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        policy = self._policy

        class GuardedHttp(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(self, policy, "http")

        class GuardedHttps(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(self, policy, "https")

        class HttpPool(HTTPConnectionPool):
            ConnectionCls = GuardedHttp

        class HttpsPool(HTTPSConnectionPool):
            ConnectionCls = GuardedHttps

        self.poolmanager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}


def _connect(connection: HTTPConnection, policy: UrlPolicy, scheme: str) -> socket.socket:
    host, port = connection._dns_host, connection.port or {"http": 80, "https": 443}[scheme]
    failure: OSError | None = None
    for address in policy.addresses_of(host, port, scheme):
        try:
            return socket.create_connection((address, port), timeout=CONNECT_TIMEOUT_S)
        except OSError as error:  # an address family without a route, most often
            failure = error
    raise NewConnectionError(connection, f"Failed to connect: {failure}") from failure


__all__ = ["Answer", "Transport", "message", "public_url", "raise_for_overload"]
