"""`llmctl api`: any request, with the profile's address and key."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmctl.cli.api.content import Files, form_content, input_content, read_headers
from llmctl.cli.api.fields import query_pairs, read_fields
from llmctl.cli.api.pages import next_page, with_query
from llmctl.cli.options import TargetOptions, command
from llmctl.cli.session import open_session
from llmctl.cli.streams import Streams
from llmctl.core.requests import Content
from llmctl.core.urls import join
from llmctl.errors import ConnectFailed, ConnectTimeout, DnsFailed, LlmctlError, UsageError

if TYPE_CHECKING:
    from llmctl.cli.api.output import Printer

EXAMPLES = """
llmctl api models --field 'data[*].id'
llmctl api completions -f model=davinci-002 -f prompt="Once upon" -F max_tokens=16
llmctl api audio/transcriptions --form file=@talk.mp3 --form model=whisper-1
llmctl api audio/speech -f model=tts-1 -f voice=alloy -f input="Hello" > hello.mp3
llmctl api files --paginate --field 'data[*].filename'
llmctl api DELETE files/file-abc123
"""


@dataclass(frozen=True, kw_only=True)
class ApiOptions(TargetOptions):
    """Options of `llmctl api`."""

    words: Annotated[
        list[str],
        typer.Argument(metavar="[METHOD] PATH", help="GET, or POST where there is a body; a path under base_url."),
    ]
    text_field: Annotated[
        list[str] | None,
        typer.Option("-f", "--raw-field", metavar="KEY=VALUE", help="A field that is a string; a[b]=c, a[]=x."),
    ] = None
    typed_field: Annotated[
        list[str] | None,
        typer.Option(
            "-F", "--typed-field", metavar="KEY=VALUE", help="true, null, 3, JSON, @FILE and @- are what they say."
        ),
    ] = None
    form: Annotated[
        list[str] | None,
        typer.Option("--form", metavar="KEY=VALUE", help="A field of a form; KEY=@FILE sends a file."),
    ] = None
    input: Annotated[
        str | None, typer.Option("--input", metavar="FILE", help="The body as it is; - is stdin.")
    ] = None
    header: Annotated[list[str] | None, typer.Option("-H", "--header", metavar="NAME:VALUE", help="A header.")] = (
        None
    )
    include: Annotated[bool, typer.Option("-i", "--include", help="Print status line and headers too.")] = False
    paginate: Annotated[bool, typer.Option("--paginate", help="Ask for all pages of a list.")] = False
    field: Annotated[
        str | None, typer.Option("--field", metavar="PATH", help="Print one value: data[0].id, data[*].id.")
    ] = None
    silent: Annotated[bool, typer.Option("--silent", help="Do not print the body.")] = False


@dataclass(frozen=True)
class Call:
    """A request as asked for."""

    method: str
    path: str
    content: Content


@dataclass
class Failures:
    """Looks at each failed attempt: whether it may be made again, and the refusal's body as it came.

    `every`: the user has said how often, whatever the request does.
    """

    method: str
    every: bool
    body: bytes = b""

    def note(self, error: LlmctlError) -> None:
        """Keep the body, and forbid another attempt that could do something twice."""
        self.body = error.reply[1] if error.reply else b""
        if error.status == 501 or not (self.every or self._harmless(error)):
            error.should_retry = False

    def _harmless(self, error: LlmctlError) -> bool:
        """Whether the request changes nothing, or can't have reached anybody who acted on it."""
        told_when = error.status in (429, 503) and error.retry_after is not None
        unsent = isinstance(error, ConnectFailed | DnsFailed | ConnectTimeout)
        return self.method in ("GET", "HEAD") or told_when or unsent


def run(options: ApiOptions, streams: Streams) -> None:
    """Send any request to the provider, with the profile's address, headers and key.

    Fields make a JSON body, or the query of a GET. The body of the answer goes to stdout as it
    comes, also that of a refusal, whose exit code is that of llmctl chat (see `llmctl help
    scripting`). PATH may be a full URL on the profile's own origin: the key goes nowhere else.
    A key that the answer repeats is hidden on a terminal; into a pipe the bytes go untouched.

    Tried again are GET and HEAD, and any other only when there was no connection, or 429 or 503
    came with Retry-After: nothing is done twice. --retries N tries all of them again, 501 never.
    """
    from llmctl.cli.api.output import Printer

    call = _call(options, Files(streams))
    session = open_session(options, streams)
    printer = Printer(streams, options.include, options.field, options.silent)
    failures = Failures(call.method, every=options.retries is not None)

    async def ask(client: Any) -> None:
        printer.hide = client.hidden
        if options.paginate:
            await _all_pages(client, call, printer, failures)
            return
        async with client.request(call.method, call.path, call.content, failures.note) as reply:
            printer.head(reply.status, reply.headers)
            await printer.stream(reply)

    try:
        session.run(ask)
    except LlmctlError as error:
        if error.reply and error.status:
            headers, body = error.reply
            printer.head(error.status, headers)
            printer.whole(headers, body if streams.terminal else failures.body, failed=True)
        raise


async def _all_pages(client: Any, call: Call, printer: Printer, failures: Failures) -> None:
    """Print page after page, each as the provider wrote it."""
    from llmctl.cli.api.output import parse

    path: str | None = call.path
    while path:
        async with client.request(call.method, path, call.content, failures.note) as reply:
            body = await reply.read()
        printer.head(reply.status, reply.headers)
        printer.whole(reply.headers, body, page=True)
        url = path if "://" in path.partition("?")[0] else join(client.address, path)
        path = next_page(url, path, reply.headers, parse(body))


def _call(options: ApiOptions, files: Files) -> Call:
    """The request. Raises UsageError for options that don't go together."""
    method, path = _method_and_path(options.words)
    sources = {"--input": options.input is not None, "--form": bool(options.form)}
    fields = read_fields(options.text_field or [], options.typed_field or [], files.read)
    if all(sources.values()):
        raise UsageError("--input and --form exclude each other")
    if options.form and fields:
        raise UsageError("-f and -F make JSON and --form makes a form", hint="give all fields with --form")
    method = method or ("POST" if fields or any(sources.values()) else "GET")
    if options.paginate and method != "GET":
        raise UsageError("--paginate is for lists, which a GET asks for")
    if options.field and options.silent:
        raise UsageError("--field and --silent exclude each other")
    if options.field:
        from llmctl.core.fieldpath import parse_path

        parse_path(options.field)
    content, query = Content(), []
    if options.form:
        content = form_content(options.form, files)
    elif options.input is not None:
        content, query = input_content(options.input, files), query_pairs(fields)
    elif method in ("GET", "HEAD"):
        query = query_pairs(fields)
    elif fields:
        body = json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")
        content = Content(body, {"content-type": "application/json"})
    headers = {**content.headers, **read_headers(options.header or [])}
    return Call(method, with_query(path, query), Content(content.body, headers))


def _method_and_path(words: list[str]) -> tuple[str | None, str]:
    if len(words) > 2 or (len(words) == 2 and not re.fullmatch(r"[A-Za-z]+", words[0])):
        raise UsageError("give a path, or a method and a path", hint="for example: llmctl api DELETE files/abc")
    method, path = (words[0].upper(), words[1]) if len(words) == 2 else (None, words[0])
    if not path.strip() or re.search(r"[\s\x00-\x1f]", path):
        raise UsageError(f"{path!r} is not a path")
    return method, path.partition("#")[0]


app = command(ApiOptions, run, EXAMPLES)
