"""The ASGI app. The doors are plain functions; what people look at is served by Starlette."""

from __future__ import annotations

import asyncio
import sys
import traceback
from typing import TYPE_CHECKING

from llmctl.errors import ClientLeft, Interrupted, LlmctlError, NotFound, WrongMethod
from llmctl.gateway import relay
from llmctl.gateway.call import Call, Receive, Scope, Send
from llmctl.gateway.doors.answers import answers
from llmctl.gateway.doors.models import models
from llmctl.gateway.doors.paths import EXACT, Door, door_of
from llmctl.gateway.doors.through import through
from llmctl.gateway.gateway import Gateway
from llmctl.gateway.headers import ID_HEADERS, to_client, whose
from llmctl.gateway.problems import error_body, error_headers, own_request_id, status_of

if TYPE_CHECKING:
    from starlette.applications import Starlette

_PUBLIC = ("/", "/healthz", "/readyz")
_OURS = Door("", "/")


class App:
    """One gateway's face to HTTP."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._admin: Starlette | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        door = EXACT.get(scope["path"])
        call = Call(scope, receive, door or _OURS)
        try:
            door = door or door_of(scope["raw_path"].decode("latin-1"))
            if door is None:
                await self._own(call, scope, send)
            else:
                await self._enter(call, door)
        except asyncio.CancelledError:
            await self._ended(call)
        except LlmctlError as error:
            await self._failed(call, error)
        except Exception as error:  # noqa: BLE001 - the boundary: a bug must not take the connection along
            await self._bug(call, error)
        finally:
            if call.tape is not None:
                await call.tape.keep(self._gateway)
            if call.slot is not None:
                self._gateway.finish(call)

    async def _enter(self, call: Call, door: Door) -> None:
        """Let a request in and serve it."""
        gateway = self._gateway
        call.door(door)
        gateway.admit(call)
        if call.method == "OPTIONS" and self._preflight(call):
            return
        gateway.begin(call)
        if gateway.recorder is not None:
            from llmctl.gateway.taping import Tape

            call.tape = Tape(call)
        await self._serve(call, door)

    async def _serve(self, call: Call, door: Door) -> None:
        if door.held:
            await answers(self._gateway, call, door)
        elif door.kind == "models" and call.method in ("GET", "HEAD"):
            await models(self._gateway, call, door.path)
        else:
            await through(self._gateway, call, door)

    async def _own(self, call: Call, scope: Scope, send: Send) -> None:
        """What the gateway shows of itself."""
        if scope["path"] in _PUBLIC or scope["path"].startswith("/page/"):
            self._gateway.admit_browser(call)
        else:
            self._gateway.admit(call)
            if not self._gateway.may_look(call.key):
                raise NotFound("there is nothing here for this key", hint="llmctl serve key add --admin makes one")
        if self._admin is None:
            from llmctl.gateway.admin import make_admin

            self._admin = make_admin(self._gateway)
        await self._admin(scope, call.receive, send)

    def _preflight(self, call: Call) -> bool:
        """Answer a browser that asks whether it may."""
        origin = call.header(b"origin")
        if origin is None or call.header(b"access-control-request-method") is None:
            return False
        from llmctl.gateway.auth import preflight_headers

        call.extra = []
        headers = preflight_headers(call.headers, origin.decode("latin-1"))
        call.answer(204, headers, b"")
        return True

    async def _failed(self, call: Call, error: LlmctlError) -> None:
        """Say what went wrong: as an answer, else in the stream, else by cutting the answer off."""
        call.entry.outcome = error.code
        if call.started:
            if call.entry.stream:
                await relay.tell_broken(call, error)
            else:
                call.cut()
            return
        if isinstance(error, ClientLeft):
            call.cut()
            return
        kept = error.reply[0] if error.reply else {}
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept.items()]
        headers = error_headers(error, to_client(pairs, False))
        if call.entry.attempts:
            headers.append((b"x-llmctl-attempts", b"%d" % len(call.entry.attempts)))
            last = call.entry.attempts[-1]
            headers += whose(last.profile, last.model)
        if isinstance(error, WrongMethod):
            headers.append((b"allow", error.allowed.encode()))
        if call.rest and call.method not in ("GET", "HEAD"):
            headers.append((b"connection", b"close"))  # the rest of the body is not wanted
        if call.entry.id and not any(name in ID_HEADERS for name, _ in headers):
            headers.append(own_request_id(call.entry))
        call.answer(status_of(error), headers, error_body(error, call.entry))

    async def _ended(self, call: Call) -> None:
        """The request was cancelled: by a client that left, or by us."""
        entry = call.entry
        task = call.connection.task
        if task is not None:
            task.uncancel()
        if not entry.cancelled:
            entry.outcome = ClientLeft.code
            return
        why = "the gateway is stopping" if self._gateway.draining else "the request was ended from the dashboard"
        error: LlmctlError = Interrupted(why)
        await self._failed(call, error)
        entry.outcome = "cancelled"

    async def _bug(self, call: Call, error: Exception) -> None:
        """Something that should never happen: the trace goes to stderr, the client hears that it is our fault."""
        traceback.print_exception(error, file=sys.stderr)
        await self._failed(call, LlmctlError(f"a bug in llmctl ({type(error).__name__}); the log has the trace"))
