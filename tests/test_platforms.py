"""What differs between systems stands in two modules, paths fit each of them, and no locale breaks the output."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix
from platformdirs.windows import Windows

import llmctl
from llmctl.config import paths
from llmctl.platforms import split_keys
from support.cli import Cli
from support.leaks import TEST_KEY
from support.upstream import Reply, Upstream
from support.wire import models, text_stream

SOURCE = Path(llmctl.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
ALLOWED = {
    "platforms.py": {"*"},
    "signals.py": {"*"},
    "client/blocking.py": {"select.select"},  # on a socket, which Windows can
}
MODULES = {
    *("fcntl", "termios", "tty", "pty", "pwd", "grp", "resource", "syslog", "crypt", "spwd", "posix", "curses"),
    *("readline", "msvcrt", "winreg", "_winapi", "ctypes"),
}
OF_OS = {
    *("fork", "forkpty", "openpty", "getuid", "geteuid", "getgid", "getegid", "getgroups", "getpgid", "getpgrp"),
    *("setpgid", "setsid", "getsid", "killpg", "kill", "wait", "wait3", "wait4", "waitid", "waitpid", "nice"),
    *("chown", "lchown", "fchown", "fchmod", "chroot", "mkfifo", "mknod", "ttyname", "tcgetpgrp", "tcsetpgrp"),
    *("uname", "getloadavg", "sysconf", "confstr", "statvfs", "fstatvfs", "set_blocking", "pread", "pwrite"),
    *("setuid", "setgid", "seteuid", "setegid", "initgroups", "ctermid", "sched_setaffinity", "pipe2"),
    *("O_CLOEXEC", "O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK", "O_NOCTTY", "O_SYNC", "WNOHANG"),
}
OF_SIGNAL = {"alarm", "setitimer", "pause", "pthread_sigmask", "pthread_kill", "sigwait", "siginterrupt"}
ELSEWHERE = {"SIGINT", "SIGTERM", "SIGABRT", "SIG_DFL", "SIG_IGN"}
"""Names of `signal` that Windows has as well."""
ARGUMENTS = {"start_new_session", "preexec_fn", "process_group", "creationflags", "pass_fds", "close_fds"}


def uses(tree: ast.AST) -> Iterator[str]:
    """The module, call or argument of each use of what only some systems have."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from ([module] if module.split(".")[0] in MODULES else [])
            yield from (
                f"{module}.{name.name}" for name in node.names if node.level == 0 and only_some(module, name.name)
            )
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if only_some(node.value.id, node.attr):
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.keyword) and node.arg in ARGUMENTS:
            yield f"{node.arg}="


def only_some(module: str, name: str) -> bool:
    if module == "os":
        return name in OF_OS or name.startswith(("exec", "spawn", "posix_", "sched_", "WIF", "WEXIT", "WTERM"))
    if module == "signal":
        return name in OF_SIGNAL or (name.startswith("SIG") and name not in ELSEWHERE)
    return module == "select" or (module == "asyncio" and name == "get_child_watcher")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_what_only_some_systems_have_stands_in_platforms(path):
    name = path.relative_to(SOURCE).as_posix()
    allowed = ALLOWED.get(name, set())
    found = [use for use in uses(ast.parse(path.read_bytes())) if "*" not in allowed and use not in allowed]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "import fcntl",
        "from termios import tcgetattr",
        "import os\nos.fork()",
        "os.execvp('a', [])",
        "from os import getuid",
        "signal.signal(signal.SIGKILL, f)",
        "select.select([0], [], [])",
        "Popen([], start_new_session=True)",
        "loop.run(os.killpg)",
    ],
)
def test_the_search_finds_such_uses(code):
    assert list(uses(ast.parse(code)))


@pytest.mark.parametrize("code", ["os.replace(a, b)", "signal.SIGINT", "import sys", "re.select(a)", "os.environ"])
def test_the_search_leaves_the_rest(code):
    assert list(uses(ast.parse(code))) == []


def test_no_text_file_is_written_in_the_encoding_of_the_locale():
    """open() without an encoding means another file on each system."""
    trees = {path.relative_to(SOURCE): ast.parse(path.read_bytes()) for path in FILES}
    found = [f"{name}:{line}" for name, tree in trees.items() for line in open_without_encoding(tree)]
    assert found == []


