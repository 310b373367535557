"""What is wrong in a config, each with its line and a way to mend it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmctl.cli.settings import THEMES
from llmctl.config.aliases import check_alias, read_aliases
from llmctl.config.configfile import Config, check_name, parse_toml
from llmctl.config.keys import reference_kind
from llmctl.config.mcp import read_server
from llmctl.config.profile import RESERVED, read_profile
from llmctl.config.project import find_project, project_file
from llmctl.config.resolve import profile_target
from llmctl.config.routes import Route, cycle_message, find_cycle, read_route
from llmctl.config.serve import read_serve
from llmctl.config.tomltext import Statement, scan
from llmctl.config.tui import read_tui
from llmctl.core.proxies import SCHEMES, check_proxy
from llmctl.core.suggest import did_you_mean, nearest
from llmctl.errors import ConfigError
from llmctl.platforms import is_private

KNOWN = ("current", "profiles", "routes", "serve", "prices", "aliases", "mcp", "theme", "history", "tui")
"""The keys that a config may have at its top."""

_PRICES = ("input", "output", "cached_input", "cache_write")
Where = tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One thing. `level` is "error" or "warning"; `line` counts from 1 and is None where it has none."""

    level: str
    file: str
    message: str
    hint: str | None = None
    line: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "file": self.file,
            "line": self.line,
            "message": self.message,
            "hint": self.hint,
        }


