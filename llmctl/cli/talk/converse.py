"""The conversation's loop: read a line, obey it or ask it, until Ctrl-D."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llmctl.cli.account import open_account
from llmctl.cli.chat.options import ChatOptions
from llmctl.cli.chat.question import read_question
from llmctl.cli.chat.toolbox import open_toolbox
from llmctl.cli.history import keeps_history
from llmctl.cli.streams import DIM, Streams, harmless
from llmctl.cli.talk.context import too_long
from llmctl.cli.talk.conversation import Conversation
from llmctl.cli.talk.held import HeldToolbox
from llmctl.cli.talk.slash import COMMANDS, Again, Leave, is_command, obey
from llmctl.cli.talk.switching import models, profiles
from llmctl.errors import ContextTooLong, Interrupted, LlmctlError, UsageError

if TYPE_CHECKING:
    from llmctl.cli.talk.line import LineReader


KEPT = "what has come stays in the conversation"


def converse(options: ChatOptions, streams: Streams) -> None:
    """Talk until the user leaves. Errors of one answer are said, and don't end it."""
    if not (streams.input_terminal and streams.terminal):
        raise UsageError("a conversation needs a terminal", hint='in a script: llmctl chat "PROMPT"')
    if options.n and options.n > 1:
        raise UsageError("-n and --interactive exclude each other")
    if options.schema or options.json_mode or options.extract is not None or options.field:
        raise UsageError("--schema, --json-mode, --extract and --field are for single answers")
    question = read_question(replace(options, stdin=False), streams, needed=False)
    session = question.session
    session.at_reading_pace()
    toolbox = open_toolbox(options, session.config, streams)
    held = HeldToolbox(toolbox, session) if toolbox.needs_loop else None
    account = open_account(session, "chat -i", options.max_cost, wants_cost=True)
    talk = Conversation(session, options, held or toolbox, account, question.params, question.system)
    if question.past:
        talk.go_on(question.past)
    try:
        _greet(talk)
        reader = _reader(talk)
        if question.text or question.files:
            talk.files = question.files
            talk.say(question.text)
            _send(talk, reader)
        _loop(talk, reader)
    finally:
        account.recorder.close()
        if held:
            held.close()


def _loop(talk: Conversation, reader: LineReader) -> None:
    streams = talk.session.streams
    while True:
        draft, talk.unanswered = talk.unanswered, ""
        try:
            text = reader.read(_label(talk), draft)
            if is_command(text):
                obey(talk, text)
            elif text.strip():
                talk.say(text.removeprefix("/") if text.startswith("//") else text)
                _send(talk, reader)
        except (Leave, EOFError):
            return
        except Again:
            _send(talk, reader)
        except KeyboardInterrupt:  # at the prompt: the line is given up
            streams.say(streams.paint("Ctrl-D or /quit leaves", DIM))
        except LlmctlError as error:
            streams.error(error.message, error.hint)


def _send(talk: Conversation, reader: LineReader) -> None:
    """Ask, unless the conversation is too long and the user rather takes the message back."""
    if _fits(talk, reader):
        _ask(talk)
    else:
        talk.retract()


def _ask(talk: Conversation) -> None:
    """Ask, and say what went wrong: the conversation goes on."""
    streams = talk.session.streams
    try:
        talk.ask()
    except Interrupted:
        again = ", and the message is yours again" if talk.unanswered else ""
        streams.say(streams.paint(f"\nstopped; {KEPT if talk.kept else f'nothing had come{again}'}", DIM))
    except ContextTooLong as error:
        streams.error(error.message, "/trim leaves the oldest questions out, then ask again")
    except LlmctlError as error:
        streams.error(error.message, error.hint)
        if talk.kept:
            streams.note(KEPT)
    streams.out("")


def _fits(talk: Conversation, reader: LineReader) -> bool:
    """Whether the message may be sent: a conversation that is too long is said before, with a way to trim it."""
    problem = too_long(talk)
    if problem is None:
        return True
    talk.session.streams.warn(f"the conversation is too long: {problem}")
    answer = reader.ask("[t]rim the oldest questions, [s]end it anyway, [c]ancel: ").strip().lower()
    if not answer.startswith("t"):
        return answer.startswith("s")
    gone = 0
    while problem and (left_out := talk.trim()):
        gone, problem = gone + left_out, too_long(talk)
    talk.session.streams.note(f"{gone} messages left out; {len(talk.messages)} remain")
    if problem:
        talk.session.streams.warn(f"this message alone is too long: {problem}")
    return not problem


def _greet(talk: Conversation) -> None:
    target = talk.session.target
    who = f"{target.profile}/{target.model or '(the only model)'}"
    streams = talk.session.streams
    if talk.messages and (answer := talk.last_answer):
        streams.say(streams.paint(f"… {harmless(answer[-300:])}\n", DIM))
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
    streams = talk.session.streams
    return LineReader(streams, completer, keeps_history(talk.session.config, streams))
