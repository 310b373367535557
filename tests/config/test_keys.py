"""Key references."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.config.keys import (
    SERVICE,
    describe_key,
    key_from_variables,
    reference_kind,
    remove_from_keyring,
    resolve_key,
    store_in_keyring,
)
from llmctl.errors import KeyMissing

KEY = "sk-abc-123"
posix = pytest.mark.skipif(os.name != "posix", reason="commands are written for a POSIX shell")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("env:NAME", "env"),
        ("cmd:pass show x", "cmd"),
        ("file:~/key", "file"),
        ("keyring", "keyring"),
        ("sk-abc", "literal"),
        ("env", "literal"),
        ("keyring:x", "literal"),
        ("ENV:NAME", "literal"),
        ("user:pass", "literal"),
        ("", "literal"),
    ],
)
def test_kind(key, kind):
    assert reference_kind(key) == kind


@pytest.mark.parametrize(
    ("key", "variables", "shown"),
    [
        (None, (), "none"),
        (None, ("A",), "env:A"),
        (None, ("A", "B"), "env:A or env:B"),
        ("env:X", ("A",), "env:X"),
        ("cmd:pass show x", (), "cmd:pass show x"),
        ("keyring", (), "keyring"),
        (KEY, (), "written in the config (hidden)"),
    ],
)
def test_description(key, variables, shown):
    assert describe_key(key, variables) == shown


def resolve(key, folder, **env):
    return resolve_key(key, "work", folder, env)


def test_literal(tmp_path):
    assert resolve(KEY, tmp_path) == KEY
    assert resolve(f" {KEY}\n", tmp_path) == KEY


def test_variable(tmp_path):
    assert resolve("env:NAME", tmp_path, NAME=f" {KEY}\n") == KEY


@posix
@pytest.mark.parametrize(
    "command", [f"echo {KEY}", f"printf '{KEY}'", f"echo {KEY}; echo second line", f"printf '{KEY}\\r\\n'"]
)
def test_command(tmp_path, command):
    assert resolve(f"cmd:{command}", tmp_path) == KEY


@posix
def test_command_with_colons_and_pipes(tmp_path):
    assert resolve(f"cmd:echo a:{KEY} | cut -d: -f2", tmp_path) == KEY


@pytest.mark.parametrize("content", [KEY, f"{KEY}\n", f"  {KEY}\r\n"])
def test_file(tmp_path, content):
    (tmp_path / "key").write_bytes(content.encode())
    assert resolve("file:key", tmp_path) == KEY
    assert resolve(f"file:{tmp_path / 'key'}", tmp_path / "elsewhere") == KEY


def test_file_in_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "key").write_text(KEY)
    assert resolve("file:~/key", tmp_path / "elsewhere") == KEY


@pytest.mark.parametrize(
    ("key", "said"),
    [
        pytest.param("", "it is empty", id="empty"),
        pytest.param("env:NAME", "the variable NAME is not set", id="variable not set"),
        pytest.param("env:BLANK", "the variable BLANK is not set", id="variable blank"),
        pytest.param("file:gone", "can't read", id="no file"),
        pytest.param("file:folder", "can't read", id="a folder"),
        pytest.param("file:blank", "is empty", id="an empty file"),
        pytest.param("file:lines", "no header can carry", id="a file of several lines"),
        pytest.param("file:bytes", "no header can carry", id="a file of bytes"),
        pytest.param("sk abc", "no header can carry", id="a space"),
        pytest.param("schlüssel", "no header can carry", id="letters beyond ASCII"),
        pytest.param("sk-\x7f", "no header can carry", id="a control character"),
        pytest.param("file:~nobody-of-this-name/key", "", id="the home of nobody"),
        pytest.param("file:a\0b", "", id="a file name that can't be"),
        pytest.param("cmd:a\0b", "", id="a command that can't be"),
        pytest.param("cmd:exit 3", "exit code 3", id="a command that fails", marks=posix),
        pytest.param("cmd:no-such-command-here 2>&1", "exit code 127", id="no such command", marks=posix),
        pytest.param("cmd:true", "printed nothing", id="a command without a word", marks=posix),
        pytest.param(f"cmd:echo {KEY}; exit 1", "exit code 1", id="a key and a failure", marks=posix),
        pytest.param("cmd:printf '\\377'", "no header can carry", id="a command that prints bytes", marks=posix),
    ],
)
def test_no_key(tmp_path, key, said):
    (tmp_path / "folder").mkdir()
    (tmp_path / "blank").write_text(" \n")
    (tmp_path / "lines").write_text("sk-1\nsk-2\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(KeyMissing) as caught:
        resolve(key, tmp_path, BLANK=" ")
    error = caught.value
    assert said in error.message
    assert "no key for profile work" in error.message
    assert error.hint == "set it with: llmctl key set work"
    assert error.profile == "work"
    assert error.exit_code == 4


@pytest.mark.parametrize("content", ["hunter22\nhunter23", "hunter22 x", "hunter22é"])
def test_a_bad_key_is_not_repeated(tmp_path, content):
    (tmp_path / "key").write_text(content)
    for key in ("file:key", content):
        with pytest.raises(KeyMissing) as caught:
            resolve(key, tmp_path)
        assert "hunter22" not in f"{caught.value.message} {caught.value.hint}"


@posix
def test_a_command_leaves_a_piped_prompt_alone(tmp_path):
    """The program's standard input may be the prompt."""
    import subprocess

    script = (
        "import sys; from pathlib import Path; from llmctl.config.keys import resolve_key;"
        f"print(resolve_key('cmd:echo {KEY}; cat', 'work', Path('.'), {{}}), sys.stdin.read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input="prompt", capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{KEY} prompt\n"


@pytest.mark.parametrize(
    ("variables", "key"),
    [(("A", "B"), "a"), (("B", "A"), "b"), (("BLANK", "B"), "b"), (("BLANK",), None), (("X",), None), ((), None)],
)
def test_first_variable_that_is_set(variables, key):
    assert key_from_variables(variables, "work", {"A": "a", "B": " b\n", "BLANK": " "}) == key


@given(st.text().filter(lambda text: not text.startswith(("cmd:", "file:", "env:"))))
def test_any_literal(text):
    try:
        key = resolve_key(text if text != "keyring" else "x", "work", None, {})
    except KeyMissing:
        return
    assert key.isascii()
    assert key == key.strip() != ""


# ---- keyring -------------------------------------------------------------------------------------


@pytest.fixture
def keyring():
    """The real keyring package, with a keyring in memory."""
    library = pytest.importorskip("keyring")
    backend = pytest.importorskip("keyring.backend")
    errors = pytest.importorskip("keyring.errors")

    class Memory(backend.KeyringBackend):
        priority = 1

        def __init__(self):
            super().__init__()
            self.keys = {}
            self.locked = False

        def _open(self):
            if self.locked:
                raise errors.KeyringLocked("locked")

        def get_password(self, service, username):
            self._open()
            return self.keys.get((service, username))

        def set_password(self, service, username, password):
            self._open()
            self.keys[service, username] = password

        def delete_password(self, service, username):
            self._open()
            if self.keys.pop((service, username), None) is None:
                raise errors.PasswordDeleteError("not found")

    before = library.get_keyring()
    memory = Memory()
    library.set_keyring(memory)
    yield memory
    library.set_keyring(before)


def test_keyring(tmp_path, keyring):
    store_in_keyring("work", KEY)
    assert keyring.keys == {(SERVICE, "work"): KEY}
    assert resolve("keyring", tmp_path) == KEY
    remove_from_keyring("work")
    remove_from_keyring("work")
    with pytest.raises(KeyMissing, match="holds none"):
        resolve("keyring", tmp_path)


def test_keyring_that_is_locked(tmp_path, keyring):
    keyring.locked = True
    with pytest.raises(KeyMissing, match="KeyringLocked"):
        resolve("keyring", tmp_path)
    with pytest.raises(KeyMissing, match="KeyringLocked"):
        store_in_keyring("work", KEY)
    with pytest.raises(KeyMissing, match="KeyringLocked"):
        remove_from_keyring("work")


def test_keyring_that_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(KeyMissing, match="not installed"):
        resolve("keyring", tmp_path)
    with pytest.raises(KeyMissing, match="not installed"):
        store_in_keyring("work", KEY)
