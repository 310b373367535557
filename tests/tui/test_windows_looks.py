"""What [tui] of the config changes: theme, keys, motion; and the mouse."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import llmctl
from llmctl.cli.settings import Settings
from llmctl.errors import ConfigError
from llmctl.tui.bindings import binding_ids
from tui.conftest import Chats, Person, answer


@pytest.mark.parametrize(
    ("config", "option", "theme"),
    [
        ("", "", "textual-dark"),
        ('[tui]\ntheme = "light"\n', "", "textual-light"),
        ('[tui]\ntheme = "nord"\n', "", "nord"),
        ('[tui]\ntheme = "nord"\n', "light", "textual-light"),
    ],
)
def test_themes(chats: Chats, config: str, option: str, theme: str) -> None:
    chats.configure(config)

    async def body(person: Person) -> None:
        assert person.app.theme == theme
        assert person.notices == []
        await person.asks("/theme dracula")
        assert person.app.theme == "dracula"
        await person.asks("/theme none-such")
        assert "there is no theme" in person.notices[-1]
        assert person.app.theme == "dracula"

    chats.run(body, settings=Settings(theme=option))


def test_an_unknown_theme_is_told(chats: Chats) -> None:
    chats.configure('[tui]\ntheme = "pink"\n')

    async def body(person: Person) -> None:
        assert person.app.theme == "textual-dark"
        assert "there is no theme 'pink'" in person.notices[0]

    chats.run(body)


def test_other_keys(chats: Chats) -> None:
    chats.configure('[tui.keys]\n"chat.new" = "f12"\n')
    chats.upstream.script(answer("1"))

    async def body(person: Person) -> None:
        await person.asks("A")
        await person.does("ctrl+n")
        assert person.entries
        await person.does("f12")
        assert not person.entries

    chats.run(body)


def test_keys_that_are_none_are_told(chats: Chats) -> None:
    chats.configure('[tui.keys]\n"chat.neww" = "f12"\n"prompt.send" = "ctrl+s"\n')

    async def body(person: Person) -> None:
        assert [text for text in person.notices if "tui.keys" in text] == [
            "[tui.keys]: no key is called 'chat.neww'; did you mean chat.new or chat.raw or chat.help?"
        ]

    chats.run(body)


def test_the_help_names_every_id() -> None:
    text = (Path(llmctl.__file__).parent / "data/help/tui.txt").read_text(encoding="utf-8")
    ids = re.findall(r"[a-z_.]+", text.partition("The ids:")[2])
    assert {name for name in binding_ids() if name not in ids and f".{name.partition('.')[2]}" not in ids} == set()


def test_a_theme_change_draws_what_is_shown_again(chats: Chats) -> None:
    chats.configure("[tui]\nreduced_motion = true\n")
    chats.upstream.script(answer("**bold** text"))

    async def body(person: Person) -> None:
        assert person.chat.transcript.reduced_motion
        assert person.app.animation_level == "none"
        await person.asks("A")
        await person.asks("/theme light")
        await person.until(lambda: "bold text" in person.screen)

    chats.run(body)


@pytest.mark.parametrize("config", ["tui = 1\n", "[tui]\nkeys = 1\n"])
def test_a_wrong_table_is_told_before_the_start(chats: Chats, config: str) -> None:
    head, more = (config, "") if config.startswith("tui =") else ("", config)
    chats.configure(more, head=head)
    with pytest.raises(ConfigError, match="tui"):
        chats.app()


def test_the_mouse_is_handed_over_and_taken_back(chats: Chats) -> None:
    async def body(person: Person) -> None:
        await person.does("f8")
        assert not person.app.mouse_on
        assert "mouse off" in person.screen
        await person.does("f8")
        assert person.app.mouse_on
        assert "mouse off" not in person.screen

    async def without(person: Person) -> None:
        assert "mouse off" in person.screen

    chats.run(body)
    chats.run(without, no_mouse=True)
