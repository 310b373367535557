"""The list of suggestions: commands, their arguments, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llmctl.tui.prompt import Draft, Prompt, SlashCommand
from tui.test_prompt_desk import Desk, Typist, at_desk

COMMANDS = (
    SlashCommand("model", "[NAME]", "use another model", lambda: {"gpt-4o": "large", "gpt-4o-mini": "small"}),
    SlashCommand("file", "[FILE]…", "send files", files=True),
    SlashCommand("help", "", "this list"),
    SlashCommand("system", "[TEXT]", "set the system prompt"),
    *(SlashCommand(f"more{letter}", "", "one more") for letter in "abcdefgh"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src" / "deep").mkdir(parents=True)
    for name in ("README.md", "src/main.py", "src/my notes.txt", "src/deep/x.py"):
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / "odd.bin").write_bytes(b"\0\1\2")
    return tmp_path


def test_a_slash_lists_the_commands_and_tab_completes() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("/")
        assert app.shown == [command.name for command in COMMANDS]
        await typist.types("mode")
        assert app.shown[0] == "model"
        await typist.keys("tab")
        assert typist.text == "/model "
        assert app.shown == ["gpt-4o", "gpt-4o-mini"]
        await typist.types("mi")
        assert app.shown == ["gpt-4o-mini"]
        await typist.keys("enter")
        assert typist.text == "/model gpt-4o-mini"
        assert app.shown == []
        await typist.keys("enter")
        assert app.seen == [Prompt.Command("model", "gpt-4o-mini")]

    at_desk(body, commands=COMMANDS)


def test_enter_obeys_a_command_that_is_typed_out() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("/model")
        assert app.shown == ["model"]
        await typist.keys("enter")
        assert app.seen == [Prompt.Command("model", "")]
        await typist.types("/hel")
        await typist.keys("enter")
        assert typist.text == "/help"
        await typist.keys("enter")
        assert app.seen[1:] == [Prompt.Command("help", "")]

    at_desk(body, commands=COMMANDS)


def test_arrows_move_the_mark_in_a_ring() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("/")
        await typist.keys("down", "down", "up", "up", "up", "tab")
        assert typist.text == "/moreh"

    at_desk(body, commands=COMMANDS, history=["earlier"])


def test_escape_closes_the_list_until_another_word_is_begun() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("/m")
        assert app.shown
        await typist.keys("escape")
        assert app.shown == []
        assert app.seen == []
        await typist.types("o")
        assert app.shown == []
        await typist.keys("escape")
        assert app.seen == ["escape"]
        await typist.keys("tab")
        assert app.shown[0] == "model"
        await typist.keys("escape", "ctrl+u")
        await typist.types("/m")
        assert app.shown

    at_desk(body, commands=COMMANDS)


def test_a_recalled_or_restored_text_opens_no_list() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.keys("up")
        assert typist.text == "/model"
        assert app.shown == []
        await typist.keys("up")
        assert typist.text == "one"
        await typist.put("/he", (0, 3))
        assert app.shown == []

    at_desk(body, commands=COMMANDS, history=["one", "/model"])


def test_the_list_follows_the_cursor() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("/mode")
        await typist.keys("home")
        assert app.shown == []
        await typist.put("")
        await typist.types("/s")
        assert app.shown == ["system"]
        app.set_focus(None)
        await typist.pilot.pause()
        assert app.shown == []

    at_desk(body, commands=COMMANDS)


@pytest.mark.parametrize("size", [(80, 24), (40, 15), (40, 9)])
@pytest.mark.parametrize("css", ["", "Static#above { height: 0; }"], ids=["below", "on top"])
def test_the_list_never_hides_the_text(size: tuple[int, int], css: str) -> None:
    class Arranged(Desk):
        CSS = Desk.CSS + css

    async def body(app: Desk, typist: Typist) -> None:
        await typist.put("")
        await typist.types("/")
        shown = app.region("Suggestions")
        assert len(app.shown) == len(COMMANDS)
        assert shown.height > 2
        assert not shown.intersection(app.editor.region).area
        assert app.screen.region.contains_region(shown)

    at_desk(body, size, Arranged, commands=COMMANDS)


def test_a_click_takes_a_suggestion() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("/")
        await typist.pilot.click("Suggestions", offset=(4, 3))
        await typist.pilot.pause()
        assert typist.text == "/help"
        assert app.focused is app.editor

    at_desk(body, commands=COMMANDS)


def test_a_file_is_mentioned_and_goes_along(folder: Path) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("see @")
        assert app.shown == [
            "README.md",
            "odd.bin",
            "src/",
            "src/deep/",
            "src/main.py",
            "src/my notes.txt",
            "src/deep/x.py",
        ]
        await typist.types("mainpy")
        assert app.shown == ["src/main.py"]
        await typist.keys("enter")
        assert typist.text == "see src/main.py "
        assert typist.files == ["src/main.py"]
        assert app.shown == []
        await typist.types("now")
        await typist.keys("enter")
        [sent] = app.seen
        assert isinstance(sent, Prompt.Submitted)
        assert sent.draft.text == "see src/main.py now"
        assert sent.draft.files[0].data == b"# src/main.py\n"

    at_desk(body, folder=folder)


def test_folders_descend(folder: Path) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("@src")
        assert app.shown[0] == "src/"
        await typist.keys("tab")
        assert typist.text == "@src/"
        assert app.shown[0] == "src/deep/"
        assert "src/" not in app.shown
        await typist.keys("down", "down", "enter")
        assert typist.text == "src/my notes.txt "
        assert typist.files == ["src/my notes.txt"]

    at_desk(body, folder=folder)


def test_named_folders_are_listed(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder / "src"))

    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("@~/m")
        assert app.shown == ["~/main.py", "~/my notes.txt"]
        await typist.keys("enter")
        assert typist.files == ["src/main.py"]
        await typist.types(f"@{folder}/RE")
        assert app.shown == [f"{folder}/README.md"]

    at_desk(body, folder=folder)


def test_a_file_that_is_typed_out_is_attached_too(folder: Path) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("@README.md")
        await typist.keys("enter")
        assert app.seen == []
        assert typist.files == ["README.md"]

    at_desk(body, folder=folder)


def test_a_file_that_no_provider_takes_is_a_problem(folder: Path) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("@odd")
        await typist.keys("enter")
        [problem] = app.seen
        assert isinstance(problem, Prompt.Problem)
        assert "odd.bin is neither text" in problem.message
        assert problem.hint
        assert typist.text == "@odd"
        assert typist.files == []
        assert app.shown == []

    at_desk(body, folder=folder)


def test_an_at_sign_in_a_word_and_one_without_files_open_no_list(folder: Path) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("me@src")
        assert app.shown == []
        await typist.types(" @zzz")
        assert app.shown == []
        await typist.keys("enter")
        assert app.seen == [Prompt.Submitted(Draft("me@src @zzz", (0, 11)))]

    at_desk(body, folder=folder)


def test_new_files_are_seen_at_the_next_mention(folder: Path) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("@READ")
        assert app.shown == ["README.md"]
        await typist.put("")
        (folder / "READY").write_text("x")
        await typist.types("@READ")
        assert app.shown == ["READY", "README.md"]

    at_desk(body, folder=folder)


def test_tab_leaves_the_prompt_where_there_is_nothing_to_complete(folder: Path) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        left: list[None] = []
        app.action_focus_next = lambda: left.append(None)  # type: ignore[method-assign]
        await typist.types("see @zzz")
        await typist.keys("tab")
        assert left == []
        await typist.types(" now")
        await typist.keys("tab")
        assert left == [None]

    at_desk(body, folder=folder)


def test_paths_of_a_command_are_completed_and_quoted(folder: Path) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("/file README.md notes")
        assert app.shown == ["src/my notes.txt"]
        await typist.keys("tab")
        assert typist.text == "/file README.md 'src/my notes.txt'"
        assert typist.files == []

    at_desk(body, folder=folder, commands=COMMANDS)


def test_an_unfinished_search_ends_with_the_app(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    told: list[bool] = []

    def endless(folder: Path, place: str, stop: object) -> list[str]:
        asked.append(place)
        wait: Callable[[float], bool] = stop.wait  # type: ignore[attr-defined]
        told.append(wait(5))
        return []

    monkeypatch.setattr("llmctl.tui.prompt.completion.paths_in", endless)

    async def body(app: Desk, typist: Typist) -> None:
        await typist.keys("@")
        assert asked == [""]

    at_desk(body, folder=folder)
    assert told == [True]
