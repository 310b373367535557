"""The slash commands: their names, what they do, and where a line that begins with a slash goes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Any

from llmctl.cli.streams import harmless
from llmctl.cli.talk import saving, switching
from llmctl.cli.talk.context import context_limit, estimate
from llmctl.core.codeblocks import find_block
from llmctl.core.money import dollars
from llmctl.core.params import parse_options
from llmctl.core.suggest import did_you_mean
from llmctl.errors import UsageError

if TYPE_CHECKING:
    from llmctl.cli.talk.conversation import Conversation

MOST_NAMES = 5
"""Files that are listed by name."""

_COMMAND = re.compile(r"/([a-z]+)(?:\s+(.*))?\Z", re.DOTALL)


class Leave(Exception):
    """The conversation is over."""


class Again(Exception):
    """The last message, perhaps changed, is to be asked."""


def is_command(text: str) -> bool:
    """Whether a line is for llmctl: /word, and not a path or //, which sends a slash."""
    return bool(_COMMAND.match(text.strip()))


def obey(talk: Conversation, line: str) -> None:
    """Do what a slash command says. Raises UsageError, Leave or Again."""
    match = _COMMAND.match(line.strip())
    assert match
    name, rest = match[1], (match[2] or "").strip()
    entry = COMMANDS.get(name)
    if entry is None:
        raise UsageError(
            f"there is no command /{name}",
            hint=did_you_mean(name, COMMANDS) or "/help lists them; two slashes send the line as it is",
        )
    entry[2](talk, rest)


def _system(talk: Conversation, text: str) -> None:
    if text:
        talk.system = None if text == "-" else text
    talk.session.streams.say(f"system prompt: {talk.system}" if talk.system else "there is no system prompt")


def _set(talk: Conversation, text: str) -> None:
    if text:
        name, equals, value = text.partition("=")
        if equals and not value.strip():
            talk.params.pop(name.strip(), None)
        else:
            talk.params.update(_checked(parse_options([text])))
    shown = ", ".join(f"{name} = {value!r}" for name, value in talk.params.items())
    talk.session.streams.say(shown or "no parameters are set")


def _checked(params: dict[str, Any]) -> dict[str, Any]:
    from llmctl.cli.chat.question import check_reserved

    check_reserved(params)
    if "n" in params:
        raise UsageError("a conversation has one answer at a time")
    return params


def _file(talk: Conversation, text: str) -> None:
    from llmctl.cli.chat.attach import load

    sources = [text] if not text.startswith(("'", '"')) and " " not in text else _words(text)
    if text == "-":
        talk.files = []
    elif text:
        talk.files += load(sources, talk.session)
    names = ", ".join(harmless(item.name) for item in talk.files[:MOST_NAMES])
    if len(talk.files) > MOST_NAMES:
        names += f" and {len(talk.files) - MOST_NAMES} more"
    talk.session.streams.say(f"with the next message: {names}" if names else "no files wait for the next message")


def _words(text: str) -> list[str]:
    import shlex

    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"/file: {error}") from error


def _retry(talk: Conversation, text: str) -> None:
    place = talk.last_question
    if place is None:
        raise UsageError("nothing has been asked yet")
    talk.say_again(place)
    raise Again


def _edit(talk: Conversation, text: str) -> None:
    from llmctl.cli.editor import edit_text

    place = talk.last_question
    before = "" if place is None else talk.messages[place]["content"]
    if not isinstance(before, str):
        raise UsageError("the last message holds files; ask anew instead")
    changed = edit_text(before, talk.session.streams)
    if changed is None or not changed.strip():
        talk.session.streams.say("nothing changed")
        return
    talk.say_again(len(talk.messages) if place is None else place, changed.strip())
    raise Again


def _copy(talk: Conversation, text: str) -> None:
    from llmctl.cli.clipboard import copy

    answer = talk.last_answer
    if not answer:
        raise UsageError("there is no answer yet")
    if text:
        block = find_block(answer, "" if text == "code" else text)
        if block is None:
            raise UsageError(f"the last answer holds no {'' if text == 'code' else f'{text} '}code block")
        answer = block.code
    by = copy(answer, talk.session.streams)
    if by is None:
        raise UsageError("no clipboard was found", hint="/save FILE writes the conversation to a file")
    talk.session.streams.say(f"copied {len(answer)} characters ({by})")


def _usage(talk: Conversation, text: str) -> None:
    totals, limit = talk.totals, context_limit(talk.session)
    tokens = f"{_known(totals.prompt_tokens)} in, {_known(totals.completion_tokens)} out"
    cost = "unknown" if totals.cost is None else dollars(totals.cost)
    context = f"about {estimate(talk.whole()):,}" + (f" of {limit:,}" if limit else "")
    talk.session.streams.say(
        f"{totals.answers} answers · {tokens} · cost {cost} · {len(talk.messages)} messages, {context} tokens"
    )


def _known(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def _trim(talk: Conversation, text: str) -> None:
    if text and not text.isdigit():
        raise UsageError("/trim takes a number of questions")
    gone = sum(talk.trim() for _ in range(int(text or 1)))
    talk.session.streams.say(f"{gone} messages left out; {len(talk.messages)} remain")


def _clear(talk: Conversation, text: str) -> None:
    talk.clear()
    talk.session.streams.say("a new conversation; model, system prompt and parameters stay")


def _help(talk: Conversation, text: str) -> None:
    width = max(len(f"/{name} {takes}") for name, (takes, _, _) in COMMANDS.items())
    lines = [f"  {f'/{name} {takes}':<{width}}  {about}" for name, (takes, about, _) in COMMANDS.items()]
    columns = shutil.get_terminal_size().columns
    indent = " " * (width + 4 if columns >= 2 * width else 4)
    talk.session.streams.say("\n".join(fill(line, columns, subsequent_indent=indent) for line in lines))
    talk.session.streams.say("\n" + fill(_KEYS, columns, initial_indent="  ", subsequent_indent="  "))


def _quit(talk: Conversation, text: str) -> None:
    raise Leave


Command = tuple[str, str, Callable[["Conversation", str], None]]

COMMANDS: Mapping[str, Command] = {
    "model": ("[NAME]", "use another model, or PROFILE/MODEL", switching.model),
    "use": ("[PROFILE]", "use another profile", switching.profile),
    "system": ("[TEXT]", "set the system prompt; - removes it", _system),
    "set": ("[KEY=VALUE]", "set a parameter; KEY= removes it", _set),
    "file": ("[FILE]…", "send files with the next message; - takes them back", _file),
    "retry": ("", "ask the last message again", _retry),
    "edit": ("", "change the last message in your editor, and ask again", _edit),
    "copy": ("[code|LANG]", "copy the last answer, or its first code block", _copy),
    "save": ("FILE", "write the conversation as Markdown, or JSON by the name", saving.save),
    "usage": ("", "tokens and cost so far", _usage),
    "trim": ("[N]", "leave out the oldest questions and their answers", _trim),
    "clear": ("", "begin anew", _clear),
    "help": ("", "this list", _help),
    "quit": ("", "leave; Ctrl-D does too", _quit),
}
"""Name -> (what it takes, a line about it, what it does)."""

_KEYS = (
    "Enter sends, Alt+Enter breaks the line, Ctrl+G opens the editor, Tab completes, "
    "Up brings back earlier lines. Ctrl-C stops an answer and keeps what has come; "
    "at the prompt it empties the line."
)
