"""Writes the files that are made of the code: llmctl/data/llmctl.1, and the README's reference.

    python tests/support/refresh_reference.py

Needs llmctl installed from this checkout (pip install -e .). A test fails while they are out of date.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAN = ROOT / "llmctl" / "data" / "llmctl.1"
README = ROOT / "README.md"
BEGIN, END = "<!-- reference -->\n", "<!-- /reference -->\n"


def printed(option: str) -> str:
    """What `llmctl help` prints with an option."""
    command = [sys.executable, "-m", "llmctl", "help", option]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode()


def reference_in(readme: str) -> str:
    """The text between the README's two markers."""
    return readme.split(BEGIN)[1].split(END)[0]


def main() -> None:
    """Write both files."""
    MAN.write_text(printed("--man"), encoding="ascii")
    readme = README.read_text(encoding="utf-8")
    fresh = readme.replace(BEGIN + reference_in(readme) + END, f"{BEGIN}\n{printed('--markdown')}\n{END}")
    README.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
