"""The checks of a profile: key, connection, certificate, the key's acceptance, model, speed, clock."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from llmctl.cli.doctor.checks import FAILED, OK, WARNING, Check, failed
from llmctl.config.catalogue import load_catalogue
from llmctl.config.keys import describe_key, reference_kind, resolve_key
from llmctl.config.target import Target, Timeouts
from llmctl.core.models import Model, read_models
from llmctl.core.proxies import choose_proxy
from llmctl.core.suggest import did_you_mean
from llmctl.core.urls import shown
from llmctl.errors import ConfigError, LlmctlError

if TYPE_CHECKING:
    from llmctl.client.client import Client

DAY = 86400
EXPIRES_SOON = 14 * DAY
SKEW = 60.0
"""Seconds that the clock may be off before it is said: signatures and tokens allow a few minutes."""


@dataclass(frozen=True)
class Limits:
    """Seconds: for connecting, for an answer, and above which an answer is slow."""

    connect: float
    answer: float
    slow: float


def has_key_command(target: Target) -> bool:
    """Whether the key is what a command prints, which may take its time."""
    return reference_kind(target.key_reference or "") == "cmd"


def key_check(target: Target, seconds: float) -> tuple[Check, Target]:
    """Whether the key can be found, and the target with it, so that a command is run once only.

    It may be asked for: a command can want a password. It is ended after `seconds`.
    """
    name = target.profile
    try:
        if target.key_reference and has_key_command(target):
            key: str | None = resolve_key(target.key_reference, name, Path(), {}, seconds)
        else:
            key = target.key()
    except LlmctlError as error:
        return failed("key", error, name), target
    wanted = target.auth != "none" and not target.embedded
    missing = "none is set, none is sent" if wanted else "none is needed"
    text = f"found: {describe_key(target.key_reference)}" if key else missing
    return Check("key", OK, text, profile=name), replace(target, key=lambda: key)


def provider_checks(target: Target) -> list[Check]:
    """What the catalogue says against the provider."""
    provider = load_catalogue().get(target.provider)
    if not provider:
        return []
    said = [(FAILED, provider.dead, ConfigError.exit_code)] if provider.dead else [(WARNING, provider.warning, 0)]
    return [
        Check("provider", level, text, profile=target.profile, code=code) for level, text, code in said if text
    ]


async def network_checks(target: Target, limits: Limits, env: Mapping[str, str]) -> list[Check]:
    """Connect, then ask. What can't work after a failure is left out."""
    checks = await _connection(target, limits, env)
    if any(check.level == FAILED for check in checks):
        return checks
    return [*checks, *await _question(target, limits, env)]


async def _connection(target: Target, limits: Limits, env: Mapping[str, str]) -> list[Check]:
    from llmctl.client.probe import reach

    name = target.profile
    if target.embedded:
        return []
    try:
        proxy = choose_proxy(target.base_url, target.proxy, env)
        if proxy:
            return [Check("connect", OK, f"goes through the proxy {_without_user(proxy)}", profile=name)]
        reached = await reach(target.base_url, target.tls, env, limits.connect)
    except LlmctlError as error:
        return [failed("connect", error, name)]
    text = f"{shown(target.base_url)} is {reached.address}"
    checks = [Check("connect", OK, text, profile=name, ms=round(reached.name_ms + reached.connect_ms, 1))]
    if not target.tls.verify and target.base_url.startswith("https"):
        checks.append(
            Check("certificate", WARNING, "it is not checked (verify = false)", _unset(name, "verify"), name)
        )
    elif reached.expires is not None:
        checks.append(_certificate(name, reached.expires))
    return checks


def _certificate(name: str, expires: float) -> Check:
    days = (expires - time.time()) / DAY
    date = time.strftime("%Y-%m-%d", time.gmtime(expires))
    if days * DAY < EXPIRES_SOON:
        text = f"expires on {date}, in {max(0, int(days))} days"
        return Check("certificate", WARNING, text, "tell whoever runs the server", name)
    return Check("certificate", OK, f"good until {date}", profile=name)


async def _question(target: Target, limits: Limits, env: Mapping[str, str]) -> list[Check]:
    """Ask for the list of models, or one short answer where there is none."""
    from llmctl.client.client import Client
    from llmctl.client.httpx_transport import HttpxTransport

    name = target.profile
    quick = Timeouts(limits.connect, limits.answer, limits.answer, limits.answer)
    target = replace(target, retries=0, timeout=quick)
    started = time.monotonic()
    try:
        async with Client(target, transport=HttpxTransport(target.tls, target.proxy, env)) as client:
            if not target.quirks("").model_list:
                return [await _short_answer(client, target, limits)]
            async with client.request("GET", "/models") as reply:
                headers, body = reply.headers, await reply.read()
            models = read_models(body)
    except LlmctlError as error:
        return [failed("answer", error, name)]
    taken = time.monotonic() - started
    count = f"{len(models)} model{'' if len(models) == 1 else 's'}"
    answer = _speed(name, f"lists {count}" + (", takes the key" if target.key_reference else ""), taken, limits)
    return [answer, *_model(target, models), *_clock(name, headers, time.time() - taken / 2)]


async def _short_answer(client: Client, target: Target, limits: Limits) -> Check:
    if not target.model:
        hint = f"llmctl profile test {target.profile} -m MODEL"
        return Check(
            "answer", WARNING, "not asked: it lists no models, and the profile has none", hint, target.profile
        )
    started = time.monotonic()
    await client.chat("Say ok", max_tokens=16)
    return _speed(target.profile, f"{target.model} answers", time.monotonic() - started, limits)


def _speed(name: str, text: str, seconds: float, limits: Limits) -> Check:
    ms = round(seconds * 1000, 1)
    if seconds > limits.slow:
        return Check("answer", WARNING, f"{text}, but slowly: {seconds:.1f} s", None, name, ms=ms)
    return Check("answer", OK, text, profile=name, ms=ms)


def _model(target: Target, models: list[Model]) -> list[Check]:
    """Whether the default model is listed; some providers list theirs with a prefix such as models/."""
    wanted, ids = target.model, [model.id for model in models]
    if not wanted or not ids:
        return []
    if any(listed == wanted or listed.endswith(f"/{wanted}") for listed in ids):
        return [Check("model", OK, f"{wanted} is listed", profile=target.profile)]
    hint = did_you_mean(wanted, ids) or f"see: llmctl models -p {target.profile}"
    return [Check("model", WARNING, f"{wanted} is not among the listed models", hint, target.profile)]


def _clock(name: str, headers: Mapping[str, str], now: float) -> list[Check]:
    """Whether this machine's clock agrees with the server's Date header."""
    try:
        skew = now - parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return []
    if abs(skew) <= SKEW:
        return []
    text = f"this machine's clock is {_span(abs(skew))} {'ahead of' if skew > 0 else 'behind'} the server's"
    return [Check("clock", WARNING, text, "set it by NTP: certificates and tokens depend on it", name)]


def _span(seconds: float) -> str:
    for size, unit in ((DAY, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _unset(name: str, key: str) -> str:
    return f"llmctl profile edit {name} --unset {key}"


def _without_user(proxy: str) -> str:
    head, at, tail = proxy.rpartition("@")
    return f"{head.partition('//')[0]}//***@{tail}" if at else proxy
