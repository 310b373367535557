"""The clipboard: by the platform's own program, else by the terminal (OSC 52)."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from collections.abc import Sequence

from llmctl.cli.streams import Streams

_PROGRAMS: Sequence[tuple[str, tuple[str, ...], str]] = (
    ("WAYLAND_DISPLAY", ("wl-copy",), ""),
    ("DISPLAY", ("xclip", "-selection", "clipboard"), ""),
    ("DISPLAY", ("xsel", "--clipboard", "--input"), ""),
    ("", ("pbcopy",), "darwin"),
    ("", ("clip.exe",), ""),
)
MOST = 74_994
"""Bytes that terminals take in one OSC 52 sequence."""


def copy(text: str, streams: Streams) -> str | None:
    """Put text on the clipboard; by what it was done, or None where nothing could do it."""
    for variable, command, platform in _PROGRAMS:
        fits = (not variable or streams.env.get(variable)) and (not platform or sys.platform == platform)
        if fits and "SSH_CONNECTION" not in streams.env and shutil.which(command[0]) and _run(command, text):
            return command[0]
    data = text.encode("utf-8", "replace")
    if not streams.terminal or len(data) > MOST:
        return None
    streams.out(f"\x1b]52;c;{base64.b64encode(data).decode()}\a", end="")
    streams.flush()
    return "the terminal"


def _run(command: Sequence[str], text: str) -> bool:
    try:
        quiet = subprocess.DEVNULL
        data = text.encode("utf-16" if command[0] == "clip.exe" else "utf-8", "replace")
        done = subprocess.run(command, input=data, stdout=quiet, stderr=quiet, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
