"""The user's editor: which one it is, and what happens when it fails. Seen through `llmctl config edit`."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from llmctl.cli.editor import NoEditor, edit_text
from llmctl.cli.streams import Streams

NO_EDITOR = {"VISUAL": None, "EDITOR": None}


@pytest.fixture
def script(cli):
    """script(name, code): a program that Python runs; the command that starts it."""

    def make(name, code):
        path = cli.root / f"{name}.py"
        path.write_text(code)
        return f"'{sys.executable}' '{path}'"

    return make


WRITE = "import sys; open(sys.argv[-1], 'a').write('# by {}\\n')"


def test_visual_comes_before_editor(cli, script):
    env = {"VISUAL": script("visual", WRITE.format("visual")), "EDITOR": script("editor", WRITE.format("editor"))}
    cli.run("config", "edit", env=env).check()
    assert "# by visual" in cli.config.read_text()
    cli.run("config", "edit", env=env | {"VISUAL": " "}).check()
    assert "# by editor" in cli.config.read_text()


def test_the_editor_s_arguments(cli, script):
    code = "import sys; assert sys.argv[1:-1] == ['--wait', 'two words']"
    result = cli.run("config", "edit", env={"VISUAL": script("e", code) + " --wait 'two words'"}).check()
    assert "nothing was changed" in result.err


@pytest.mark.parametrize(
    ("visual", "message", "hint"),
    [
        ("no-such-editor --wait", "the editor no-such-editor can't be started", "set VISUAL or EDITOR"),
        ("'unbalanced", "VISUAL is no command", "unbalanced"),
    ],
)
def test_no_such_editor(cli, visual, message, hint):
    cli.write_config("")
    result = cli.run("config", "edit", env={"VISUAL": visual}).check(2)
    assert message in result.err
    assert hint in result.err
    assert os.listdir(cli.config.parent).count("config.toml") == 1
    assert list(cli.config.parent.glob("config-edit-*")) == []


def test_without_a_terminal_there_is_no_usual_editor(cli):
    assert "an editor needs a terminal" in cli.run("config", "edit", env=NO_EDITOR).check(2).err


def test_no_editor_is_installed(cli, tmp_path):
    terminal = cli.terminal("config", "edit", env={**NO_EDITOR, "PATH": str(tmp_path)})
    assert terminal.wait() == 2
    assert "no editor was found" in terminal.screen()


def test_the_usual_editor_on_a_terminal(cli, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    nano = folder / "nano"
    nano.write_text(f"#!{sys.executable}\n{WRITE.format('nano')}\n")
    nano.chmod(0o755)
    assert cli.terminal("config", "edit", env={**NO_EDITOR, "PATH": str(folder)}).wait() == 0
    assert "# by nano" in cli.config.read_text()


def test_an_editor_that_fails(cli, script):
    cli.write_config("")
    result = cli.run("config", "edit", env={"VISUAL": script("e", "raise SystemExit(7)")}).check(2)
    assert "ended with exit code 7, so nothing is taken over" in result.err
    assert list(cli.config.parent.glob("config-edit-*")) == []


def test_what_a_failed_editor_wrote_is_not_lost(cli, script):
    code = WRITE.format("me") + "; import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    result = cli.run("config", "edit", env={"VISUAL": script("e", code)}).check(2)
    (draft,) = cli.config.parent.glob("config-edit-*")
    assert f"ended by signal {signal.SIGKILL.value}" in result.err
    assert (str(draft) in result.err, "# by me" in draft.read_text()) == (True, True)
    assert not cli.config.exists()


def test_what_the_editor_prints_is_no_answer(cli, script):
    result = cli.run("config", "edit", env={"VISUAL": script("e", "print('drawing')")}).check()
    assert (result.out, "drawing" in result.err) == ("", True)


def test_ctrl_c_is_the_editor_s(cli, script):
    code = (
        "import sys, time\ntry:\n    print('ready', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    open(sys.argv[1], 'a').write('# after ctrl-c\\n')"
    )
    terminal = cli.terminal("config", "edit", env={"VISUAL": script("e", code)})
    terminal.wait_for("ready")
    terminal.send_key("ctrl-c")
    assert terminal.wait() == 0
    assert "# after ctrl-c" in cli.config.read_text()


# a text instead of a file


@pytest.fixture
def edit(script, tmp_path, monkeypatch):
    """edit(text, code, suffix): what comes out of an editor that runs the code with `path`."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    def run(text, code, suffix=".md"):
        head = "import os, pathlib, sys\npath = pathlib.Path(sys.argv[1])\n"
        return edit_text(text, Streams({"EDITOR": script("e", head + code)}), suffix)

    return run


def test_a_text_is_edited(edit, tmp_path):
    code = "assert path.suffix == '.txt' and path.stat().st_mode & 0o777 == 0o600\n"
    upper = code + "path.write_bytes(path.read_bytes().upper())"
    assert edit("über\r\nzwei", upper, ".txt") == "über\r\nzwei".replace("ber", "BER").replace("zwei", "ZWEI")
    assert list(tmp_path.glob("llmctl-*")) == []


def test_a_text_that_is_left_alone(edit, tmp_path):
    assert edit("text", "") is None
    assert edit("", "") is None
    assert edit("text", "path.write_text('')") == ""
    assert list(tmp_path.glob("llmctl-*")) == []


def test_a_text_that_was_written_by_an_editor_that_failed(edit, tmp_path):
    with pytest.raises(NoEditor) as failure:
        edit("text", "path.write_text('precious'); sys.exit(1)")
    kept = Path(re.search(r"what you wrote is in (.*)", failure.value.hint)[1])
    assert kept.read_text() == "precious"
    kept.unlink()
    with pytest.raises(NoEditor):
        edit("text", "sys.exit(1)")
    assert list(tmp_path.glob("llmctl-*")) == []


@pytest.mark.parametrize("code", ["path.write_bytes(b'\\xff')", "path.unlink()"])
def test_what_is_no_text_afterwards(edit, code):
    with pytest.raises(NoEditor):
        edit("text", code)
