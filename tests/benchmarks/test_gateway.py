"""What `llmctl serve` costs, beside nginx's `proxy_pass` in the same run: CPU, delay, memory, start.

Key check, limits, routing, ledger and metrics are on. CPU is that of the measured process alone, which has a
core of its own. Shown with `pytest -s -n 0 -m benchmark tests/benchmarks/test_gateway.py`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.load import Asked, flood
from benchmarks.meter import Cpu, cpu_seconds, need_peers, resident_mb, waited_seconds
from benchmarks.reading import streams
from benchmarks.rig import Rig, wait_listening
from benchmarks.served import Served
from benchmarks.steady import WARM_UP, latencies
from support.cli import Cli
from support.upstream import free_port

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

PATHS = {"chunks": "/100/20/0", "many": "/100/40/0", "cut": "/10/1/5"}
"""Of the paced upstream: events, milliseconds between them, how many before it cuts."""
CONNECTIONS = 16
FLOOD_SECONDS, THEIR_SECONDS, STEADY_SECONDS = 3, 1, 2.5
CHUNK_ROUNDS = 3
WARM, ALL = 20_000, 100_000
"""Requests after which memory is looked at."""
FLOOD_LIMIT = 40.0
"""Seconds after which a slow machine need not reach ALL."""
STREAMS, MANY, CUT = 50, 500, 1000
STARTS = 3

REQUEST_GOAL, CHUNK_GOAL = 16.0, 5.0
"""Times nginx's CPU. A machine that others share must pass, and a slip must not."""
GROWTH_MB, IDLE_MB = 10.0, 70.0


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    need_peers()
    rig = Rig(tmp_path_factory.mktemp("rig"), PATHS)
    yield rig
    rig.close()


@pytest.fixture
def served(rig: Rig, cli: Cli) -> Iterator[Served]:
    served = Served(rig, cli)
    yield served
    served.stop()


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """Lines to be shown once the test has its figures, also where one of them is too high."""
    lines: list[str] = []
    yield lines
    with capsys.disabled():
        print("\n\n" + "\n".join(lines))


def test_requests_and_memory(rig: Rig, served: Served, say: list[str], tmp_path: Path) -> None:
    """CPU of a request; and that neither requests nor streams that break off leave anything behind."""
    memory = {"at first": resident_mb(served.pid)}
    ours: list[float] = []
    theirs: list[float] = []
    count, warm, begin = 0, 0.0, time.monotonic()
    while count < WARM or (count < ALL and time.monotonic() - begin < FLOOD_LIMIT):
        ours_cpu, theirs_cpu = Cpu(served.pid), Cpu(rig.proxy_pid)
        done = flood(served.asked("answer"), FLOOD_SECONDS, tmp_path, CONNECTIONS)
        theirs.append(theirs_cpu.us(flood(rig.through_nginx(), THEIR_SECONDS, tmp_path, CONNECTIONS)))
        ours.append(ours_cpu.us(done))  # meanwhile the ledger was written
        count += done
        if count >= WARM and not warm:
            warm = memory[f"after {count:,} requests"] = resident_mb(served.pid)
    flooded = memory[f"after {count:,}"] = resident_mb(served.pid)
    cut = cut_streams(served, CUT)
    begun = memory[f"after {CUT:,} streams that were cut"] = resident_mb(served.pid)
    cut += cut_streams(served, CUT)
    ended = memory[f"after {CUT:,} more"] = resident_mb(served.pid)
    say.append(compared(f"CPU us a request, {CONNECTIONS} connections", ours, theirs))
    say.append("memory in MB: " + ", ".join(f"{mb:.1f} {when}" for when, mb in memory.items()))
    say.append("load average: " + ", ".join(f"{value:.1f}" for value in os.getloadavg()))
    say.append(f"requests that the ledger lost: {served.metric('llmctl_ledger_lost_total'):.0f}")
    assert cut == 2 * CUT
    assert statistics.median(ours) <= REQUEST_GOAL * statistics.median(theirs)
    assert flooded - warm < GROWTH_MB
    assert ended - begun < GROWTH_MB


def cut_streams(served: Served, count: int) -> int:
    """How many of so many streams said in-band that they were cut, after what had come."""
    found = streams(served.asked("cut/m"), count, at_once=STREAMS)
    return sum(b'" 4"' in stream.body and b'"error"' in stream.body and b"[DONE]" not in stream.body
               for stream in found)  # fmt: skip


