"""The options of `llmctl chat`. Those of files, forms, prompts and tools stand beside the code that reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.chat.attach import FileOptions
from llmctl.cli.chat.structured import FormOptions
from llmctl.cli.chat.template import TemplateOptions
from llmctl.cli.chat.toolbox import ToolOptions
from llmctl.cli.options import TargetOptions


@dataclass(frozen=True)
class ChatOptions(TargetOptions, FileOptions, FormOptions, TemplateOptions, ToolOptions):
    """Options of `llmctl chat`."""

    prompt: Annotated[
        str | None, typer.Argument(metavar="[PROMPT]", help="The prompt; stdin joins it. '-' waits for stdin.")
    ] = None
    system: Annotated[str | None, typer.Option("-s", "--system", metavar="TEXT", help="System prompt.")] = None
    option: Annotated[
        list[str] | None,
        typer.Option("-o", "--option", metavar="KEY=VALUE", help="Any request parameter; a.b=1 for nested ones."),
    ] = None
    temperature: Annotated[
        float | None, typer.Option("--temperature", metavar="N", help="Randomness, 0 to 2.")
    ] = None
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", metavar="N", help="Most tokens to answer.")] = (
        None
    )
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="For repeatable sampling.")] = None
    n: Annotated[int | None, typer.Option("-n", "--n", metavar="N", min=1, help="How many answers.")] = None
    stop: Annotated[
        list[str] | None, typer.Option("--stop", metavar="TEXT", help="Stop before this text; may be repeated.")
    ] = None
    logprobs: Annotated[
        bool, typer.Option("--logprobs", help="Ask for log probabilities (see them with --json).")
    ] = False
    reasoning_effort: Annotated[
        str | None, typer.Option("--reasoning-effort", metavar="WORD", help="none, low, medium, high, …")
    ] = None
    max_cost: Annotated[
        float | None,
        typer.Option("--max-cost", metavar="USD", help="Send nothing whose prompt alone would cost more."),
    ] = None
    last: Annotated[bool, typer.Option("-c", "--last", help="Go on with the last conversation.")] = False
    continued: Annotated[
        str | None,
        typer.Option("--continue", metavar="ID", help="Go on with this conversation; see `llmctl logs list`."),
    ] = None
    interactive: Annotated[
        bool, typer.Option("-i", "--interactive", help="A conversation, line by line; also without any prompt.")
    ] = False
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object when the answer is complete.")] = (
        False
    )
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print the events as they come, one JSON object a line.")
    ] = False
    raw: Annotated[bool, typer.Option("--raw", help="Print the provider's own bytes.")] = False
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Ask for the whole answer at once.")] = False
    show_reasoning: Annotated[bool, typer.Option("--show-reasoning", help="Print the reasoning on stderr.")] = (
        False
    )
    usage: Annotated[bool, typer.Option("--usage", help="Print tokens, cost and speed on stderr.")] = False
    plain: Annotated[bool, typer.Option("--plain", help="No Markdown rendering on a terminal.")] = False
    strict: Annotated[bool, typer.Option("--strict", help="Exit 11 if cut at the limit, 12 if filtered.")] = False
    stdin: Annotated[
        bool | None,
        typer.Option("--stdin/--no-stdin", help="Wait for stdin however long it is silent, or ignore it."),
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the request instead of sending it.")] = False
    curl: Annotated[bool, typer.Option("--curl", help="Print the request as a curl command.")] = False
