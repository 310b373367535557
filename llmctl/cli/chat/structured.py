"""Answers in a form that programs can use: --schema, --json-mode, --extract, --field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from llmctl.core.quirks import Quirks
from llmctl.errors import AnswerInvalid, UsageError
from llmctl.platforms import native_path

REPAIR = "That answer can't be used: {}. Answer again, with the corrected JSON only."


@dataclass(frozen=True)
class FormOptions:
    """What form the answer shall have."""

    heading: ClassVar[str] = "Form of the answer"

    schema: Annotated[
        str | None,
        typer.Option(
            "--schema", metavar="SCHEMA", help="JSON by a JSON Schema: a file, or 'name str, age int, tags list'."
        ),
    ] = None
    json_mode: Annotated[bool, typer.Option("--json-mode", help="JSON of any shape.")] = False
    repair: Annotated[bool, typer.Option("--repair", help="Ask once more if the answer does not fit.")] = False
    extract: Annotated[
        str | None,
        typer.Option(
            "-x", "--extract", metavar="[LANG]", help="Print only the first code block, or the first in LANG."
        ),
    ] = None
    field: Annotated[
        str | None, typer.Option("--field", metavar="PATH", help="Print one field of the JSON: items[0].name")
    ] = None


@dataclass(frozen=True)
class Form:
    """The wanted form. `shaped` makes what is printed of an answer."""

    schema: Mapping[str, Any] | None = None
    json_mode: bool = False
    extract: str | None = None
    field: str | None = None

    @property
    def wanted(self) -> bool:
        """Whether the answer is not simply text."""
        return self.wants_json or self.extract is not None

    @property
    def wants_json(self) -> bool:
        return self.schema is not None or self.json_mode or self.field is not None

    @property
    def asks_for_json(self) -> bool:
        """Whether the request must say so; --field alone may be meant for JSON that the prompt asks for."""
        return self.schema is not None or self.json_mode

    def params(self, quirks: Quirks) -> dict[str, Any]:
        """The request's response_format, as strong as the provider takes it."""
        from llmctl.core.structured import response_format

        wanted = response_format(self.schema, quirks) if self.asks_for_json else None
        return {"response_format": wanted} if wanted else {}

    def instruction(self, quirks: Quirks) -> str | None:
        """What must be said in words."""
        from llmctl.core.structured import instruction

        return instruction(self.schema, quirks) if self.asks_for_json else None

    def data(self, content: str) -> Any:
        """The JSON value of an answer, checked. Raises AnswerInvalid."""
        from llmctl.core.structured import check, read_json

        if self.extract is not None:
            content = self._block(content)
        value = read_json(content)
        if self.schema is not None:
            check(value, self.schema)
        return value

    def shaped(self, content: str) -> str:
        """The text to print. Raises AnswerInvalid."""
        if not self.wants_json:
            return self._block(content)
        value = self.data(content)
        if self.field is None:
            return json.dumps(value, ensure_ascii=False, indent=2)
        from llmctl.core.fieldpath import get_field, render_field

        try:
            return render_field(get_field(value, self.field))
        except UsageError as error:
            raise AnswerInvalid(error.message, hint=error.hint) from error

    def _block(self, content: str) -> str:
        from llmctl.core.codeblocks import find_block

        block = find_block(content, self.extract or "")
        if block is None:
            raise AnswerInvalid(f"the answer holds no {f'{self.extract} ' if self.extract else ''}code block")
        return block.code


def read_form(options: FormOptions, schema: Any = None) -> Form:
    """The form that the options, or a prompt's file, ask for. Raises UsageError."""
    if options.schema and options.json_mode:
        raise UsageError("--schema and --json-mode exclude each other")
    given = read_schema(options.schema) if options.schema else read_schema(schema, files=False) if schema else None
    form = Form(given, options.json_mode, options.extract, options.field)
    if form.field is not None:
        from llmctl.core.fieldpath import parse_path

        parse_path(form.field)
    if options.repair and not form.wanted:
        raise UsageError("--repair does nothing without --schema, --json-mode, --extract or --field")
    return form


def is_language(text: str) -> bool:
    """Whether the word after -x is a language, and not the prompt."""
    from llmctl.core.codeblocks import LANGUAGES

    return text.lower() in LANGUAGES


def read_schema(given: str | Mapping[str, Any], files: bool = True) -> Mapping[str, Any]:
    """A JSON Schema from a file's name, JSON text, the short form, or a table. Raises UsageError.

    Without `files` no name is taken for a file's: a kept prompt may come with a repository.
    """
    schema = given if isinstance(given, Mapping) else _schema_of(given, files)
    if not isinstance(schema, Mapping):
        raise UsageError("--schema: a JSON Schema is an object")
    from jsonschema import SchemaError, validators

    try:
        kind = validators.validator_for(schema, default=validators.validator_for({}))
        kind.check_schema(schema, format_checker=kind.FORMAT_CHECKER)  # patterns must be regular expressions
    except SchemaError as error:
        raise UsageError(f"--schema is not a valid JSON Schema: {error.message[:300]}") from error
    from llmctl.core.structured import bad_reference

    reference = bad_reference(schema)
    if reference is not None:
        raise UsageError(
            f"--schema: the $ref {reference!r} leads nowhere", hint="only #/… within the schema is followed"
        )
    return schema


def _schema_of(text: str, files: bool) -> Any:
    name = text
    if not text.lstrip().startswith("{"):
        path = Path(native_path(text)).expanduser()
        if not files or not _is_file(path):
            if text.endswith(".json") or ("/" in text and " " not in text.strip()):
                raise UsageError(f"--schema: there is no file {text}")
            from llmctl.core.shortschema import short_schema

            return short_schema(text)
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--schema: can't read {name}: {error}") from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--schema: {name if name != text else 'the text'} is not JSON: {error}") from error


def is_short(text: str) -> bool:
    """Whether a schema is in the short form, neither JSON nor a file's name."""
    return not text.lstrip().startswith("{") and not _is_file(Path(native_path(text)).expanduser())


def _is_file(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()  # a pipe will do
    except (OSError, ValueError):  # too long for a name
        return False
