"""Which llmctl is tested, and that its version is told in one place only."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import llmctl

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(not os.environ.get("CI"), reason="only CI must test the installed package")
def test_the_installed_package_is_tested_and_not_the_checkout() -> None:
    home = Path(llmctl.__file__).resolve()
    assert "site-packages" in home.parts
    assert not home.is_relative_to(ROOT / "llmctl")


def test_the_newest_heading_of_the_changelog_is_this_version() -> None:
    changelog = ROOT / "CHANGELOG.md"
    if not changelog.exists():
        pytest.skip("CHANGELOG.md is not here")
    newest = re.search(r"^## \[?v?(\d[^\s\]]*)", changelog.read_text(encoding="utf-8"), re.MULTILINE)
    assert newest, "CHANGELOG.md has no heading with a version"
    assert newest[1] == llmctl.__version__
