"""Completion in real shells on a pseudo-terminal, set up by `llmctl completion install`."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli import Cli
from support.terminal import Terminal
from support.upstream import Reply, Upstream

pytestmark = pytest.mark.peer

BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")
PROMPT = "ready> "
START = {
    "bash": ["bash", "-i"],
    "bare bash": ["bash", "-i"],
    "zsh": ["zsh", "-i"],
    "fish": ["fish", "-i", "-C", f"function fish_prompt; echo -n '{PROMPT}'; end; function fish_greeting; end"],
}
MODELS = ("hf.co/x/llama:8b-q4", "hf.co/x/llama:70b", "it's big")
CONFIG = """
current = "work"
[profiles.work]
base_url = "https://llm.example.com/v1"
model = "gpt-6-luna"
[profiles.local]
base_url = "{url}/v1"
[profiles."my profile"]
base_url = "https://llm.example.com/v1"
[aliases]
fast = "work/gpt-6-luna"
"""
PROMPT_FILE = 'prompt = "Review this: {{input}}"\n'

# What is typed, and what then stands on the line. @ is typed behind it.
EVERYWHERE = {
    "a command": ("llmctl cha\t", "llmctl chat @"),
    "a command of a group": ("llmctl profile ren\t", "llmctl profile rename @"),
    "an option": ("llmctl chat --reas\t", "llmctl chat --reasoning-effort @"),
    "a global option": ("llmctl current --no-p\t", "llmctl current --no-pager @"),
    "a word of an option": ("llmctl chat --color=al\t", "llmctl chat --color=always @"),
    "a profile": ("llmctl chat -p wo\t", "llmctl chat -p work @"),
    "a profile in the same word": ("llmctl chat -pwo\t", "llmctl chat -pwork @"),
    "a name with a space": ("llmctl chat -p my\t", r"llmctl chat -p my\ profile @"),
    "a name with a space in quotes": ('llmctl chat -p "my\t', 'llmctl chat -p "my profile" @'),
    "a model of another profile": ("llmctl chat -m local/h\t", "llmctl chat -m local/hf.co/x/llama:@"),
    "a model behind a colon": (
        "llmctl chat -m local/hf.co/x/llama:7\t",
        "llmctl chat -m local/hf.co/x/llama:70b @",
    ),
    "a model behind =": (
        "llmctl chat --model=local/hf.co/x/llama:7\t",
        "llmctl chat --model=local/hf.co/x/llama:70b @",
    ),
    "a model of the profile on the line": (
        "llmctl chat -p local -m hf.co/x/llama:8\t",
        "-p local -m hf.co/x/llama:8b-q4 @",
    ),
    "a model with a quote": ("llmctl chat -p local -m it\t", r"llmctl chat -p local -m it\'s\ big @"),
    "an alias": ("llmctl chat -m fas\t", "llmctl chat -m fast @"),
    "a prompt": ("llmctl chat -t revi\t", "llmctl chat -t review @"),
    "a provider": ("llmctl profile add llamac\t", "llmctl profile add llamacpp @"),
    "a topic": ("llmctl help script\t", "llmctl help scripting @"),
    "a file": ("llmctl chat --debug-file no\t", r"llmctl chat --debug-file notes\ of\ today.txt @"),
    "a file behind =": ("llmctl chat --debug-file=no\t", r"llmctl chat --debug-file=notes\ of\ today.txt @"),
    "another program": ("llmctl exec -p demo -- llmct\t", "llmctl exec -p demo -- llmctl @"),
    "another program's file": (
        "llmctl exec -p demo -- ls no\t",
        r"llmctl exec -p demo -- ls notes\ of\ today.txt @",
    ),
    "another program without --": ("llmctl exec ls no\t", r"llmctl exec ls notes\ of\ today.txt @"),
}


@pytest.fixture(scope="module", params=list(START))
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A shell in which completion was installed as its user would do it."""
    name = request.param
    kind = name.split()[-1]
    _need(shutil.which(kind), f"{kind} is not installed")
    _need(name != "bash" or BASH_COMPLETION.exists(), "bash-completion is not installed")
    runner = Cli(tmp_path_factory.mktemp("shell"))
    with Upstream() as upstream:
        _prepare(runner, upstream, kind, with_rc=name != "bash")
    with (runner.home / ".bashrc").open("a") as rc:
        rc.write(f"PS1='{PROMPT}'\n" + (f"source {BASH_COMPLETION}\n" if name == "bash" else ""))
    runner.program = START[name]
    terminal = runner.terminal(env={**_path(), "PS1": PROMPT, "INPUTRC": os.devnull}, cols=120)
    terminal.wait_for(PROMPT.rstrip())
    yield terminal
    runner.close()


