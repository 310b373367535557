"""`llmctl chat`: one prompt, one answer, or a conversation."""

from __future__ import annotations

import math
from dataclasses import replace

from llmctl.cli.chat.options import ChatOptions
from llmctl.cli.chat.structured import is_language
from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.errors import UsageError

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
        from llmctl.cli.talk.converse import converse

        converse(options, streams)
    else:
        from llmctl.cli.chat.single import answer_once

        answer_once(options, streams)


def normal(options: ChatOptions) -> ChatOptions:
    """The options with the word after -x in its place: a language, or else the prompt."""
    word = options.extract
    if not word or is_language(word):
        return options
    if options.prompt is not None:
        raise UsageError(f"-x: {word!r} is not a language", hint="for example: -x python; -x alone takes any")
    return replace(options, extract="", prompt=word)


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
    unread = ("strict", "usage", "show_reasoning", "schema", "json_mode", "repair", "field", "wants_tools")
    for name in unread if options.raw else ():
        if getattr(options, name):
            flag = "--tool" if name == "wants_tools" else _flag(name)
            raise UsageError(f"{flag} does nothing with --raw, which does not look into the answer")
    if options.temperature is not None and not math.isfinite(options.temperature):
        raise UsageError("--temperature must be a number")
    if options.max_cost is not None and not 0 < options.max_cost < math.inf:
        raise UsageError("--max-cost must be a number of US dollars above 0")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


app = command(ChatOptions, run, EXAMPLES)
