"""The next page of a list: OpenAI's has_more and last_id, or a Link header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin

_LINK = re.compile(r'<([^<>]*)>[^,<]*?;\s*rel\s*=\s*"?([^",;]+)"?')


def next_page(url: str, path: str, headers: Mapping[str, str], body: Any) -> str | None:
    """The path or URL of the next page, or None at the end.

    `url` is where this page came from, `path` what was asked for. A page that leads to itself ends
    the list.
    """
    for link, relations in _LINK.findall(headers.get("link", "")):
        if "next" in relations.lower().split():
            following = urljoin(url, link)
            return following if following != url else None
    if not isinstance(body, Mapping) or body.get("has_more") is not True:
        return None
    last = body.get("last_id") or _last_of(body.get("data"))
    following = with_query(path, [("after", str(last))], replace=("after",)) if last else None
    return following if following != path else None


def with_query(path: str, pairs: list[tuple[str, str]], replace: tuple[str, ...] = ()) -> str:
    """The path with more in its query; the names in `replace` are taken out of it before."""
    bare, _, query = path.partition("?")
    kept = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in replace]
    if not pairs and len(kept) == len(parse_qsl(query, keep_blank_values=True)):
        return path
    return f"{bare}?{urlencode([*kept, *pairs])}"


def _last_of(data: Any) -> Any:
    row = data[-1] if isinstance(data, list) and data else None
    return row.get("id") if isinstance(row, Mapping) else None
