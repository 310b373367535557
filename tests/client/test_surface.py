"""The library's public names, and what importing it costs."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import llmctl
from support.cli import Cli

HEAVY = ("httpx", "typer", "asyncio", "rich", "platformdirs", "ssl", "http.client", "tomllib", "email", "json")


def run_python(cli: Cli, source: str, **env: str) -> str:
    """What the program prints, in the hermetic environment of the command line's tests."""
    command = [sys.executable, "-W", "error", "-c", source]
    done = subprocess.run(command, env=cli.env(env), cwd=cli.cwd, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("name", llmctl.__all__)
def test_every_public_name_is_there_and_explained(name):
    thing = getattr(llmctl, name)
    assert name in dir(llmctl)
    assert isinstance(thing, str) or inspect.getdoc(thing)


def test_no_other_name_is():
    with pytest.raises(AttributeError, match="no attribute 'Clinet'"):
        llmctl.Clinet  # noqa: B018


def test_importing_it_imports_nothing_heavy(cli):
    source = f"""
import sys
before = set(sys.modules)
import llmctl
print(sorted(set({HEAVY}) & (set(sys.modules) - before)))
"""
    assert run_python(cli, source) == "[]\n"


@pytest.mark.parametrize(
    ("name", "light_of"),
    [("LlmctlError", HEAVY), ("SSEDecoder", HEAVY), ("Client", ("httpx", "typer", "asyncio", "rich"))],
)
def test_a_name_imports_only_what_it_needs(cli, name, light_of):
    source = f"""
import sys
before = set(sys.modules)
from llmctl import {name}
print(sorted(set({light_of}) & (set(sys.modules) - before)))
"""
    assert run_python(cli, source) == "[]\n"


def test_five_lines_of_streaming(cli):
    source = """
import asyncio
from llmctl import Client

async def main():
    async with Client("demo") as client:
        async for event in client.stream("Say hello"):
            print(getattr(event, "text", ""), end="")

asyncio.run(main())
"""
    assert run_python(cli, source).startswith("This is the demo provider of llmctl")


def test_the_example_in_its_documentation_runs(cli):
    lines = inspect.getdoc(llmctl).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("    "))
    last = max(number for number, line in enumerate(lines) if line.startswith("    "))
    example = [f"    {line[4:]}" for line in lines[first : last + 1]]
    source = "\n".join(["import asyncio", "async def main():", *example, "asyncio.run(main())"])
    assert "demo provider" in run_python(cli, source)


def test_a_profile_by_name_and_the_chosen_one(cli):
    cli.write_config('current = "demo"\n[profiles.x]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n')
    source = "from llmctl import resolve_target as r; print(r().profile, r('x').model, r('x', 'y').model)"
    assert run_python(cli, source) == "demo m y\n"


def test_the_key_is_not_in_the_repr_of_a_target(cli):
    source = "from llmctl import Target; print(Target('a', 'http://x', key=lambda: 'k', headers={'x': 'hush'}))"
    assert "hush" not in run_python(cli, source)


def test_errors_are_caught_by_their_base_class(cli):
    source = """
import asyncio, json
from llmctl import Client, LlmctlError

async def main():
    try:
        async with Client("demo") as client:
            await client.chat("Hi", model="demo-500", n=1)
    except LlmctlError as error:
        print(json.dumps({**error.as_dict(), "attempts": error.attempts}))

from llmctl import RetryPolicy
asyncio.run(main())
"""
    error = json.loads(run_python(cli, source.replace('Client("demo")', 'Client("demo", retry=RetryPolicy(0))')))
    assert (error["code"], error["status"], error["provider"], error["attempts"]) == (
        "server_error",
        500,
        "demo",
        1,
    )
