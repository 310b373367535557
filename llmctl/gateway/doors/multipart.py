"""The part of a multipart body that names the model, found while the body comes."""

from __future__ import annotations

import re

_LONGEST = 8 * 1024
"""Bytes of a part's headers and of a model's name, at the most."""
_BOUNDARY = re.compile(rb'boundary=(?:"([^"]{1,200})"|([^\s;,"]{1,200}))', re.IGNORECASE)
_DISPOSITION = re.compile(rb"content-disposition:\s*form-data\s*(.*)", re.IGNORECASE)
_NAME = re.compile(rb';\s*name=(?:"model"|model(?=\s*(?:;|$)))', re.IGNORECASE)
_FILE = re.compile(rb";\s*filename\*?=", re.IGNORECASE)


def boundary_of(content_type: bytes) -> bytes | None:
    """What separates the parts, as the Content-Type says."""
    found = _BOUNDARY.search(content_type)
    return (found[1] or found[2]) if found else None


class ModelFinder:
    """Feed portions of a body until it says where the model's name is."""

    def __init__(self, boundary: bytes) -> None:
        mark = b"--" + re.escape(boundary)
        self._part = re.compile(
            rb"(?:\A|\r\n)" + mark + rb"[ \t]*\r\n((?:[^\r\n]+\r\n)*)\r\n(?=([^\r\n]*)\r\n" + mark + rb")",
            re.DOTALL,
        )
        self._window = b""
        self._before = 0
        """Bytes that came before the window."""

    def feed(self, data: bytes) -> tuple[int, int] | None:
        """(start, end) of the name in the whole body, once it is there."""
        window = self._window + data
        for part in self._part.finditer(window):
            if _names_model(part[1]):
                return self._before + part.start(2), self._before + part.end(2)
        kept = window[-_LONGEST:]
        if len(kept) < len(window) and kept[:2] == b"--":
            kept = kept[1:]  # the window's start is no longer the body's
        self._before += len(window) - len(kept)
        self._window = kept
        return None


def _names_model(headers: bytes) -> bool:
    """Whether the headers are those of a field named model, rather than of a file."""
    for line in headers.split(b"\r\n"):
        found = _DISPOSITION.match(line)
        if found:
            return bool(_NAME.search(found[1])) and not _FILE.search(found[1])
    return False
