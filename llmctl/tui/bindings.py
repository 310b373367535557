"""The ids of all keys, for [tui.keys]."""

from __future__ import annotations

from llmctl.tui.app import ChatApp
from llmctl.tui.prompt.editor import Editor
from llmctl.tui.screens.chat import ChatScreen
from llmctl.tui.screens.compare import CompareScreen
from llmctl.tui.screens.dialog import LineDialog, ToolDialog
from llmctl.tui.screens.picker import ModelPicker
from llmctl.tui.screens.settings import SettingsScreen
from llmctl.tui.screens.text import TextScreen
from llmctl.tui.transcript import Transcript
from llmctl.tui.widgets.sidebar import Sidebar

_WITH_KEYS = (
    ChatApp, ChatScreen, Transcript, Editor, Sidebar,
    ModelPicker, SettingsScreen, LineDialog, ToolDialog, TextScreen, CompareScreen,
)  # fmt: skip


def binding_ids() -> set[str]:
    """Ids of bindings that can be given other keys."""
    maps = (kind._merged_bindings for kind in _WITH_KEYS)
    return {binding.id for each in maps if each for _, binding in each if binding.id}
