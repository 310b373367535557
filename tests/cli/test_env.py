"""`llmctl env`: lines that point other programs at a profile, for every shell."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from llmctl.cli.shells import SHELLS, dotenv_line, set_line, unset_line
from llmctl.cli.variables import load_tools
from llmctl.errors import UsageError
from support.leaks import TEST_KEY

SH = {"SHELL": "/bin/bash"}


@pytest.fixture
def env_of(cli, upstream):
    """env_of(args, **options): `llmctl env …` for a profile without a key, unless the config says so."""
    cli.write_config(f'current = "local"\n[profiles.local]\nbase_url = "{upstream.url}/v1"\nmodel = "m"\n')
    return lambda *args, env=None, **more: cli.run("env", *args, env={**SH, **(env or {})}, **more)


def test_the_usual_variables(env_of, upstream):
    url = f"{upstream.url}/v1"
    assert env_of().check().out == (
        f"export OPENAI_BASE_URL={url}\nexport OPENAI_API_KEY=none\n"
        f"export OPENAI_API_BASE={url}\nexport OPENAI_MODEL=m\n"
    )


@pytest.mark.parametrize(
    ("shell", "line", "gone"),
    [
        ("zsh", "export OPENAI_MODEL=m", "unset OPENAI_MODEL"),
        ("fish", "set -gx OPENAI_MODEL m", "set -e OPENAI_MODEL"),
        ("pwsh", "$env:OPENAI_MODEL = 'm'", "Remove-Item Env:OPENAI_MODEL -ErrorAction SilentlyContinue"),
        ("cmd", 'set "OPENAI_MODEL=m"', 'set "OPENAI_MODEL="'),
    ],
)
def test_each_shell(env_of, shell, line, gone):
    assert env_of("--shell", shell).check().out.splitlines()[-1] == line
    assert env_of("--shell", shell, "--unset").check().out.splitlines()[-1] == gone
    if shell in ("zsh", "fish", "pwsh"):
        assert env_of(env={"SHELL": f"/usr/bin/{shell}"}).check().out.splitlines()[-1] == line


def test_every_program_has_its_variables(env_of, upstream):
    for name, tool in load_tools().items():
        result = env_of(name, "--json").check().json()
        assert list(result["variables"]) == list(tool.variables)
        assert result["key_variables"] == ["OPENAI_API_KEY"]
        values = {key: value for key, value in result["variables"].items() if value}
        assert not re.search(r"\{(base_url|origin|path|key|model)\}", json.dumps(values))
        assert str(upstream.port) in json.dumps(values)


def test_goose_takes_host_and_path_apart(env_of, upstream):
    values = env_of("goose", "--json").check().json()["variables"]
    assert (values["OPENAI_HOST"], values["OPENAI_BASE_PATH"]) == (upstream.url, "v1/chat/completions")


def test_an_address_without_a_path_and_a_model_that_is_a_path(env_of, cli, upstream):
    cli.write_config(f'current = "l"\n[profiles.l]\nbase_url = "{upstream.url}"\nmodel = "/models/x.gguf"\n')
    goose = env_of("goose", "--json").check().json()["variables"]
    assert (goose["OPENAI_BASE_PATH"], goose["GOOSE_MODEL"]) == ("chat/completions", "/models/x.gguf")
    assert env_of("--json").check().json()["variables"]["OPENAI_MODEL"] == "/models/x.gguf"


def test_opencode_s_config_is_json_and_holds_no_key(env_of, upstream):
    values = env_of("opencode", "--json", "--show-key").check().json()["variables"]
    config = json.loads(values["OPENCODE_CONFIG_CONTENT"])
    assert config["model"] == "llmctl/m"
    provider = config["provider"]["llmctl"]
    assert provider["options"] == {"baseURL": f"{upstream.url}/v1", "apiKey": "{env:OPENAI_API_KEY}"}
    assert provider["models"] == {"m": {}}


def test_a_profile_without_a_model_takes_the_model_away(env_of, cli, upstream):
    cli.write_config(f'current = "local"\n[profiles.local]\nbase_url = "{upstream.url}"\n')
    assert env_of().check().out.splitlines()[-1] == "unset OPENAI_MODEL"
    assert env_of("--json").check().json()["variables"]["OPENAI_MODEL"] is None


def test_an_unknown_program(env_of):
    assert "did you mean aider?" in env_of("aidr").check(2).err
    assert "known: openai, aider" in env_of("zzzzzz").check(2).err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--shell", "csh"], "known: bash, zsh"),
        (["--dotenv", "--unset"], "exclude each other"),
        (["--dotenv", "--shell", "zsh"], "exclude each other"),
        (["-p", "demo"], "llmctl exec -p demo"),
    ],
)
def test_wrong_usage(env_of, args, message):
    result = env_of(*args).check(2)
    assert (result.out, message in result.err) == ("", True)


def test_unset_needs_no_profile(cli):
    assert cli.run("env", "--unset", env=SH).check().out.splitlines()[0] == "unset OPENAI_BASE_URL"


# the key


def test_the_key_goes_into_a_pipe(work):
    file = work.cli.root / "lines.sh"
    work.cli.may_hold_keys(file)
    program = ["sh", "-c", 'umask 077; "$@" > "$0"', str(file), sys.executable, "-m", "llmctl", "env"]
    subprocess.run(program, env=work.cli.env({"WORK_KEY": TEST_KEY, **SH}), cwd=work.cli.cwd, check=True)
    assert (f"export OPENAI_API_KEY={TEST_KEY}" in file.read_text()) is True


def test_no_key_on_a_terminal(work):
    terminal = work.terminal("env", env=SH, cols=160)
    assert terminal.wait() == 0
    assert "export OPENAI_API_KEY='***'" in terminal.screen()
    assert 'the key is hidden on a terminal; use them with: eval "$(llmctl env)"' in terminal.screen()


def test_a_key_that_is_not_shown_is_not_asked_for(work):
    work.cli.write_config(
        'current = "w"\n[profiles.w]\nbase_url = "http://localhost:1"\nkey = "cmd:touch asked"\n'
    )
    result = work("env", "--json").check().json()
    assert (result["variables"]["OPENAI_API_KEY"], result["key"]) == (None, "cmd:touch asked")
    assert not (work.cli.cwd / "asked").exists()


def test_the_key_can_be_shown(cli):
    cli.write_config('current = "w"\n[profiles.w]\nbase_url = "http://localhost:1"\nkey = "env:K"\n')
    env = {"K": "made-up", **SH}
    assert (
        cli.run("env", "--json", "--show-key", env=env).check().json()["variables"]["OPENAI_API_KEY"] == "made-up"
    )
    terminal = cli.terminal("env", "--show-key", env=env)
    assert terminal.wait() == 0
    assert "export OPENAI_API_KEY=made-up" in terminal.screen()


@pytest.mark.parametrize(
    ("more", "lost"),
    [
        ('auth = "api-key"', "the provider wants the key in a header api-key"),
        ('headers = { X-A = "b" }', "the profile's headers"),
        ('proxy = "http://localhost:1"', "the profile's proxy"),
        ("verify = false", "the profile's verify"),
    ],
)
def test_what_variables_can_t_carry(work, more, lost):
    work.configure(more)
    assert lost in " ".join(work("env", "--json").check().json()["lost"])


# quoting

VALUES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=30)
NASTY = "it's \"$HOME\" `id` $(id) \\ \\' %PATH% !x\n\tnext\r #x {a,b} ~ * ’‘‚‛"
QUICK = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def through(program, line):
    """What a real shell makes of the line: the value of X."""
    python = f'"{sys.executable}" -c "import os, sys; sys.stdout.buffer.write(os.environb[b\'X\'])"'
    done = subprocess.run([*program, f"{line}\n{python}"], capture_output=True, check=True)
    return done.stdout.decode()


@pytest.mark.parametrize("shell", ["bash", "sh", "zsh", "fish"])
def test_quoting_survives_a_real_shell(shell):
    program = shutil.which(shell)
    if not program:
        pytest.skip(f"{shell} is not installed")

    @QUICK
    @given(VALUES)
    @example(NASTY)
    @example("")
    def check(value):
        assert through([program, "-c"], set_line(shell, "X", value)) == value

    check()


def test_eval_in_a_real_shell(env_of, cli, upstream):
    cli.write_config(
        f"current = 'l'\n[profiles.l]\nbase_url = '{upstream.url}'\nmodel = {json.dumps(NASTY[:-6])}\n"
    )
    lines = env_of().check().out
    done = subprocess.run(
        ["bash", "-c", 'eval "$1"; printf "%s" "$OPENAI_MODEL"', "-", lines], capture_output=True, check=True
    )
    assert done.stdout.decode() == NASTY[:-6]
    code = 'set -u; eval "$1"; eval "$2"; echo "${OPENAI_MODEL-gone}"'
    unset = env_of("--unset").check().out
    gone = subprocess.run(["bash", "-c", code, "-", lines, unset], capture_output=True, check=True)
    assert gone.stdout == b"gone\n"


@given(VALUES)
def test_cmd_takes_a_value_whole_or_not_at_all(value):
    try:
        line = set_line("cmd", "X", value)
    except UsageError:
        assert re.search(r'["%\r\n]', value)
    else:
        assert line == f'set "X={value}"'


def test_pwsh_doubles_every_quote_it_knows():
    assert set_line("pwsh", "X", "a'b’c‘d‚e‛f`$x") == "$env:X = 'a''b’’c‘‘d‚‚e‛‛f`$x'"


def test_every_shell_has_its_lines():
    for shell in SHELLS:
        assert "X" in set_line(shell, "X", "v")
        assert "X" in unset_line(shell, "X")


def read_dotenv(line):
    """A line as dotenv libraries read it."""
    value = line.removeprefix("X=")
    if value.startswith("'"):
        return value[1:-1]
    if value.startswith('"'):
        return re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), value[1:-1], flags=re.DOTALL)
    return value


@given(VALUES)
@example(NASTY)
def test_dotenv_lines_are_one_line_and_keep_the_value(value):
    try:
        line = dotenv_line("X", value)
    except UsageError:
        assert re.search("[$`]", value)
        return
    assert "\n" not in line
    assert read_dotenv(line) == value


@pytest.mark.parametrize("value", ["it's $HOME", "it's `id`", "\\$HOME", "a\n$(id)"])
def test_what_a_dotenv_file_would_change_is_refused(value):
    with pytest.raises(UsageError, match="not all programs read the value of X alike"):
        dotenv_line("X", value)
    assert dotenv_line("X", "$HOME `id`") == "X='$HOME `id`'"
    assert dotenv_line("X", "it's a \\") == 'X="it\'s a \\\\"'


def test_nothing_is_printed_where_one_value_can_t_be(env_of, cli):
    cli.write_config('current = "l"\n[profiles.l]\nbase_url = "http://localhost:1"\nmodel = "a\\nb"\n')
    result = env_of("--shell", "cmd").check(2)
    assert ("OPENAI_MODEL" in result.err, result.out) == (True, "")


@pytest.mark.parametrize("shell", ["csh", "/bin/tcsh"])
def test_csh_is_warned(env_of, shell):
    assert "csh and tcsh can't read these lines" in env_of(env={"SHELL": shell}).check().err
    assert env_of("--shell", "sh", env={"SHELL": shell}).check().err == ""
    assert env_of("--dotenv", env={"SHELL": shell}).check().err == ""


def test_the_hint_can_be_pasted(work):
    terminal = work.terminal("env", "-m", "a b;id", env=SH, cols=160)
    assert terminal.wait() == 0
    assert """use them with: eval "$(llmctl env -m 'a b;id')\"""" in terminal.screen()


def test_dotenv(env_of, upstream):
    assert env_of("--dotenv").check().out.splitlines()[:2] == [
        f"OPENAI_BASE_URL={upstream.url}/v1",
        "OPENAI_API_KEY=none",
    ]


def test_a_null_character_is_refused(env_of, cli, upstream):
    cli.write_config(f'current = "l"\n[profiles.l]\nbase_url = "{upstream.url}"\nmodel = "a\\u0000b"\n')
    assert "null character" in env_of().check(3).err
