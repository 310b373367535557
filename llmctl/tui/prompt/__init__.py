"""The prompt of the chat TUI: an editor with history, files, suggestions and a queue."""

from __future__ import annotations

from llmctl.tui.prompt.draft import Draft, SlashCommand
from llmctl.tui.prompt.view import Prompt

__all__ = ["Draft", "Prompt", "SlashCommand"]
