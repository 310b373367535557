"""From FILE, DIR, URL or - to attachments. Everything is checked before anything is sent."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from llmctl.attach.folder import MOST_FILES, files_in
from llmctl.core.media import BINARY, IMAGE, NOT_TAKEN, TEXT, Attachment, mime_of
from llmctl.errors import UsageError
from llmctl.platforms import native_path, shown_path

MOST_TEXT = 4_000_000
MOST_MEDIA = 20_000_000
"""Bytes of one file. Larger ones are refused by every provider, or cost a fortune."""

Note = Callable[[str], None]
Fetch = Callable[[str, int], bytes]


def read_attachments(sources: Sequence[str], fetch: Fetch, note: Note) -> list[Attachment]:
    """All sources in order. `fetch(url, most)` reads a URL of at most so many bytes. Raises UsageError."""
    found: list[Attachment] = []
    for source in sources:
        if source == "-":
            found.append(attachment("stdin", sys.stdin.buffer.read() if sys.stdin else b""))
        elif source.startswith(("http://", "https://")):
            found.append(attachment(_url_name(source), fetch(source, MOST_MEDIA)))
        elif os.path.isdir(path := os.path.expanduser(native_path(source))):
            found += _folder(path, note)
        else:
            found.append(attachment(source, _read(path)))
    _check_total(found)
    return found


def attachment(name: str, data: bytes) -> Attachment:
    """A file of this content. Raises UsageError for one that no provider takes."""
    mime = mime_of(data)
    item = Attachment(name, mime, data)
    if not data.strip():
        raise UsageError(f"{name} is empty")
    if item.kind == BINARY:
        raise UsageError(
            f"{name} is neither text nor a picture, PDF or sound that a provider takes",
            hint="text must be UTF-8: iconv -f latin1 -t utf-8 converts it",
        )
    if mime in NOT_TAKEN:
        raise UsageError(
            f"{name} is a {NOT_TAKEN[mime]} picture, which no provider takes", hint="convert it to PNG"
        )
    most = MOST_TEXT if item.kind == TEXT else MOST_MEDIA
    if len(data) > most:
        raise UsageError(f"{name} has {len(data) / 1e6:.1f} MB; the limit for its kind is {most / 1e6:g} MB")
    return item


def check_kinds(attachments: Sequence[Attachment], taken: Sequence[str], provider: str) -> None:
    """Raises UsageError for a kind that the provider is known not to take."""
    for item in attachments:
        if item.kind != TEXT and item.kind not in taken:
            raise UsageError(
                f"{item.name} is {'an' if item.kind[0] in 'aio' else 'a'} {item.kind}, "
                f"and {provider} is known to take {' and '.join(taken) or 'nothing but text'} only",
                hint="another profile may take it; if this one does, say so in its quirks: media",
            )


def only_images(attachments: Sequence[Attachment]) -> None:
    """Raises UsageError for what was given to --image and is none."""
    for item in attachments:
        if item.kind != IMAGE:
            raise UsageError(f"{item.name} is not a picture but {item.mime}", hint="give other files with -f")


def _folder(source: str, note: Note) -> list[Attachment]:
    found: list[Attachment] = []
    left, name = 0, shown_path(source)
    for path in files_in(Path(source)):
        if len(found) >= MOST_FILES:
            raise UsageError(f"{name} holds more than {MOST_FILES} text files", hint="name a folder in it")
        data = b"" if _is_huge_binary(path) else _read(str(path))
        if not data or mime_of(data) != "text/plain":
            left += 1
        elif data.strip():
            found.append(attachment(shown_path(path.as_posix()), data))
            _check_total(found)
    if not found:
        raise UsageError(f"{name} holds no text files", hint="hidden and git-ignored files don't count")
    size = sum(len(item.data) for item in found)
    note(f"{name}: {len(found)} text files, {size / 1000:.0f} kB" + (f"; {left} others left out" if left else ""))
    return found


def _check_total(found: Sequence[Attachment]) -> None:
    text = sum(len(item.data) for item in found if item.kind == TEXT)
    media = sum(len(item.data) for item in found if item.kind != TEXT)
    for size, most, what in ((text, MOST_TEXT, "texts"), (media, 2 * MOST_MEDIA, "media")):
        if size > most:
            raise UsageError(
                f"the attached {what} have over {most / 1e6:g} MB together", hint="attach fewer files"
            )


def _read(source: str) -> bytes:
    """At most one byte more than any kind may have. A pipe, such as a shell's <(command), is read to its end."""
    name = shown_path(source)
    try:
        mode = os.stat(source).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
            raise UsageError(f"{name} is no regular file", hint="-f - reads standard input")
        with open(source, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MOST_MEDIA:
                raise UsageError(f"{name} has {size / 1e6:.1f} MB; the limit is {MOST_MEDIA / 1e6:g} MB")
            return file.read(MOST_MEDIA + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise UsageError(f"can't read {name}: {getattr(error, 'strerror', None) or error}") from error


def _is_huge_binary(path: Path) -> bool:
    """Whether a file is too large, and no text by its beginning: what a folder's texts are taken without."""
    try:
        if path.stat().st_size <= MOST_MEDIA:
            return False
        with open(path, "rb") as file:
            head = file.read(8192)
    except OSError:
        return False  # reading it will say why
    return b"\0" in head or mime_of(head) not in ("text/plain", "application/octet-stream")


def _url_name(url: str) -> str:
    """The URL without a name, a password or a query, which may hold a key."""
    return re.sub(r"//[^/]*@", "//", url.partition("?")[0].partition("#")[0])
