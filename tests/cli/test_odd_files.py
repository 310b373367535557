"""Files and folders that are not what they seem: devices, folders that are gone, or somebody else's."""

from __future__ import annotations

import os
import shutil
import stat

import pytest

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make devices and give files away")


@pytest.fixture
def device(cli):
    """A device of our own that swallows everything, as /dev/null does."""
    path = cli.root / "null"
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.chmod(path, 0o666)
    return path


@root_only
def test_the_wire_log_leaves_a_devices_mode_alone(work, device):
    work("models", "-p", "demo", "--debug-file", str(device)).check()
    assert stat.S_IMODE(device.stat().st_mode) == 0o666


@root_only
def test_a_config_never_replaces_a_device(work, device):
    result = work("alias", "set", "a", "b", env={"LLMCTL_CONFIG": str(device)}).check(3)
    assert "no regular file" in result.err
    assert stat.S_ISCHR(device.stat().st_mode)


def test_no_config_at_all(cli):
    env = {"LLMCTL_CONFIG": os.devnull}
    cli.run("chat", "-p", "demo", "Hi", env=env).check()
    assert "no regular file" in cli.run("alias", "set", "a", "b", env=env).check(3).err


def test_a_config_without_end(cli):
    assert "a device" in cli.run("models", env={"LLMCTL_CONFIG": "/dev/full"}).check(3).err


def test_a_full_disk_under_the_wire_log_is_not_blamed_on_the_answer(cli):
    result = cli.run("models", "-p", "demo", "--debug-file", "/dev/full").check(2)
    assert "can't write the wire log" in result.err


@pytest.mark.parametrize("args", [["use", "demo", "--here"], ["prompt", "add", "p", "text", "--project"]])
def test_nothing_is_written_where_the_folder_is_gone(cli, args):
    script = f'cd "{cli.root}" && mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    cli.program = ("/bin/sh", "-c", script, "sh", *cli.program)
    assert "has been deleted" in cli.run(*args).check(3).err


@root_only
def test_prompts_of_somebody_else_are_passed_over(cli):
    folder = cli.cwd / ".llmctl" / "prompts"
    folder.mkdir(parents=True)
    (folder / "theirs.toml").write_text('prompt = "x"')
    assert "theirs" in cli.run("prompt", "list").check().out
    shutil.chown(folder, 65534)
    assert "theirs" not in cli.run("prompt", "list").check().out


def test_the_schema_of_a_kept_prompt_is_never_a_files_name(cli):
    (cli.cwd / "secret.json").write_text("{}")
    folder = cli.cwd / ".llmctl" / "prompts"
    folder.mkdir(parents=True)
    (folder / "p.toml").write_text('prompt = "x"\nschema = "secret.json"')
    assert "there is no file" in cli.run("chat", "-p", "demo", "-t", "p").check(2).err


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:99999/", "http://127.0.0.1:abc/", "http://"])
def test_addresses_that_are_none(cli, url):
    assert "is not the address of a file" in cli.run("chat", "-p", "demo", "-f", url, "Hi").check(2).err


def test_names_longer_than_a_file_system_takes(cli):
    assert "can't be a prompt's name" in cli.run("prompt", "add", "a" * 300, "x").check(2).err


def test_a_prompt_of_the_project_that_hides_ones_own_is_said(cli):
    for folder in (cli.config.parent / "prompts", cli.cwd / ".llmctl" / "prompts"):
        folder.mkdir(parents=True)
        (folder / "p.toml").write_text(f'prompt = "from {folder.parent.name}"')
    result = cli.run("chat", "-p", "demo", "-t", "p").check()
    assert "from .llmctl" in result.out
    assert "hides your own prompt p" in result.err
