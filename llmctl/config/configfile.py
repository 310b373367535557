"""config.toml: read with clear errors, edited under a lock."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmctl.config.profile import RESERVED, Profile, read_profile
from llmctl.core.suggest import did_you_mean
from llmctl.errors import ConfigError, DamagedConfig, UnknownProfile

if TYPE_CHECKING:
    from llmctl.config.tomledit import TomlEditor

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


class Config:
    """What the file says. Profiles are checked one by one, when asked for: one bad table spoils no other."""

    def __init__(self, data: Mapping[str, Any], path: Path) -> None:
        self.data = data
        self.path = path

    @property
    def current(self) -> str | None:
        value = self.data.get("current")
        if value is not None and not isinstance(value, str):
            raise ConfigError(f"{self.path}: current must be the name of a profile in quotes")
        return value or None

    @property
    def names(self) -> list[str]:
        return list(self._tables())

    def profile(self, name: str) -> Profile:
        """The checked profile. Raises UnknownProfile with the nearest names, or ConfigError."""
        tables = self._tables()
        if name not in tables:
            known = [*tables, *RESERVED]
            raise UnknownProfile(
                f"there is no profile {name!r}",
                hint=did_you_mean(name, known) or f"add it with: llmctl profile add {name}",
            )
        return read_profile(name, tables[name])

    def price(self, profile: str, model: str) -> Mapping[str, float] | None:
        """[prices."profile/model"], USD per million tokens, or None."""
        prices = self.data.get("prices")
        table = prices.get(f"{profile}/{model}") if isinstance(prices, Mapping) else None
        if table is None:
            return None
        where = f'{self.path}: prices."{profile}/{model}"'
        if not isinstance(table, Mapping):
            raise ConfigError(f"{where} must be a table")
        for key, value in table.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ConfigError(f"{where}.{key} must be a price in USD per million tokens")
        return dict(table)

    def _tables(self) -> Mapping[str, Any]:
        tables = self.data.get("profiles", {})
        if not isinstance(tables, Mapping):
            raise ConfigError(f"{self.path}: profiles must be tables, as in [profiles.NAME]")
        return tables


def load_config(path: Path) -> Config:
    """Read the file; a missing one is empty. Raises DamagedConfig with line and column."""
    return Config(parse_toml(read_config_text(path), path), path)


@contextlib.contextmanager
def edit_config(path: Path, lock: Path | None = None) -> Iterator[TomlEditor]:
    """Edit the file under its lock (or another file's); written atomically, mode 0600, if the text changed.

    A damaged file raises DamagedConfig and is left as it is.
    """
    from llmctl.config.files import locked, write_private
    from llmctl.config.tomledit import TomlEditor

    with locked(lock or path):
        text = read_config_text(path)
        parse_toml(text, path)
        editor = TomlEditor(text)
        yield editor
        if editor.text != text:
            write_private(path, _encoded(editor.text, text, path))


def _encoded(text: str, before: str, path: Path) -> bytes:
    """The text with the line ends that the file had. Raises ConfigError for what no file can hold."""
    if "\r\n" in before:
        text = re.sub(r"(?<!\r)\n", "\r\n", text)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"{path} can't hold {error.object[error.start : error.end]!r}: it is no text") from error


def check_name(name: str) -> str:
    """A name fit for a new profile. Raises ConfigError."""
    if name in RESERVED:
        raise ConfigError(f"{name!r} is taken: it always exists", hint="choose another name")
    if not _NAME.match(name):
        raise ConfigError(f"{name!r} can't be a profile's name", hint="letters, digits, '.', '_' and '-' can")
    return name


def parse_toml(text: str, path: Path) -> dict[str, Any]:
    """Parse, or raise DamagedConfig saying where the damage is."""
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = re.search(r"\(at (line \d+, column \d+)\)", message)
        end = text.count("\n") + 1
        where = place[1] if place else f"line {end}, at the end of the file"
        what = re.sub(r"\s*\(at .*\)", "", message)
        what = re.sub(r"\(('[^()]*),?\)", lambda found: ".".join(re.findall(r"'([^']*)'", found[1])), what)
        raise DamagedConfig(
            f"{path} is not valid TOML: {where}: {what}",
            hint="mend that line in an editor; until then llmctl leaves the file alone",
        ) from error
    except RecursionError as error:
        raise DamagedConfig(f"{path} is not valid TOML: nested too deeply") from error


def read_config_text(path: Path) -> str:
    """The file's text; "" where there is none. Raises ConfigError."""
    try:
        if stat.S_ISCHR(os.stat(path).st_mode) and str(path) != os.devnull:
            raise ConfigError(f"can't read {path}: it is a device, and may have no end")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DamagedConfig(f"{path} is not UTF-8 text: line {line}", hint="save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror or error}") from error
