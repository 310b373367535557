"""A fork ends as a process of its own does: what it says last arrives, with the same exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.forkserver import Forkserver

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="there are no forks here")

ENDS = {
    "print('out', end=''); sys.stderr.write('no newline')": (0, b"out", b"no newline"),
    "raise SystemExit": (0, b"", b""),
    "sys.exit(7)": (7, b"", b""),
    "sys.exit('what went wrong')": (1, b"", b"what went wrong\n"),
    "sys.exit(('a', 1))": (1, b"", b"('a', 1)\n"),
}


@pytest.mark.parametrize(("source", "end"), ENDS.items(), ids=list(ENDS))
def test_a_fork_ends_as_python_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, end: tuple[int, bytes, bytes]
) -> None:
    """Another program takes llmctl's place."""
    package = tmp_path / "llmctl"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(f"import sys\n{source}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    whole = subprocess.run([sys.executable, "-m", "llmctl"], cwd=tmp_path, capture_output=True, check=False)
    assert (whole.returncode, whole.stdout, whole.stderr) == end
    server = Forkserver()
    try:
        fork = server.run([], os.environ, tmp_path, False)
        out, err = fork.communicate(None, 20)
        assert (fork.returncode, out, err) == end
    finally:
        server.close()
