"""Standard output belongs to the answer: what a tool prints goes to standard error."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Whatever is written to stdout in this block, also by child processes, comes out on stderr."""
    with contextlib.redirect_stdout(sys.stderr or io.StringIO()):
        saved = _point_at_stderr()
        try:
            yield
        finally:
            if saved is not None:
                os.dup2(saved, 1)
                os.close(saved)


def _point_at_stderr() -> int | None:
    """Make descriptor 1 another 2; a copy of what it was, or None where one of them is closed."""
    with contextlib.suppress(OSError, ValueError):
        if sys.__stdout__ is not None:
            sys.__stdout__.flush()
    try:
        saved = os.dup(1)
    except OSError:
        return None
    try:
        os.dup2(2, 1)
    except OSError:
        os.close(saved)
        return None
    return saved
