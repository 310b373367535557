"""The tree of commands: which module holds each, and a line about it. Quick to import, for completion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """A command (`module` holds its `app`), a group of commands, or both: the command runs where none is named."""

    about: str
    module: str = ""
    commands: Mapping[str, Entry] = field(default_factory=dict)


def _command(name: str, about: str) -> Entry:
    return Entry(about, f"llmctl.cli.{name}")


ASK = {
    "chat": _command("chat.command", "Ask a model; the answer streams to stdout."),
    "tui": Entry("Chat on the whole terminal; `llmctl` alone opens it too.", "llmctl.tui.command"),
    "embed": _command("embed.command", "Turn texts into vectors."),
    "similar": _command("similar.command", "Find the lines nearest in meaning to a text."),
    "image": _command("image.command", "Make pictures from a description."),
    "api": _command("api.command", "Send any request to the provider."),
    "models": _command("models", "List the models of a provider."),
}

LOOK_BACK = {
    "logs": Entry(
        "Read, search, export and remove the conversations that are kept.",
        commands={
            "list": _command("logs.list", "List the conversations, the newest first."),
            "show": _command("logs.show", "Print a conversation."),
            "search": _command("logs.search", "Find messages by their words."),
            "export": _command("logs.export", "Write conversations as Markdown or JSON."),
            "import": _command("logs.import_", "Read conversations from a file."),
            "rm": _command("logs.rm", "Remove conversations for good."),
            "prune": _command("logs.prune", "Remove what is old."),
            "replay": _command("logs.replay", "Ask another model the same, and compare."),
        },
    ),
    "usage": _command("usage.command", "Add up requests, tokens and costs."),
}

PREPARE = {
    "prompt": Entry(
        "Keep prompts under a name, for `llmctl chat -t NAME`.",
        commands={
            "add": _command("prompt.add", "Keep a prompt."),
            "list": _command("prompt.list", "List the prompts."),
            "show": _command("prompt.show", "Print a prompt's file."),
            "edit": _command("prompt.edit", "Open a prompt in your editor."),
            "remove": _command("prompt.remove", "Remove a prompt."),
        },
    ),
    "alias": Entry(
        "Give models short names.",
        commands={
            "set": _command("alias.set", "Give a model a short name."),
            "list": _command("alias.list", "List the short names."),
            "remove": _command("alias.remove", "Remove a short name."),
        },
    ),
    "mcp": Entry(
        "See the MCP servers whose tools a chat can run.",
        commands={
            "list": _command("mcp.list", "List the MCP servers of the config."),
            "test": _command("mcp.test", "Start a server and list its tools."),
        },
    ),
}

SET_UP = {
    "init": _command("init.command", "Find keys and local servers, and make profiles of them."),
    "profile": Entry(
        "Add, show, change and test profiles.",
        commands={
            "add": _command("profile.add", "Add a profile, of a known provider or of any address."),
            "list": _command("profile.list", "List the profiles."),
            "show": _command("profile.show", "Show everything about a profile."),
            "edit": _command("profile.edit", "Change a profile."),
            "remove": _command("profile.remove", "Remove a profile and its stored key."),
            "rename": _command("profile.rename", "Give a profile another name."),
            "test": _command("profile.test", "Ask the provider, and say what works."),
        },
    ),
    "use": _command("use", "Switch to a profile."),
    "current": _command("current", "Print the profile and model in use."),
    "key": Entry(
        "Set, remove and test keys.",
        commands={
            "set": _command("key.set", "Set a profile's key, or say where it is."),
            "unset": _command("key.unset", "Forget a profile's key."),
            "test": _command("key.test", "See whether the provider takes the key."),
        },
    ),
    "config": Entry(
        "Find, read, check and edit the configuration.",
        commands={
            "path": _command("config.path", "Print where the config is."),
            "show": _command("config.show", "Print the config, keys withheld."),
            "check": _command("config.check", "Say what is wrong in the config."),
            "edit": _command("config.edit", "Open the config in your editor; a bad edit is not kept."),
        },
    ),
    "doctor": _command("doctor.command", "Find out what is wrong, and how to mend it."),
}

SERVE_KEYS = Entry(
    "Make, list and revoke the keys of the gateway.",
    commands={
        "add": _command("serve.key_add", "Make a key for a program or a person."),
        "list": _command("serve.key_list", "List the keys, and what was spent with them."),
        "revoke": _command("serve.key_revoke", "Revoke a key for good."),
    },
)

CONNECT = {
    "serve": Entry(
        "Serve every profile under one base URL.", "llmctl.cli.serve.command", commands={"key": SERVE_KEYS}
    ),
    "top": _command("top.command", "Watch the gateway: requests, health, costs; live."),
    "env": _command("env", "Print the variables that point other programs at a profile."),
    "exec": _command("exec", "Run a program with these variables."),
    "demo": Entry(
        "Run the demo provider for other programs.",
        commands={"serve": _command("demo.serve", "Serve the demo provider on this machine.")},
    ),
    "completion": Entry(
        "Complete commands, options and names with the Tab key.",
        commands={
            "install": _command("completion.install", "Set completion up in your shell."),
            "show": _command("completion.show", "Print the completion script of a shell."),
        },
    ),
    "help": _command("help", "Read about a topic or a command; the man page."),
}

SECTIONS: dict[str, dict[str, Entry]] = {
    "Ask": ASK,
    "Look back": LOOK_BACK,
    "Prepare": PREPARE,
    "Set up": SET_UP,
    "Other programs": CONNECT,
}
"""The overview's sections, in order."""

COMMANDS: dict[str, Entry] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}
