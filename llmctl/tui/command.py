"""`llmctl tui`: the chat UI. Only what is needed before the screen is taken stands here."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from llmctl.cli.history import keeps_history, store_to_change
from llmctl.cli.options import command
from llmctl.cli.streams import Streams
from llmctl.errors import NoProfile, UsageError
from llmctl.tui.options import TuiOptions

if TYPE_CHECKING:
    from llmctl.tui.archive import Archive

EXAMPLES = """
llmctl tui                               the same as llmctl alone on a terminal
llmctl tui -m groq/openai/gpt-oss-120b
llmctl tui -c                            the last conversation
llmctl tui --inline --print-on-exit
"""


def run(options: TuiOptions, streams: Streams) -> None:
    """Chat on the whole terminal: conversations, variants, switching, costs. F1 shows the keys.

    Everything is kept in the history, which `llmctl logs` reads too; see `llmctl help history`
    and `llmctl help tui`.
    """
    if not (streams.input_terminal and streams.terminal and streams.error_terminal):
        raise UsageError("the chat UI needs a terminal", hint='in a script: llmctl chat "PROMPT"')
    if options.last and options.continued:
        raise UsageError("-c and --continue exclude each other")
    from llmctl.tui.archive import Archive
    from llmctl.tui.desk import Desk
    from llmctl.tui.voice import ScreenStreams

    voice = ScreenStreams(streams)
    try:
        desk = Desk(options, voice)
    except NoProfile as error:  # somebody who has just installed llmctl sees it work
        desk = Desk(replace(options, profile="demo"), voice)
        voice.note(f"{error.message}, so this is the demo. {error.hint or ''}")
    keeps = keeps_history(desk.session.config, streams)
    archive = Archive(lambda: store_to_change(streams) if keeps else None)
    start = _start(options, archive)
    from llmctl.tui.app import ChatApp

    app = ChatApp(desk, archive, start)
    app.run(inline=options.inline, mouse=app.mouse_on)
    streams.settings = desk.session.streams.settings
    if app.return_code:
        sys.exit(app.return_code)
    if app.left_behind:
        from llmctl.cli.chat.markdown import MarkdownWriter

        writer = MarkdownWriter(streams)
        writer.write(app.left_behind)
        writer.end()


def _start(options: TuiOptions, archive: Archive) -> str:
    """The id of the conversation to open, "" for a new one. Raises UsageError."""
    conversations = archive.store.conversations
    if options.continued:
        return conversations.find(options.continued).id
    last = conversations.last() if options.last else None
    return last.id if last else ""


app = command(TuiOptions, run, EXAMPLES)
