"""`llmctl config check`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.config.findings import Finding, check_access, check_project, check_text
from llmctl.cli.options import command
from llmctl.cli.streams import RED, YELLOW, Streams, harmless
from llmctl.config.configfile import load_config, read_config_text
from llmctl.config.paths import config_file, working_folder
from llmctl.errors import ConfigError


@dataclass(frozen=True)
class CheckOptions:
    """Options of `llmctl config check`."""

    json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False


def run(options: CheckOptions, streams: Streams) -> None:
    """Say what is wrong in the config and in this folder's .llmctl.toml, a line each with its fix.

    Nothing is asked over the network; `llmctl doctor` does. Exit code 3 means that something is
    wrong; warnings alone give 0.
    """
    findings = collect(streams)
    wrong = [finding for finding in findings if finding.level == "error"]
    path = config_file(streams.env)
    if options.json:
        streams.out_json({"file": str(path), "ok": not wrong, "findings": [f.as_dict() for f in findings]})
    else:
        print_findings(findings, streams)
        if not os.path.exists(path) and all(finding.file != str(path) for finding in findings):
            streams.note(f"there is no {path} yet; `llmctl init` or `llmctl profile add` make it")
        elif not findings:
            streams.say(f"{path} is fine")
    if wrong:
        raise typer.Exit(ConfigError.exit_code)


def collect(streams: Streams) -> list[Finding]:
    """Every finding about the config and the project's file."""
    path = config_file(streams.env)
    try:
        text = read_config_text(path)
    except ConfigError as error:
        return [Finding("error", str(path), error.message.removeprefix(f"{path} "), error.hint)]
    findings = [*check_access(text, path), *check_text(text, path, streams.env)]
    try:
        config = load_config(path)
    except ConfigError:
        return findings
    return [*findings, *check_project(config, working_folder())]


def print_findings(findings: Sequence[Finding], streams: Streams) -> None:
    """A line each, as compilers write them: FILE:LINE: LEVEL: MESSAGE; HINT."""
    for finding in findings:
        place = finding.file if finding.line is None else f"{finding.file}:{finding.line}"
        level = finding.level
        if streams.coloured_output:
            level = f"\x1b[{RED if level == 'error' else YELLOW}m{level}\x1b[0m"
        hint = f"; {finding.hint}" if finding.hint else ""
        streams.out(f"{harmless(place)}: {level}: {harmless(finding.message + hint)}".replace("\n", " "))


app = command(
    CheckOptions,
    run,
    """
llmctl config check
llmctl config check --json | jq -r '.findings[].message'
""",
)