def _need(there: object, why: str) -> None:
    if not there:
        if os.environ.get("LLMCTL_REQUIRE_PEERS") == "1":
            pytest.fail(why)
        pytest.skip(why)


def _path() -> dict[str, str]:
    """With the llmctl that is tested in front."""
    return {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def _prepare(runner: Cli, upstream: Upstream, kind: str, with_rc: bool) -> None:
    """A config, a kept list of models, a prompt, a file, and the completion script in its place."""
    runner.write_config(CONFIG.format(url=upstream.url))
    (runner.config.parent / "prompts").mkdir()
    (runner.config.parent / "prompts" / "review.toml").write_text(PROMPT_FILE)
    (runner.cwd / "notes of today.txt").touch()
    upstream.script(Reply(body={"data": [{"id": model} for model in MODELS]}))
    runner.run("models", "-p", "local").check()
    runner.run("completion", "install", kind, *(["--rc"] if with_rc else [])).check()


@pytest.mark.parametrize("case", EVERYWHERE)
def test_tab(shell: Terminal, case: str) -> None:
    typed, expected = EVERYWHERE[case]
    shell.send_key("ctrl-u")
    shell.send(f"{typed}@")
    shell.wait_for(expected, timeout=10)


def test_tab_in_the_middle_of_the_line(shell: Terminal) -> None:
    shell.send_key("ctrl-u")
    shell.send("llmctl chat -p wo --usage")
    for _ in " --usage":
        shell.send_key("left")
    shell.send("\t@")
    shell.wait_for(re.compile(r"llmctl chat -p work ?@ ?--usage"), timeout=10)


def test_an_option_is_offered_once(shell: Terminal) -> None:
    shell.send_key("ctrl-u")
    shell.send("llmctl alias list --json --js\t@")
    shell.wait_for("llmctl alias list --json --js@", timeout=10)


@pytest.fixture(scope="module")
def powershell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    runner = Cli(tmp_path_factory.mktemp("powershell"))
    yield runner
    runner.close()


def test_the_script_for_powershell_registers_a_completer(powershell: Cli) -> None:
    text = powershell.run("completion", "show", "powershell").check().out
    assert "Register-ArgumentCompleter -Native -CommandName llmctl -ScriptBlock {" in text
    code = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"|#.*", "", text)
    for opening, closing in ("{}", "()", "[]"):
        assert code.count(opening) == code.count(closing)


def test_powershell_completes(powershell: Cli, tmp_path: Path) -> None:
    pwsh = shutil.which("pwsh")
    if not pwsh:
        pytest.skip("PowerShell is not installed, nor in Debian")
    script = tmp_path / "llmctl.ps1"
    script.write_text(powershell.run("completion", "show", "powershell").check().out)
    for line, expected in (
        ("llmctl cha", "chat"),
        ("llmctl profile add llamac", "llamacpp"),
        ("llmctl use ", "demo"),
    ):
        asked = f"(TabExpansion2 '{line}' {len(line)}).CompletionMatches.CompletionText"
        powershell.program = (pwsh, "-NoProfile", "-Command", f". {script}; {asked}")
        assert expected in powershell.run(env=_path()).check().out.split()
