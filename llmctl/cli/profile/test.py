"""`llmctl profile test`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from llmctl.cli.options import TargetOptions, command
from llmctl.cli.session import Session, open_session
from llmctl.cli.streams import RED, Streams
from llmctl.core.urls import shown
from llmctl.errors import LlmctlError


@dataclass(frozen=True)
class TestOptions:
    """Options of `llmctl profile test`."""

    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The profile; the current one if left out.")
    ] = None
    model: Annotated[str | None, typer.Option("-m", "--model", metavar="MODEL", help="Another model.")] = None
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False


def run(options: TestOptions, streams: Streams) -> None:
    """Ask the provider, and say what works: the key, the list of models, one short answer.

    The exit code is that of the first thing that failed. The answer costs a few tokens.
    """
    session = open_session(TargetOptions(profile=options.name, model=options.model, retries=0), streams)
    steps: list[dict[str, Any]] = []
    failure: LlmctlError | None = None
    for name, check in _checks(session):
        started = time.monotonic()
        try:
            detail, failed = check(), None
        except LlmctlError as error:
            detail, failed = error.message, error
        step = {"step": name, "ok": not failed, "detail": detail, "ms": round((time.monotonic() - started) * 1000)}
        steps.append(step)
        failure = failure or failed
        if not options.json:
            mark = streams.paint("failed", RED) if failed else "ok"
            streams.out(f"{name:<8} {mark:<6} {step['ms']:>6} ms  {detail}")
        if failed and name == "key":
            break
    if options.json:
        streams.out_json(
            {"profile": session.target.profile, "base_url": shown(session.target.base_url), "steps": steps}
        )
    if failure:
        raise failure


def _checks(session: Session) -> list[tuple[str, Callable[[], str]]]:
    checks: list[tuple[str, Callable[[], str]]] = [("key", lambda: _key(session))]
    if session.target.quirks("").model_list:
        checks.append(("models", lambda: _models(session)))
    return [*checks, ("chat", lambda: _chat(session))]


def _key(session: Session) -> str:
    return "found" if session.target.key() else "none needed, none sent"


def _models(session: Session) -> str:
    async def models(client: Any) -> str:
        count = len(await client.models())
        return f"{count} model{'' if count == 1 else 's'} at {shown(client.address)}"

    return session.run(models)


def _chat(session: Session) -> str:
    async def chat(client: Any) -> str:
        stream = client.stream("Say ok.", max_tokens=64)
        async for _ in stream:
            pass
        model = stream.answer.model or client.target.model
        return f"{model}: first token after {stream.timing.first_token_ms:.0f} ms"

    return session.run(chat)


app = command(TestOptions, run, "llmctl profile test groq")
