"""`llmctl chat`: one prompt, one answer, or a conversation."""

from __future__ import annotations

import math
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from llmctl.cli.chat.ask import Ask
from llmctl.cli.chat.options import ChatOptions
from llmctl.cli.chat.question import Question, normal, read_question
from llmctl.cli.chat.render import choose_renderer
from llmctl.cli.chat.report import price, say_usage, verdict
from llmctl.cli.chat.toolbox import open_toolbox
from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.errors import AnswerInvalid, UsageError

EXAMPLES = """
llmctl chat "Why is the sky blue?"
git diff | llmctl chat "Write a commit message"
llmctl chat -f src -f error.log "Why does this fail?"
llmctl chat --schema 'name str, age int' "Invent a person" | jq .age
llmctl chat -x python "A function that reverses a list" > reverse.py
llmctl chat --tool weather.py "Do I need a coat in Oslo?"
llmctl chat -i                                   a conversation
llmctl chat -m groq/openai/gpt-oss-120b --json "Hi" | jq -r .content
llmctl chat -o top_p=0.9 -o stream_options.include_usage=true "Hi"
llmctl chat --curl "Hi"
"""


def run(options: ChatOptions, streams: Streams) -> None:
    """Ask a model; the answer streams to stdout. Without a prompt, on a terminal: a conversation.

    On a terminal Markdown is rendered as it comes; into a pipe goes the plain text. Exit codes and
    the JSON formats are described by `llmctl help scripting`, tools by `llmctl help tools`.
    """
    options = normal(options)
    _check(options)
    if _is_conversation(options, streams):
        from llmctl.cli.chat.interactive import converse

        converse(options, streams)
        return
    question = read_question(options, streams)
    session = question.session
    if session.target.embedded and streams.terminal:
        session.target = replace(session.target, headers={"x-demo-pace": "0.02"})  # as a person reads
    if options.dry_run or options.curl:
        from llmctl.cli.chat.dryrun import show_request

        show_request(session, question.messages, question.params, options.curl, whole=options.no_stream)
    elif options.raw:
        _raw(question, options.no_stream)
    else:
        _answer(question, options)


def _is_conversation(options: ChatOptions, streams: Streams) -> bool:
    if options.interactive:
        return True
    given = options.prompt is not None or options.stdin or options.template or options.file or options.image
    return not given and not _programs_read(options) and streams.input_terminal and streams.terminal


def _programs_read(options: ChatOptions) -> list[str]:
    """The options whose output is for programs."""
    return [name for name in ("json", "jsonl", "raw", "dry_run", "curl") if getattr(options, name)]


def _check(options: ChatOptions) -> None:
    chosen = _programs_read(options)
    if len(chosen) > 1:
        raise UsageError(f"{_flag(chosen[0])} and {_flag(chosen[1])} exclude each other")
    if options.interactive and chosen:
        raise UsageError(f"{_flag(chosen[0])} and --interactive exclude each other")
    unread = ("strict", "usage", "show_reasoning", "repair", "field", "wants_tools")
    for name in unread if options.raw else ():
        if getattr(options, name):
            flag = "--tool" if name == "wants_tools" else _flag(name)
            raise UsageError(f"{flag} does nothing with --raw, which does not look into the answer")
    if options.temperature is not None and not math.isfinite(options.temperature):
        raise UsageError("--temperature must be a number")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _answer(question: Question, options: ChatOptions) -> None:
    session, form = question.session, question.form
    toolbox = open_toolbox(options, session.config, session.streams)
    renderer = choose_renderer(options, session.streams, form)
    ask = Ask(session, toolbox, renderer, options.no_stream)
    try:
        if form.wanted:
            loop = ask.shaped(form, question.messages, question.params, options.repair)
        else:
            loop = ask.run(question.messages, question.params, options.rounds)
    except AnswerInvalid as error:
        if not session.streams.json_errors and error.partial:
            session.streams.say(error.partial)  # nothing that was paid for is lost, and stdout stays clean
        raise
    assert loop.stream is not None
    renderer.finish(loop.stream, session, price(loop.stream, session))
    if options.usage:
        say_usage(loop.stream, session)
    verdict(loop.stream.answer, options.strict, session)


def _raw(question: Question, whole: bool) -> None:
    async def copy(client: Any) -> None:
        async with aclosing(client.raw_stream(question.messages, whole=whole, **question.params)) as chunks:
            async for chunk in chunks:
                question.session.streams.out_bytes(chunk)

    question.session.run(copy)


app = command(ChatOptions, run, EXAMPLES)
