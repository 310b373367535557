"""What holds for every screen, whatever it looks like: it fits, it rests, and it obeys the terminal."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from rich.style import Style
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.widget import Widget

from llmctl.tui.app import ChatApp
from llmctl.tui.screens.chat import WIDE
from llmctl.tui.widgets.sidebar import Sidebar
from llmctl.tui.widgets.status import StatusLine
from llmctl.tui.widgets.welcome import Welcome
from support.cli import Cli
from tui import looks, scenes

Body = Callable[[ChatApp, Pilot[None]], Awaitable[None]]
COLOUR = re.compile(rb"\x1b\[(?:[0-9;:]*[;:])?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:[;:][0-9;:]*)?m")
HELLO = "answers. Ask anything."


def run(folder: Path, scene: str, size: tuple[int, int], body: Body, **env: str) -> None:
    """Run the body with a scene on a screen of a size."""
    start, filled, act = scenes.SCENES[scene]
    app = looks.make_app(folder, start, filled=filled, **env)

    async def main() -> None:
        async with app.run_test(size=size) as pilot:
            await looks.settle(app, pilot)
            await act(app, pilot)
            await pilot.pause()
            await body(app, pilot)
        await looks.put_away(app)

    asyncio.run(main())


def shown(app: ChatApp) -> list[Widget]:
    return [widget for widget in app.screen.query("*") if widget.is_on_screen and widget.size]


def line(app: ChatApp) -> str:
    """The line at the bottom."""
    return str(app.chat.query_one(StatusLine).render())


@pytest.mark.parametrize("scene", scenes.SCENES)
def test_on_forty_columns_nothing_is_cut_off(scene: str, tmp_path: Path) -> None:
    async def body(app: ChatApp, pilot: Pilot[None]) -> None:
        for widget in shown(app):
            assert widget.region.right <= 40, widget
            assert not widget.show_horizontal_scrollbar, widget
        for control in app.screen.query("Input, TextArea, .hint, StatusLine"):
            assert app.screen.region.contains_region(control.region), control

    run(tmp_path, scene, (40, 15), body)


def test_a_narrow_screen_shows_the_conversations_only_when_asked_and_above_the_rest(tmp_path: Path) -> None:
    async def body(app: ChatApp, pilot: Pilot[None]) -> None:
        sidebar = app.chat.query_one(Sidebar)
        assert not sidebar.display
        await pilot.press("f9")
        assert sidebar.display
        assert sidebar.has_focus
        assert sidebar.region.x == 0
        assert app.chat.transcript.region.width == WIDE - 1
        await pilot.press("f9")
        assert not sidebar.display
        assert not sidebar.has_focus

    run(tmp_path, "talk", (WIDE - 1, 24), body)


def test_a_wide_screen_shows_the_conversations_beside_the_rest(tmp_path: Path) -> None:
    async def body(app: ChatApp, pilot: Pilot[None]) -> None:
        sidebar = app.chat.query_one(Sidebar)
        assert sidebar.display
        assert not sidebar.has_focus
        assert app.chat.transcript.region.x == sidebar.region.right

    run(tmp_path, "talk", (WIDE, 24), body)


@pytest.mark.parametrize("scene", ["empty", "talk", "rich", "sidebar", "picker", "settings", "help", "rename"])
def test_nothing_runs_while_nothing_happens(scene: str, tmp_path: Path) -> None:
    async def body(app: ChatApp, pilot: Pilot[None]) -> None:
        pumps: list[MessagePump] = [app, *app.screen_stack]
        pumps += [widget for screen in app.screen_stack for widget in screen.query("*")]
        running = [timer for pump in pumps for timer in pump._timers if timer._active.is_set()]
        assert [timer for timer in running if timer._repeat is None] == []

    run(tmp_path, scene, (80, 24), body)


def test_the_welcome_names_the_model_and_goes_with_the_first_question(tmp_path: Path) -> None:
    async def body(app: ChatApp, pilot: Pilot[None]) -> None:
        welcome = app.chat.query_one(Welcome)
        assert str(welcome.render()).startswith("demo/demo answers.")
        await pilot.press(*"hi", "enter")
        while not app.chat.transcript.entries:
            await pilot.pause()
        assert not welcome.display
        app.chat.asker.stop()
        while app.chat.asker.busy:
            await pilot.pause()
        await pilot.press("ctrl+n")
        while app.chat.transcript.entries:
            await pilot.pause()
        assert welcome.display

    run(tmp_path, "empty", (80, 24), body)


@pytest.mark.parametrize("scene", ["picker", "commands", "sidebar", "palette"])
def test_the_chosen_row_stands_out_without_colours(scene: str, tmp_path: Path) -> None:
    async def body(app: ChatApp, pilot: Pilot[None]) -> None:
        assert app.no_color
        rows = [row for row in app.screen._compositor.render_strips() for part in row if _underlined(part.style)]
        assert rows

    run(tmp_path, scene, (80, 24), body, NO_COLOR="1")


def _underlined(style: Style | None) -> bool:
    return bool(style and style.underline and style.bold)


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, "demo/demo · $0.0012 · ~108 tokens"),
        (30, "demo/demo · $0.0012"),
        (16, "demo/demo"),
    ],
)
def test_the_line_at_the_bottom_keeps_the_model_longest(width: int, expected: str, tmp_path: Path) -> None:
    async def body(app: ChatApp, pilot: Pilot[None]) -> None:
        assert line(app).startswith(expected)
        assert len(line(app)) <= width - 2

    run(tmp_path, "talk", (width, 24), body)


def test_the_hints_are_those_of_what_has_the_focus(tmp_path: Path) -> None:
    async def body(app: ChatApp, pilot: Pilot[None]) -> None:
        assert "F1 help" in line(app)
        app.chat.transcript.focus()
        await pilot.pause()
        assert "j k choose" in line(app)
        await pilot.press("escape")
        assert "F1 help" in line(app)

    run(tmp_path, "talk", (120, 24), body)


@pytest.mark.parametrize("args", [(), ("--inline",)], ids=["full", "inline"])
def test_no_color_sends_no_colours(cli: Cli, args: tuple[str, ...]) -> None:
    terminal = cli.terminal("tui", "-p", "demo", *args, env={"NO_COLOR": "1"})
    terminal.wait_for(HELLO)
    terminal.send("show me code")
    terminal.wait_for("show me code")
    terminal.send_key("enter")
    terminal.wait_for("def greet")
    terminal.send("\x1bOR")  # F3
    terminal.wait_for("Ask which model?")
    terminal.send_key("ctrl-q")
    assert terminal.wait() == 0
    assert COLOUR.findall(terminal.raw) == []


def test_colours_are_sent_otherwise(cli: Cli) -> None:
    terminal = cli.terminal("tui", "-p", "demo").wait_for(HELLO)
    terminal.send_key("ctrl-q")
    assert terminal.wait() == 0
    assert COLOUR.search(terminal.raw)


def test_the_conversation_stays_in_the_scrollback_when_asked_to(cli: Cli) -> None:
    terminal = cli.terminal("tui", "-p", "demo", "--print-on-exit").wait_for(HELLO)
    terminal.send("hello there")
    terminal.wait_for("hello there")
    terminal.send_key("enter")
    terminal.wait_for("in one line")
    terminal.send_key("ctrl-q")
    assert terminal.wait() == 0
    assert "hello there" in "\n".join(terminal.history())


@pytest.mark.parametrize("env", [{"LANG": "C", "LC_ALL": "C"}, {"TERM": "dumb"}], ids=["LANG=C", "TERM=dumb"])
def test_a_poor_terminal_will_do(cli: Cli, env: dict[str, str]) -> None:
    cli.program = ("env", *(f"{name}={value}" for name, value in env.items()), *cli.program)
    terminal = cli.terminal("tui", "-p", "demo").wait_for(HELLO)
    terminal.send_key("ctrl-q")
    assert terminal.wait() == 0


def test_without_a_terminal_it_says_what_to_do(cli: Cli) -> None:
    result = cli.run("tui", "-p", "demo").check(2)
    assert result.out == ""
    assert "error: the chat UI needs a terminal" in result.err
    assert "llmctl chat" in result.err
