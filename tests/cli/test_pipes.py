"""Readers that leave early, and disks that are full."""

from __future__ import annotations

import subprocess

import pytest

from support.leaks import TEST_KEY, recorder
from support.upstream import Gate, Reply
from support.wire import chunk, text_stream


@pytest.fixture
def shell(work):
    """shell("llmctl chat Hi | head -1"): run by bash with pipefail, llmctl being the program."""

    def run(line: str) -> subprocess.CompletedProcess[bytes]:
        program = " ".join(work.cli.program)
        source = f'set -o pipefail; llmctl() {{ {program} "$@" </dev/null; }}; {line}'
        env = work.cli.env({"WORK_KEY": TEST_KEY})
        done = subprocess.run(["bash", "-c", source], env=env, cwd=work.cli.cwd, capture_output=True, timeout=30)
        recorder.add(line, done.stdout + done.stderr)
        return done

    return run


@pytest.mark.parametrize("how", ["", "--jsonl", "--raw"])
def test_head_ends_quietly(shell, upstream, how):
    lines = [f"line {n}\n" for n in range(4000)]
    upstream.default = Reply.sse(*text_stream(*lines))
    done = shell(f"llmctl chat {how} Hi | head -1")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"\n") == 1


def test_the_provider_is_hung_up_on_when_the_reader_leaves(shell, upstream):
    endless = [chunk(f"line {n}\n") for n in range(50)]
    upstream.default = Reply.sse(
        *endless, *(piece for n in range(3000) for piece in (chunk("x\n"), b": \n\n")), Gate()
    )
    done = shell("llmctl chat Hi | head -1")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"line 0\n", b"")
    upstream.wait_closed()


@pytest.mark.parametrize(
    "command",
    ["models --json", "profile list", "help scripting", "chat --help", "--help", "profile show work"],
)
def test_every_command_ends_quietly(shell, upstream, command):
    upstream.default = Reply(body={"data": [{"id": f"model-{n}"} for n in range(5000)]})
    done = shell(f"llmctl {command} | head -c 1")
    assert (done.returncode, done.stderr, len(done.stdout)) == (0, b"", 1)


def test_vectors_end_quietly(shell, upstream):
    upstream.default = Reply(body={"data": [{"index": 0, "embedding": [0.123456] * 200_000}]})
    done = shell("llmctl embed -m e text | head -c 10")
    assert (done.returncode, done.stderr) == (0, b"")


def test_stderr_may_be_closed_too(shell, upstream):
    upstream.default = Reply.sse(*text_stream("fine", finish="length"))
    done = shell("llmctl chat --usage Hi 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"fine\n", b"")


def test_stdout_may_be_closed(shell, upstream):
    upstream.default = Reply.sse(*text_stream("fine"))
    done = shell("llmctl chat Hi >&-")
    assert b"Traceback" not in done.stderr
    assert done.returncode in (0, 2)


@pytest.mark.parametrize("command", ["chat Hi", "chat --json Hi", "chat --raw Hi"])
def test_a_full_disk_is_an_error(shell, upstream, command):
    upstream.default = Reply.sse(*text_stream("fine"))
    done = shell(f"llmctl {command} > /dev/full")
    assert done.returncode not in (0, 1)
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr
