"""The conversation's loop: read a line, obey it or ask it, until Ctrl-D."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llmctl.cli.chat.options import ChatOptions
from llmctl.cli.chat.question import read_question
from llmctl.cli.chat.toolbox import open_toolbox
from llmctl.cli.streams import DIM, Streams
from llmctl.cli.talk.context import too_long
from llmctl.cli.talk.conversation import Conversation
from llmctl.cli.talk.held import HeldToolbox
from llmctl.cli.talk.slash import COMMANDS, Again, Leave, is_command, obey
from llmctl.cli.talk.switching import models, profiles
from llmctl.errors import ContextTooLong, Interrupted, LlmctlError, UsageError

if TYPE_CHECKING:
    from llmctl.cli.talk.line import LineReader


def converse(options: ChatOptions, streams: Streams) -> None:
    """Talk until the user leaves. Errors of one answer are said, and don't end it."""
    if not (streams.input_terminal and streams.terminal):
        raise UsageError("a conversation needs a terminal", hint='in a script: llmctl chat "PROMPT"')
    if options.n and options.n > 1:
        raise UsageError("-n and --interactive exclude each other")
    if options.schema or options.json_mode or options.extract is not None or options.field:
        raise UsageError("--schema, --json-mode, --extract and --field are for single answers")
    begun = any([options.prompt, options.file, options.image, options.template])
    question = read_question(replace(options, stdin=False), streams, needed=False)
    session = question.session
    if session.target.embedded:
        session.target = replace(session.target, headers={"x-demo-pace": "0.02"})
    toolbox = open_toolbox(options, session.config, streams)
    held = HeldToolbox(toolbox, session) if toolbox.needs_loop else None
    talk = Conversation(session, options, held or toolbox, question.params, question.system)
    try:
        _greet(talk)
        reader = _reader(talk)
        if begun and question.message["content"]:
            talk.messages.append(question.message)
            _ask(talk)
        _loop(talk, reader)
    finally:
        if held:
            held.close()


def _loop(talk: Conversation, reader: LineReader) -> None:
    streams = talk.session.streams
    while True:
        draft, talk.unanswered = talk.unanswered, ""
        try:
            line = reader.read(_label(talk), draft).strip()
            if not line:
                continue
            if is_command(line):
                obey(talk, line)
            elif _fits(talk, line, reader):
                talk.say(line.removeprefix("/") if line.startswith("//") else line)
                _ask(talk)
        except (Leave, EOFError):
            return
        except Again:
            _ask(talk)
        except KeyboardInterrupt:  # at the prompt: the line is given up
            streams.say(streams.paint("Ctrl-D or /quit leaves", DIM))
        except LlmctlError as error:
            streams.error(error.message, error.hint)


def _ask(talk: Conversation) -> None:
    """Ask, and say what went wrong: the conversation goes on."""
    streams = talk.session.streams
    try:
        talk.ask()
    except Interrupted as error:
        kept = (
            "what has come stays in the conversation"
            if error.partial
            else "nothing had come, and the message is yours again"
        )
        streams.say(streams.paint(f"\nstopped; {kept}", DIM))
    except ContextTooLong as error:
        streams.error(error.message, "/trim leaves the oldest questions out, then ask again")
    except LlmctlError as error:
        streams.error(error.message, error.hint)
        if error.partial:
            streams.note("what has come stays in the conversation")
    streams.out("")


def _fits(talk: Conversation, line: str, reader: LineReader) -> bool:
    """Whether the message may be sent: a conversation that is too long is said before, with a way to trim it."""
    talk.say(line)
    said = talk.messages[-1]
    try:
        problem = too_long(talk)
        if problem is None:
            return True
        talk.session.streams.warn(f"the conversation is too long: {problem}")
        answer = reader.read("[t]rim the oldest questions, [s]end it anyway, [c]ancel: ").strip().lower()
        while answer.startswith("t") and problem and talk.trim():
            problem = too_long(talk)
        if answer.startswith("t") and problem:
            talk.session.streams.warn(f"this message alone is too long: {problem}")
        return answer.startswith("s") or (answer.startswith("t") and not problem)
    finally:
        talk.messages.remove(said)


def _greet(talk: Conversation) -> None:
    target = talk.session.target
    who = f"{target.profile}/{target.model or '(the only model)'}"
    streams = talk.session.streams
    if not streams.settings.quiet:
        streams.say(streams.paint(f"{who} · /help lists the commands, Ctrl-D leaves", DIM))


def _label(talk: Conversation) -> str:
    files = f" [{len(talk.files)} file{'s' if len(talk.files) > 1 else ''}]" if talk.files else ""
    return f"{talk.session.target.profile}{files}> "


def _reader(talk: Conversation) -> LineReader:
    from llmctl.cli.talk.complete import SlashCompleter
    from llmctl.cli.talk.line import LineReader

    commands = {f"/{name}": about for name, (_, about, _) in COMMANDS.items()}
    words = {"/model": lambda: models(talk), "/use": lambda: profiles(talk)}
    completer = SlashCompleter(lambda: commands, words, frozenset({"/file", "/save"}))
    keep = talk.session.config.data.get("history", True) is not False
    return LineReader(talk.session.streams, completer, keep)
