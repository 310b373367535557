"""config.toml under rough treatment."""

from __future__ import annotations

import stat
import tomllib

import pytest

DAMAGED = {
    "syntax": (b'[profiles.a]\nmodel = "m"\nbase_url = http\n# end', "line 3, column 12"),
    "unclosed": (b'# c\ncurrent = "x', "line 2"),
    "twice": (b"[profiles.a]\n[profiles.a]\n", "line 2"),
    "not UTF-8": (b'# gr\xfc\xdfe\ncurrent = "a"\n', "line 1"),
    "binary": (bytes(range(256)), "line"),
}
WRITERS = [
    ["profile", "add", "groq"],
    ["profile", "edit", "a", "--model", "x"],
    ["profile", "rename", "a", "b"],
    ["profile", "remove", "a", "--yes"],
    ["key", "set", "a", "--env", "X"],
    ["key", "unset", "a"],
    ["use", "demo"],
    ["init", "--yes"],
]
READERS = [["chat", "Hi"], ["models"], ["current"], ["profile", "list"], ["profile", "show", "a"]]


@pytest.mark.parametrize(("content", "place"), DAMAGED.values(), ids=DAMAGED)
def test_damage_is_reported_with_its_place(cli, content, place):
    cli.config.write_bytes(content)
    error = cli.run("chat", "--json", "Hi").check(3).error()
    assert error["code"] == "config_damaged"
    assert place in error["message"]
    assert str(cli.config) in error["message"]


@pytest.mark.parametrize("command", [*WRITERS, *READERS], ids=" ".join)
def test_a_damaged_file_is_left_as_it_is(cli, command):
    content, place = DAMAGED["syntax"]
    cli.config.write_bytes(content)
    result = cli.run(*command, env={"GROQ_API_KEY": "x"}).check(3)
    assert place in result.err
    assert cli.config.read_bytes() == content
    assert [path.name for path in cli.root.iterdir() if ".tmp" in path.name] == []


def test_the_demo_works_with_a_damaged_file_named_clearly(cli):
    cli.config.write_bytes(b"[")
    assert "is not valid TOML" in cli.run("chat", "-p", "demo", "Hi").check(3).err


def test_a_byte_order_mark_and_windows_line_ends_are_fine(cli):
    text = '\ufeff# c\r\ncurrent = "a"\r\n[profiles.a]\r\nbase_url = "http://x/v1"  # keep\r\n'
    cli.config.write_bytes(text.encode())
    cli.run("profile", "edit", "a", "--model", "m").check()
    after = cli.config.read_bytes().decode("utf-8-sig")
    assert tomllib.loads(after)["profiles"]["a"] == {"base_url": "http://x/v1", "model": "m"}
    assert '"http://x/v1"  # keep\r\n' in after


def test_the_first_file_is_made_with_its_folder(cli):
    path = cli.home / "deep" / "er" / "config.toml"
    cli.run("profile", "add", "a", "--base-url", "http://x/v1", env={"LLMCTL_CONFIG": str(path)}).check()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_usual_place(cli):
    cli.run("profile", "add", "a", "--base-url", "http://x/v1", env={"LLMCTL_CONFIG": None}).check()
    assert (cli.home / ".config" / "llmctl" / "config.toml").is_file()


def test_a_link_stays_a_link(cli):
    real = cli.home / "dotfiles.toml"
    real.write_text('[profiles.a]\nbase_url = "http://x/v1"\n')
    cli.config.symlink_to(real)
    cli.run("use", "a").check()
    assert cli.config.is_symlink()
    assert tomllib.loads(real.read_text())["current"] == "a"


def test_a_folder_that_cannot_be_written(cli):
    result = cli.run("use", "demo", env={"LLMCTL_CONFIG": "/proc/nowhere/config.toml"}).check(3)
    assert "can't write" in result.err


def test_two_processes_editing_at_once_lose_nothing(cli):
    names = [f"p{n}" for n in range(6)]
    processes = [cli.popen("profile", "add", name, "--base-url", f"http://{name}/v1") for name in names]
    for process in processes:
        process.communicate(timeout=30)
    assert [process.returncode for process in processes] == [0] * len(names)
    assert sorted(tomllib.loads(cli.config.read_text())["profiles"]) == names
