"""What one run of the command line costs: CPU, side by side in one run, medians of interleaved rounds."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from support.cli import Cli
from support.upstream import Reply, Upstream

pytestmark = pytest.mark.benchmark

ROUNDS = 9
HTTPX_SCRIPT = """
import json, sys
import httpx

body = {"model": "demo", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
with httpx.Client() as client, client.stream("POST", sys.argv[1] + "/chat/completions", json=body) as reply:
    for line in reply.iter_lines():
        if line.startswith("data: {"):
            for choice in json.loads(line[6:])["choices"]:
                print(choice["delta"].get("content") or "", end="")
print()
"""
LLM_MODELS = """
- model_id: demo
  model_name: demo
  api_base: {url}
  api_key_name: demo
"""


@pytest.fixture
def served(cli: Cli) -> str:
    """The base URL of a demo provider in a process of its own."""
    if any(name.startswith(("COVERAGE_RUN", "COVERAGE_PROCESS")) for name in os.environ):
        pytest.skip("coverage would be measured along")
    process = cli.popen("demo", "serve", "--port", "0")
    return process.stdout.readline().decode().strip().removeprefix("OPENAI_BASE_URL=")


def cpu_ms(command: list[str], env: dict[str, str], cwd: Path) -> float:
    """User and system time of one run, which must succeed."""
    process = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
    return (usage.ru_utime + usage.ru_stime) * 1000


def measure(commands: dict[str, list[str]], env: dict[str, str], cwd: Path) -> dict[str, float]:
    """Median CPU by name; a first round warms the caches up and isn't counted."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(ROUNDS + 1):
        for name, command in commands.items():
            spent = cpu_ms(command, env, cwd)
            if number:
                taken[name].append(spent)
    return {name: statistics.median(values) for name, values in taken.items()}


def llm_commands(url: str, env: dict[str, str], folder: Path) -> dict[str, list[str]]:
    """The same for Simon Willison's llm, where it is installed."""
    beside = Path(sys.executable).with_name("llm")
    llm = str(beside) if beside.exists() else shutil.which("llm")
    if llm is None:
        return {}
    folder.mkdir()
    (folder / "extra-openai-models.yaml").write_text(LLM_MODELS.format(url=url))
    env |= {"LLM_USER_PATH": str(folder)}
    return {"llm --version": [llm, "--version"], "llm chat": [llm, "--no-log", "-m", "demo", "--key", "any", "Hi"]}


def test_start_up(served: str, cli: Cli, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("httpx")
    script = tmp_path / "script.py"
    script.write_text(HTTPX_SCRIPT)
    env = cli.env({"OPENAI_BASE_URL": served, "OPENAI_API_KEY": "any", "LLMCTL_MODEL": "demo"})
    installed = Path(sys.executable).with_name("llmctl")
    llmctl = [str(installed)] if installed.exists() else [*cli.program]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "llmctl --version": [*llmctl, "--version"],
        "llmctl --help": [*llmctl, "--help"],
        "llmctl chat": [*llmctl, "chat", "Hi"],
        "httpx script": [sys.executable, str(script), served],
        **llm_commands(served, env, tmp_path / "llm"),
    }
    ms = measure(commands, env, cli.cwd)
    bare = ms["python -c pass"]
    with capsys.disabled():
        print(f"\n\nCPU ms, median of {ROUNDS} runs{'':>6}  in all  over bare Python")
        for name, value in ms.items():
            print(f"  {name:<30} {value:>6.0f}  {value - bare:>16.0f}")
    assert ms["llmctl chat"] <= 1.5 * ms["httpx script"]
    if "llm chat" in ms:
        assert ms["llmctl --version"] - bare <= ms["llm --version"] / 10
        assert ms["llmctl chat"] <= 0.4 * ms["llm chat"]


KEYSTROKES = {
    "llmctl ch": ["ch"],
    "llmctl chat --te": ["chat", "--te"],
    "llmctl chat -p ": ["chat", "-p", ""],
    "llmctl chat -m ": ["chat", "-m", ""],
    "llmctl profile add ": ["profile", "add", ""],
    "llmctl help ": ["help", ""],
}
KEPT_MODELS = 400
PER_BARE_PYTHON = 8
"""80 ms where bare Python takes 10."""


def test_completion(cli: Cli, upstream: Upstream, capsys: pytest.CaptureFixture[str]) -> None:
    if any(name.startswith(("COVERAGE_RUN", "COVERAGE_PROCESS")) for name in os.environ):
        pytest.skip("coverage would be measured along")
    upstream.route(
        "/v1/models",
        Reply(body={"data": [{"id": f"vendor/model-{number}:free"} for number in range(KEPT_MODELS)]}),
    )
    profiles = "".join(f'[profiles.p{n}]\nprovider = "groq"\nbase_url = "{upstream.url}/v1"\n' for n in range(3))
    cli.write_config(f'current = "p0"\n{profiles}')
    for number in range(3):
        cli.run("models", "-p", f"p{number}", "--key", "none").check()
    llmctl = [str(Path(sys.executable).with_name("llmctl"))]
    commands = {line: [*llmctl, "__complete", "--", *words] for line, words in KEYSTROKES.items()}
    ms = measure({"python -c pass": [sys.executable, "-c", "pass"], **commands}, cli.env(), cli.cwd)
    bare = ms.pop("python -c pass")
    with capsys.disabled():
        print(f"\n\nCPU ms a keystroke, median of {ROUNDS} runs; bare Python {bare:.0f}, over it:")
        for line, value in ms.items():
            print(f"  {line + '<Tab>':<30} {value - bare:>6.0f}")
    assert max(ms.values()) - bare <= PER_BARE_PYTHON * bare
