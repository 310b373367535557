"""`llmctl help --man` and `--markdown`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from llmctl.cli.reference.model import read_reference
from llmctl.cli.streams import Streams
from llmctl.errors import UsageError


def show_reference(man: bool, markdown: bool, words: Sequence[str], topics: Path, streams: Streams) -> None:
    """Print the whole reference in one of the formats; the manual page is opened on a terminal.

    Raises UsageError for formats and words that exclude each other.
    """
    if man and markdown:
        raise UsageError("--man and --markdown exclude each other")
    if words:
        raise UsageError(f"{'--man' if man else '--markdown'} is about everything", hint=f"leave {words[0]!r} out")
    reference = read_reference(topics)
    if markdown:
        from llmctl.cli.reference.markdown import render_markdown

        streams.out(render_markdown(reference), end="")
        return
    from llmctl.cli.reference.man import render_man

    text = render_man(reference)
    if not (streams.terminal and not streams.settings.no_pager and _opened(text)):
        streams.out(text, end="")


def _opened(text: str) -> bool:
    """Whether there is a program `man`, and it showed the page."""
    import subprocess
    import tempfile

    program = shutil.which("man")
    if program is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "llmctl.1"
        page.write_text(text, "ascii")
        return subprocess.run([program, str(page)]).returncode == 0