def test_chunks(rig: Rig, served: Served, say: list[str]) -> None:
    """CPU of a streamed chunk."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(CHUNK_ROUNDS):
        ours_cpu, theirs_cpu = Cpu(served.pid), Cpu(rig.proxy_pid)
        ours_chunks = whole_streams(served.asked("stream"), STREAMS)
        theirs.append(theirs_cpu.us(whole_streams(rig.through_nginx("chunks"), STREAMS)))
        ours.append(ours_cpu.us(ours_chunks))
    say.append(compared(f"CPU us a chunk, {STREAMS} streams, requests included", ours, theirs))
    assert statistics.median(ours) <= CHUNK_GOAL * statistics.median(theirs)


def whole_streams(asked: Asked, count: int) -> int:
    """The events of so many streams of 100 numbered ones, which must all be there."""
    found = streams(asked, count)
    assert {stream.status for stream in found} == {200}
    assert sum(stream.wrong(100) for stream in found) == 0
    return sum(stream.body.count(b"\ndata: ") + 1 for stream in found)


def test_added_latency(rig: Rig, served: Served, say: list[str], tmp_path: Path) -> None:
    """At half of what it can do, over what the same client waits for the upstream itself."""
    rate = flood(served.asked("answer"), 2, tmp_path, CONNECTIONS) / 2 / 2
    p50, p99 = waits(Asked(rig.answers, "m"), rate)
    say.append(f"added ms at {rate:,.0f} requests a second, half of the most, to {p50:.2f} (p99 {p99:.2f}):")
    ways = {"llmctl": (served.asked("answer"), served.pid), "nginx": (rig.through_nginx(), rig.proxy_pid)}
    for name, (asked, pid) in ways.items():
        cpu, before = Cpu(pid), waited_seconds(pid)
        ours50, ours99 = waits(asked, rate)
        us = cpu.us(int(rate * (WARM_UP + STEADY_SECONDS)))
        share = 100 * (waited_seconds(pid) - before) / (WARM_UP + STEADY_SECONDS)
        say.append(
            f"  {name:<8} p50 {ours50 - p50:.2f}, p99 {ours99 - p99:.2f}; CPU us a request {us:.0f}; "
            f"for {share:.0f}% of the time others had its core"
        )


def waits(asked: Asked, rate: float) -> tuple[float, float]:
    """p50 and p99 of answers at a steady rate, in milliseconds."""
    took = latencies(asked, rate, STEADY_SECONDS)
    return 1000 * quantile(took, 0.5), 1000 * quantile(took, 0.99)


def test_many_streams(rig: Rig, served: Served, say: list[str]) -> None:
    """No event is lost or out of place, whatever runs at once."""
    wrong = {}
    say.append(f"{MANY} streams at once, one chunk in 40 ms each; gaps in ms:")
    for name, asked in (("llmctl", served.asked("many/m")), ("nginx", rig.through_nginx("many"))):
        found = streams(asked, MANY)
        wrong[name] = sum(stream.wrong(100) for stream in found)
        gaps = sorted(gap * 1000 for stream in found for gap in stream.gaps)
        say.append(
            f"  {name:<8} events lost: {wrong[name]}; p50 {quantile(gaps, 0.5):.0f}, "
            f"p99 {quantile(gaps, 0.99):.0f}, largest {gaps[-1]:.0f}"
        )
    assert wrong["llmctl"] == 0


def test_start(served: Served, say: list[str]) -> None:
    """From exec to the first answer; and what it holds when nobody asks."""
    seconds, cpu_ms = [], []
    for _ in range(STARTS):
        served.stop()
        begin = time.monotonic()
        served.start()
        assert served.chat("answer").status == 200
        seconds.append(time.monotonic() - begin)
        cpu_ms.append(cpu_seconds(served.pid) * 1000)
    time.sleep(2)  # what it does once it has started is done by then
    idle = resident_mb(served.pid)
    say.append(
        f"start to first answer, {STARTS} times: {spread(seconds, 2)} s, CPU {spread(cpu_ms)} ms; "
        f"idle after 2 s: {idle:.1f} MB"
    )
    assert idle < IDLE_MB


def test_litellm(rig: Rig, say: list[str], tmp_path: Path) -> None:
    """The same requests through LiteLLM's proxy, where that is installed; without a database."""
    beside = Path(sys.executable).with_name("litellm")
    program = str(beside) if beside.exists() else shutil.which("litellm")
    if program is None:
        pytest.skip("LiteLLM isn't installed")
    port = free_port()
    command = [program, "--host", "127.0.0.1", "--port", f"{port}", "--model", "openai/m"]
    command += ["--api_base", f"http://127.0.0.1:{rig.answers}/v1"]
    key = "sk-" + secrets.token_hex(32)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OPENAI_API_KEY": "none", "LITELLM_MASTER_KEY": key}
    begin = time.monotonic()
    with rig.on_measured_core():
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_listening(process, port)
        seconds = time.monotonic() - begin
        cpu = Cpu(process.pid)
        us = cpu.us(flood(Asked(port, "openai/m", key), FLOOD_SECONDS, tmp_path, CONNECTIONS))
        say.append(
            f"LiteLLM: CPU us a request {us:,.0f}; start {seconds:.1f} s; {resident_mb(process.pid):.0f} MB"
        )
    finally:
        process.kill()
        process.wait(10)


def compared(what: str, ours: Sequence[float], theirs: Sequence[float]) -> str:
    ratio = statistics.median(ours) / statistics.median(theirs)
    return f"{what}, {len(ours)} rounds: {spread(ours)}; nginx {spread(theirs)}; ratio {ratio:.1f}"


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
