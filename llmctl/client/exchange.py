"""One request and its reply: address, headers, key, redirects, and the error when it fails."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from llmctl import __version__
from llmctl.client.deadline import Deadline
from llmctl.client.stream import Summary
from llmctl.client.transport import HttpReply, Transport, read_error_body
from llmctl.config.keys import checked_key
from llmctl.config.target import Target
from llmctl.core.faults import error_from_reply, read_fault, request_id
from llmctl.core.headers import is_header_value
from llmctl.core.redact import HIDDEN, SECRET_HEADERS, redact, secrets_of
from llmctl.core.requests import Content, HttpRequest, Upload
from llmctl.core.urls import join, origin, other_form, shown
from llmctl.errors import ConfigError, KeyRejected, LlmctlError, NotFound, NotUnderstood, UsageError

if TYPE_CHECKING:
    from llmctl.demo.server import DemoServer

_REDIRECTS = 3


class Exchange:
    """Sends requests for one target. Remembers which form of the base URL answers, with or without /v1."""

    def __init__(self, target: Target, transport: Transport) -> None:
        self.target = target
        self.transport = transport
        self.base_url = target.base_url
        self._key: str | None = None
        self._key_known = False
        self._secrets: set[str] = set()  # in headers that were given along with a request
        self._demo: DemoServer | None = None

    async def close(self) -> None:
        await self.transport.close()
        if self._demo:
            self._demo.stop()
            self._demo, self.base_url = None, self.target.base_url

    def key(self) -> str | None:
        """The key, looked up once."""
        if not self._key_known:
            key = self.target.key()
            self._key, self._key_known = checked_key(key, self.target.profile) if key else None, True
        return self._key

    def request(
        self, method: str, url: str, body: Mapping[str, Any] | Content | None, key: str | None
    ) -> HttpRequest:
        """The request as it will go out. Raises ConfigError for a header that can't be sent."""
        if isinstance(body, Content):
            return self._any_request(method, url, body, key)
        auth = self.target.auth_headers(key)
        headers = {
            "user-agent": f"llmctl/{__version__}",
            "accept": "text/event-stream, application/json" if body and body.get("stream") else "application/json",
            **({"content-type": "application/json"} if body is not None else {}),
            **auth,
            **{name.lower(): value for name, value in self.target.headers.items()},
        }
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        self._check_headers(headers)
        return HttpRequest(method, url, headers, data, frozenset(auth))

    def _any_request(self, method: str, url: str, content: Content, key: str | None) -> HttpRequest:
        """A request whose body and headers are somebody else's choice."""
        auth = self.target.auth_headers(key)
        headers = {
            "user-agent": f"llmctl/{__version__}",
            "accept": "*/*",
            **auth,
            **{name.lower(): value for name, value in {**self.target.headers, **content.headers}.items()},
        }
        self._check_headers(headers)
        self._secrets |= set(secrets_of(content.headers, ""))
        data = content.body if isinstance(content.body, bytes) else None
        upload = content.body if isinstance(content.body, Upload) else None
        return HttpRequest(method, url, headers, data, frozenset(auth), upload)

    def _check_headers(self, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            if not is_header_value(value):
                raise ConfigError(f"profile {self.target.profile}: the header {name} holds what can't be sent")

    async def open(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | Content | None,
        deadline: Deadline,
        streamed: bool,
    ) -> HttpReply:
        """Send it and return the reply, whose status is 2xx. Raises the error for any other.

        Where the path isn't there, the base URL is tried with /v1 added or taken off. `path` may be
        a whole URL on the origin of base_url; raises UsageError for one elsewhere.
        """
        if self.target.embedded and not self._demo:
            self._start_demo()
        base = self.base_url
        if "://" in path.partition("?")[0]:
            check_origin(path, base)
            return await self._open("", method, path, body, deadline, streamed)
        try:
            return await self._open(base, method, path, body, deadline, streamed)
        except LlmctlError as error:
            if not _no_such_path(error):
                raise
            # another request, running beside this one, may have found the right form already
            other = self.base_url if self.base_url != base else other_form(base)
            if not other:
                raise _with_address_hint(error, self.target, base, None) from None
            try:
                reply = await self._open(other, method, path, body, deadline, streamed)
            except LlmctlError as second:
                if _no_such_path(second):
                    raise _with_address_hint(error, self.target, base, other) from None
                raise
            self.base_url = other
            return reply

    async def _open(
        self,
        base: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | Content | None,
        deadline: Deadline,
        streamed: bool,
    ) -> HttpReply:
        """Send it to base + path; with no base, `path` is the URL."""
        request = self.request(method, join(base, path) if base else path, body, self.key())
        for _ in range(_REDIRECTS):
            deadline.start_attempt(streamed)
            reply = await self.transport.send(request, deadline)
            moved = _same_origin_redirect(request, reply)
            if not moved:
                break
            await reply.close()
            request = moved
        else:
            raise NotFound("the address redirects in circles", hint="check base_url")
        if 200 <= reply.status < 300 and "text/html" not in reply.headers.get("content-type", ""):
            return reply
        data = await read_error_body(reply)
        await reply.close()
        if 200 <= reply.status < 300:
            error: LlmctlError = NotUnderstood(f"the provider answered with {read_fault(data).message}")
            error.status = reply.status
            error.codes = ("html",)
        else:
            error = error_from_reply(reply.status, reply.headers, data)
        error.reply = (dict(reply.headers), data)
        raise error

    def _start_demo(self) -> None:
        from llmctl.demo.server import DemoServer

        self._demo = DemoServer()
        self._demo.start()
        self.base_url = self._demo.base_url

    def dressed(self, error: LlmctlError, reply: HttpReply | None = None) -> LlmctlError:
        """The error with what is known here, and without the key should the provider have echoed it."""
        error.profile = error.profile or self.target.profile
        error.provider = error.provider or self.target.provider
        if isinstance(error, KeyRejected) and not error.hint:
            error.hint = self._key_hint()
        if reply and not error.request_id:
            error.request_id = request_id(reply.headers)
        secrets = self._known_secrets()
        error.message = redact(error.message, secrets)
        error.args = (error.message,)
        error.partial = redact(error.partial, secrets) if error.partial else None
        error.request_id = redact(error.request_id, secrets) if error.request_id else None
        if error.reply:
            body = redact(error.reply[1].decode("latin-1"), secrets).encode("latin-1")
            error.reply = (self.shown_headers(error.reply[0]), body)
        return error

    def shown_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """A reply's headers without cookies, and without the key should the provider have echoed it."""
        secrets = self._known_secrets()
        return {
            name: HIDDEN if name in SECRET_HEADERS or name == "set-cookie" else redact(value, secrets)
            for name, value in headers.items()
        }

    def _known_secrets(self) -> list[str | None]:
        return [self._key, *self._secrets, *secrets_of(self.target.headers, self.target.base_url)]

    def _key_hint(self) -> str:
        if self.target.profile == "env":
            return "check OPENAI_API_KEY; a key does not go along to another --base-url, but --key env:NAME does"
        which = "set another key" if self._key else "no key was sent; set one"
        return f"{which} with: llmctl key set {self.target.profile}"

    def summary(self, reply: HttpReply, tries: int, notes: list[str]) -> Summary:
        return Summary(request_id(reply.headers), tries, self.base_url, tuple(notes))


def check_origin(url: str, base_url: str) -> None:
    """Raise UsageError for a URL that the key may not go to."""
    try:
        same = origin(url) == origin(base_url) and "@" not in urlsplit(url).netloc
    except ValueError:  # no URL
        same = False
    if not same:
        raise UsageError(
            f"the key goes to {origin(base_url)} and nowhere else", hint="give the path alone, such as /models"
        )


def _no_such_path(error: LlmctlError) -> bool:
    """Whether the server seems not to know the path at all, rather than the model."""
    if error.status in (404, 405):
        return "model_not_found" not in error.codes
    return "html" in error.codes


def _with_address_hint(error: LlmctlError, target: Target, base_url: str, other: str | None) -> LlmctlError:
    tried = f" also tried {shown(other)};" if other else ""
    error.hint = error.hint or (
        f"is {shown(base_url)} the right base_url?{tried} change it with: "
        f"llmctl profile edit {target.profile} --base-url URL"
    )
    return error


def _same_origin_redirect(request: HttpRequest, reply: HttpReply) -> HttpRequest | None:
    """The request for a redirect that stays on the origin and keeps the method. No key goes further."""
    location = reply.headers.get("location")
    if reply.status not in (307, 308) and not (request.method == "GET" and reply.status in (301, 302)):
        return None
    try:
        url = urljoin(request.url, location or "")
        if not location or origin(url) != origin(request.url):
            return None
    except ValueError:  # a location that is no URL
        return None
    return replace(request, url=url)
