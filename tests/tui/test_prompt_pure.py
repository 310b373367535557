"""The parts of the prompt that know of no screen."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from llmctl.core.media import Attachment
from llmctl.errors import UsageError
from llmctl.tui.prompt.chips import chip_label, packed, size_of
from llmctl.tui.prompt.draft import Draft, SlashCommand, clipped, command_in, end_of, unescaped
from llmctl.tui.prompt.files import dropped, paths_in, place_of, read_file
from llmctl.tui.prompt.history import History
from llmctl.tui.prompt.paste import cleaned, is_big, last_number, paste_file
from llmctl.tui.prompt.suggestions import shortened
from llmctl.tui.prompt.words import Kind, fitting, word_at

MODEL = SlashCommand("model", "[NAME]", "use another model", lambda: {"a": ""})
FILE = SlashCommand("file", "FILE", "send a file", files=True)
HELP = SlashCommand("help", "", "this list")
COMMANDS = (MODEL, FILE, HELP)


def text_file(name: str, text: str = "x") -> Attachment:
    return Attachment(name, "text/plain", text.encode())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/help", ("help", "")),
        (" /model x y ", ("model", "x y")),
        ("/system one\ntwo", ("system", "one\ntwo")),
        ("/nosuch", ("nosuch", "")),
        ("/usr/bin", None),
        ("//help", None),
        ("/", None),
        ("/Help", None),
        ("see /help", None),
    ],
)
def test_commands_are_told_from_paths(text: str, found: tuple[str, str] | None) -> None:
    assert command_in(text) == found


def test_two_slashes_send_one() -> None:
    assert unescaped(Draft("//text")) == Draft("/text")
    assert unescaped(Draft("/usr/bin")) == Draft("/usr/bin")


@pytest.mark.parametrize(
    ("cursor", "place"),
    [((0, 1), (0, 1)), ((0, 9), (0, 2)), ((9, 9), (1, 3)), ((-1, -1), (0, 0)), ((1, 3), (1, 3))],
)
def test_a_cursor_stays_in_the_text(cursor: tuple[int, int], place: tuple[int, int]) -> None:
    assert clipped("ab\ncde", cursor) == place


def test_the_end_of_a_text() -> None:
    assert end_of("") == (0, 0)
    assert end_of("ab\ncde") == (1, 3)
    assert end_of("ab\n") == (1, 0)


def test_a_draft_with_only_a_file_is_not_empty() -> None:
    assert Draft(" \n").empty
    assert not Draft("", (0, 0), (text_file("a"),)).empty


def test_history_goes_back_and_forth_and_keeps_what_was_changed() -> None:
    history = History(["one", "two\nlines"])
    assert history.step(1, ("draft", (0, 2))) is None
    assert history.step(-1, ("draft", (0, 2))) == ("two\nlines", (1, 5))
    assert history.step(-1, ("two changed", (0, 3))) == ("one", (0, 3))
    assert history.step(-1, ("one", (0, 0))) is None
    assert history.step(1, ("one", (0, 0))) == ("two changed", (0, 3))
    assert history.draft() == ("draft", (0, 2))
    assert history.step(1, ("two changed", (0, 3))) == ("draft", (0, 2))
    assert history.draft() is None


def test_history_remembers_no_blanks_and_nothing_twice_in_a_row() -> None:
    history = History(["one"])
    for text in ("one", " ", "two", "one"):
        history.remember(text)
    assert history.entries == ("one", "two", "one")
    assert history.step(-1, ("", (0, 0))) == ("one", (0, 3))


@pytest.mark.parametrize(
    ("before", "kind", "start", "typed"),
    [
        ("/", Kind.COMMAND, 0, ""),
        ("/mo", Kind.COMMAND, 0, "mo"),
        ("/model ", Kind.ARGUMENT, 7, ""),
        ("/model a b", Kind.ARGUMENT, 7, "a b"),
        ("/file x src/", Kind.PATH, 8, "src/"),
        ("@", Kind.MENTION, 0, ""),
        ("see @src/m", Kind.MENTION, 4, "src/m"),
        ("/usr/bin is @b", Kind.MENTION, 12, "b"),
    ],
)
def test_the_word_at_the_cursor(before: str, kind: Kind, start: int, typed: str) -> None:
    word = word_at(0, before, COMMANDS)
    assert word
    assert (word.kind, word.start, word.typed) == (kind, start, typed)


@pytest.mark.parametrize("before", ["", "a/", "//", "//mo", "me@home.org", "/help x", "@a b", "/help @a"])
def test_nothing_to_complete(before: str) -> None:
    assert word_at(0, before, COMMANDS) is None


def test_commands_are_completed_in_the_first_line_only() -> None:
    assert word_at(1, "/mo", COMMANDS) is None


def test_names_that_fit_best_come_first() -> None:
    names = ["docs/amain.md", "src/main.py", "main", "m-a-i-n", "other", "main.c", "Main/x"]
    assert fitting("main", names) == ["main", "main.c", "Main/x", "src/main.py", "docs/amain.md", "m-a-i-n"]
    assert fitting("", ["b", "a"]) == ["b", "a"]
    assert fitting("zz", names) == []


def test_matching_takes_no_longer_for_letters_that_come_often() -> None:
    assert fitting("e" * 30 + "x", ["e" * 200]) == []


def test_paths_below_the_folder_as_git_sees_them(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "src" / "deep").mkdir(parents=True)
    for name in ("README.md", "a.log", ".hidden", "src/main.py", "src/deep/x.py"):
        (tmp_path / name).write_text("x")
    assert paths_in(tmp_path, "", Event()) == ["README.md", "src/", "src/deep/", "src/main.py", "src/deep/x.py"]


def test_paths_of_a_named_folder_hidden_ones_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    for name in (".profile", "notes.txt"):
        (tmp_path / name).write_text("x")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths_in(Path("/"), f"{tmp_path}/", Event()) == [
        f"{tmp_path}/notes.txt",
        f"{tmp_path}/sub/",
        f"{tmp_path}/.profile",
    ]
    assert paths_in(Path("/"), "~/", Event()) == ["~/notes.txt", "~/sub/", "~/.profile"]
    assert paths_in(tmp_path, "~/nosuch/", Event()) == []


def test_the_search_stops_when_it_is_told_to(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text("x")
    stop = Event()
    stop.set()
    assert paths_in(tmp_path, "", stop) == ["a"]


@pytest.mark.parametrize(
    ("typed", "place"),
    [("", ""), ("src/x", ""), ("~", "~/"), ("~/do/x", "~/do/"), ("/", "/"), ("/etc/ho", "/etc/"), ("../x", "../")],
)
def test_where_to_look(typed: str, place: str) -> None:
    assert place_of(typed) == place


def test_dropped_files_in_all_the_ways_terminals_write_them(tmp_path: Path) -> None:
    one, two = tmp_path / "one file.txt", tmp_path / "two.txt"
    for path in (one, two):
        path.write_text("x")
    escaped = str(one).replace(" ", "\\ ")
    url = one.as_uri()
    assert "%20" in url
    for text in (f"{one}", f"'{one}' ", f"{escaped}", f"{url}\r\n", f'"{one}"'):
        assert dropped(text) == [str(one)], text
    for text in (f"{one}\n{two}", f"{escaped} {two}", f"'{one}' '{two}'", f"{url}\n{two.as_uri()}"):
        assert dropped(text) == [str(one), str(two)], text


def test_what_is_no_dropped_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Makefile").write_text("x")
    monkeypatch.chdir(tmp_path)
    for text in (
        "",
        "Makefile",
        "https://example.org/a",
        f"see {tmp_path}/Makefile",
        f"{tmp_path}",
        f"{tmp_path}/no",
        "it's /",
        "file://[",
    ):
        assert dropped(text) == [], text


def test_files_are_named_from_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("x")
    assert read_file("sub/a.txt", tmp_path).name == "sub/a.txt"
    assert read_file(f"{tmp_path}/sub/a.txt", tmp_path).name == "sub/a.txt"
    assert read_file("a.txt", tmp_path / "sub").data == b"x"
    assert read_file("../sub/a.txt", tmp_path / "sub").name == "a.txt"
    assert read_file(f"{tmp_path}/sub/a.txt", tmp_path / "x").name == f"{tmp_path}/sub/a.txt"
    with pytest.raises(UsageError, match="is no file"):
        read_file("sub", tmp_path)


def test_pastes_are_cleaned() -> None:
    assert cleaned("a\r\nb\rc\x1b[31m\x07\td") == "a\nb\nc[31m\td"


def test_a_paste_is_big_above_ten_lines_or_1500_characters() -> None:
    assert not is_big("x\n" * 10)
    assert is_big("x\n" * 10 + "x")
    assert not is_big("x" * 1500)
    assert is_big("x" * 1501)


def test_pastes_are_numbered() -> None:
    item = paste_file("text", 1)
    assert (item.name, item.data) == ("paste-2.txt", b"text")
    assert last_number([item, text_file("paste-x.txt")]) == 2
    assert last_number([]) == 0


def test_labels_of_chips_say_the_size_and_keep_the_end_of_a_name() -> None:
    assert chip_label(text_file("paste-1.txt", "x\n" * 412), 40) == "▣ paste-1.txt · 412 lines"
    assert chip_label(text_file("a", "x"), 40) == "▣ a · 1 line"
    assert chip_label(text_file("some/long/path/to/main.py", "x"), 26) == "▣ …ath/to/main.py · 1 line"
    assert chip_label(text_file("a\nb\x1b", "x"), 40) == "▣ a b · 1 line"
    assert size_of(Attachment("a.png", "image/png", b"x" * 34_500)) == "34 kB"
    assert size_of(Attachment("a.png", "image/png", b"x" * 3_450_000)) == "3.5 MB"


def test_chips_fill_lines() -> None:
    assert packed([10, 10, 5], 24) == [[0, 1], [2]]
    assert packed([50], 24) == [[0]]
    assert packed([], 24) == []


def test_long_paths_lose_their_beginning() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "…cd"
