"""What the screens look like: pictures of them, compared with those that were looked at and accepted.

After a change that is meant: `pytest -n 0 tests/tui/test_looks.py --snapshot-update`, and look at what changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tui import looks, scenes

Compare = Callable[..., bool]

WIDE, NORMAL, TINY = (120, 35), (80, 24), (40, 15)
PICTURES = [
    *((name, WIDE, "dark") for name in scenes.SCENES if name not in ("cut", "rich")),
    *((name, WIDE, "light") for name in ("talk", "picker", "rich_open")),
    *((name, NORMAL, "dark") for name in ("empty", "rich", "sidebar", "help", "compare")),
    *((name, TINY, "dark") for name in ("empty", "cut", "picker", "settings")),
    *((name, NORMAL, "ansi-dark") for name in ("talk", "sidebar", "picker")),
    ("rich_open", NORMAL, "ansi-light"),
]


@pytest.mark.parametrize(("name", "size", "theme"), PICTURES, ids=lambda part: _word(part))
def test_it_looks_as_it_did(
    name: str, size: tuple[int, int], theme: str, snap_compare: Compare, tmp_path: Path
) -> None:
    start, filled, act = scenes.SCENES[name]
    app = looks.make_app(tmp_path, start, theme, filled)

    async def show(pilot: Pilot[None]) -> None:
        await looks.settle(app, pilot)
        await act(app, pilot)

    same = snap_compare(app, terminal_size=size, run_before=show)
    asyncio.run(looks.put_away(app))
    assert same


def _word(part: object) -> str:
    return "x".join(map(str, part)) if isinstance(part, tuple) else str(part)
