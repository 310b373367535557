"""Edits of a TOML text that leave everything else as it stands, comments, order and spacing included.

Each edit is made on the text and on the parsed data; the new text must parse to the new data, or
the edit is refused. So a layout that nobody thought of costs an error, never the file.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from llmctl.config.tomltext import Path, Statement, scan
from llmctl.errors import ConfigError

_BLANK = re.compile(r"(?:[ \t]*\r?\n)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


class TomlEditor:
    """The text of a file that tomllib accepts, and edits on it. Raises ConfigError for a refused one."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.data: dict[str, Any] = tomllib.loads(text)

    def set(self, path: Path, value: Any) -> None:
        """Set one value; a mapping becomes an inline table. The tables above it are made as needed."""
        data = copy.deepcopy(self.data)
        _table_at(data, path[:-1])[path[-1]] = value
        self._commit(self._set_text(path, value), data)

    def add_table(self, path: Path, values: Mapping[str, Any]) -> None:
        """Append a new table at the end of the file."""
        data = copy.deepcopy(self.data)
        _table_at(data, path[:-1])[path[-1]] = dict(values)
        body = "".join(f"{_key(name)} = {format_value(value)}\n" for name, value in values.items())
        before = self.text.rstrip("\n")
        text = f"{before}\n\n" if before else ""
        self._commit(f"{text}[{_dotted(path)}]\n{body}", data)

    def delete(self, path: Path) -> None:
        """Remove a value or a whole table with its subtables; nothing happens where there is none."""
        data = copy.deepcopy(self.data)
        holder = _existing(data, path[:-1])
        if holder is None or path[-1] not in holder:
            return
        del holder[path[-1]]
        self._commit(self._delete_text(path), _without_empty(data, path[:-1]), lenient=True)

    def rename(self, path: Path, name: str) -> None:
        """Give a table or value another name, in its place; nothing happens where there is none."""
        data = copy.deepcopy(self.data)
        holder = _existing(data, path[:-1])
        if holder is None:
            raise ConfigError(f"{_dotted(path)} is not in a table of the file")
        if path[-1] not in holder or name == path[-1]:
            return
        if name in holder:
            raise ConfigError(f"{_dotted((*path[:-1], name))} exists already")
        renamed = {name if key == path[-1] else key: value for key, value in holder.items()}
        holder.clear()
        holder.update(renamed)
        text = self._renamed_text(path, name)
        self._commit(text if text != self.text else self._set_text(path[:-1], holder), data)

    def _renamed_text(self, path: Path, name: str) -> str:
        """The text with the key changed wherever it is written out; in inline tables it is not."""
        text, depth = self.text, len(path) - 1
        for statement in reversed(scan(text)):
            base = len(statement.table) if statement.kind == "pair" else 0
            if statement.path[: len(path)] == path and depth >= base:
                part = statement.key[depth - base]
                text = text[: part.start] + _key(name) + text[part.end :]
        return text

    def _commit(self, text: str, data: dict[str, Any], lenient: bool = False) -> None:
        try:
            parsed = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            parsed = None
        if parsed is None or (_pruned(parsed) != _pruned(data) if lenient else parsed != data):
            raise ConfigError(
                "the file is laid out in a way that can't be edited safely; nothing was changed",
                hint="edit it by hand: llmctl profile show says where it is",
            )
        self.text, self.data = text, parsed

    def _set_text(self, path: Path, value: Any) -> str:
        statements = scan(self.text)
        exact = _pair(statements, path)
        if exact:
            return self.text[: exact.value_start] + format_value(value) + self.text[exact.value_end :]
        inline = next((s for s in statements if s.kind == "pair" and path[: len(s.path)] == s.path), None)
        if inline:
            table = copy.deepcopy(_existing(self.data, inline.path) or {})
            _table_at(table, path[len(inline.path) : -1])[path[-1]] = value
            return self.text[: inline.value_start] + format_value(table) + self.text[inline.value_end :]
        return self._insert(statements, path, value)

    def _insert(self, statements: list[Statement], path: Path, value: Any) -> str:
        """Add a line to the table that holds the path, or a new table at the end."""
        parent = path[:-1]
        if not parent:
            at = self._top_end(statements)
            gap = "\n" if self.text[at : at + 1] == "[" else ""
            return self._insert_line(at, f"{_key(path[0])} = {format_value(value)}\n{gap}")
        header = next((s for s in statements if s.kind == "table" and s.path == parent), None)
        if header:
            pairs = [s for s in statements if s.kind == "pair" and s.table == parent]
            at = pairs[-1].end if pairs else header.end
            return self._insert_line(at, f"{_key(path[-1])} = {format_value(value)}\n")
        dotted = [s for s in statements if s.kind == "pair" and s.path[: len(parent)] == parent]
        if dotted and len(dotted[-1].table) < len(parent):
            last = dotted[-1]
            key = _dotted(path[len(last.table) :])
            return self._insert_line(last.end, f"{key} = {format_value(value)}\n")
        subtable = next((s for s in statements if s.kind != "pair" and s.path[: len(parent)] == parent), None)
        block = f"[{_dotted(parent)}]\n{_key(path[-1])} = {format_value(value)}\n"
        if subtable:
            return self._insert_line(subtable.start, block + "\n")
        before = self.text.rstrip("\n")
        return (f"{before}\n\n" if before else "") + block

    def _insert_line(self, at: int, line: str) -> str:
        before = self.text[:at]
        if before and not before.endswith("\n"):
            before += "\n"
        return before + line + self.text[at:]

    def _top_end(self, statements: list[Statement]) -> int:
        """Where a new top-level line goes: behind the last one, else behind the opening comment."""
        top = [s for s in statements if s.kind == "pair" and not s.table]
        if top:
            return top[-1].end
        opening = re.match(r"(?:[ \t]*#[^\n]*\n)+[ \t]*\r?\n", self.text)
        return opening.end() if opening else 0

    def _delete_text(self, path: Path) -> str:
        statements = scan(self.text)
        inline = next(
            (s for s in statements if s.kind == "pair" and s.path != path and path[: len(s.path)] == s.path), None
        )
        if inline:
            table = copy.deepcopy(_existing(self.data, inline.path) or {})
            (_existing(table, path[len(inline.path) : -1]) or {}).pop(path[-1], None)
            return self.text[: inline.value_start] + format_value(table) + self.text[inline.value_end :]
        text = self.text
        for start, end in reversed(_regions(text, statements, path)):
            text = text[:start] + text[end:]
        return text


