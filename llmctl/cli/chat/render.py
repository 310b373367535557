"""How the events of an answer are shown: plain text, Markdown, JSON, JSON lines."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Protocol

from llmctl.cli.chat.approval import short_arguments, short_text, visible
from llmctl.cli.chat.report import answer_object, form_fields, last_stream
from llmctl.cli.streams import DIM, Streams, harmless
from llmctl.core.events import Event, Reasoning, Refusal, Text, ToolCall, ToolResult
from llmctl.errors import LlmctlError

if TYPE_CHECKING:
    from llmctl.cli.chat.ask import Ask
    from llmctl.cli.chat.options import ChatOptions
    from llmctl.cli.chat.structured import Form


class Renderer(Protocol):
    """Shows one answer."""

    def waiting(self, whom: str) -> None:
        """The request goes out."""

    def event(self, event: Event) -> None:
        """The next event."""

    def wait(self) -> None:
        """Nothing more can be read at once: show what has come."""

    def finish(self, ask: Ask) -> None:
        """The answer is complete."""

    def broken(self, error: LlmctlError) -> None:
        """It never will be; what has been shown stays."""


def choose_renderer(options: ChatOptions, streams: Streams, form: Form | None = None) -> Renderer:
    """The renderer that the options and the terminal ask for."""
    if options.json:
        return JsonRenderer(streams, form)
    if options.jsonl:
        return JsonlRenderer(streams, form)
    if form and form.wanted:
        return FormRenderer(streams, form, TextRenderer(streams, options, NoWriter()))
    if streams.terminal and not options.plain and streams.coloured_output and (options.n or 1) == 1:
        from llmctl.cli.chat.markdown import MarkdownWriter

        return TextRenderer(streams, options, MarkdownWriter(streams))
    return TextRenderer(streams, options, PlainWriter(streams))


class Writer(Protocol):
    """Puts the text of the answer on stdout."""

    def write(self, text: str) -> None:
        """The next piece."""

    def flush(self) -> None:
        """Show everything that has been written."""

    def end(self) -> None:
        """No more will come: leave the cursor on a fresh line."""


class PlainWriter:
    """The text as it is, and a line break at the end if it has none."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._last = "\n"

    def write(self, text: str) -> None:
        self._streams.out(harmless(text) if self._streams.terminal else text, end="")
        self._last = text[-1:] or self._last

    def flush(self) -> None:
        """It is shown already."""

    def end(self) -> None:
        if self._last != "\n":
            self._streams.out("")
        self._last = "\n"


class NoWriter:
    """Shows nothing of the text: it is printed later, in another form."""

    def write(self, text: str) -> None:
        """The text is collected in the stream."""

    def flush(self) -> None:
        """Nothing is held back here."""

    def end(self) -> None:
        """Nothing was begun."""


class TextRenderer:
    """The answer on stdout, the rest on stderr. Several choices (n > 1) come one after the other."""

    def __init__(self, streams: Streams, options: ChatOptions, writer: Writer) -> None:
        self._streams = streams
        self._show_reasoning = options.show_reasoning
        self._tools_run = options.wants_tools
        self._writer = writer
        self._status = _Status(streams)
        self._others: dict[int, list[str]] = {}
        self._thinking = False

    def waiting(self, whom: str) -> None:
        self._status.show(f"waiting for {whom}")

    def event(self, event: Event) -> None:
        if isinstance(event, Reasoning):
            self._reason(event)
        elif isinstance(event, Text | Refusal):
            self._begin_text()
            if event.index == 0:
                self._writer.write(event.text)
            else:
                self._others.setdefault(event.index, []).append(event.text)
        elif isinstance(event, ToolCall):
            self._end()
            if self._tools_run:
                self._show_tool(f"→ {visible(event.name)}({short_arguments(event.arguments)})")
            else:
                self._nothing_runs(event)
        elif isinstance(event, ToolResult):
            self._show_tool(f"← {visible(event.name)}: {short_text(event.content)}")

    def wait(self) -> None:
        self._writer.flush()

    def finish(self, ask: Ask) -> None:
        self._end()
        for call in last_stream(ask).answer.tool_calls if self._tools_run else ():
            self._nothing_runs(call)
        for _, pieces in sorted(self._others.items()):
            self._streams.out("---")
            self._writer.write("".join(pieces))
            self._writer.end()

    def broken(self, error: LlmctlError) -> None:
        self._end()

    def _show_tool(self, text: str) -> None:
        if not self._streams.settings.quiet:
            self._streams.say(self._streams.paint(text, DIM))

    def _nothing_runs(self, call: ToolCall) -> None:
        self._streams.note(f"the model calls {call.name}({call.arguments}); nothing runs it")

    def _end(self) -> None:
        self._begin_text()
        self._writer.end()

    def _reason(self, event: Reasoning) -> None:
        if not self._show_reasoning or event.index:
            self._status.show("thinking")
            return
        self._status.clear()
        self._thinking = True
        self._streams.say(self._streams.paint(harmless(event.text), DIM), end="")

    def _begin_text(self) -> None:
        self._status.clear()
        if self._thinking:
            self._thinking = False
            self._streams.say("\n")


