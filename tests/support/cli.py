"""Runs the installed command line as a user would, in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.forkserver import READ_AT_START, ForkedProcess, Forkserver
from support.leaks import Recorder, recorder, secrets_in
from support.process import Process

if TYPE_CHECKING:
    from support.terminal import Terminal

LLMCTL = (sys.executable, "-m", "llmctl")
PASSED_ON = ("PATH", "PYTHONPATH", "SYSTEMROOT")
"""What the program's environment takes from ours, besides what coverage needs."""

Env = Mapping[str, str | None]


@dataclass(frozen=True)
class Result:
    """What a finished run left."""

    code: int
    out_bytes: bytes
    err_bytes: bytes

    @property
    def out(self) -> str:
        return self.out_bytes.decode(errors="replace")

    @property
    def err(self) -> str:
        return self.err_bytes.decode(errors="replace")

    def json(self) -> Any:
        """Stdout as one JSON value."""
        return json.loads(self.out_bytes)

    def jsonl(self) -> list[Any]:
        """Stdout as one JSON value a line."""
        return [json.loads(line) for line in self.out_bytes.splitlines()]

    def error(self) -> Any:
        """The error that --json writes to stderr (its last line)."""
        return json.loads(self.err_bytes.splitlines()[-1])["error"]

    def check(self, code: int = 0) -> Result:
        """Itself, if the program ended with this code."""
        assert self.code == code, f"exit code {self.code}, not {code}\nstdout: {self.out}\nstderr: {self.err}"
        return self


class Cli:
    """The program in a home of its own: nothing of the developer's environment reaches it.

    In `env`, None removes a variable.
    """

    def __init__(
        self,
        tmp_path: Path,
        program: Sequence[str] = LLMCTL,
        recorder: Recorder = recorder,
        forkserver: Forkserver | None = None,
    ) -> None:
        self.program = program
        self.root = tmp_path / "llmctl"
        self.home = self.root / "home"
        self.cwd = self.root / "work"
        self.config = self.root / "config.toml"
        self._recorder = recorder
        self._forkserver = forkserver
        self._key_files: set[Path] = set()
        self._processes: list[tuple[Process | ForkedProcess, str]] = []
        self._terminals: list[tuple[Terminal, str]] = []
        for folder in (self.home, self.cwd, self.root / "tmp", self.root / "run"):
            folder.mkdir(parents=True, mode=0o700)

    def write_config(self, text: str) -> Path:
        """Write config.toml, readable only by its owner. It may hold keys if this text does."""
        self.config.touch(mode=0o600)
        self.config.write_text(text, encoding="utf-8")
        if secrets_in(text):
            self.may_hold_keys(self.config)
        return self.config

    def may_hold_keys(self, path: Path) -> None:
        """This file under the home holds keys by design; then only its owner may read it."""
        self._key_files.add(path)

    def env(self, more: Env | None = None) -> dict[str, str]:
        """The program's whole environment."""
        taken = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        env: dict[str, str | None] = {
            **taken,
            **coverage,
            "LANG": "C.UTF-8",
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_DATA_HOME": str(self.home / ".local/share"),
            "XDG_STATE_HOME": str(self.home / ".local/state"),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "XDG_RUNTIME_DIR": str(self.root / "run"),
            "TMPDIR": str(self.root / "tmp"),
            "LLMCTL_CONFIG": str(self.config),
            **(more or {}),
        }
        return {name: value for name, value in env.items() if value is not None}

    def run(
        self, *args: str, stdin: bytes | str | None = None, env: Env | None = None, timeout: float = 30
    ) -> Result:
        """Run to the end, in a fork if that shows the same. Without `stdin` the standard input is empty."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        process = self._fork(args, data is not None, env)
        try:
            out, err = process.communicate(data, timeout)
        except subprocess.TimeoutExpired as late:
            self._end_processes()
            partial = f"stdout: {late.stdout!r}\nstderr: {late.stderr!r}"
            raise AssertionError(f"{_name(args)} was still running after {timeout} s\n{partial}") from None
        return Result(process.returncode, out, err)

    def popen(self, *args: str, env: Env | None = None, stdin: int = subprocess.PIPE) -> Process:
        """Start, with binary pipes; the fixture ends it if the test doesn't."""
        return self._start(args, stdin, env)

    def terminal(self, *args: str, rows: int = 24, cols: int = 80, env: Env | None = None) -> Terminal:
        """Start on a pseudo-terminal; the fixture ends it if the test doesn't."""
        from support.terminal import Terminal

        terminal = Terminal([*self.program, *args], env=self.env(env), cwd=self.cwd, rows=rows, cols=cols)
        self._terminals.append((terminal, _name(args)))
        return terminal

    def close(self) -> None:
        """End what still runs, and hand everything that was written to the recorder."""
        self._end_processes()
        while self._terminals:
            terminal, name = self._terminals.pop()
            terminal.close(self._recorder, name)
        self._recorder.add_folder(f"{self.root.parent.name}'s home", self.root, self._key_files)

    def _fork(self, args: Sequence[str], with_stdin: bool, env: Env | None) -> Process | ForkedProcess:
        at_start = any(name.startswith(READ_AT_START) for name in env or ())
        if self._forkserver is None or self.program is not LLMCTL or at_start:
            return self._start(args, subprocess.PIPE if with_stdin else subprocess.DEVNULL, env)
        process = self._forkserver.run(args, self.env(env), self.cwd, with_stdin)
        self._processes.append((process, _name(args)))
        return process

    def _start(self, args: Sequence[str], stdin: int, env: Env | None) -> Process:
        process = Process([*self.program, *args], stdin=stdin, env=self.env(env), cwd=self.cwd)
        self._processes.append((process, _name(args)))
        return process

    def _end_processes(self) -> None:
        while self._processes:
            process, name = self._processes.pop()
            process.end(self._recorder, name)


def _name(args: Sequence[str]) -> str:
    return " ".join(["llmctl", *args])
