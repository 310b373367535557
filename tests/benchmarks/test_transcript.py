"""What the transcript costs, beside Textual's Markdown with its stream, and Log.write as the floor.

CPU time (`time.process_time`) of one run, side by side, headless at 100 x 30. Shown with
`pytest -s -m benchmark -n 0 tests/benchmarks/test_transcript.py`.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import pytest
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Log, Markdown

from llmctl.tui.transcript import Entry, TextPart, Transcript

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(300)]

SIZE = (100, 30)
FRAMES = 120
THEIR_FRAMES = 30
"""Of Textual's Markdown, which takes a second for a frame at the end of the long list."""
FRAME_GOAL = 16.0
"""Milliseconds of CPU for a frame of the transcript, paint included; or 1.5 times what Log takes."""
SLACK = 1.5
"""Other programs share the caches of the machine."""
PROSE = (
    "Some words with *emphasis*, `code` and [links](https://example.com) that make up a sentence of an answer. "
)
CODE = "```python\ndef f(x):\n    return x + 1\n```\n"
ANSWER = f"## An answer\n\n{PROSE * 3}\n\n{CODE}\n- one\n- two\n- three\n\n{PROSE}\n"
WORKLOADS = {
    "prose": [PROSE * 4 + "\n\n" if number % 8 == 0 else PROSE[:40] for number in range(FRAMES)],
    "paragraph": [PROSE] * FRAMES,
    "fence": ["```python\n", *[f"def f{n}(x):\n    return [x, {n}]  # a comment\n\n" for n in range(FRAMES)]],
    "list": [f"- item {n} with `code` and **words**\n- and one more\n" for n in range(FRAMES)],
    "table": ["| a | b |\n|---|---|\n", *[f"| {n} | `code` and words |\n| x | y |\n" for n in range(FRAMES)]],
}


class Screen(App[None]):
    """One widget that fills the screen."""

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.shown = widget

    def compose(self) -> ComposeResult:
        yield self.shown


def conversation(count: int) -> list[Entry]:
    return [
        Entry(f"{n}", "user" if n % 2 == 0 else "assistant", [TextPart(PROSE if n % 2 == 0 else ANSWER)], "title")
        for n in range(count)
    ]


def ms_since(start: float) -> float:
    return (time.process_time() - start) * 1000


async def cpu_ms(pilot: Pilot[None], act: Callable[[], object]) -> float:
    """Of an act and of the paint that follows it."""
    gc.collect()
    start = time.process_time()
    result = act()
    if isinstance(result, Awaitable):
        await result
    await pilot.pause()
    return ms_since(start)


def frames(widget: Widget, feed: Callable[[str], object], parts: list[str]) -> list[float]:
    """Milliseconds of CPU for each part fed and painted."""

    async def main() -> list[float]:
        async with Screen(widget).run_test(size=SIZE) as pilot:
            await pilot.pause()
            gc.collect()
            gc.freeze()  # what the test runner holds isn't walked again and again
            spent = []
            for part in parts:
                start = time.process_time()
                result = feed(part)
                if isinstance(result, Awaitable):
                    await result
                await pilot.pause()
                spent.append(ms_since(start))
            gc.unfreeze()
            return spent

    return asyncio.run(main())


def transcript_frames(parts: list[str]) -> list[float]:
    transcript = Transcript()
    begun: list[Entry] = []

    def feed(part: str) -> None:
        if not begun:
            begun.append(Entry("live", "assistant", title="model"))
            transcript.set_entries(conversation(1_000))
            transcript.begin(begun[0])
        transcript.append(part)
        transcript.flush()

    return frames(transcript, feed, ["", *parts])[1:]


def log_frames(parts: list[str]) -> list[float]:
    log = Log()
    return frames(log, log.write, parts)


def markdown_frames(parts: list[str]) -> list[float]:
    """Its stream joins what comes within a frame, so each part here is what the stream writes at once."""
    markdown = Markdown()
    scroll = VerticalScroll(markdown)

    async def feed(part: str) -> None:
        stream = Markdown.get_stream(markdown)
        await stream.write(part)
        await stream.stop()
        scroll.scroll_end(animate=False)

    return frames(scroll, feed, parts)


def row(name: str, spent: list[float]) -> str:
    ordered = sorted(spent)
    p95 = ordered[int(len(ordered) * 0.95) - 1]
    return f"  {name:<12} {statistics.median(spent):>8.1f} {p95:>8.1f} {ordered[-1]:>8.1f} {sum(spent):>9.0f}"


def percentile(spent: list[float], share: float) -> float:
    return sorted(spent)[int(len(spent) * share) - 1]


@pytest.mark.parametrize("name", WORKLOADS)
def test_streaming(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    parts = WORKLOADS[name]
    log, ours, theirs = log_frames(parts), transcript_frames(parts), markdown_frames(parts[:THEIR_FRAMES])
    with capsys.disabled():
        print(f"\n\n{name}: CPU ms per frame       p50      p95    worst   all ({len(parts)})")
        print("\n".join((row("Log", log), row("Transcript", ours), row(f"Markdown, {THEIR_FRAMES}", theirs))))
    goal = max(FRAME_GOAL, 1.5 * percentile(log, 0.95))
    assert percentile(ours, 0.95) <= goal * SLACK
    assert sum(ours[:THEIR_FRAMES]) <= sum(theirs)
    quarter = len(ours) // 4
    assert statistics.median(ours[-quarter:]) <= 2.5 * statistics.median(ours[quarter : 2 * quarter])


def test_a_conversation_of_1000_messages(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> dict[str, float]:
        transcript = Transcript()
        async with Screen(transcript).run_test(size=SIZE) as pilot:
            await pilot.pause()
            spent = {"open": await cpu_ms(pilot, lambda: transcript.set_entries(conversation(1_000)))}
            transcript.focus()
            pages = [await cpu_ms(pilot, lambda: transcript.action_page(-1)) for _ in range(30)]
            spent["page up, median of 30"] = statistics.median(pages)
            sizes = [(80, 24), (100, 30)] * 4
            resized = [await cpu_ms(pilot, lambda size=size: pilot.resize_terminal(*size)) for size in sizes]
            spent["resize, median of 8"] = statistics.median(resized)
            spent["to the beginning"] = await cpu_ms(pilot, transcript.action_first)
            start, wall = time.process_time(), time.monotonic()
            await asyncio.sleep(3)
            spent["idle, % of a core"] = 100 * (time.process_time() - start) / (time.monotonic() - wall)
            return spent

    async def empty() -> float:
        """What the same resize costs an app that shows nothing."""
        async with Screen(Widget()).run_test(size=SIZE) as pilot:
            await pilot.pause()
            sizes = [(80, 24), (100, 30)] * 4
            return statistics.median(
                [await cpu_ms(pilot, lambda size=size: pilot.resize_terminal(*size)) for size in sizes]
            )

    spent = asyncio.run(main())
    nothing = asyncio.run(empty())
    with capsys.disabled():
        print("\n\n1,000 messages: CPU ms")
        for name, value in {**spent, "resize of an empty screen": nothing}.items():
            print(f"  {name:<28} {value:>8.1f}")
    assert spent["open"] <= 400 * SLACK
    assert spent["resize, median of 8"] <= 30 * SLACK + nothing
    assert spent["page up, median of 30"] <= 30 * SLACK
    assert spent["idle, % of a core"] <= 0.5 * SLACK


MEMORY_SCRIPT = """
import asyncio
from pathlib import Path
from textual.app import App
from llmctl.tui.transcript import Transcript
from {module} import conversation

def kilobytes():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])

class Chat(App):
    def compose(self):
        self.transcript = Transcript()
        yield self.transcript

async def main():
    app = Chat()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        before = kilobytes()
        app.transcript.set_entries(conversation(1_000))
        await pilot.pause()
        opened = kilobytes()
        for _ in range(700):
            app.transcript.action_page(-1)
        await pilot.pause()
        print(opened - before, kilobytes() - before, kilobytes())

asyncio.run(main())
"""


def test_memory(capsys: pytest.CaptureFixture[str]) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    script = MEMORY_SCRIPT.replace("{module}", "test_transcript")
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {__file__.rpartition('/')[0]!r})\n{script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    opened, read, whole = (float(value) / 1024 for value in run.stdout.split())
    with capsys.disabled():
        print(f"\n\n1,000 messages: {opened:.0f} MB when opened, {read:.0f} MB when read, {whole:.0f} MB in all")
    assert read < 60
