"""The chat UI on a real (pseudo-)terminal, against llama.cpp's own server."""

from __future__ import annotations

import pytest

from support.cli import Cli
from support.llama import MODEL, SENTENCE, LlamaServer

pytestmark = pytest.mark.peer


def test_a_conversation_is_held_kept_and_gone_on_with(llama: LlamaServer, cli: Cli) -> None:
    cli.write_config(
        f'current = "llama"\n[profiles.llama]\nbase_url = "{llama.url}/v1"\nkey = "none"\nmodel = "{MODEL}"\n'
    )
    terminal = cli.terminal("tui")
    terminal.wait_for("sk anything")
    terminal.send("Where is it?")
    terminal.wait_for("Where is it?")
    terminal.send("\r")
    terminal.wait_for("cost unknown")
    assert SENTENCE.split()[0] in terminal.screen()
    terminal.send_key("ctrl-q")
    assert terminal.wait() == 0
    shown = cli.run("logs", "show", "--json").check().json()
    assert [message["role"] for message in shown["messages"]] == ["user", "assistant"]
    again = cli.run("chat", "-c", "And now?", "--json").check().json()
    assert again["conversation"] == shown["id"]
