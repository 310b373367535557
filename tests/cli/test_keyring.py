"""Keys in the OS keyring, through a backend that keeps them in a file."""

from __future__ import annotations

import json

import pytest

from support.leaks import TEST_KEY

BACKEND = """
import json, os
import keyring.backend

class Keyring(keyring.backend.KeyringBackend):
    priority = 1
    file = os.environ["KEYRING_FILE"]

    def _read(self):
        try:
            with open(self.file) as file:
                return json.load(file)
        except OSError:
            return {}

    def _write(self, keys):
        with open(self.file, "w") as file:
            json.dump(keys, file)

    def get_password(self, service, username):
        return self._read().get(f"{service}/{username}")

    def set_password(self, service, username, password):
        self._write(self._read() | {f"{service}/{username}": password})

    def delete_password(self, service, username):
        keys = self._read()
        del keys[f"{service}/{username}"]
        self._write(keys)
"""


class Locked:
    """A module whose backend fails as some do: with anything, the key in the message."""

    source = """
import keyring.backend

class Keyring(keyring.backend.KeyringBackend):
    priority = 1

    def get_password(self, service, username):
        raise RuntimeError("locked")

    def set_password(self, service, username, password):
        raise RuntimeError(f"can't store {password}")

    def delete_password(self, service, username):
        raise RuntimeError("locked")
"""


@pytest.fixture
def kept(tmp_path):
    """What the backend holds, as a function."""
    return lambda: json.loads((tmp_path / "keys.json").read_text())


@pytest.fixture
def env(tmp_path, cli):
    """The environment that makes the file backend the keyring."""
    (tmp_path / "backends").mkdir()
    (tmp_path / "backends" / "file_keyring.py").write_text(BACKEND)
    (tmp_path / "backends" / "locked_keyring.py").write_text(Locked.source)
    cli.write_config('[profiles.work]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n')
    return {
        "PYTHONPATH": str(tmp_path / "backends"),
        "PYTHON_KEYRING_BACKEND": "file_keyring.Keyring",
        "KEYRING_FILE": str(tmp_path / "keys.json"),
    }


def test_a_key_lives_in_the_keyring(cli, env, kept, upstream):
    cli.run("key", "set", "work", "-", "--keyring", stdin=TEST_KEY, env=env).check()
    assert kept() == {"llmctl/work": TEST_KEY}
    assert 'key = "keyring"' in cli.config.read_text()
    cli.run("profile", "edit", "work", "--base-url", f"{upstream.url}/v1", env=env).check()
    cli.run("profile", "rename", "work", "job", env=env).check()
    assert kept() == {"llmctl/job": TEST_KEY}
    cli.run("key", "test", "job", env=env)
    assert upstream.last.headers["authorization"] == f"Bearer {TEST_KEY}"
    cli.run("key", "unset", "job", env=env).check()
    assert kept() == {}
    assert "keyring" not in cli.config.read_text()


def test_an_empty_keyring(cli, env):
    cli.run("profile", "edit", "work", "--key", "keyring", env=env).check()
    result = cli.run("chat", "-p", "work", "Hi", env=env).check(4)
    assert "the OS keyring holds none" in result.err


@pytest.mark.parametrize("backend", ["locked_keyring.Keyring", "keyring.backends.fail.Keyring", "no.such.Backend"])
def test_a_keyring_that_fails(cli, env, backend):
    env["PYTHON_KEYRING_BACKEND"] = backend
    result = cli.run("key", "set", "work", "-", "--keyring", stdin=TEST_KEY, env=env).check(4)
    assert "the OS keyring can't be used" in result.err
    cli.run("profile", "edit", "work", "--key", "keyring", env=env).check()
    assert "the OS keyring can't be used" in cli.run("chat", "-p", "work", "Hi", env=env).check(4).err
