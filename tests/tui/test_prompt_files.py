"""Pastes, dropped files and their chips."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmctl.tui.prompt import Draft, Prompt
from tui.test_prompt_desk import Desk, Typist, at_desk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    for name in ("README.md", "src/my notes.txt"):
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / "odd.bin").write_bytes(b"\0\1\2")
    return tmp_path


def test_small_pastes_are_inserted_clean() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.put("[]", (0, 1))
        await typist.pastes("a\r\nb\rc\x07\td")
        assert app.prompt.draft == Draft("[a\nb\nc\td]", (2, 3))
        await typist.keys("ctrl+z")
        assert typist.text == "[]"

    at_desk(body)


def test_a_paste_replaces_what_is_selected() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("abc")
        await typist.keys("shift+left")
        await typist.pastes("x")
        assert typist.text == "abx"
        await typist.keys("shift+left", "ctrl+c", "end", "ctrl+v")
        assert typist.text == "abxx"

    at_desk(body)


@pytest.mark.parametrize("paste", ["x\n" * 10 + "x", "x" * 1501], ids=["lines", "characters"])
def test_big_pastes_become_files(paste: str) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.types("see")
        await typist.pastes(paste)
        await typist.pastes(paste.replace("\n", "\r\n"))
        assert typist.text == "see"
        assert typist.files == ["paste-1.txt", "paste-2.txt"]
        assert {item.data.decode() for item in app.prompt.draft.files} == {paste}
        await typist.keys("enter")
        await typist.pastes(paste)
        assert typist.files == ["paste-3.txt"]

    at_desk(body)


def test_a_restored_paste_keeps_its_name_to_itself() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.pastes("x\n" * 20)
        files = app.prompt.draft.files
        assert app.saved[-1].files == files
        await typist.put("", files=files)
        await typist.pastes("y\n" * 20)
        assert typist.files == ["paste-1.txt", "paste-2.txt"]

    at_desk(body)


def test_a_paste_just_below_the_limits_is_text() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.pastes("x\n" * 10)
        await typist.pastes("\n" * 2000)
        assert typist.files == []
        assert typist.text == "x\n" * 10 + "\n" * 2000

    at_desk(body)


def test_backspace_at_the_start_removes_the_last_chip() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        for _ in range(2):
            await typist.pastes("x\n" * 20)
        await typist.types("ab")
        await typist.keys("backspace")
        assert typist.files == ["paste-1.txt", "paste-2.txt"]
        await typist.keys("home", "backspace")
        assert typist.files == ["paste-1.txt"]
        await typist.keys("backspace", "backspace")
        assert typist.files == []
        assert typist.text == "a"
        assert not app.query_one("Chips").display
        assert app.saved[-1] == Draft("a")

    at_desk(body)


def test_a_click_on_the_cross_removes_that_chip() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        for _ in range(3):
            await typist.pastes("x\n" * 412)
        label = "▣ paste-1.txt · 412 lines ✕"
        assert (
            str(app.query_one("Chips").render())
            == f"{label}  {label.replace('1.', '2.')}\n{label.replace('1.', '3.')}"
        )
        await typist.pilot.click("Chips", offset=(4, 0))
        assert len(typist.files) == 3
        await typist.pilot.click("Chips", offset=(len(label), 0))
        assert typist.files == ["paste-2.txt", "paste-3.txt"]
        assert app.focused is app.editor

    at_desk(body)


def test_many_chips_take_three_lines() -> None:
    async def body(app: Desk, typist: Typist) -> None:
        for _ in range(9):
            await typist.pastes("x\n" * 412)
        assert app.region("Chips").height == 3
        assert str(app.query_one("Chips").render()).endswith("and 7 more")
        assert app.editor.region.bottom == 15

    at_desk(body, (40, 15))


def test_dropped_files_go_along(folder: Path) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.pastes(f"'{folder}/src/my notes.txt' {folder}/README.md\n")
        assert typist.files == ["src/my notes.txt", "README.md"]
        await typist.pastes(f"{folder}/README.md")
        assert typist.files == ["src/my notes.txt", "README.md"]
        assert typist.text == ""

    at_desk(body, folder=folder)


def test_a_dropped_file_that_no_provider_takes_is_a_problem(folder: Path) -> None:
    async def body(app: Desk, typist: Typist) -> None:
        await typist.pastes(f"{folder}/odd.bin {folder}/README.md")
        assert [type(message) for message in app.seen] == [Prompt.Problem]
        assert typist.files == ["README.md"]

    at_desk(body, folder=folder)


@pytest.mark.parametrize("text", ["https://example.org/x.png", "README.md", "see /etc/passwd"])
def test_other_pastes_stay_text(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(folder)

    async def body(app: Desk, typist: Typist) -> None:
        await typist.pastes(text)
        assert typist.text == text
        assert typist.files == []

    at_desk(body, folder=folder)
