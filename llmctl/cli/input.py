"""The prompt: the argument, standard input, or both."""

from __future__ import annotations

import sys

from llmctl.cli.streams import Streams
from llmctl.errors import UsageError
from llmctl.platforms import speaks

SILENCE = 1.0
"""Seconds that a pipe may stay silent before a prompt that came as an argument goes out without it."""


def read_prompt(
    argument: str | None, wait: bool | None, streams: Streams, strict: bool = False, needed: bool = True
) -> str:
    """The argument, then what stands on standard input. `wait`: --stdin True, --no-stdin False, neither None.

    Raises UsageError when there is no prompt at all though one is `needed`, and with `strict` when stdin
    stays silent.
    """
    if argument == "-":
        argument, wait = None, True
    if not needed and argument is None:
        argument = ""  # as if one had been given: nobody is asked to type
    piped = _piped(argument, wait, streams, strict)
    parts = [part for part in (argument, piped) if part and part.strip()]
    if not parts and needed:
        raise UsageError("there is no prompt", hint='give one: llmctl chat "Hello", or pipe it in')
    return "\n\n".join(parts)


def _piped(argument: str | None, wait: bool | None, streams: Streams, strict: bool) -> str:
    if wait is False or sys.stdin is None:
        return ""
    if streams.input_terminal:
        if argument is not None and not wait:
            return ""
        streams.say(streams.paint("Type the prompt, then Ctrl-D.", "2"))
    elif argument is not None and not wait and not speaks(sys.stdin.fileno(), SILENCE):
        if strict:
            raise UsageError(
                "standard input is open but silent", hint="--stdin waits for it, --no-stdin ignores it"
            )
        streams.note("standard input is open but silent; going on without it (--stdin waits for it)")
        return ""
    return streams.read_input()
