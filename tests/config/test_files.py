"""Files that must not be lost or read by others."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from llmctl.config.files import locked, write_private
from llmctl.errors import ConfigError
from llmctl.platforms import is_private

posix = pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_reads_it(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_private(tmp_path / "made" / "for it" / "f", b"x")
    finally:
        os.umask(before)
    assert mode(tmp_path / "made" / "for it" / "f") == 0o600
    assert mode(tmp_path / "made" / "for it") == 0o700
    assert is_private(tmp_path / "made" / "for it" / "f")


@posix
def test_an_open_file_is_closed_to_others(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    path.chmod(0o644)
    assert not is_private(path)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert is_private(path)


@posix
@pytest.mark.parametrize(("bits", "private"), [(0o600, True), (0o400, True), (0o640, False), (0o604, False)])
def test_is_private(tmp_path, bits, private):
    path = tmp_path / "f"
    path.touch()
    path.chmod(bits)
    assert is_private(path) is private


def test_the_file_is_replaced_at_once(tmp_path):
    """Whoever has it open keeps the old one, whole."""
    path = tmp_path / "f"
    write_private(path, b"old " * 1000)
    with path.open("rb") as reader:
        first = reader.read(4)
        write_private(path, b"new")
        assert first + reader.read() == b"old " * 1000
    assert path.read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["f"]


@posix
def test_a_link_is_followed(tmp_path):
    real = tmp_path / "dotfiles" / "config.toml"
    link = tmp_path / "home" / "config.toml"
    real.parent.mkdir()
    link.parent.mkdir()
    link.symlink_to(Path("..") / "dotfiles" / "config.toml")
    for data in (b"made behind the link", b"and replaced there"):
        write_private(link, data)
        assert link.is_symlink()
        assert real.read_bytes() == data
        assert not real.is_symlink()
    assert sorted(os.listdir(link.parent)) == ["config.toml"]


def test_a_failure_leaves_nothing_behind(tmp_path):
    (tmp_path / "f" / "inside").mkdir(parents=True)
    with pytest.raises(ConfigError, match="can't write"):
        write_private(tmp_path / "f", b"x")
    assert os.listdir(tmp_path) == ["f"]


def test_a_folder_that_can_not_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="can't write"):
        write_private(tmp_path / "file" / "below", b"x")
    with pytest.raises(ConfigError, match="can't write"), locked(tmp_path / "file" / "below"):
        pass


def run(script: str, *args: object, **options) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, **options)


HOLD = """
import sys
from pathlib import Path
from llmctl.config.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
    Path(sys.argv[1]).write_text("done")
"""


def test_the_lock_is_waited_for(tmp_path):
    path = tmp_path / "f"
    with run(HOLD, path) as holder:
        assert holder.stdout.readline() == "held\n"
        with run(HOLD, path) as waiter:
            holder.stdin.write("\n")
            holder.stdin.close()
            assert waiter.stdout.readline() == "held\n"
            assert path.read_text() == "done"
            waiter.stdin.close()


@posix
def test_a_killed_holder_gives_the_lock_back(tmp_path):
    with run(HOLD, tmp_path / "f") as holder:
        assert holder.stdout.readline() == "held\n"
        holder.kill()
    with locked(tmp_path / "f"):
        assert not (tmp_path / "f").exists()


EDIT = """
import sys
from pathlib import Path
from llmctl.config.configfile import edit_config
path, name = Path(sys.argv[1]), sys.argv[2]
sys.stdin.readline()
for number in range(20):
    with edit_config(path) as editor:
        editor.add_table(("profiles", f"{name}{number}"), {"provider": "groq"})
        editor.set(("current",), name)
"""


@pytest.mark.parametrize("linked", [False, pytest.param(True, marks=posix)], ids=["file", "link"])
def test_two_processes_editing_at_once_lose_nothing(tmp_path, linked):
    path = tmp_path / "config.toml"
    path.write_text("# kept\n")
    other = tmp_path / "folder" / "link.toml" if linked else path
    if linked:
        other.parent.mkdir()
        other.symlink_to(path)
    with run(EDIT, path, "a") as one, run(EDIT, other, "b") as two:
        for process in (one, two):
            process.stdin.write("\n")
            process.stdin.close()
    assert (one.returncode, two.returncode) == (0, 0)
    text = path.read_text()
    data = tomllib.loads(text)
    assert set(data["profiles"]) == {f"{name}{number}" for name in "ab" for number in range(20)}
    assert data["current"] in "ab"
    assert text.startswith("# kept\n")
