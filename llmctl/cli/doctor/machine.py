"""The checks of this machine: config, files, terminal, proxies, packages. No network."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import locale
import os
import platform
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from llmctl import __version__
from llmctl.cli.config.check import collect
from llmctl.cli.config.edit import DRAFTS
from llmctl.cli.doctor.checks import FAILED, OK, WARNING, Check
from llmctl.cli.streams import Streams
from llmctl.config.paths import config_file, key_folder
from llmctl.errors import ConfigError
from llmctl.platforms import is_private

EXTRAS = {"keyring": "keyring", "mcp": "mcp", "socks": "socksio", "similar": "numpy"}
"""Extras of the package, and the module that each brings."""

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def machine_checks(streams: Streams) -> Iterator[Check]:
    """All of them, in the order in which they are shown."""
    system = f"{platform.system()} {platform.release()}"
    yield Check("version", OK, f"llmctl {__version__}, Python {platform.python_version()}, {system}")
    yield from _config(streams)
    yield from _keys(streams)
    yield _locale(streams)
    yield from _proxies(streams)
    yield _extras()


def _config(streams: Streams) -> Iterator[Check]:
    path = config_file(streams.env)
    findings = collect(streams)
    for finding in findings:
        place = finding.file if finding.line is None else f"{finding.file}:{finding.line}"
        wrong = finding.level == "error"
        yield Check(
            "config",
            FAILED if wrong else WARNING,
            f"{place}: {finding.message}",
            finding.hint,
            code=ConfigError.exit_code if wrong else 0,
        )
    yield from _drafts(path)
    if not os.path.exists(path):
        if any(finding.file == str(path) for finding in findings):  # no file can have that name: said already
            return
        hint = "`llmctl init` finds keys and local servers; `llmctl chat -p demo` works without any"
        yield Check("config", WARNING, f"there is no {path} yet", hint)
    elif not findings:
        yield Check("config", OK, f"{path} is valid")


def _drafts(config: Path) -> Iterator[Check]:
    """Edits of `llmctl config edit` that were not taken over."""
    try:
        drafts = sorted(path for path in config.parent.iterdir() if path.match(DRAFTS))
    except OSError:
        return
    for path in drafts:
        hint = f"compare it with {config}, then: rm {shlex.quote(str(path))}"
        yield Check("config", WARNING, f"{path} is an edit that was not kept, and may hold keys", hint)


def _keys(streams: Streams) -> Iterator[Check]:
    folder = key_folder(config_file(streams.env))
    try:
        open_files = [path for path in folder.iterdir() if path.is_file() and not is_private(path)]
    except OSError:
        return
    for path in open_files:
        yield Check("keys", WARNING, f"{path} holds a key and others can read it", f"chmod 600 {path}")


def _locale(streams: Streams) -> Check:
    encoding = locale.getpreferredencoding(False)
    term = streams.env.get("TERM") or "not set"
    if sys.platform != "win32" and encoding.upper().replace("-", "") != "UTF8":
        return Check(
            "terminal",
            WARNING,
            f"the locale's encoding is {encoding}; answers are written in UTF-8 all the same",
            "export LANG=C.UTF-8",
        )
    colours = "with colours" if streams.coloured_output else "without colours"
    return Check(
        "terminal", OK, f"{encoding}, TERM {term}, {colours if streams.terminal else 'stdout is no terminal'}"
    )


def _proxies(streams: Streams) -> Iterator[Check]:
    """The variables in force, without user and password."""
    known = [*_PROXIES, *(name.upper() for name in _PROXIES)]
    found = {
        name: re.sub(r"(^|//)[^/@]*@", r"\1***@", streams.env[name]) for name in known if streams.env.get(name)
    }
    if found:
        yield Check("proxy", OK, "in force: " + ", ".join(f"{name}={value}" for name, value in found.items()))


def _extras() -> Check:
    there = {extra: module for extra, module in EXTRAS.items() if importlib.util.find_spec(module)}
    missing = [extra for extra in EXTRAS if extra not in there]
    parts = [f"{module} {_version(module)}" for module in there.values()]
    text = ", ".join(parts) or "none"
    if not missing:
        return Check("extras", OK, text)
    return Check("extras", OK, f"{text}; not installed: {', '.join(missing)} (pip install 'llmctl[{missing[0]}]')")


def _version(module: str) -> str:
    try:
        return importlib.metadata.version(module)
    except importlib.metadata.PackageNotFoundError:
        return "of an unknown version"
