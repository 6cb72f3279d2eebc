"""Between the network and the routes: headers on every response; cross-site writes and oversized bodies are refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SANDBOX_CSP = "default-src 'none'; sandbox"
"""For originals handed out as attachments: nothing in them may run."""

_HEADERS = {
    b"content-security-policy": CSP.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UPLOAD_PATH = "/lots"
_SMALL_BODY = 1024 * 1024
_SLOWEST_BYTES_PER_S = 4 * 1024


class _Refused(Exception):
    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status, self.title = status, title


class Protection:
    """ASGI middleware; pure, so that streamed bodies stay streamed."""

    def __init__(self, app: App, *, max_upload_bytes: int, slow_body_s: float) -> None:
        self._app = app
        self._max_upload_bytes = max_upload_bytes
        self._slow_body_s = slow_body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def protected_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = _with_headers(message.get("headers", ()), path=scope["path"])
            await send(message)

        headers = {bytes(name).lower(): bytes(value) for name, value in scope["headers"]}
        try:
            _refuse_odd_requests(scope, headers)
            limit = self._max_upload_bytes if scope["path"].rstrip("/") == _UPLOAD_PATH else _SMALL_BODY
            await self._app(scope, self._guarded(receive, headers, limit), protected_send)
        except _Refused as refused:
            if started:
                raise
            await _answer_problem(protected_send, refused)
        except Exception:
            # the framework's own 500 page would leave without these headers
            if not started:
                await _answer_problem(protected_send, _Refused(500, "Une erreur interne est survenue."))
            raise

    def _guarded(self, receive: Receive, headers: MutableMapping[bytes, bytes], limit: int) -> Receive:
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            raise _Refused(413, "La requête est trop grande.")
        taken = 0
        began: float | None = None
        over = False

        async def guarded() -> Message:
            nonlocal taken, began, over
            if over:
                return await receive()
            loop = asyncio.get_running_loop()
            began = loop.time() if began is None else began
            try:
                message = await asyncio.wait_for(receive(), self._slow_body_s)
            except TimeoutError:
                raise _Refused(408, "La requête est trop lente.") from None
            if message["type"] != "http.request":
                return message
            taken += len(message.get("body", b""))
            over = not message.get("more_body", False)
            if taken > limit:
                raise _Refused(413, "La requête est trop grande.")
            spent = loop.time() - began
            if not over and spent > 2 * self._slow_body_s and taken < spent * _SLOWEST_BYTES_PER_S:
                raise _Refused(408, "La requête est trop lente.")
            return message

        return guarded


def _refuse_odd_requests(scope: Scope, headers: MutableMapping[bytes, bytes]) -> None:
    if len(headers.get(b"range", b"")) > 256 or headers.get(b"range", b"").count(b",") > 4:
        raise _Refused(416, "Trop de plages demandées.")
    if scope["method"] in _SAFE:
        return
    site = headers.get(b"sec-fetch-site", b"").decode("latin-1")
    if site and site != "same-origin":
        raise _Refused(403, "Cette requête vient d'un autre site.")
    origin = headers.get(b"origin", b"").decode("latin-1")
    if origin and urlsplit(origin).netloc != headers.get(b"host", b"").decode("latin-1"):
        raise _Refused(403, "Cette requête vient d'un autre site.")


def _with_headers(headers: Iterable[tuple[bytes, bytes]], *, path: str) -> list[tuple[bytes, bytes]]:
    kept = list(headers)
    names = {name.lower() for name, _ in kept}
    kept.extend((name, value) for name, value in _HEADERS.items() if name not in names)
    if b"cache-control" not in names:
        kept.append((b"cache-control", b"no-cache" if path.startswith("/static/") else b"no-store"))
    return kept


async def _answer_problem(send: Send, refused: _Refused) -> None:
    body = json.dumps({"type": "about:blank", "title": refused.title, "status": refused.status}).encode()
    await send(
        {
            "type": "http.response.start",
            "status": refused.status,
            "headers": [(b"content-type", b"application/problem+json"), (b"connection", b"close")],
        }
    )
    await send({"type": "http.response.body", "body": body})
