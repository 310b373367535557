"""-t NAME: a kept prompt, with its variables filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from llmctl.core.suggest import did_you_mean
from llmctl.core.template import fill, variables
from llmctl.errors import UsageError

if TYPE_CHECKING:
    from llmctl.cli.streams import Streams
    from llmctl.config.prompts import Prompt


@dataclass(frozen=True)
class TemplateOptions:
    """A kept prompt."""

    heading: ClassVar[str] = "Kept prompts"

    template: Annotated[
        str | None,
        typer.Option("-t", "--template", metavar="NAME", help="A prompt kept with `llmctl prompt add`."),
    ] = None
    variable: Annotated[
        list[str] | None, typer.Option("-v", "--var", metavar="KEY=VALUE", help="A variable of that prompt.")
    ] = None


def find_template(options: TemplateOptions, streams: Streams) -> Prompt | None:
    """The prompt that -t names. Raises UsageError."""
    if not options.template:
        if options.variable:
            raise UsageError("-v fills the variables of a kept prompt", hint="name one with -t NAME")
        return None
    from llmctl.config.paths import config_file, working_folder
    from llmctl.config.prompts import find_prompt, user_folder

    config = config_file(streams.env)
    prompt = find_prompt(options.template, config, working_folder())
    own = user_folder(config) / prompt.path.name
    if own != prompt.path and own.exists():
        streams.note(f"{prompt.path} hides your own prompt {prompt.name}")
    read_variables(options, prompt)
    return prompt


def read_variables(options: TemplateOptions, prompt: Prompt) -> Mapping[str, str]:
    """The values, checked: each is a variable of the prompt, and none is missing. Raises UsageError."""
    from llmctl.config.prompts import INPUT

    values = dict(prompt.defaults)
    for pair in options.variable or ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"-v {pair!r} is not KEY=VALUE")
        if name not in prompt.variables and name != INPUT:
            known = did_you_mean(name, prompt.variables) or f"it has: {', '.join(prompt.variables) or 'none'}"
            raise UsageError(f"the prompt {prompt.name} has no variable {name!r}", hint=known)
        values[name] = value
    missing = [name for name in prompt.variables if name not in values]
    if missing:
        wanted = " ".join(f"-v {name}=…" for name in missing)
        raise UsageError(f"the prompt {prompt.name} needs {' and '.join(missing)}", hint=f"give: {wanted}")
    return values


def takes_input(prompt: Prompt | None, options: TemplateOptions) -> bool:
    """Whether the prompt can't be sent without something from the command line or standard input."""
    from llmctl.config.prompts import INPUT

    if prompt is None:
        return True
    if not prompt.prompt.strip():
        return True
    return INPUT in variables(prompt.prompt + prompt.system) and INPUT not in read_variables(options, prompt)


def filled(prompt: Prompt, options: TemplateOptions, given: str) -> tuple[str, str]:
    """(system prompt, user text); `given` takes the place of {{input}}, or stands at the end."""
    from llmctl.config.prompts import INPUT

    values = dict(read_variables(options, prompt))
    if given or INPUT not in values:
        values[INPUT] = given
    user = fill(prompt.prompt, values).strip()
    if given and INPUT not in variables(prompt.prompt + prompt.system):
        user = f"{user}\n\n{given}".strip()
    return fill(prompt.system, values).strip(), user