class _Checker:
    """Collects the findings of one text. Messages lose the file's name, as it stands before them."""

    def __init__(self, text: str, path: Path, env: Mapping[str, str]) -> None:
        self.path = path
        self.env = env
        self.config = Config(parse_toml(text, path), path)
        self.findings: list[Finding] = []
        self._text = text
        self._statements = scan(text)

    def add(self, where: Where, message: str, hint: str | None = None, level: str = "error") -> None:
        message = message.removeprefix(f"{self.path}: ")
        finding = Finding(level, str(self.path), message, hint, self._line(where))
        if finding not in self.findings:
            self.findings.append(finding)

    def attempt(self, where: Where, check: Callable[[], object]) -> bool:
        """Make the check's ConfigError a finding. Whether there was none."""
        try:
            check()
        except ConfigError as error:
            self.add(where, error.message, error.hint)
            return False
        return True

    def tables(self, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The tables [name.…]; what is no table becomes a finding."""
        tables = self.config.data.get(name, {})
        if not isinstance(tables, Mapping):
            self.add((name,), f"{name} must be tables, as in [{name}.NAME]")
            return
        for key, table in tables.items():
            if isinstance(table, Mapping):
                yield key, table
            else:
                self.add((name, key), f"{name}.{key} must be a table", f"write it as [{name}.{key}]")

    def _line(self, where: Where) -> int | None:
        """The line of the statement that sets it, or of the nearest table around it."""
        for length in range(len(where), 0, -1):
            place = where[:length]
            found = next((s for s in self._statements if s.path == place), None) or next(
                (s for s in self._statements if s.path[:length] == place), None
            )
            if found:
                return self._text.count("\n", 0, _start(found)) + 1
        return None

    # the parts of a config

    def check(self) -> None:
        for key in self.config.data:
            if key not in KNOWN:
                hint = did_you_mean(key, KNOWN) or f"known: {', '.join(KNOWN)}"
                self.add((key,), f"unknown key {key!r}", hint)
        for name, table in self.tables("profiles"):
            self._profile(name, table)
        names = [*self._names(), *RESERVED]
        if self.attempt(("current",), lambda: self.config.current):
            self._known_profile(("current",), "current", self.config.current, names)
        for name, table in self.tables("prices"):
            self._price(name, table, names)
        self._cycles([route for each in self.tables("routes") if (route := self._route(*each, names))])
        for name, table in self.tables("mcp"):
            self.attempt(("mcp", name), lambda name=name, table=table: read_server(name, table))  # type: ignore[misc]
        self._aliases()
        self.attempt(("tui",), lambda: read_tui(self.config.data))
        self._serve()
        theme = self.config.data.get("theme")
        if theme is not None and theme not in THEMES:
            self.add(("theme",), f"theme must be one of {', '.join(THEMES)}")
        if not isinstance(self.config.data.get("history", True), bool):
            self.add(("history",), "history must be true or false")

    def _names(self) -> list[str]:
        tables = self.config.data.get("profiles", {})
        return list(tables) if isinstance(tables, Mapping) else []

    def _profile(self, name: str, table: Mapping[str, Any]) -> None:
        where = ("profiles", name)
        good = self.attempt(where, lambda: check_name(name))
        for key, value in table.items():  # each by itself, so that one fault does not hide the next
            alone = {"base_url": "http://localhost", key: value}
            good &= self.attempt((*where, key), lambda alone=alone: read_profile(name, alone))  # type: ignore[misc]
        if not good or not self.attempt(where, lambda: read_profile(name, table)):
            return
        profile = read_profile(name, table)
        self.attempt(
            where, lambda: profile_target(profile, self.path.parent, self.env).quirks(profile.model or "")
        )
        if profile.proxy not in (None, "", "none"):
            self._proxy((*where, "proxy"), profile.proxy, f"profiles.{name}.proxy")
        certificate = profile.client_cert or (None, None)
        files = {"ca_bundle": (profile.ca_bundle,), "client_cert": certificate}
        if profile.key and reference_kind(profile.key) == "file":
            files["key"] = (profile.key.partition(":")[2],)
        for key, paths in files.items():
            for path in filter(None, paths):
                if not os.path.exists(self.path.parent / os.path.expanduser(path)):
                    self.add((*where, key), f"profiles.{name}.{key}: there is no file {path}")

    def _proxy(self, where: Where, proxy: str, what: str) -> None:
        """scheme://host[:port]; host:port is taken for http://, but a word alone is a slip."""
        if not self.attempt(where, lambda: check_proxy(proxy, what)) or "://" in proxy:
            return
        level = "warning" if re.search(r":\d+/?\Z", proxy) else "error"
        hint = f"it looks like http://proxy.example.com:3128; known: {', '.join(SCHEMES)}"
        self.add(where, f"{what} has no scheme", hint, level)

    def _known_profile(self, where: Where, what: str, name: str | None, names: list[str]) -> None:
        if name and name not in names:
            hint = did_you_mean(name, names) or f"add it with: llmctl profile add {name}"
            self.add(where, f"{what} names a profile that is not there: {name!r}", hint)

    def _price(self, name: str, table: Mapping[str, Any], names: list[str]) -> None:
        where = ("prices", name)
        profile, slash, model = name.partition("/")
        if not slash or not model:
            self.add(where, f"prices.{name!r} must be named PROFILE/MODEL", '[prices."work/gpt-6-luna"]')
            return
        self._known_profile(where, f'prices."{name}"', profile, names)
        self.attempt(where, lambda: self.config.price(profile, model))
        for key in table:
            if key not in _PRICES:
                hint = did_you_mean(key, _PRICES) or f"known: {', '.join(_PRICES)}"
                self.add((*where, key), f'prices."{name}": unknown key {key!r}', hint)

    def _route(self, name: str, table: Mapping[str, Any], names: list[str]) -> Route | None:
        """The route; None where the table is none."""
        where = ("routes", name)
        good = True
        for key, value in table.items():  # each by itself, so that each has its line
            alone = {key: value} if key == "split" else {"targets": ["x/y"], "strategy": "round-robin", key: value}
            if key != "weights":  # they go with the targets
                good &= self.attempt((*where, key), lambda alone=alone: read_route(name, alone))  # type: ignore[misc]
        if not good or not self.attempt(where, lambda: read_route(name, table)):
            return None
        route = read_route(name, table)
        aliases, routes = self.config.data.get("aliases", {}), self.config.data.get("routes", {})
        several = "split" if route.split else "targets"
        named = [(several, target) for target in route.targets]
        for key, target in [*named, *([("shadow", route.shadow)] if route.shadow else [])]:
            head, slash, _ = target.partition("/")
            known = target in aliases or target in routes or target in names
            if not known and not (slash and head in names):
                hint = did_you_mean(head, names) or "PROFILE/MODEL, an alias or another route"
                self.add(
                    (*where, key),
                    f"routes.{name}: {head!r} in {target!r} is no profile that is there",
                    hint,
                )
        return route

    def _cycles(self, routes: list[Route]) -> None:
        left = {route.name: route for route in routes}
        try:
            aliases = read_aliases(self.config)
        except ConfigError:  # said by _aliases
            aliases = {}
        while cycle := find_cycle(left, aliases):
            hint = "a route's targets must end at PROFILE/MODEL"
            self.add(("routes", cycle[0]), cycle_message(cycle), hint)
            for name in cycle:
                del left[name]

    def _serve(self) -> None:
        table = self.config.data.get("serve", {})
        if not isinstance(table, Mapping):
            self.attempt(("serve",), lambda: read_serve(self.config))
            return
        for key, value in table.items():  # each by itself, so that each has its line
            alone = Config({"serve": {key: value}}, self.path)
            self.attempt(("serve", key), lambda alone=alone: read_serve(alone))  # type: ignore[misc]

    def _aliases(self) -> None:
        table = self.config.data.get("aliases", {})
        if not isinstance(table, Mapping):
            self.add(("aliases",), "aliases must be a table", 'write [aliases] and fast = "MODEL"')
            return
        for name, model in table.items():
            where = ("aliases", name)
            self.attempt(where, lambda name=name: check_alias(name.replace("*", "x")))  # type: ignore[misc]
            if not isinstance(model, str) or not model.strip():
                self.add(where, f"aliases.{name} must be a model in quotes")
                continue
            head, slash, _ = model.partition("/")
            close = nearest(head, self._names(), 1) if slash and head not in (*self._names(), *RESERVED) else []
            if close:  # else it may well be a model of that name, such as openai/gpt-oss-20b
                message = f"aliases.{name}: there is no profile {head!r}, so {model} is taken for a model's name"
                self.add(where, message, f"did you mean {close[0]}?", "warning")


def check_text(text: str, path: Path, env: Mapping[str, str]) -> list[Finding]:
    """The findings in a config's text; `path` is what they are reported under."""
    try:
        checker = _Checker(text, path, env)
    except ConfigError as error:
        return [_damage(error, path)]
    checker.check()
    return sorted(checker.findings, key=lambda finding: finding.line or 0)


def check_access(text: str, path: Path) -> list[Finding]:
    """Whether others can read the file. Wrong only where a key is written in it."""
    if not os.path.exists(path) or is_private(path):
        return []
    try:
        tables = parse_toml(text, path).get("profiles", {})
        keys = [table.get("key") for table in tables.values()]
        holds_key = any(isinstance(key, str) and reference_kind(key) == "literal" for key in keys)
    except (ConfigError, AttributeError):  # damaged, or no tables: said elsewhere
        holds_key = False
    what = "holds a key and others can read it" if holds_key else "can be read by others"
    return [Finding("error" if holds_key else "warning", str(path), f"the file {what}", f"chmod 600 {path}")]


def check_project(config: Config, folder: Path) -> list[Finding]:
    """The findings in the .llmctl.toml that is in force in a folder."""
    try:
        names = [*config.names, *RESERVED]
    except ConfigError:  # said already
        return []
    path = None
    try:
        path = project_file(folder)
        project = find_project(folder)
    except ConfigError as error:
        return [_damage(error, path)] if path else [Finding("error", str(folder), error.message, error.hint)]
    if not project.profile or project.profile in names:
        return []
    hint = did_you_mean(project.profile, names) or f"add it with: llmctl profile add {project.profile}"
    return [Finding("error", str(path), f"profile names one that is not there: {project.profile!r}", hint)]


def _damage(error: ConfigError, path: Path) -> Finding:
    """A file that can't be parsed, with the line that its message names."""
    place = re.search(r": line (\d+)", error.message)
    message = error.message.removeprefix(str(path)).lstrip(": ").removeprefix("is ")
    return Finding("error", str(path), message, error.hint, int(place[1]) if place else None)


def _start(statement: Statement) -> int:
    return statement.key[0].start if statement.key else statement.start
