"""Checks of every request: no page elsewhere can drive a studio, and nobody without the token if it has one."""

import http
import ipaddress
import json
import re
import secrets
import socket
from collections.abc import Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ArgumentError

COOKIE = "lightsaft-token"
MIN_TOKEN = 16  # characters

# The page may use its own files, and nothing else (see CSP Level 3).
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def check_address(host: str, token: str | None) -> None:
    """Check that a studio may listen on an address.

    Raises ArgumentError if it is not a loopback address and there is no token, or the token is too short or would
    not fit into an address.
    """
    if token is not None and not re.fullmatch(f"[A-Za-z0-9._~-]{{{MIN_TOKEN},}}", token):
        raise ArgumentError(f"expected a token of {MIN_TOKEN} or more of the characters A-Z a-z 0-9 . _ ~ -")
    if token is None and not is_loopback(host):
        raise ArgumentError(
            f"everybody in the network of {host} could use this studio: give it a token by --token or LIGHTSAFT_TOKEN"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """ASGI middleware that refuses requests.

    - The Host must be an IP address, "localhost", or a name of this machine. The name of a page that was made to point
      to this machine (DNS rebinding) is none of them.
    - The Origin, which browsers send, must be this studio itself, and Sec-Fetch-Site must not be another site.
    - With a token, requests need it in the header ``Authorization: Bearer``, or in the cookie that ``/?token=`` sets.

    Parameters
    ----------
    app : ASGI application
    host : str
        The address that the studio listens on.
    names : iterable of str
        Further names that a Host may be.
    token : str or None
    """

    def __init__(self, app: ASGIApp, *, host: str, names: Iterable[str], token: str | None) -> None:
        self._app = app
        self._token = token
        self._names = {"localhost", host.lower(), *(name.lower() for name in names)}
        if not is_loopback(host):
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[-1]
        if problem := self._wrong_site(headers, scope["path"]):
            await _answer(send, 403, problem)
        elif self._token is None or self._is_token(_token_of(headers)):
            await self._app(scope, receive, _with_headers(send))
        elif scope["path"] == "/" and self._is_token(given):
            cookie = f"{COOKIE}={given}; HttpOnly; SameSite=Strict; Path=/"
            await _answer(send, 303, "see /", {"location": "/", "set-cookie": cookie})
        else:
            await _answer(send, 401, "expected the token of this studio: open the address that it printed at its start")

    def _wrong_site(self, headers: Headers, path: str) -> str | None:
        """What is wrong with the site that a request names or comes from."""
        host = headers.get("host", "")
        if not self._is_own(_name(host)):
            return f"expected the address of this studio as Host, got {host!r}"
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
            return f"expected no other Origin than this studio, got {origin!r}"
        if path != "/" and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return "expected a request of this studio's own page"
        return None

    def _is_own(self, name: str) -> bool:
        try:
            return bool(ipaddress.ip_address(name))
        except ValueError:
            return name in self._names

    def _is_token(self, given: str) -> bool:
        return self._token is not None and secrets.compare_digest(given.encode(), self._token.encode())


def _name(host: str) -> str:
    """The name or IP address in a Host header."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _token_of(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    try:
        cookie = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookie[COOKIE].value if COOKIE in cookie else ""


async def _answer(send: Send, status: int, text: str, headers: Mapping[str, str] = HEADERS) -> None:
    content = json.dumps({"error": text}).encode()
    fields = {"content-type": "application/json", "content-length": str(len(content)), **headers}
    if status == http.HTTPStatus.UNAUTHORIZED:
        fields["www-authenticate"] = "Bearer"
    raw = [(name.encode(), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": content})


def _with_headers(send: Send) -> Send:
    """Add the headers that a response does not have."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name for name, _ in message["headers"]}
            more = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in names]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sending
