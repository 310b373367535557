"""The files of a folder, as git sees it."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from llmctl.attach.folder import files_in
from llmctl.errors import UsageError


@pytest.fixture
def tree(tmp_path):
    """tree({name: text}): files below a repository's folder, which it returns."""

    def make(files):
        top = tmp_path / "repo"
        (top / ".git").mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            (top / name).write_text(text, encoding="utf-8")
        return top

    return make


def names(folder, below=None):
    return [path.relative_to(below or folder).as_posix() for path in files_in(folder)]


def test_sorted_files_before_folders_without_hidden_ones(tree):
    top = tree({"b.py": "", "a/z.py": "", "c.py": "", ".env": "", ".github/x.yml": ""})
    assert names(top) == ["b.py", "c.py", "a/z.py"]


RULES = {
    ".gitignore": "*.log\n/build/\n!keep.log\nnode_modules\ndocs/*.txt\n**/tmp/\n\\#x\n# comment\n\n  \n",
    "sub/.gitignore": "*.py\n!*.log\n/local\n",
    "sub/deep/.gitignore": "!b.py\n",
}
FILES = (
    *("a.log", "keep.log", "build/x", "src/build/x", "node_modules/x", "src/node_modules/y", "docs/a.txt"),
    *("docs/deep/a.txt", "src/tmp/x", "#x", "a.py", "sub/a.py", "sub/a.log", "sub/local/x", "sub/deep/local/x"),
    *("sub/deep/b.py", "sub/deep/c.py", "sub/deep/c.log"),
)


def test_ignore_files_of_parents_with_negation_and_nested(tree):
    top = tree({**RULES, **dict.fromkeys(FILES, "x")})
    kept = {"keep.log", "src/build/x", "docs/deep/a.txt", "a.py", "sub/a.log"}
    kept |= {"sub/deep/local/x", "sub/deep/b.py", "sub/deep/c.log"}
    assert set(names(top)) == kept
    assert set(names(top / "sub", top)) == {name for name in kept if name.startswith("sub/")}
    assert set(names(top / "sub/deep", top)) == {name for name in kept if name.startswith("sub/deep/")}


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_itself_agrees(tree):
    top = tree({**RULES, **dict.fromkeys(FILES, "x")})
    shutil.rmtree(top / ".git")
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "-q", top], check=True, env=env)
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"], cwd=top, check=True, env=env, capture_output=True
    ).stdout.decode()
    assert set(names(top)) == {name for name in listed.split() if not name.endswith(".gitignore")}


def test_what_stands_above_the_repository_does_not_count(tree, tmp_path):
    (tmp_path / ".gitignore").write_text("*.py\n")
    assert names(tree({"a.py": "", "sub/b.py": ""}) / "sub") == ["b.py"]


def test_without_a_repository_only_its_own_rules_count(tmp_path):
    (tmp_path / ".gitignore").write_text("*.py\n")
    (tmp_path / "sub").mkdir()
    for name in ("a.py", "a.log"):
        (tmp_path / "sub" / name).write_text("x")
    assert names(tmp_path / "sub") == ["a.log", "a.py"]
    (tmp_path / "sub/.gitignore").write_text("*.log\n")
    assert names(tmp_path / "sub") == ["a.py"]


def test_a_path_with_dots_in_it(tree, tmp_path):
    """`..` is resolved: the rules are those of the folders that hold it, and only those."""
    top = tree({".gitignore": "*.py\n", "one/x": "", "two/a.py": "", "two/b.log": ""})
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a.py").touch()
    assert [path.name for path in files_in(top / "one/../two")] == ["b.log"]
    assert [path.name for path in files_in(top / "one/../../outside")] == ["a.py"]


def test_links_are_not_followed(tree, tmp_path):
    top = tree({"a.py": ""})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/secret.txt").write_text("x")
    try:
        (top / "folder").symlink_to(tmp_path / "elsewhere")
        (top / "file.txt").symlink_to(tmp_path / "elsewhere/secret.txt")
        (top / "circle").symlink_to(top)
    except OSError:
        pytest.skip("this system makes no links here")
    assert names(top) == ["a.py"]


def test_what_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="can't read"):
        names(tmp_path / "nowhere")
