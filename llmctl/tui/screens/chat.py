"""The screen that a person lives in: conversations, transcript, prompt, status line."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.screen import Screen
from textual.widgets import Static

from llmctl.cli.talk.context import context_limit
from llmctl.errors import (
    Interrupted,
    KeyProblem,
    LimitReached,
    LlmctlError,
    NetworkError,
    ProviderFault,
    StoreFailed,
    TimedOut,
    UsageError,
)
from llmctl.store import drafts
from llmctl.store.store import Store
from llmctl.tui import deeds
from llmctl.tui.asking import Asker
from llmctl.tui.desk import Choice
from llmctl.tui.entries import cost_of, entries, tokens_of
from llmctl.tui.prompt import Draft, Prompt, messages
from llmctl.tui.screens.dialog import LineDialog
from llmctl.tui.screens.picker import ModelPicker
from llmctl.tui.talk import Talk
from llmctl.tui.transcript import Entry, Transcript
from llmctl.tui.widgets.sidebar import Sidebar
from llmctl.tui.widgets.status import Status, StatusLine
from llmctl.tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from llmctl.store.messages import Message
    from llmctl.tui.app import ChatApp

ELSEWHERE = (ProviderFault, LimitReached, KeyProblem, NetworkError, TimedOut)
"""What another provider may do better."""
WIDE = 100
"""Columns from which the conversations are shown unless they were hidden."""


class ChatScreen(Screen[None]):
    """Holds the parts together. What a person can do stands in `deeds`."""

    app: ChatApp
    HELP = "Type a question, Enter sends it. Tab moves between prompt, conversations and transcript."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "escape", "Stop the answer; back to the prompt", id="chat.escape"),
        *(
            Binding(
                deed.key, f"deed('{deed.name}')", deed.about, id=f"chat.{deed.name}", show=False, priority=True
            )
            for deed in deeds.DEEDS.values()
            if deed.key
        ),
    ]

    def __init__(self, app: ChatApp) -> None:
        super().__init__()
        self.desk = app.desk
        self.talk = Talk(app.archive, app.desk.price)
        self.transcript = Transcript(self._actions, id="transcript")
        self.prompt = Prompt(id="prompt", commands=deeds.commands(app.desk), edit=app.edit_text, folder=app.folder)
        self.asker = Asker(self.desk, self.talk, self.transcript, self._asking_changed)
        self.sidebar_wanted: bool | None = None
        self.removed: list[str] = []
        self.editing: Message | None = None
        self.recent: list[Choice] = []
        self._opening = asyncio.Lock()
        self._listed = ""

    def compose(self) -> ComposeResult:
        with Horizontal(id="body"):
            yield Sidebar(id="sidebar")
            with Vertical(id="main"):
                yield self.transcript
                yield Welcome()
                yield Static("", id="unseen", markup=False)
                yield self.prompt
                yield StatusLine(id="status")

    async def on_mount(self) -> None:
        self.transcript.reduced_motion = self.app.reduced_motion
        self.prompt.focus()
        self._fit()
        try:
            await self._begin()
        except LlmctlError as error:
            await self._failed(error)
        self.show_status()
        self.run_worker(self._guarded(self._look_back()), group="start")

    async def _begin(self) -> None:
        """Show the conversation that was asked for; what the command line says beats what it was with."""
        options = self.desk.options
        if self.app.start:
            async with self._opening:
                await self._show(
                    self.app.start, as_before=not (options.profile or options.model or options.base_url)
                )
            now = self.talk.conversation
            if options.system or self.app.params:
                await self.talk.settle(options.system or now.system, {**now.params, **self.app.params})
        else:
            await self.talk.settle(options.system or "", self.app.params)
            await self._restore_draft()

    async def _look_back(self) -> None:
        """What is not needed for the first paint."""
        archive = self.app.archive
        self.prompt.history = await archive.run(lambda store: store.messages.questions())
        await self.list_recent()
        await archive.run(Store.forget_deleted)
        await self.list_conversations()
        gc.freeze()  # collections that look at everything the imports made cost up to 100 ms, within a frame
        await self.app.hold_tools(self.asker)

    # Conversations

    async def open(self, number: str) -> None:
        """Show a conversation, "" a new one; the draft of the one so far is kept."""
        if self.asker.busy:
            raise UsageError("an answer is still coming", hint="Esc stops it")
        async with self._opening:
            await self.save_draft(whole=True)
            await self._show(number)
        await self.list_conversations()
        self.prompt.focus()
        self.show_status()

    async def _show(self, number: str, as_before: bool = True) -> None:
        await self.talk.open(number)
        self.asker.last = None
        if as_before:
            await self._ask_as_before()
        self.transcript.set_entries(entries(self.talk.branch))
        await self._restore_draft()

    async def _ask_as_before(self) -> None:
        """Switch to the model that the conversation was with, if it can still be asked."""
        kept = Choice(self.talk.conversation.profile, self.talk.conversation.model)
        if not kept.profile or kept.label == self.desk.choice.label:
            return
        try:
            await self.desk.switch(kept)
        except LlmctlError as error:
            self.desk.streams.note(f"{kept.label} can't be asked any more ({error.message})")

    async def list_conversations(self) -> None:
        """Bring the side up to date."""
        self._listed = self.talk.id
        found = await self.app.archive.run(lambda store: store.conversations.newest(500))
        self.query_one(Sidebar).show(found, self.talk.id)

    async def list_recent(self) -> None:
        """The models used lately, this one first."""
        found = await self.app.archive.run(lambda store: store.ledger.recent_models())
        known = set(self.desk.profiles())
        recent = [Choice(profile, model) for profile, model in found if profile in known]
        self.recent = list(dict.fromkeys([self.desk.choice, *recent]))

    async def save_draft(self, whole: bool = False) -> None:
        """Keep what is typed; with `whole` also what waits in the queue, which becomes a part of it."""
        while whole and self.prompt.unqueue():
            pass
        draft = self.prompt.draft
        await self.talk.keep_draft(drafts.Draft(draft.text, draft.cursor, draft.files))

    async def _restore_draft(self) -> None:
        number = self.talk.id
        kept = await self.app.archive.run(lambda store: store.drafts.get(number))
        self.prompt.draft = Draft(kept.text, kept.cursor, kept.files)

    # Asking

    async def go_on(self, message: Message) -> None:
        """Have a partial answer continued."""
        await self._answered(await self.asker.go_on(message))

    async def ask(self, head: int | None, draft: Draft | None = None) -> None:
        """Ask, say what went wrong, then ask what waits in the queue."""
        if self.asker.busy and draft:  # typed faster than it was begun
            self.prompt.wait(draft)
            return
        try:
            error = await self.asker.ask(head, draft.text if draft else "", draft.files if draft else ())
        except LlmctlError as refused:
            if draft:
                self._give_back(draft)
            await self._failed(refused)
            return
        await self._answered(error)

    async def _answered(self, error: LlmctlError | None) -> None:
        """Bring the lists up to date, offer another model where this one fails, and go on with the queue."""
        await self.list_conversations()
        await self.list_recent()
        elsewhere = isinstance(error, ELSEWHERE) and self.desk.other(self.recent)
        if elsewhere:
            self.desk.streams.note(f"F4 asks {elsewhere.label} instead")
        if error is None and (waiting := self.prompt.pop_queued()):
            await self.ask(self.talk.next_head(), waiting)

    def _give_back(self, draft: Draft) -> None:
        """Put what was refused into the prompt again, before what was typed since."""
        typed = self.prompt.draft
        self.prompt.draft = draft if typed.empty else typed.after(draft)

    def _asking_changed(self) -> None:
        if not self.is_mounted:
            return
        self.prompt.busy = self.asker.busy
        self.show_status()
        if self.talk.id != self._listed:
            self.work(self.list_conversations())

    @on(messages.Submitted)
    def _submitted(self, event: messages.Submitted) -> None:
        self.transcript.action_follow()
        edited, self.editing = self.editing, None
        head = edited.parent if edited and self.talk.message(str(edited.id)) else self.talk.next_head()
        self.work(self.ask(head, event.draft))

    @on(messages.Queued)
    def _queued(self) -> None:
        self.editing = None  # it is asked after the answer that is coming

    @on(messages.Changed)
    async def _draft_changed(self, event: messages.Changed) -> None:
        if event.draft.empty:
            self.editing = None
        if not self._opening.locked():  # else the prompt does not belong to the conversation yet
            await self.save_draft()

    @on(messages.Problem)
    def _prompt_problem(self, event: messages.Problem) -> None:
        self.desk.streams.error(event.message, event.hint)

    @on(messages.Command)
    def _command(self, event: messages.Command) -> None:
        deed = deeds.by_slash(event.name)
        if deed is None:
            self.tell(deeds.unknown(event.name))
        else:
            self.work(deed.run(self, event.rest))

    # Deeds

    def work(self, deed: Coroutine[Any, Any, None]) -> None:
        """Do something; an error is told, and changes nothing else."""

        self.run_worker(self._guarded(deed), group="deeds")

    async def _guarded(self, deed: Coroutine[Any, Any, None]) -> None:
        try:
            await deed
        except LlmctlError as error:
            await self._failed(error)

    async def _failed(self, error: LlmctlError) -> None:
        """Say what went wrong. A store that fails is left: what is in view goes on in memory."""
        archive = self.app.archive
        if not isinstance(error, StoreFailed):
            self.tell(error)
            return
        if archive.broken and not self.asker.busy:
            await self.talk.to_memory(self.talk.head)
            self.asker.sync(entries(self.talk.branch))
            await self.list_conversations()
        if archive.problem:
            self.asker.say_problem()
        else:
            self.tell(error)

    def tell(self, error: LlmctlError) -> None:
        """Say what went wrong."""
        if not isinstance(error, Interrupted):
            self.desk.streams.error(error.message, error.hint)

    def action_deed(self, name: str) -> None:
        self.work(deeds.DEEDS[name].run(self, ""))

    def action_escape(self) -> None:
        """Stop the answer; without one, back to the prompt."""
        if self.asker.busy:
            self.asker.stop()
        else:
            self.prompt.focus()

    @on(Transcript.Action)
    def _entry_action(self, event: Transcript.Action) -> None:
        action = deeds.ENTRY_DEEDS.get(event.name)
        if action:
            self.work(action(self, event.key))

    @on(Transcript.LinkClicked)
    def _link(self, event: Transcript.LinkClicked) -> None:
        self.app.open_url(event.url)

    @on(Transcript.CodeCopied)
    def _code_copied(self, event: Transcript.CodeCopied) -> None:
        self.app.copy_to_clipboard(event.text)
        self.desk.streams.note(f"copied {len(event.text)} characters")

    @on(Transcript.MediaChosen)
    def _media(self, event: Transcript.MediaChosen) -> None:
        self.work(deeds.media(self, event.part, event.how))

    @on(Transcript.Unseen)
    def _unseen(self, event: Transcript.Unseen) -> None:
        line = self.query_one("#unseen", Static)
        line.display = event.count > 0
        line.update(
            f"↓ {event.count} more line{'s' if event.count > 1 else ''} · End follows" if event.count else ""
        )

    @on(Sidebar.Chosen)
    def _chosen(self, event: Sidebar.Chosen) -> None:
        self.work(self.open(event.id))
        if self.size.width < WIDE:
            self.sidebar_wanted = None
            self._fit()

    @on(Sidebar.Act)
    def _sidebar_act(self, event: Sidebar.Act) -> None:
        self.work(deeds.SIDEBAR_DEEDS[event.name](self, event.id))

    def _actions(self, entry: Entry) -> list[tuple[str, str]]:
        return deeds.entry_actions(entry)

    async def ask_line(self, title: str, value: str = "") -> str | None:
        """A line of text from the person; None when given up."""
        return await self.app.push_screen_wait(LineDialog(title, value))

    async def pick(self, title: str) -> Choice | None:
        """A model from the picker; None when given up."""
        return await self.app.push_screen_wait(ModelPicker(self.desk, self.recent, title))

    # Looks

    def show_status(self) -> None:
        """Bring the line at the bottom up to date."""
        busy, branch, line = self.asker.busy, self.talk.branch, self.query_one(StatusLine)
        tokens = "" if busy else tokens_of(branch, context_limit(self.desk.session))
        doing = "answering" if busy else ""
        line.status = Status(
            self.desk.choice.label, cost_of(branch), tokens, doing, self.app.mouse_on, line.status.place
        )
        self.app.title = self.talk.conversation.title or "llmctl"
        welcome = self.query_one(Welcome)
        welcome.display = not (self.asker.busy or self.transcript.entries)
        welcome.greet(self.desk.choice.label, self.app.key_of)

    @on(DescendantFocus)
    def _focus_moved(self, event: DescendantFocus) -> None:
        """The hints at the bottom are those of what has the focus."""
        line = self.query_one(StatusLine)
        line.status = replace(line.status, place=event.widget.id or "")

    def toggle_sidebar(self) -> None:
        """Show or hide the conversations, whatever the width."""
        sidebar = self.query_one(Sidebar)
        self.sidebar_wanted = not sidebar.display
        self._fit()
        if sidebar.display:
            sidebar.focus()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        sidebar = self.query_one(Sidebar)
        narrow = self.size.width < WIDE
        sidebar.display = self.sidebar_wanted if self.sidebar_wanted is not None else not narrow
        self.set_class(narrow, "narrow")
        if not sidebar.display and sidebar.has_focus:
            self.prompt.focus()