def _regions(text: str, statements: list[Statement], path: Path) -> list[tuple[int, int]]:
    """What to cut for a path: its lines, and each of its tables from the header to the last line.

    Comments behind a table's last line may be about what follows, and stay.
    """
    regions: list[tuple[int, int]] = []
    headers = [s for s in statements if s.kind != "pair"]
    for statement in statements:
        if statement.path[: len(path)] != path or any(start <= statement.start < end for start, end in regions):
            continue
        end = statement.end
        if statement.kind != "pair":
            limit = next((h.start for h in headers if h.start > statement.start), len(text))
            end = [s.end for s in statements if statement.start <= s.start < limit][-1]
            blank = _BLANK.match(text, end)
            end = blank.end() if blank else end
        regions.append((statement.start, end))
    return regions


def format_value(value: Any) -> str:
    """A value as TOML, on one line; mappings as inline tables."""
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(name)} = {format_value(item)}" for name, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(format_value(item) for item in value)}]"
    import tomli_w

    return tomli_w.dumps({"k": value}).removeprefix("k = ").rstrip("\n")


def _key(name: str) -> str:
    return name if _BARE.match(name) else format_value(name)


def _dotted(path: Path) -> str:
    return ".".join(_key(name) for name in path)


def _pair(statements: list[Statement], path: Path) -> Statement | None:
    return next((s for s in statements if s.kind == "pair" and s.path == path), None)


def _table_at(data: dict[str, Any], path: Path) -> dict[str, Any]:
    for name in path:
        inner = data.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{_dotted(path)}: {name} is not a table in the file")
        data = inner
    return data


def _existing(data: Mapping[str, Any], path: Path) -> dict[str, Any] | None:
    found: Any = data
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, dict) else None


def _without_empty(data: dict[str, Any], path: Path) -> dict[str, Any]:
    """Tables that are left empty go too, as their headers do."""
    for depth in range(len(path), 0, -1):
        holder = _existing(data, path[: depth - 1])
        if holder and holder.get(path[depth - 1]) == {}:
            del holder[path[depth - 1]]
    return data


def _pruned(data: Any) -> Any:
    """The data without empty tables: whether an empty one stays behind a deletion does not matter."""
    if not isinstance(data, dict):
        return data
    inner = {name: _pruned(value) for name, value in data.items()}
    return {name: value for name, value in inner.items() if value != {}}
