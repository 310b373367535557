"""`llmctl chat`: one prompt, one answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer

from llmctl.cli.chat.render import Renderer, choose_renderer
from llmctl.cli.chat.report import price, say_usage, verdict
from llmctl.cli.options import TargetOptions, command
from llmctl.cli.prompt import read_prompt
from llmctl.cli.session import Session, open_session
from llmctl.cli.streams import Streams
from llmctl.core.params import parse_options
from llmctl.core.requests import user_message
from llmctl.errors import Interrupted, LlmctlError, NotFound, UsageError
from llmctl.platforms import keep_output

EXAMPLES = """
llmctl chat "Why is the sky blue?"
git diff | llmctl chat "Write a commit message"
llmctl chat -m groq/openai/gpt-oss-120b --json "Hi" | jq -r .content
llmctl chat -o top_p=0.9 -o stream_options.include_usage=true "Hi"
llmctl chat --curl "Hi"
"""

_RESERVED = {"messages": "the prompt", "stream": "--no-stream", "model": "-m"}


@dataclass(frozen=True)
class ChatOptions(TargetOptions):
    """Options of `llmctl chat`."""

    prompt: Annotated[
        str | None, typer.Argument(metavar="[PROMPT]", help="The prompt; stdin joins it. '-' waits for stdin.")
    ] = None
    system: Annotated[str | None, typer.Option("-s", "--system", metavar="TEXT", help="System prompt.")] = None
    option: Annotated[
        list[str] | None,
        typer.Option("-o", "--option", metavar="KEY=VALUE", help="Any request parameter; a.b=1 for nested ones."),
    ] = None
    temperature: Annotated[
        float | None, typer.Option("--temperature", metavar="N", help="Randomness, 0 to 2.")
    ] = None
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", metavar="N", help="Most tokens to answer.")] = (
        None
    )
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="For repeatable sampling.")] = None
    n: Annotated[int | None, typer.Option("-n", "--n", metavar="N", min=1, help="How many answers.")] = None
    stop: Annotated[
        list[str] | None, typer.Option("--stop", metavar="TEXT", help="Stop before this text; may be repeated.")
    ] = None
    logprobs: Annotated[
        bool, typer.Option("--logprobs", help="Ask for log probabilities (see them with --json).")
    ] = False
    reasoning_effort: Annotated[
        str | None, typer.Option("--reasoning-effort", metavar="WORD", help="none, low, medium, high, …")
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object when the answer is complete.")] = (
        False
    )
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print the events as they come, one JSON object a line.")
    ] = False
    raw: Annotated[bool, typer.Option("--raw", help="Print the provider's own bytes.")] = False
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Ask for the whole answer at once.")] = False
    show_reasoning: Annotated[bool, typer.Option("--show-reasoning", help="Print the reasoning on stderr.")] = (
        False
    )
    usage: Annotated[bool, typer.Option("--usage", help="Print tokens, cost and speed on stderr.")] = False
    plain: Annotated[bool, typer.Option("--plain", help="No Markdown rendering on a terminal.")] = False
    strict: Annotated[bool, typer.Option("--strict", help="Exit 11 if cut at the limit, 12 if filtered.")] = False
    stdin: Annotated[
        bool | None,
        typer.Option("--stdin/--no-stdin", help="Wait for stdin however long it is silent, or ignore it."),
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the request instead of sending it.")] = False
    curl: Annotated[bool, typer.Option("--curl", help="Print the request as a curl command.")] = False


def run(options: ChatOptions, streams: Streams) -> None:
    """Ask a model; the answer streams to stdout.

    On a terminal Markdown is rendered as it comes; into a pipe goes the plain text. Exit codes and
    the JSON formats are described by `llmctl help scripting`.
    """
    _check(options)
    session = open_session(options, streams)
    if session.target.embedded and streams.terminal:
        session.target = replace(session.target, headers={"x-demo-pace": "0.02"})  # as a person reads
    params = request_params(options)
    messages = user_message(read_prompt(options.prompt, options.stdin, streams, options.strict), options.system)
    if options.dry_run or options.curl:
        from llmctl.cli.chat.dryrun import show_request

        show_request(session, messages, params, options.curl, whole=options.no_stream)
    elif options.raw:
        _raw(session, messages, params, options.no_stream)
    else:
        _ask(session, messages, params, options)


def request_params(options: ChatOptions) -> dict[str, Any]:
    """The request's parameters; those with an option of their own beat -o."""
    params = parse_options(options.option or ())
    for name, instead in _RESERVED.items():
        if name in params:
            raise UsageError(f"-o {name}=… is not for that", hint=f"use {instead}")
    own = {
        "temperature": options.temperature,
        "max_tokens": options.max_tokens,
        "seed": options.seed,
        "n": options.n,
        "stop": options.stop or None,
        "logprobs": options.logprobs or None,
        "reasoning_effort": options.reasoning_effort,
    }
    return params | {name: value for name, value in own.items() if value is not None}


def _check(options: ChatOptions) -> None:
    chosen = [name for name in ("json", "jsonl", "raw", "dry_run", "curl") if getattr(options, name)]
    if len(chosen) > 1:
        raise UsageError(f"{_flag(chosen[0])} and {_flag(chosen[1])} exclude each other")
    unread = [name for name in ("strict", "usage", "show_reasoning") if options.raw and getattr(options, name)]
    if unread:
        raise UsageError(f"{_flag(unread[0])} does nothing with --raw, which does not look into the answer")
    if options.temperature is not None and not math.isfinite(options.temperature):
        raise UsageError("--temperature must be a number")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _ask(session: Session, messages: list[dict[str, Any]], params: dict[str, Any], options: ChatOptions) -> None:
    streams = session.streams
    renderer = choose_renderer(options, streams)
    stream = None

    async def ask(client: Any) -> None:
        nonlocal stream
        stream = client.stream(messages, whole=options.no_stream, **params)
        renderer.waiting(f"{client.target.profile}/{client.target.model or '?'}")
        async for event in stream:
            renderer.event(event)
        session.target = client.target

    session.on_wait = renderer.wait
    try:
        with keep_output(streams.terminal):
            session.run(ask)
    except KeyboardInterrupt:
        error = Interrupted(
            "interrupted", hint="the answer above is partial" if stream and stream.answer.content else None
        )
        error.partial = (stream.answer.content or None) if stream else None
        _broken(renderer, session.about(error))
    except LlmctlError as error:
        if isinstance(error, NotFound):
            from llmctl.cli.modelhint import hint_model

            hint_model(error, session)
        _broken(renderer, error)
    assert stream is not None
    renderer.finish(stream, session, price(stream, session))
    if options.usage:
        say_usage(stream, session)
    verdict(stream.answer, options.strict, session)


def _broken(renderer: Renderer, error: LlmctlError) -> None:
    renderer.broken(error)
    raise error


def _raw(session: Session, messages: list[dict[str, Any]], params: dict[str, Any], whole: bool) -> None:
    async def copy(client: Any) -> None:
        from contextlib import aclosing

        async with aclosing(client.raw_stream(messages, whole=whole, **params)) as chunks:
            async for chunk in chunks:
                session.streams.out_bytes(chunk)

    session.run(copy)


app = command(ChatOptions, run, EXAMPLES)
