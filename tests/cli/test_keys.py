"""`llmctl key`, and where keys may and may not stand."""

from __future__ import annotations

import stat
import tomllib

import pytest

from support.leaks import SECOND_KEY, TEST_KEY
from support.upstream import Reply
from support.wire import error_body, models, text_stream


@pytest.fixture
def keyed(work):
    """A profile whose key file may hold a key."""
    work.cli.may_hold_keys(work.cli.root / "keys" / "work")
    return work


def key_file(work):
    return work.cli.root / "keys" / "work"


def reference(work):
    return tomllib.loads(work.config)["profiles"]["work"].get("key")


def test_a_typed_key_is_not_shown(keyed):
    terminal = keyed.terminal("key", "set", "work")
    terminal.wait_for("Key for work")
    terminal.send(f"{TEST_KEY}\r")
    assert terminal.wait() == 0
    assert TEST_KEY.encode() not in terminal.raw
    assert key_file(keyed).read_text() == f"{TEST_KEY}\n"
    assert stat.S_IMODE(key_file(keyed).stat().st_mode) == 0o600
    assert reference(keyed) == "file:keys/work"


@pytest.mark.parametrize("keys", [["enter"], ["ctrl-c"], ["ctrl-d"]])
def test_typing_no_key_changes_nothing(keyed, keys):
    before = keyed.config
    terminal = keyed.terminal("key", "set", "work")
    terminal.wait_for("Key for work")
    for key in keys:
        terminal.send_key(key)
    assert terminal.wait() in (2, 130)
    assert (keyed.config, key_file(keyed).exists()) == (before, False)


@pytest.mark.parametrize("args", [["work", "-"], ["-"]])
def test_a_key_from_stdin(keyed, upstream, args):
    keyed("key", "set", *args, stdin=f"  {TEST_KEY}\n").check()
    assert key_file(keyed).read_text() == f"{TEST_KEY}\n"
    upstream.default = Reply.sse(*text_stream("fine"))
    keyed.chat(env={"WORK_KEY": SECOND_KEY}).check()
    assert upstream.last.headers["authorization"] == f"Bearer {TEST_KEY}"


@pytest.mark.parametrize("text", ["", " \n", "two words", "two\nlines", "schlüssel", "tab\there"])
def test_what_can_be_no_key_from_stdin(keyed, text):
    before = keyed.config
    result = keyed("key", "set", "work", "-", stdin=text).check(2)
    assert (keyed.config, key_file(keyed).exists()) == (before, False)
    assert not text.strip() or text.strip() not in result.err


@pytest.mark.parametrize(
    ("args", "written"),
    [
        (["--env", "MY_KEY"], "env:MY_KEY"),
        (["--command", f"printf {TEST_KEY[:8]}; printf {TEST_KEY[8:]}"], None),
        (["--file", "my.key"], "file:my.key"),
    ],
    ids=["env", "command", "file"],
)
def test_a_reference_to_a_key(keyed, upstream, args, written):
    (keyed.cli.root / "my.key").write_text(f"{TEST_KEY}\n")
    (keyed.cli.root / "my.key").chmod(0o600)
    keyed.cli.may_hold_keys(keyed.cli.root / "my.key")
    keyed("key", "set", "work", *args).check()
    assert reference(keyed) == (written or f"cmd:{args[1]}")
    upstream.default = Reply.sse(*text_stream("fine"))
    keyed.chat(env={"WORK_KEY": None, "MY_KEY": TEST_KEY}).check()
    assert upstream.last.headers["authorization"] == f"Bearer {TEST_KEY}"


def test_a_key_s_command_may_fail(keyed, upstream):
    keyed("key", "set", "--command", "echo hush >&2; exit 3").check()
    result = keyed.chat().check(4)
    assert "exit code 3" in result.err
    assert upstream.requests == []


@pytest.mark.parametrize(
    "args",
    [
        ["work", TEST_KEY],
        ["work", "--env", "A", "--file", "b"],
        ["work", "-", "--env", "A"],
        ["--env", "A", "--keyring"],
    ],
    ids=["a key", "two places", "stdin and env", "env and keyring"],
)
def test_set_refuses(keyed, args):
    before = keyed.config
    assert TEST_KEY not in keyed("key", "set", *args, stdin="").check(2).err
    assert keyed.config == before


def test_a_new_reference_removes_the_stored_key(keyed):
    keyed("key", "set", "-", stdin=TEST_KEY).check()
    keyed("key", "set", "--env", "WORK_KEY").check()
    assert not key_file(keyed).exists()


def test_unset(keyed):
    keyed("key", "set", "-", stdin=TEST_KEY).check()
    assert "has no key of its own any more" in keyed("key", "unset").check().err
    assert (reference(keyed), key_file(keyed).exists()) == (None, False)
    assert "had no key" in keyed("key", "unset", "work").check().err


def test_somebody_else_s_key_file_is_not_removed(keyed):
    path = keyed.cli.root / "my.key"
    path.write_text("theirs")
    keyed("key", "set", "--file", str(path)).check()
    keyed("key", "unset").check()
    assert path.exists()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (401, 4), (403, 4), (500, 7)])
def test_test_asks_the_provider(work, upstream, status, code):
    upstream.script(Reply(status, body=models("m") if status == 200 else error_body("no")))
    result = work("key", "test").check(code)
    assert ("the provider takes the key" in result.err) == (code == 0)
    assert upstream.last.path == "/v1/models"


def test_test_without_a_key(work, upstream):
    work("key", "test", env={"WORK_KEY": None}).check(4)
    work("key", "unset").check()
    work("key", "test").check(4)
    assert upstream.requests == []


@pytest.mark.parametrize("name", ["demo", "env", "gone"])
def test_profiles_that_can_have_no_key_here(work, name):
    before = work.config
    work("key", "set", name, "--env", "X").check(3)
    assert work.config == before


def test_a_key_in_a_config_that_others_can_read_is_warned_of(work, upstream):
    upstream.default = Reply.sse(*text_stream("fine"))
    work.cli.write_config(
        f'current = "w"\n[profiles.w]\nbase_url = "{upstream.url}/v1"\nmodel = "m"\nkey = "{TEST_KEY}"\n'
    )
    assert work.chat().check().err == ""
    work.cli.config.chmod(0o644)
    result = work.chat().check()
    work.cli.config.chmod(0o600)
    assert (result.out, "chmod 600" in result.err) == ("fine\n", True)


@pytest.mark.parametrize(
    "line", ['key = "env:K"', 'base_url = "http://evil/v1"', "[profiles.x]", 'headers = { a = "b" }', "model = 7"]
)
def test_a_project_file_decides_nothing_but_profile_and_model(work, upstream, line):
    (work.cli.cwd / ".llmctl.toml").write_text(f'profile = "work"\n{line}\n')
    result = work.chat().check(3)
    assert ".llmctl.toml" in result.err
    assert upstream.requests == []


def test_a_project_file_above_counts(work, upstream, sent):
    (work.cli.root / ".llmctl.toml").write_text('profile = "work"\nmodel = "of-the-project"\n')
    work.configure(head='current = "demo"\n')
    upstream.default = Reply.sse(*text_stream("fine"))
    work.chat().check()
    assert sent()[0]["model"] == "of-the-project"
