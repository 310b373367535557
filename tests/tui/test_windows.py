"""The windows above the chat: settings, raw view, usage, help, the palette."""

from __future__ import annotations

from textual.command import CommandPalette
from textual.widgets import OptionList, TextArea

from llmctl.tui.screens.settings import SettingsScreen, read, written
from llmctl.tui.screens.text import TextScreen
from tui.conftest import Chats, Person, answer


async def settle(person: Person, system: str, params: str) -> SettingsScreen:
    """Fill the settings window and press Ctrl+S."""
    await person.press("f6")
    screen: SettingsScreen = await person.opened(SettingsScreen)
    screen.query_one("#system", TextArea).text = system
    screen.query_one("#params", TextArea).text = params
    await person.press("ctrl+s")
    return screen


def test_settings_are_kept_with_the_conversation_and_sent(chats: Chats) -> None:
    chats.upstream.script(answer("1"), answer("2"))

    async def body(person: Person) -> None:
        await settle(person, "Be brief", 'temperature=0.2\n\nstop=["a"]')
        await person.closed()
        await person.idle()
        await person.asks("A")
        await person.press("f6")
        screen = await person.opened(SettingsScreen)
        assert screen.query_one("#system", TextArea).text == "Be brief"
        assert screen.query_one("#params", TextArea).text == 'temperature=0.2\nstop=["a"]'
        await person.press("escape")
        await person.closed()
        await settle(person, "", "top_p=1")
        await person.closed()
        await person.idle()
        await person.asks("B")

    chats.run(body)
    first, second = chats.asked
    assert first["messages"][0] == {"role": "system", "content": "Be brief"}
    assert (first["temperature"], first["stop"]) == (0.2, ["a"])
    assert second["messages"][0]["role"] == "user"
    assert second["top_p"] == 1
    assert "temperature" not in second
    with chats.store() as store:
        [kept] = store.conversations.newest()
    assert (kept.system, kept.params) == ("", {"top_p": 1})


def test_bad_lines_are_told_in_the_window(chats: Chats) -> None:
    async def body(person: Person) -> None:
        for line, told in (("nonsense", "nonsense"), ("messages=[]", "messages"), ("n=2", "one answer at a time")):
            screen = await settle(person, "x", line)
            assert person.app.screen is screen
            assert told in str(screen.query_one("#problem").render())
            await person.press("escape")
            await person.closed()
        assert person.chat.talk.conversation.system == ""

    chats.run(body)


def test_parameters_are_written_so_that_they_are_read_the_same() -> None:
    params = {"a": "5", "b": 5, "c": "plain", "d": "two\nlines", "e": {"f": [1, None]}, "g": "", "h": " x "}
    assert read(written(params).split("\n")) == params


def test_system_and_set_by_command(chats: Chats) -> None:
    chats.upstream.script(answer("1"))

    async def body(person: Person) -> None:
        await person.asks("/system Be kind")
        await person.asks("/set temperature=0.1")
        await person.asks("/set stop=x")
        await person.asks("/set temperature=")
        assert person.notices[-1] == "stop=x"
        await person.asks("/set nonsense")
        assert "nonsense" in person.notices[-1]
        await person.asks("A")
        await person.asks("/system -")
        assert person.chat.talk.conversation.system == ""

    chats.run(body)
    assert chats.asked[0]["messages"][0]["content"] == "Be kind"
    assert chats.asked[0]["stop"] == "x"
    assert "temperature" not in chats.asked[0]


def test_raw_view_shows_message_request_and_events(chats: Chats) -> None:
    chats.upstream.script(answer("1st"), answer("2nd"))

    async def body(person: Person) -> None:
        await person.asks("A")
        await person.does("f7")
        text = await shown(person)
        assert '"content": "1st"' in text
        assert '"completion_tokens": 2' in text
        assert '"type": "text"' in text
        await person.press("escape")
        await person.closed()
        await person.does("ctrl+n")
        await person.asks("B")
        with chats.store() as store:
            first = next(each.id for each in store.conversations.newest() if each.title == "A")
        await person.chat.open(first)
        await person.does("f7")
        text = await shown(person)
        assert "1st" in text
        assert "2nd" not in text

    chats.run(body)


def test_usage_by_model(chats: Chats) -> None:
    chats.upstream.script(answer("1"), answer("2", completion=3))

    async def body(person: Person) -> None:
        await person.asks("A")
        await person.asks("/model other/other-model")
        await person.asks("B")
        await person.asks("/usage")
        text = await shown(person)
        assert "work/test-model" in text
        assert "$0.00009" in text
        assert "other/other-model" in text
        assert "unknown" in text

    chats.run(body)


def test_help_is_about_what_has_the_focus(chats: Chats) -> None:
    chats.configure('[tui.keys]\n"chat.new" = "f12"\n')
    chats.upstream.script(answer("1"))

    async def body(person: Person) -> None:
        await person.does("f1")
        await person.opened(TextScreen)
        assert "Edit the last queued" in person.screen
        assert "F12" in next(line for line in person.screen.splitlines() if "Begin a new conversation" in line)
        assert "/export" in person.screen
        await person.press("escape")
        await person.closed()
        person.chat.transcript.focus()
        await person.does("f1")
        await person.opened(TextScreen)
        assert "Next variant" in person.screen
        assert "Edit the last queued" not in person.screen
        await person.press("f1")
        await person.closed()
        person.chat.query_one("#sidebar").focus()
        await person.does("f1")
        await person.opened(TextScreen)
        assert "Rename" in person.screen

    chats.run(body, size=(120, 110))


async def shown(person: Person) -> str:
    """The text of the window on top."""
    screen = await person.opened(TextScreen)
    return "\n".join(str(static.render()) for static in screen.query("VerticalScroll > Static"))


async def search(person: Person, query: str, wanted: str) -> None:
    """Type into the palette, and mark the line that holds what is wanted."""
    await person.press("ctrl+p")
    palette = await person.opened(CommandPalette)
    await person.types(query)
    options = palette.query_one(OptionList)

    def found() -> list[int]:
        return [at for at, option in enumerate(options.options) if wanted in str(option.prompt)]

    await person.until(found)
    options.highlighted = found()[0]


def test_the_palette_lists_what_can_be_done(chats: Chats) -> None:
    async def body(person: Person) -> None:
        await search(person, "side by", "Side by side")
        await person.press("escape")
        await person.closed()
        await search(person, "system prompt and", "F6")
        await person.press("enter")
        await person.opened(SettingsScreen)

    chats.run(body)


def test_search_jumps_to_a_message_on_another_branch(chats: Chats) -> None:
    chats.upstream.script(answer("the walrus sang"), answer("nothing here"), answer("elsewhere"))

    async def body(person: Person) -> None:
        await person.asks("First")
        await person.does("ctrl+r")
        assert person.last == "nothing here"
        await person.does("ctrl+n")
        await person.asks("Second")
        await search(person, "walrus", "the walrus sang")
        await person.press("enter")
        await person.closed()
        await person.until(lambda: person.last == "the walrus sang")
        await person.idle()
        assert person.chat.transcript.has_focus
        assert person.chat.transcript._needle == (person.entries[1].key, "walrus")
        await search(person, "Secon", "Second")
        await person.press("enter")
        await person.closed()
        await person.until(lambda: person.last == "elsewhere")
        await person.idle()

    chats.run(body)
