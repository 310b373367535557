"""Options that every command takes, before and after its name, and as variables."""

from __future__ import annotations

import pytest

from support.upstream import Reply
from support.wire import completion, error_body, models, text_stream

LATER = Reply(503, {"Retry-After": "0"}, error_body("busy"))
FINE = Reply.sse(*text_stream("**Fine.**"))


def places(option, value=None):
    """(arguments before the command, after it, environment): the three places of an option."""
    given = [option] if value is None else [option, value]
    variable = "LLMCTL_" + option.strip("-").upper().replace("-", "_")
    return [(given, [], {}), ([], given, {}), ([], [], {variable: value or "1"})]


@pytest.mark.parametrize(("before", "after", "env"), places("--quiet"))
def test_quiet_leaves_errors_and_warnings(work, upstream, before, after, env):
    work.configure('quirks = { drop = ["seed"] }')
    work.cli.write_config(work.config.replace("retries = 0", "retries = 1"))
    cut = Reply.sse(*text_stream("Fine.", finish="length"))
    upstream.script(LATER, cut, LATER, cut, LATER, LATER)
    loud = work.chat("--seed", "1").check()
    assert ("note:" in loud.err, "retry 1 of 1" in loud.err) == (True, True)
    quiet = work(*before, "chat", *after, "--seed", "1", "Hi", env=env).check()
    assert [line.split(":")[0] for line in quiet.err.splitlines()] == ["warning"]
    assert "error:" in work(*before, "chat", *after, "Hi", env=env).check(7).err


@pytest.mark.parametrize(("before", "after", "env"), places("--verbose"))
def test_verbose(work, upstream, before, after, env):
    upstream.script(FINE)
    result = work(*before, "chat", *after, "Hi", env=env).check()
    assert result.out == "**Fine.**\n"
    assert [line[0] for line in result.err.splitlines()] == [">", "<", "="]


@pytest.mark.parametrize(("before", "after", "env"), places("--color", "always"))
def test_color_always(work, upstream, before, after, env):
    result = work(*before, "chat", "-p", "nobody", *after, "Hi", env=env).check(3)
    assert "\x1b[31merror:" in result.err


@pytest.mark.parametrize(("before", "after", "env"), places("--color", "never"))
def test_color_never(work, upstream, before, after, env):
    upstream.script(FINE)
    terminal = work.terminal(*before, "chat", *after, "Hi", env=env)
    assert terminal.wait() == 0
    assert (b"\x1b[" in terminal.raw, terminal.screen()) == (False, "**Fine.**")


@pytest.mark.parametrize(
    ("before", "after", "env", "coloured"),
    [
        (["--color", "always"], [], {"LLMCTL_COLOR": "never"}, True),
        (["--color", "auto"], [], {"LLMCTL_COLOR": "always"}, False),
        ([], ["--color", "auto"], {"LLMCTL_COLOR": "always"}, False),
        (["--color", "never"], ["--color", "always"], {}, True),
        (["--color", "always"], ["--color", "auto"], {}, False),
        (["--color", "always"], [], {"NO_COLOR": "1"}, True),
        ([], [], {"LLMCTL_COLOR": "always", "NO_COLOR": "1"}, True),
        ([], [], {"FORCE_COLOR": "1"}, True),
        ([], [], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ([], [], {"LLMCTL_COLOR": ""}, False),
    ],
)
def test_what_stands_later_counts_and_options_beat_variables(work, before, after, env, coloured):
    result = work(*before, "chat", "-p", "nobody", *after, "Hi", env=env).check(3)
    assert ("\x1b[" in result.err) is coloured


@pytest.mark.parametrize(
    ("args", "env"),
    [
        (["--color", "red"], {}),
        (["--theme", "pink"], {}),
        ([], {"LLMCTL_COLOR": "red"}),
        ([], {"LLMCTL_THEME": "x"}),
    ],
)
def test_words_that_are_not_known(work, args, env):
    assert "is not one of" in work(*args, "alias", "list", env=env).check(2).err


CODE = Reply.sse(*text_stream("Use `x`:\n\n```python\nx = 1\n```\n"))


@pytest.mark.parametrize(("before", "after", "env"), [*places("--theme", "light"), ([], [], {})])
def test_theme(work, upstream, before, after, env):
    if not (before or after or env):
        work.configure(head='current = "work"\ntheme = "light"\n')
    upstream.script(CODE, CODE)
    terminal = work.terminal(*before, "chat", *after, "Hi", env={**env, "COLORTERM": "truecolor"})
    assert terminal.wait() == 0
    assert b"38;2;0;95;135" in terminal.raw.replace(b"\x1b[1;", b"\x1b[")
    terminal = work.terminal("chat", "--theme", "dark", "Hi", env={**env, "COLORTERM": "truecolor"})
    assert terminal.wait() == 0
    assert b"38;2;166;226;46" in terminal.raw.replace(b"\x1b[1;", b"\x1b[")


@pytest.mark.parametrize("theme", ['"pink"', "3"])
def test_a_theme_of_the_config_that_is_not_known(work, theme):
    work.configure(head=f'current = "work"\ntheme = {theme}\n')
    assert "theme" in work.chat().check(3).err


@pytest.mark.parametrize(
    "args",
    [
        ["models", "--quiet"],
        ["--verbose", "models"],
        ["profile", "list", "-q"],
        ["-q", "alias", "list", "--color", "never"],
        ["prompt", "list", "--no-pager", "--theme", "dark"],
    ],
)
def test_every_command_takes_them(work, upstream, args):
    upstream.route("/v1/models", Reply(body=models("test-model")))
    work(*args).check()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("LLMCTL_RETRIES", "1"), ("LLMCTL_TIMEOUT", "60"), ("LLMCTL_KEY", "none"), ("LLMCTL_BASE_URL", None)],
)
def test_variables_of_the_options_of_a_request(work, upstream, variable, value):
    upstream.script(LATER, Reply(body=completion("Fine.")))
    env = {variable: value or f"{upstream.url}/other"}
    result = work.chat("--no-stream", env=env)
    first = upstream.requests[0]
    assert {
        "LLMCTL_RETRIES": len(upstream.requests) == 2,
        "LLMCTL_TIMEOUT": result.code == 7,
        "LLMCTL_KEY": "authorization" not in first.headers,
        "LLMCTL_BASE_URL": first.path == "/other/chat/completions",
    }[variable]


def test_help_lists_them_once(work):
    root, chat = work("--help").check().out, work("chat", "--help").check().out
    for option in ("--quiet", "--verbose", "--debug", "--debug-file", "--color", "--theme", "--no-pager"):
        assert option in root
        assert f"  {option}" not in chat
