"""Options as records: a frozen dataclass of Annotated fields becomes a command's signature.

So `run(options, streams)` has two parameters however many options there are, and groups of options
that several commands share are base classes.
"""

from __future__ import annotations

import copy
import inspect
import typing
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Annotated, Any, ClassVar, TypeVar

import typer

from llmctl.cli.onecommand import OneCommand
from llmctl.cli.settings import Settings
from llmctl.cli.streams import Streams

T = TypeVar("T")


@dataclass(frozen=True)
class TargetOptions:
    """Which provider and model a request goes to."""

    heading: ClassVar[str] = "Provider"

    profile: Annotated[
        str | None,
        typer.Option("-p", "--profile", metavar="NAME", help="Profile to use instead of the current one."),
    ] = None
    model: Annotated[
        str | None, typer.Option("-m", "--model", metavar="MODEL", help="Model, or PROFILE/MODEL to name both.")
    ] = None
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url",
            metavar="URL",
            envvar="LLMCTL_BASE_URL",
            show_envvar=False,
            help="Another address. The profile's key does not go there.",
        ),
    ] = None
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="REF",
            envvar="LLMCTL_KEY",
            show_envvar=False,
            help="Where the key is: env:NAME, cmd:COMMAND, file:PATH, keyring, none.",
        ),
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=0.001,
            envvar="LLMCTL_TIMEOUT",
            show_envvar=False,
            help="Limit for the whole answer.",
        ),
    ] = None
    retries: Annotated[
        int | None,
        typer.Option(
            "--retries",
            metavar="N",
            min=0,
            max=20,
            envvar="LLMCTL_RETRIES",
            show_envvar=False,
            help="More attempts after a failed one [2].",
        ),
    ] = None


def make_app(help_text: str) -> typer.Typer:
    """A Typer app without what makes Typer slow: Rich help and pretty tracebacks cost 110 ms a run."""
    return typer.Typer(
        help=help_text,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


def command(options: type[T], run: Callable[[T, Streams], None], examples: str = "") -> typer.Typer:
    """An app of one command. Its help is the docstring of `run`, with examples below."""

    def invoke(ctx: typer.Context, **values: Any) -> None:
        streams: Streams = ctx.obj
        streams.settings = streams.settings.overlaid({f.name: values.pop(f.name) for f in fields(Settings)})
        if ctx.invoked_subcommand is None:  # a command may hold others, and one of them was named
            run(options(**values), streams)

    invoke.__signature__ = signature_of(options, *map(_hidden, parameters(Settings)))  # type: ignore[attr-defined]
    app = make_app(inspect.cleandoc(run.__doc__ or ""))
    app.command(
        cls=OneCommand, help=inspect.cleandoc(run.__doc__ or ""), epilog=_epilog(examples), no_args_is_help=False
    )(invoke)
    return app


def signature_of(options: type[Any], *more: inspect.Parameter) -> inspect.Signature:
    """What Typer reads: the context, the options, and more of them."""
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    return inspect.Signature([context, *parameters(options), *more])


def _hidden(parameter: inspect.Parameter) -> inspect.Parameter:
    """A global option, which every command takes and only `llmctl --help` lists.

    Its variable is read once, before the command; here it is None unless it is given.
    """
    kind, option = typing.get_args(parameter.annotation)
    option = copy.copy(option)
    option.hidden, option.envvar = True, None
    return parameter.replace(annotation=Annotated[kind | None, option], default=None)


def parameters(options: type[Any]) -> typing.Iterator[inspect.Parameter]:
    """The fields as keyword parameters, those of base classes last."""
    hints = typing.get_type_hints(options, include_extras=True)
    own = inspect.get_annotations(options)
    ordered = sorted(fields(options), key=lambda field: field.name not in own)
    for field in ordered:
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=_under_heading(hints[field.name], options, field.name),
        )


def _under_heading(annotation: Any, options: type[Any], name: str) -> Any:
    """The annotation with the `heading` of the base class that the option is of, if it has one."""
    owner = next(base for base in options.__mro__ if name in inspect.get_annotations(base))
    heading = vars(owner).get("heading")
    if not heading:
        return annotation
    kind, option = typing.get_args(annotation)
    option = copy.copy(option)
    option.rich_help_panel = heading
    return Annotated[kind, option]


def _epilog(examples: str) -> str:
    """Examples as they stand: the mark keeps the help formatter from filling the lines."""
    lines = inspect.cleandoc(examples).splitlines()
    shown = ["\b", "Examples:", *(f"  {line}" for line in lines)] if examples else []
    return "\n".join([*shown, "", "\b", "Global options, such as --quiet and --verbose: llmctl --help"])
