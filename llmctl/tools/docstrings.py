"""What a docstring says: the first paragraph, and each argument's description in the three usual styles."""

from __future__ import annotations

import inspect
import re

_SPHINX = re.compile(r":param(?:\s+[^:]+?)?\s+\*{0,2}(\w+)\s*:\s*(.*)")
_GOOGLE = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")
_NUMPY = re.compile(r"\*{0,2}(\w+(?:\s*,\s*\w+)*)\s*(?::.*)?$")
_HEADING = re.compile(r"(Args|Arguments|Parameters|Params)\s*:?\s*$", re.IGNORECASE)


def parse_docstring(docstring: str | None) -> tuple[str, dict[str, str]]:
    """(the first paragraph on one line, argument -> description); both may be empty."""
    text = inspect.cleandoc(docstring or "")
    if not text:
        return "", {}
    first = re.split(r"\n\s*\n", text)[0]
    about = "" if _HEADING.match(first.split("\n")[0]) or first.startswith(":param") else " ".join(first.split())
    lines = text.split("\n")
    return about, _sphinx(lines) | _section(lines)


def _sphinx(lines: list[str]) -> dict[str, str]:
    """`:param city: Its name.`, going on in the lines indented below."""
    found: dict[str, str] = {}
    name = ""
    for line in lines:
        match = _SPHINX.match(line.strip())
        if match:
            name = match[1]
            found[name] = match[2].strip()
        elif name and line[:1].isspace():
            found[name] = f"{found[name]} {line.strip()}".strip()
        else:
            name = ""
    return found


def _section(lines: list[str]) -> dict[str, str]:
    """Google's `Args:` section, or NumPy's `Parameters` with a line of dashes below."""
    start = next((at for at, line in enumerate(lines) if _HEADING.match(line)), None)
    if start is None:
        return {}
    rest = lines[start + 1 :]
    if rest and re.fullmatch(r"-{3,}\s*", rest[0]):
        return _entries(rest[1:], _NUMPY, 0)
    depth = next((len(line) - len(line.lstrip()) for line in rest if line.strip()), 0)
    return _entries(rest, _GOOGLE, depth) if depth or start == 0 else {}


def _entries(lines: list[str], entry: re.Pattern[str], depth: int) -> dict[str, str]:
    """Entries that begin at `depth` spaces; what is deeper belongs to the one above. Another section ends them."""
    found: dict[str, str] = {}
    names: list[str] = []
    for at, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            continue
        if indent < depth or (depth == 0 and at + 1 < len(lines) and re.fullmatch(r"-{3,}\s*", lines[at + 1])):
            break
        match = entry.match(line.strip()) if indent == depth else None
        if match:
            names = [name.strip() for name in match[1].split(",")]
            said = match[2].strip() if match.re is _GOOGLE else ""
        else:
            said = line.strip()
        for name in names:
            found[name] = f"{found.get(name, '')} {said}".strip()
    return found