class _Status:
    """One dim line on a person's terminal, gone before the answer begins."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._shown = ""
        self._possible = (
            streams.terminal and streams.error_terminal and streams.coloured_output and not streams.settings.quiet
        )

    def show(self, text: str) -> None:
        if self._possible and text != self._shown:
            line = f"… {harmless(text)}"[: shutil.get_terminal_size().columns - 1]
            self._streams.say(f"\r\x1b[K{self._streams.paint(line, DIM)}", end="")
            self._shown = text

    def clear(self) -> None:
        if self._shown:
            self._streams.say("\r\x1b[K", end="")
            self._shown = ""


class FormRenderer:
    """Reasoning and tool calls as they come, on stderr; the answer when it is complete, in its form."""

    def __init__(self, streams: Streams, form: Form, around: TextRenderer) -> None:
        self._streams = streams
        self._form = form
        self.waiting, self.event, self.broken = around.waiting, around.event, around.broken
        self._around = around

    def wait(self) -> None:
        """Nothing of the answer is shown before its end."""

    def finish(self, ask: Ask) -> None:
        self._around.finish(ask)
        text = self._form.shaped(last_stream(ask).answer.content)
        text = harmless(text) if self._streams.terminal else text
        self._streams.out(text, end="" if text.endswith("\n") else "\n")


class JsonlRenderer:
    """Each event as a JSON object on a line of its own; a failure ends it with one of type error."""

    def __init__(self, streams: Streams, form: Form | None = None) -> None:
        self._streams = streams
        self._form = form

    def waiting(self, whom: str) -> None:
        """Nothing to show."""

    def event(self, event: Event) -> None:
        if event.type != "done":
            self._streams.out_json(event.as_dict(), indent=None)

    def wait(self) -> None:
        """Everything is shown as it comes, or at the end."""

    def finish(self, ask: Ask) -> None:
        fields = {**answer_object(ask), **form_fields(ask, self._form)}
        self._streams.out_json({"type": "done", **fields}, indent=None)

    def broken(self, error: LlmctlError) -> None:
        self._streams.out_json({"type": "error", "error": error.as_dict()}, indent=None)


class JsonRenderer:
    """One object at the end. A failure is written to stderr, as everywhere."""

    def __init__(self, streams: Streams, form: Form | None = None) -> None:
        self._streams = streams
        self._form = form

    def waiting(self, whom: str) -> None:
        """Nothing to show."""

    def event(self, event: Event) -> None:
        """All is collected in the stream."""

    def wait(self) -> None:
        """Everything is shown as it comes, or at the end."""

    def finish(self, ask: Ask) -> None:
        self._streams.out_json({**answer_object(ask), **form_fields(ask, self._form)})

    def broken(self, error: LlmctlError) -> None:
        """The partial answer is part of the error."""
