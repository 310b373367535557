"""The gateway on the whole terminal, live."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.filter import Monochrome, NoColor
from textual.widgets import DataTable, Footer, Static

from llmctl.cli.logs.words import cut
from llmctl.cli.streams import harmless
from llmctl.cli.top import draw, words
from llmctl.errors import LlmctlError
from llmctl.gateway.snapshots import applied

if TYPE_CHECKING:
    from llmctl.cli.streams import Streams
    from llmctl.cli.top.gateway import Gateway

THEMES = {"terminal": "ansi-dark", "dark": "textual-dark", "light": "textual-light"}
RETRY = 1.0
"""Seconds until a gateway that is gone is asked again."""
OTHER = 2
"""Lines of the screen that belong to no part: one above the requests in flight, and the footer."""


class TopApp(App[None]):
    """`snapshot` is shown until the gateway's own stream takes over."""

    TITLE = "llmctl top"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
        Binding("c", "cancel", "Cancel the chosen request"),
        Binding("pagedown", "page(1)", "Further down", show=False),
        Binding("pageup", "page(-1)", "Further up", show=False),
    ]
    CSS = """
    #head { height: auto; padding: 0 1; }
    #running { margin: 1 0 0 0; overflow-x: hidden; }
    #rest { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    #recent, #targets { height: auto; }
    """

    def __init__(self, gateway: Gateway, snapshot: dict[str, Any], streams: Streams) -> None:
        super().__init__()
        self._gateway = gateway
        self._snapshot = snapshot
        self._ahead = snapshot["now"] - time.time()
        self._lost = ""
        self._colours = THEMES.get(streams.settings.theme or "dark", "textual-dark")
        color = streams.settings.color
        if color == "never" or (color == "auto" and streams.env.get("NO_COLOR")):
            self._colours = THEMES["terminal"]  # Textual alone would still send greys
            self._filters = [each for each in self._filters if not isinstance(each, Monochrome | NoColor)]
            self._filters.append(NoColor())

    def compose(self) -> ComposeResult:
        yield Static(id="head")
        running: DataTable[Text] = DataTable(id="running", cursor_type="row")
        running.add_columns(*((name, name) for name in words.RUNNING))
        yield running
        with VerticalScroll(id="rest", can_focus=False):
            yield Static(id="targets")
            yield Static(id="recent")
        yield Footer()

    def on_mount(self) -> None:
        self.theme = self._colours
        self.query_one(DataTable).focus()
        self.set_interval(1.0, self.draw)
        self.run_worker(self._follow())

    def on_resize(self) -> None:
        self.draw()

    async def action_cancel(self) -> None:
        """End the request under the cursor."""
        table = self.query_one(DataTable)
        if not table.row_count:
            self.notify("nothing is in flight")
            return
        chosen = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value or ""
        try:
            done = await self._gateway.cancel(chosen)
        except LlmctlError as error:
            self.notify(error.message, severity="error", markup=False)
            return
        self.notify(f"{chosen} is cancelled" if done else f"{chosen} had ended already", markup=False)

    def action_page(self, down: int) -> None:
        """Scroll what is below the requests in flight."""
        rest = self.query_one("#rest")
        rest.scroll_page_down() if down > 0 else rest.scroll_page_up()

    def draw(self) -> None:
        """Show the snapshot. Textual sends only what changed, so nothing flickers."""
        now, width = time.time() + self._ahead, max(self.size.width - 3, 20)
        shown = {**self._snapshot, "now": now}
        head = draw.head(shown, self._gateway.url, self._lost, width)
        self.query_one("#head", Static).update(head)
        room = self.size.height - head.plain.count("\n") - 1 - OTHER - draw.LEAST_RECENT
        self._draw_running(now, width)
        room -= self._fit_running(room - 1)  # the targets take a line at least
        self.query_one("#targets", Static).update(draw.targets(shown["targets"], now, width, room))
        self.query_one("#recent", Static).update(draw.recent(shown["recent"], width))

    def _fit_running(self, room: int) -> int:
        """Give the requests in flight the lines that they need, or else may have. How many these are."""
        table = self.query_one(DataTable)
        lines = max(min(table.row_count + 1, self.size.height * 2 // 5, room), 2)  # the heading is one
        table.styles.height = lines
        return lines

    def _draw_running(self, now: float, width: int) -> None:
        """Rows change in place, so that the cursor stays on its request."""
        table = self.query_one(DataTable)
        rows = {entry["id"]: words.running_row(entry, now) for entry in self._snapshot["inflight"]}
        for key in [row.key for row in table.ordered_rows if row.key.value not in rows]:
            table.remove_row(key)
        known = {row.key.value for row in table.ordered_rows}
        room = max((width - 34) // 2, 8)  # for a model or a target
        for name, row in rows.items():
            cells = [Text(cut(harmless(cell), room)) for cell in row]
            if name not in known:
                table.add_row(*cells, key=name)
                continue
            for column, cell in zip(words.RUNNING, cells, strict=True):
                if table.get_cell(name, column) != cell:
                    table.update_cell(name, column, cell, update_width=True)

    async def _follow(self) -> None:
        """Take what the gateway tells, and connect again for as long as it is gone."""
        while True:
            try:
                async for message in self._gateway.follow():
                    self._lost = ""
                    self._snapshot = applied(self._snapshot, message)
                    self._ahead = self._snapshot["now"] - time.time()
                    self.draw()
                self._lost = "the gateway has ended"
            except LlmctlError as error:
                self._lost = error.message
            self.draw()
            await asyncio.sleep(RETRY)
