"""Which values a parameter takes: one table, by the parameter's name or its metavar."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from llmctl.cli.completion import modelnames, names
from llmctl.cli.completion.line import Line
from llmctl.cli.completion.names import Candidate, Place
from llmctl.cli.completion.source import Parameter

FILES, FOLDERS, COMMANDS = ":files", ":dirs", ":command"
"""Directives: the shell itself completes files, folders, or another program's line."""

Values = str | tuple[str, ...] | Callable[[Place], Iterable[Candidate]]

TABLE: dict[str, Values] = {
    # options by their first long name
    "--profile": names.profiles,
    "--provider": names.providers,
    "--template": names.prompts,
    "--mcp": names.mcp_servers,
    "--tool": names.programs,
    "--key": names.key_references,
    "--file": FILES,
    "--continue": names.conversations,
    "--by": ("day", "profile", "model", "caller"),
    "--format": ("markdown", "json", "jsonl"),
    "--quality": ("auto", "low", "medium", "high"),
    "--shell": names.shells,
    "--reasoning-effort": ("none", "minimal", "low", "medium", "high", "xhigh"),
    "--embedding-model": modelnames.models,
    "--image-model": modelnames.models,
    # arguments by their metavar, in one command or in a group
    "use NAME": names.profiles,
    "key NAME": names.own_profiles,
    "key --env": names.key_variables,
    "profile NAME": names.own_profiles,
    "profile OLD": names.own_profiles,
    "profile show NAME": names.profiles,
    "profile test NAME": names.profiles,
    "profile add NAME": names.providers,
    "profile --unset": names.profile_keys,
    "profile --model": modelnames.models_of_the_profile,
    "profile --embedding-model": modelnames.models_of_the_profile,
    "profile --image-model": modelnames.models_of_the_profile,
    "logs ID": names.conversations,
    "api METHOD": names.http_methods,
    "prompt NAME": names.prompts,
    "alias NAME": names.aliases,
    "mcp NAME": names.mcp_servers,
    "serve key revoke NAME": names.gateway_keys,
    "chat --tool": FILES,
    "completion SHELL": names.completed_shells,
    "help TOPIC|COMMAND": names.topics,
    "exec COMMAND": COMMANDS,
    "env TOOL": names.programs,
    # any parameter by its metavar, or a part of it (FILE|URL)
    "MODEL": modelnames.models,
    "FILE": FILES,
    "FILE.py": FILES,
    "SCHEMA": FILES,
    "FOLDER": FOLDERS,
    "DIR": FOLDERS,
}


def values_of(parameter: Parameter, line: Line) -> Values:
    """The row for a parameter, the most special one first; no values where there is none."""
    if parameter.choices:
        return parameter.choices
    group = line.command.partition(" ")[0]
    special = [f"{line.command} {parameter.name}", f"{group} {parameter.name}"]
    general = [*([parameter.name] if parameter.names else []), *parameter.metavar.strip("[]….").split("|")]
    return next((TABLE[key] for key in (*special, *general) if key in TABLE), ())
