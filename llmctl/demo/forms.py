"""multipart/form-data: what clients send when they upload files."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from llmctl.demo.exchange import Asked
from llmctl.demo.problems import Problem, invalid_type, invalid_value

Form = dict[str, Any]
"""Field -> str, Upload, or a list of them for fields that end in [] (without the brackets)."""

_BOUNDARY = re.compile(r'^multipart/form-data\s*;.*?boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_NAME = re.compile(r'[;\s]name=(?:"([^"]*)"|([^\s;"]+))', re.IGNORECASE)
_FILENAME = re.compile(r"""[;\s]filename(?:\*=[\w-]*'[\w-]*'|=)(?:"([^"]*)"|([^\s;"]+))""", re.IGNORECASE)
_DISPOSITION = "content-disposition:"


@dataclass(frozen=True)
class Upload:
    """A file: its name as the client gave it, and its bytes."""

    name: str
    data: bytes


def read_form(asked: Asked) -> Form:
    """The fields and files of a request. Raises a Problem for a body that is none or is malformed."""
    found = _BOUNDARY.match(asked.headers.get("content-type", ""))
    if found is None:
        raise Problem("The body must be multipart/form-data, and its Content-Type must name the boundary.")
    mark = b"--" + (found[1] or found[2]).encode("latin-1")
    # The first mark has no line before it, unless there is a preamble.
    _, *parts = (b"\r\n" + asked.body).split(b"\r\n" + mark)
    if not parts or not parts[-1].startswith(b"--"):
        raise _malformed()
    form: Form = {}
    for part in parts[:-1]:
        _add(form, *_part(part))
    return form


def _part(part: bytes) -> tuple[str, str | Upload]:
    """A part's name and content."""
    head, blank, content = part.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    told = next((line for line in lines if line.lower().startswith(_DISPOSITION)), "")
    name, file = _NAME.search(told), _FILENAME.search(told)
    if not blank or name is None:
        raise _malformed()
    if file is not None:
        return _either(name), Upload(_either(file), content)
    return _either(name), content.decode("utf-8", "replace")


def _add(form: Form, name: str, value: str | Upload) -> None:
    if name.endswith("[]"):
        form.setdefault(name[:-2], [])
        name = name[:-2]
    if not isinstance(form.get(name), list):
        form[name] = value
    else:
        form[name].append(value)


def _either(found: re.Match[str]) -> str:
    return found[2] if found[1] is None else found[1]


def _malformed() -> Problem:
    return Problem("We could not parse the multipart body of your request.")


def typed(form: Form, *names: str) -> Form:
    """The form with these fields as the JSON that their text is; a form has only text."""
    read = dict(form)
    for name in names:
        with suppress(ValueError, TypeError, RecursionError):
            read[name] = json.loads(read.get(name, "null"), parse_constant=_no_number)
    return read


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def upload(param: str, value: Any) -> None:
    """A file with something in it."""
    if not isinstance(value, Upload):
        if isinstance(value, str):
            raise invalid_type(param, "a file", value)
        raise invalid_value(param, "expected one file.")
    if not value.data:
        raise invalid_value(param, "the file is empty.")


def uploads(most: int, param: str, value: Any) -> None:
    """A file, or a list of up to `most` of them."""
    files = value if isinstance(value, list) else [value]
    if len(files) > most:
        raise Problem(f"Invalid '{param}': array too long.", param=param, code="array_above_max_length")
    for file in files:
        upload(param, file)