def open_without_encoding(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        words = {keyword.arg for keyword in node.keywords}
        binary = any(isinstance(arg, ast.Constant) and "b" in str(arg.value) for arg in node.args[1:])
        opens = name in ("open", "os.fdopen") and not binary
        whole = name.endswith((".read_text", ".write_text")) and not node.args
        if (opens or whole) and "encoding" not in words:
            yield node.lineno


SYSTEMS = {"windows": Windows, "macos": MacOS, "linux": Unix}
ENDS = {
    "windows": ("Local/llmctl", "Local/llmctl/Cache", "Local/llmctl"),
    "macos": ("Application Support/llmctl", "Caches/llmctl", "Application Support/llmctl"),
    "linux": (".config/llmctl", ".cache/llmctl", ".local/state/llmctl"),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_folders_have_no_author_in_them(system, monkeypatch, tmp_path):
    """paths.py asks platformdirs for these, so the classes of other systems are asked the same."""
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        "platformdirs.windows.get_win_folder", lambda name: str(tmp_path / "AppData/Local"), raising=True
    )
    monkeypatch.setattr("platformdirs.PlatformDirs", SYSTEMS[system])
    folders = (paths.config_file({}).parent, paths.cache_folder({}), paths.state_folder({}))
    for folder, end in zip(folders, ENDS[system], strict=True):
        assert folder.as_posix().endswith(end)
        assert folder.as_posix().count("llmctl") - str(tmp_path).count("llmctl") == 1


@pytest.mark.parametrize("variable", ["LLMCTL_CONFIG", "LLMCTL_CACHE", "LLMCTL_STATE"])
def test_each_folder_can_be_named(variable, monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("USERPROFILE", "/home/someone")
    asked = {
        "LLMCTL_CONFIG": paths.config_file,
        "LLMCTL_CACHE": paths.cache_folder,
        "LLMCTL_STATE": paths.state_folder,
    }
    assert asked[variable]({variable: "~/x"}) == Path("/home/someone/x")


def test_keys_come_apart():
    assert split_keys("a\x1b[Aü\x1b[3~\x1bOP日\r") == ["a", "\x1b[A", "ü", "\x1b[3~", "\x1bOP", "日", "\r"]


LOCALES = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "ascii": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "latin1": {"PYTHONIOENCODING": "latin-1:strict", "PYTHONUTF8": "0"},
}
TEXT = "Grüße, 日本 🎉 “quoted” –"


@pytest.fixture(params=LOCALES)
def run(request, cli: Cli, upstream: Upstream):
    """run(*args): the command line under a locale that is not UTF-8."""
    cli.write_config(
        f'current = "work"\n[profiles.work]\nbase_url = "{upstream.url}/v1"\nkey = "env:WORK_KEY"\nmodel = "m"\n'
    )
    env = {"WORK_KEY": TEST_KEY, **LOCALES[request.param]}
    return lambda *args, **more: cli.run(*args, env=env, **more).check()


def test_chat_in_any_locale(run, upstream):
    upstream.script(Reply.sse(*text_stream(TEXT)), Reply.sse(*text_stream(TEXT)))
    assert run("chat", TEXT).out == f"{TEXT}\n"
    assert run("chat", "-", stdin=TEXT).out == f"{TEXT}\n"
    assert [request.json()["messages"][0]["content"] for request in upstream.requests] == [TEXT, TEXT]


def test_prompts_and_files_in_any_locale(run, upstream, cli):
    upstream.script(Reply.sse(*text_stream(TEXT)))
    run("prompt", "add", "p", f"{TEXT} {{{{x}}}}", "--description", TEXT)
    assert TEXT in run("prompt", "list").out
    assert TEXT in run("prompt", "show", "p").out
    (cli.cwd / "ä.txt").write_text(TEXT, encoding="utf-8")
    run("chat", "-t", "p", "-v", f"x={TEXT}", "-f", "ä.txt", "-f", ".", "--debug-file", "ö.log")
    file = f'<file name="ä.txt">\n{TEXT}\n</file>'
    assert upstream.last.json()["messages"][0]["content"] == f"{file}\n\n{file}\n\n{TEXT} {TEXT}"
    assert TEXT in (cli.cwd / "ö.log").read_text(encoding="utf-8")


def test_tables_and_the_config_in_any_locale(run, upstream, cli):
    upstream.route("/v1/models", Reply(body=models("日本-model")))
    run("alias", "set", "a", "日本-model")
    assert '"日本-model"' in cli.config.read_text(encoding="utf-8")
    assert "日本-model" in run("alias", "list").out
    assert "日本-model" in run("models").out


@pytest.mark.parametrize("locale", LOCALES)
def test_a_terminal_in_any_locale(locale, cli, upstream):
    cli.write_config(f'current = "w"\n[profiles.w]\nbase_url = "{upstream.url}/v1"\nmodel = "m"\n')
    upstream.script(Reply.sse(*text_stream(f"**{TEXT}**")))
    terminal = cli.terminal("chat", "Hi", env=LOCALES[locale])
    assert terminal.wait() == 0
    assert TEXT.encode() in terminal.raw


@pytest.mark.skipif(os.name == "nt", reason="Windows is asked itself")
def test_files_keep_their_line_ends(cli):
    """Every file is written as bytes, or with `newline` said: Windows would make \\r\\n of \\n."""
    cli.run("alias", "set", "a", "b", env={}).check()
    cli.run("prompt", "add", "p", "one\ntwo", env={}).check()
    assert b"\r" not in cli.config.read_bytes() + (cli.root / "prompts/p.toml").read_bytes()
