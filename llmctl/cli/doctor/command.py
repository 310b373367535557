"""`llmctl doctor`: what is configured, reachable, expired, slow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.doctor.checks import FAILED, OK, WARNING, Check, failed
from llmctl.cli.options import command
from llmctl.cli.streams import BOLD, DIM, RED, YELLOW, Streams, harmless
from llmctl.config.configfile import Config, load_config
from llmctl.config.paths import config_file, working_folder
from llmctl.config.resolve import Choices, build_target
from llmctl.config.target import Target
from llmctl.errors import ConfigError, LlmctlError

AT_A_TIME = 16
"""Profiles that are asked side by side."""

EXAMPLES = """
llmctl doctor
llmctl doctor -p work
llmctl doctor --offline --json | jq '.checks[] | select(.level != "ok")'
"""


@dataclass(frozen=True)
class DoctorOptions:
    """Options of `llmctl doctor`."""

    profile: Annotated[
        list[str] | None,
        typer.Option("-p", "--profile", metavar="NAME", help="Only this profile; may be repeated."),
    ] = None
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody: only what this machine knows.")] = False
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="SECONDS", min=0.1, max=600, help="Wait for an answer or a key that long."
        ),
    ] = 10.0
    slow: Annotated[
        float, typer.Option("--slow", metavar="SECONDS", min=0, help="An answer that takes longer is slow.")
    ] = 3.0
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False


def run(options: DoctorOptions, streams: Streams) -> None:
    """Find out what is wrong, and how to mend it: config, keys, connections, certificates, models, speed.

    Every profile is asked for its list of models, side by side; one without such a list for a few
    tokens. Exit code 0 means that nothing failed, with or without warnings; else it is the code of
    the first failure in the output (see `llmctl help scripting`).
    """
    from llmctl.cli.doctor.machine import machine_checks

    checks = list(machine_checks(streams))
    if not options.json:
        _show("this machine", checks, streams)
    for name, found in _profiles(options, streams):
        checks += found
        if not options.json:
            _show(name, found, streams)
    first = next((check.code for check in checks if check.level == FAILED), 0)
    if options.json:
        streams.out_json({"ok": not first, "checks": [check.as_dict() for check in checks]})
    else:
        _sum_up(checks, streams)
    if first:
        raise typer.Exit(first)


def _profiles(options: DoctorOptions, streams: Streams) -> list[tuple[str, list[Check]]]:
    """(profile, its checks) in the order of the config."""
    from llmctl.cli.doctor.profiles import provider_checks

    try:
        config = load_config(config_file(streams.env))
        names = options.profile or _names(config, streams)
    except ConfigError:  # the config's own check has said it
        return []
    found: dict[str, list[Check]] = {}
    targets: list[Target] = []
    for name in dict.fromkeys(names):
        try:
            target = build_target(config, Choices(profile=name), streams.env, working_folder())
            target.quirks(target.model or "")
        except LlmctlError as error:
            found[name] = [failed("profile", error, name)]
            continue
        found[name] = provider_checks(target)
        targets.append(target)
    asked: list[Target] = []
    for check, target in _keys(targets, options, streams):
        found[target.profile].append(check)
        if all(check.level != FAILED for check in found[target.profile]):
            asked.append(target)
    if asked and not options.offline:
        for target, more in zip(asked, _ask(asked, options, streams), strict=True):
            found[target.profile] += more
    return list(found.items())


def _names(config: Config, streams: Streams) -> list[str]:
    """Every profile, and the one that OPENAI_* variables make where they are set."""
    by_variables = streams.env.get("OPENAI_BASE_URL") or streams.env.get("OPENAI_API_KEY")
    return [*config.names, *(["env"] if by_variables and "env" not in config.names else [])]


def _keys(targets: Sequence[Target], options: DoctorOptions, streams: Streams) -> list[tuple[Check, Target]]:
    """The key's check of each target, and the target with its key. Commands run side by side."""
    from concurrent.futures import ThreadPoolExecutor

    from llmctl.cli.doctor.profiles import has_key_command, key_check

    slow = [target.profile for target in targets if has_key_command(target)]
    if slow:
        _say(f"waiting for the key command of {', '.join(slow)}, {options.timeout:g} s at the most …", streams)
    with ThreadPoolExecutor(max(1, len(slow))) as pool:
        commands = {t.profile: pool.submit(key_check, t, options.timeout) for t in targets if has_key_command(t)}
        return [
            commands[t.profile].result() if t.profile in commands else key_check(t, options.timeout)
            for t in targets
        ]


def _say(text: str, streams: Streams) -> None:
    """What is waited for, to a person."""
    if streams.error_terminal and not streams.settings.quiet:
        streams.say(streams.paint(harmless(text), DIM))


def _ask(targets: Sequence[Target], options: DoctorOptions, streams: Streams) -> list[list[Check]]:
    """The network checks of all targets, side by side."""
    import asyncio

    from llmctl.cli.doctor.profiles import Limits, network_checks

    limits = Limits(min(5.0, options.timeout), options.timeout, options.slow)
    _say(f"asking {len(targets)} profile{'' if len(targets) == 1 else 's'} …", streams)

    async def all_of_them() -> list[list[Check]]:
        slots = asyncio.Semaphore(AT_A_TIME)

        async def one(target: Target) -> list[Check]:
            async with slots:
                return await network_checks(target, limits, streams.env)

        return await asyncio.gather(*map(one, targets))

    return asyncio.run(all_of_them())


def _show(title: str, checks: Sequence[Check], streams: Streams) -> None:
    """A heading and a line a check; what to do on a line below."""
    bold = streams.coloured_output
    streams.out(f"\x1b[{BOLD}m{title}\x1b[0m" if bold else title)
    for check in checks:
        colour = {WARNING: YELLOW, FAILED: RED}.get(check.level)
        level = f"{check.level:<8}"
        level = f"\x1b[{colour}m{level}\x1b[0m" if bold and colour else level
        ms = f"  ({check.ms:.0f} ms)" if check.ms is not None else ""
        streams.out(f"  {level} {check.name:<12} {harmless(check.message)}{ms}".replace("\n", " "))
        if check.hint:
            streams.out(f"{'':<24}{harmless(check.hint)}")


def _sum_up(checks: Sequence[Check], streams: Streams) -> None:
    counts = {level: sum(check.level == level for check in checks) for level in (FAILED, WARNING)}
    named = [
        f"{counts[FAILED]} failed" if counts[FAILED] else "",
        f"{counts[WARNING]} warning{'' if counts[WARNING] == 1 else 's'}" if counts[WARNING] else "",
    ]
    streams.say(", ".join(filter(None, named)) or f"everything is {OK}")


app = command(DoctorOptions, run, EXAMPLES)
