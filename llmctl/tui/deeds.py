"""Everything that a person can do, once: for keys, slash commands, the palette and the actions of messages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmctl.core.suggest import did_you_mean
from llmctl.errors import UsageError
from llmctl.tui.doing import answers, conversations, looking, models
from llmctl.tui.doing.conversations import as_markdown, jump
from llmctl.tui.doing.looking import media
from llmctl.tui.prompt import SlashCommand
from llmctl.tui.transcript import Entry

if TYPE_CHECKING:
    from llmctl.tui.desk import Desk
    from llmctl.tui.screens.chat import ChatScreen

__all__ = ["DEEDS", "ENTRY_DEEDS", "SIDEBAR_DEEDS", "as_markdown", "jump", "media"]

Doing = Coroutine[Any, Any, None]
Callback = Callable[[], Any]


@dataclass(frozen=True)
class Deed:
    """`run` gets what stands behind the slash command, "" elsewhere. `key` may be changed in [tui.keys]."""

    name: str
    title: str
    about: str
    run: Callable[[ChatScreen, str], Doing]
    key: str = ""
    slash: str = ""
    takes: str = ""


_ALL = (
    Deed("help", "Help", "Keys and commands, for what has the focus", looking.help_, "f1", "help"),
    Deed("next_model", "Next recent model", "Ask the model used before this one", models.next_recent, "f2"),
    Deed("model", "Choose a model", "Ask another model: PROFILE/MODEL", models.choose, "f3", "model", "[NAME]"),
    Deed("use", "Choose a profile", "Ask another profile, with its own model", models.use, "", "use", "[PROFILE]"),
    Deed("failover", "Ask another profile", "Ask the last question elsewhere", models.fail_over, "f4", "failover"),
    Deed("compare", "Side by side", "Ask the last question elsewhere too", models.compare, "f5", "compare"),
    Deed(
        "settings",
        "System prompt and parameters",
        "Change system prompt and parameters",
        looking.settings,
        "f6",
        "settings",
    ),
    Deed("system", "System prompt", "Set the system prompt; - removes it", looking.system, "", "system", "[TEXT]"),
    Deed("set", "Parameter", "Set a parameter; KEY= removes it", looking.set_, "", "set", "[KEY=VALUE]"),
    Deed("raw", "Raw events", "What was sent, and what came, as JSON", looking.raw, "f7", "raw"),
    Deed("mouse", "Mouse", "Hand the mouse to the terminal, or take it back", looking.mouse, "f8", "mouse"),
    Deed("sidebar", "Conversations", "Show or hide the conversations", looking.sidebar, "f9", "sidebar"),
    Deed("new", "New conversation", "Begin a new conversation", conversations.new, "ctrl+n", "new"),
    Deed("search", "Search", "Find conversations, messages, commands", looking.search, "", "search"),
    Deed("retry", "Retry", "Ask the last question again: another variant", answers.retry, "ctrl+r", "retry"),
    Deed("continue", "Continue", "Have an answer that was cut continued", answers.continue_, "", "continue"),
    Deed("edit", "Edit", "Change the last question and ask it", answers.edit, "", "edit"),
    Deed("branch", "Branch", "Go on in a new conversation from here", answers.branch, "", "branch"),
    Deed("copy", "Copy", "Copy the last answer, or its code block", answers.copy, "", "copy", "[code|LANG]"),
    Deed(
        "markdown", "Copy as Markdown", "Copy the whole conversation", conversations.copy_markdown, "", "markdown"
    ),
    Deed("curl", "Copy as curl", "Copy the last request as a curl command", answers.curl, "", "curl"),
    Deed("rename", "Rename", "Give the conversation a title", conversations.rename, "", "rename", "[TITLE]"),
    Deed("pin", "Pin", "Keep the conversation at the top, or no longer", conversations.pin, "", "pin"),
    Deed("delete", "Delete", "Delete the conversation; /undo brings it back", conversations.delete, "", "delete"),
    Deed("undo", "Undo delete", "Bring back what was deleted", conversations.undo, "", "undo"),
    Deed(
        "export", "Export", "Write it as Markdown, or JSON by the name", conversations.export, "", "export", "FILE"
    ),
    Deed("file", "Attach a file", "Send a file with the next message", answers.file, "", "file", "FILE"),
    Deed("usage", "Usage", "What this conversation took", looking.usage, "", "usage"),
    Deed("theme", "Theme", "Choose a theme", looking.theme, "", "theme", "[NAME]"),
    Deed("quit", "Quit", "Leave; everything is kept", looking.quit_, "", "quit"),
)
DEEDS: Mapping[str, Deed] = {deed.name: deed for deed in _ALL}
"""Name -> deed."""

TAKE_FILES = ("file", "export")

ENTRY_DEEDS: Mapping[str, Callable[[ChatScreen, str], Doing]] = {
    "copy": answers.copy_entry,
    "edit": answers.edit_entry,
    "retry": answers.retry_entry,
    "compare": models.compare_entry,
    "branch": answers.branch_entry,
    "continue_": answers.continue_entry,
    "raw": looking.raw_entry,
    "previous_variant": lambda chat, key: answers.variant(chat, key, -1),
    "next_variant": lambda chat, key: answers.variant(chat, key, 1),
}
"""What the actions of a message do; they get its key."""

SIDEBAR_DEEDS: Mapping[str, Callable[[ChatScreen, str], Doing]] = {
    "delete": conversations.delete_one,
    "pin": conversations.pin_one,
    "rename": conversations.rename_one,
}
"""What keys in the list of conversations do; they get its id."""


def by_slash(word: str) -> Deed | None:
    """The deed of a slash command."""
    return next((deed for deed in _ALL if deed.slash == word), None)


def unknown(word: str) -> UsageError:
    """What to say of a slash command that does not exist."""
    known = {f"/{deed.slash}": deed for deed in _ALL if deed.slash}
    hint = did_you_mean(f"/{word}", known) or "F1 lists them; two slashes send the line as it is"
    return UsageError(f"there is no command /{word}", hint=hint)


def entry_actions(entry: Entry) -> list[tuple[str, str]]:
    """(name, label) of what can be done with an entry."""
    if entry.role == "user":
        return [("copy", "copy"), ("edit", "edit"), ("retry", "retry"), ("branch", "branch")]
    if entry.role != "assistant" or entry.state in ("waiting", "streaming"):
        return [("copy", "copy")] if entry.role == "error" else []
    cut = [("continue_", "continue")] if entry.state in ("stopped", "broken") else []
    more = [("retry", "retry"), ("compare", "compare"), ("branch", "branch"), ("raw", "raw")]
    return [*cut, ("copy", "copy"), *more]


def commands(desk: Desk) -> list[SlashCommand]:
    """What the prompt suggests behind a slash."""
    words = {"model": lambda: model_names(desk), "use": lambda: dict.fromkeys(desk.profiles(), "")}
    return [
        SlashCommand(deed.slash, deed.takes, deed.about, words.get(deed.slash), deed.slash in TAKE_FILES)
        for deed in _ALL
        if deed.slash
    ]


def model_names(desk: Desk) -> dict[str, str]:
    """Aliases and models, with what an alias stands for."""
    return {choice.alias or choice.label: choice.label if choice.alias else "" for choice in desk.choices()}
