"""The config's text and data without the secrets in it: fail-safe by name, comments included."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from llmctl.config.configfile import parse_toml
from llmctl.config.keys import reference_kind
from llmctl.core.redact import HIDDEN, is_secret_header, redact
from llmctl.core.urls import shown
from llmctl.errors import ConfigError

_OPEN = ("quirks", "prices", "aliases", "routes", "timeout")
"""Tables whose names may hold words such as "token", and that hold no secrets."""

_ORDINARY = 16
"""Shorter values may be words that stand elsewhere for something else."""

_REFERENCE = re.compile(r"(?:[A-Za-z]+ )?(?:(?:env|cmd|file):.+|keyring)\Z", re.DOTALL)
_USER = re.compile(r"(?<=://)[^/?#@\s'\"]*@")
_ADDRESS = re.compile(r"https?://[^\s'\"<>]+\?[^\s'\"<>]+")
_LIKE_A_KEY = re.compile(r"\b(?:sk|gsk|xai|hf|pplx|csk|nvapi|AIza|ghp)[-_]?[A-Za-z0-9_-]{20,}")
_SECRET_NAME = r"[\w-]*(?:key|token|secret|passwo?r?d|credential|auth(?!or(?!i[sz]))|cookie)[\w-]*"  # noqa: S105
_COMMENTED = re.compile(rf"""(?i)(["']?{_SECRET_NAME}["']?\s*[=:]\s*)(["'])(.+?)\2""")
_BARE = re.compile(rf"""(?i)({_SECRET_NAME}\s*[=:]\s*)((?:(?:bearer|basic|token)\s+)?[^\s"',;\[\]{{}}]+)""")
_NO_SECRET = re.compile(r"(?:\d{1,7}|true|false)\Z")
_OPTION = re.compile(rf"(?i)--?({_SECRET_NAME})(=.*)?\Z", re.DOTALL)
_ASSIGNED = re.compile(rf"""(?i)((?:--?[\w-]+=)?["']?{_SECRET_NAME}\s*[=:]\s*)(\S.*)\Z""", re.DOTALL)
_BEARER = re.compile(r"""(?i)\b(bearer\s+)(?!(?:env|cmd|file):)[^\s"']{6,}""")


def hidden_text(text: str, path: Path) -> str:
    """The text with every secret as ***; comments, order and spacing stay.

    Raises DamagedConfig, and ConfigError for a layout in which secrets can't be replaced safely.
    """
    from llmctl.config.tomledit import TomlEditor

    data = parse_toml(text, path)
    editor = TomlEditor(text)
    secrets: list[str] = []
    for where, before, after in _changes(data, ()):
        try:
            editor.set(where, after)
        except ConfigError as error:
            raise ConfigError(
                f"{path} is laid out in a way that keeps llmctl from hiding {'.'.join(where)}",
                hint="so nothing is shown; open it in an editor: llmctl config edit",
            ) from error
        known = _secrets(before, after)
        secrets += [secret for secret in known if len(secret) >= _ORDINARY] if _plain_value(where) else known
    return _without_lookalikes(redact(editor.text, secrets))


def hidden_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """The parsed config without secrets, for --json."""
    import copy

    result = copy.deepcopy(dict(data))
    for where, _, after in _changes(data, ()):
        table: Any = result
        for name in where[:-1]:
            table = table[name]
        table[where[-1]] = after
    return result


def hidden_arguments(values: Sequence[str]) -> list[str]:
    """A program's arguments without secrets."""
    return _list(("args",), values)


def _changes(value: Mapping[str, Any], where: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """(path, value, what is shown instead) of everything that holds a secret."""
    for name, inner in value.items():
        path = (*where, name)
        if isinstance(inner, Mapping):
            yield from _changes(inner, path)
            continue
        after = _shown(path, inner)
        if after != inner:
            yield path, inner, after


def _shown(path: tuple[str, ...], value: Any) -> Any:
    if isinstance(value, list):
        return _list(path, value)
    if not isinstance(value, str):
        return value
    if _of_server(path) and not _REFERENCE.match(value):
        return HIDDEN
    if path[-1] == "key" and reference_kind(value) == "literal":
        return HIDDEN
    named = is_secret_header(path[-1]) and path[-1] not in ("auth", "key")
    if named and not any(part in _OPEN for part in path[:-1]) and not _REFERENCE.match(value):
        return HIDDEN
    return _address(value)


def _of_server(path: tuple[str, ...]) -> bool:
    """Whether it is a value of an MCP server's env or headers."""
    return len(path) == 4 and path[0] == "mcp" and path[2] in ("env", "headers")


def _plain_value(path: tuple[str, ...]) -> bool:
    """Whether it is such a value by place only: where it stands again it may be an ordinary word."""
    return _of_server(path) and not is_secret_header(path[-1])


def _list(path: tuple[str, ...], values: Sequence[Any]) -> list[Any]:
    """A list: each string, the value behind an option (--token) or a name (`Authorization: …`), tables."""
    result: list[Any] = []
    after_option = False
    for value in values:
        if isinstance(value, Mapping):
            result.append(hidden_data(value))
            continue
        option = _OPTION.match(value) if isinstance(value, str) else None
        if after_option and isinstance(value, str) and not option:
            result.append(HIDDEN)
        elif option and option[2]:
            result.append(value[: option.start(2)] + "=" + HIDDEN)
        else:
            result.append(_assigned(value) if isinstance(value, str) else value)
            result[-1] = _shown(path, result[-1])
        after_option = bool(option and not option[2])
    return result


def _assigned(text: str) -> str:
    """An argument such as `Authorization: Bearer X` or `API_KEY=X` without the value."""
    match = _ASSIGNED.match(text)
    if match and not _REFERENCE.match(match[2]):
        return match[1] + HIDDEN
    return _BEARER.sub(rf"\1{HIDDEN}", text)


def _address(text: str) -> str:
    """An address without user, password and the values of its query."""
    text = _USER.sub(f"{HIDDEN}@", text)
    return _ADDRESS.sub(lambda match: shown(match[0]), text)


def _secrets(before: Any, after: Any) -> list[str]:
    """What was replaced, as it may stand in a comment once more."""
    if isinstance(before, list):
        return [secret for pair in zip(before, after, strict=True) for secret in _secrets(*pair)]
    if not isinstance(before, str) or before == after:
        return []
    if after.endswith(HIDDEN) and before.startswith(after.removesuffix(HIDDEN)):
        secret = before[len(after) - len(HIDDEN) :]
        return [secret, secret.rpartition(" ")[2]]
    users = [user.rstrip("@") for user in _USER.findall(before)]
    queries = [value for _, value in parse_qsl(before.partition("?")[2])]
    return [*users, *(word for user in users for word in user.split(":")), *queries]


def _without_lookalikes(text: str) -> str:
    """Keys in comments: what is named like a secret there, and what looks like one anywhere."""

    def commented(match: re.Match[str]) -> str:
        return match[0] if _REFERENCE.match(match[3]) else f"{match[1]}{match[2]}{HIDDEN}{match[2]}"

    def bare(match: re.Match[str]) -> str:
        keep = _REFERENCE.match(match[2]) or _NO_SECRET.match(match[2])
        return match[0] if keep else match[1] + HIDDEN

    lines = text.split("\n")
    for number, line in enumerate(lines):
        if "#" in line:
            code, mark, comment = line.partition("#")
            comment = _BARE.sub(bare, _COMMENTED.sub(commented, comment))
            lines[number] = code + mark + _address(_BEARER.sub(rf"\1{HIDDEN}", comment))
    return _LIKE_A_KEY.sub(HIDDEN, "\n".join(lines))
