"""What a service manager needs to run `llmctl serve`."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from llmctl.config.paths import working_folder

if TYPE_CHECKING:
    from llmctl.cli.serve.command import ServeOptions

_VARIABLES = ("LLMCTL_CONFIG", "LLMCTL_DATA", "LLMCTL_CACHE", "LLMCTL_STATE")


def unit(options: ServeOptions, env: Mapping[str, str], platform: str = sys.platform) -> str:
    """A systemd user unit, or a launchd plist on macOS, that starts this very command from any folder."""
    words = [*_program(), "serve", *_options(options)]
    kept = {name: _absolute(env[name]) for name in _VARIABLES if env.get(name)}
    return _plist(words, kept) if platform == "darwin" else _systemd(words, kept)


def _program() -> list[str]:
    found = shutil.which(sys.argv[0]) or shutil.which("llmctl")
    return [found] if found else [sys.executable, "-m", "llmctl"]


def _options(options: ServeOptions) -> list[str]:
    given = {
        "--host": options.host,
        "--port": options.port,
        "--profile": options.profile,
        "--workers": options.workers,
        "--record": options.record and _absolute(options.record),
        "--replay": options.replay and _absolute(options.replay),
        "--unmatched": options.unmatched if options.replay else None,
    }
    return [word for name, value in given.items() if value is not None for word in (name, str(value))]


def _absolute(path: str) -> str:
    return str(working_folder() / os.path.expanduser(path))


def _systemd(words: list[str], env: Mapping[str, str]) -> str:
    lines = "".join(f'Environment="{name}={_quoted(value)}"\n' for name, value in env.items())
    return f"""# ~/.config/systemd/user/llmctl.service
# systemctl --user daemon-reload && systemctl --user enable --now llmctl
# Keys that are variables (key = "env:NAME") are not known to services: name them in the file below.
[Unit]
Description=llmctl serve: one base URL for every LLM provider
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={" ".join(_quoted(shlex.quote(word)) for word in words)}
ExecReload=/bin/kill -HUP $MAINPID
EnvironmentFile=-%h/.config/llmctl/serve.env
{lines}Restart=on-failure
TimeoutStopSec=60
NoNewPrivileges=true

[Install]
WantedBy=default.target
"""


def _quoted(text: str) -> str:
    """systemd reads % and $ in its own way."""
    return text.replace("\\", "\\\\").replace("%", "%%").replace('"', '\\"')


def _plist(words: list[str], env: Mapping[str, str]) -> str:
    arguments = "".join(f"    <string>{escape(word)}</string>\n" for word in words)
    variables = "".join(
        f"    <key>{escape(name)}</key>\n    <string>{escape(value)}</string>\n" for name, value in env.items()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ~/Library/LaunchAgents/llmctl.serve.plist; launchctl load -w that file -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>llmctl.serve</string>
  <key>ProgramArguments</key>
  <array>
{arguments}  </array>
  <key>EnvironmentVariables</key>
  <dict>
{variables}  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
</dict>
</plist>
"""
