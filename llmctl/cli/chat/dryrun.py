"""--dry-run and --curl: the exact request, the key withheld."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmctl.core.redact import is_secret_header, show_headers
from llmctl.core.requests import HttpRequest
from llmctl.core.urls import shown

if TYPE_CHECKING:
    from llmctl.cli.chat.question import Question
    from llmctl.cli.chat.toolbox import Toolbox
    from llmctl.cli.session import Session

PLACEHOLDER = "$API_KEY"
DEMO_URL = "http://127.0.0.1:4010/v1"


def show_request(question: Question, toolbox: Toolbox, as_curl: bool, whole: bool) -> None:
    """Print the request that would go out. No key is looked up; its place holds a variable's name.

    MCP servers are started, as only they know their tools.
    """
    from llmctl.tools.loop import with_tools

    session = question.session
    variable = key_variable(session)
    if session.target.embedded:
        session.target = replace(session.target, base_url=DEMO_URL)
        session.streams.note("the demo provider listens there once `llmctl demo serve` runs")

    async def prepare(client: Any) -> HttpRequest:
        async with toolbox.opened() as tools:
            params, _ = with_tools(question.params, tools)
        request: HttpRequest = await client.prepare_chat(question.messages, key=variable, whole=whole, **params)
        return request

    request = session.run(prepare, concurrent=toolbox.needs_loop)
    session.streams.out(curl(request) if as_curl else plain(request))
    if as_curl and variable == PLACEHOLDER and request.secrets:
        session.streams.note("set API_KEY to the key before running it")


def plain(request: HttpRequest) -> str:
    """The request line, headers and the body, as JSON spread over lines."""
    headers = [f"{name}: {value}" for name, value in show_headers(request.headers, request.secrets).items()]
    body = json.dumps(json.loads(request.body), ensure_ascii=False, indent=2) if request.body else ""
    return "\n".join([f"{request.method} {shown(request.url)}", *headers, "", body])


def curl(request: HttpRequest) -> str:
    """A command for a POSIX shell. The key's header is in double quotes, so that its variable counts."""
    lines = [f"curl {shlex.quote(shown(request.url))}"]
    for name, value in request.headers.items():
        if name in request.secrets:
            lines.append(f'-H "{name}: {value}"')
        elif is_secret_header(name):
            lines.append(f"-H {shlex.quote(f'{name}: ***')}")
        else:
            lines.append(f"-H {shlex.quote(f'{name}: {value}')}")
    if request.body:
        lines.append(f"--data-binary {shlex.quote(request.body.decode())}")
    streaming = b'"stream": true' in (request.body or b"")
    return " \\\n  ".join([*lines, *(["--no-buffer"] if streaming else [])])


def key_variable(session: Session) -> str | None:
    """The shell variable that holds the key, "$API_KEY" where it is kept elsewhere, None without a key."""
    reference = session.target.key_reference
    if reference is None:
        return None
    return f"${reference[4:]}" if reference.startswith("env:") else PLACEHOLDER
