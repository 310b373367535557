"""The text files of a folder, as git sees it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from llmctl.errors import UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MOST_FILES = 2000


def files_in(folder: Path) -> Iterator[Path]:
    """Its files, sorted; without hidden ones, what .gitignore names, and links that lead elsewhere."""
    yield from _walk(folder, _specs_above(_absolute(folder)))


Specs = list[tuple[Path, "GitIgnoreSpec"]]


def _walk(folder: Path, specs: Specs) -> Iterator[Path]:
    own = _spec(_absolute(folder))
    specs = [*specs, (_absolute(folder), own)] if own else specs
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: (entry.is_dir(), entry.name))
    except OSError as error:
        raise UsageError(f"can't read {folder}: {error.strerror or error}") from error
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        path, is_folder = folder / entry.name, entry.is_dir()
        if _ignored(_absolute(path), is_folder, specs):
            continue
        if is_folder:
            yield from _walk(path, specs)
        elif entry.is_file():
            yield path


def _absolute(path: Path) -> Path:
    """Without `..`, so that the folders above are those that hold it."""
    return Path(os.path.abspath(path))


def _specs_above(folder: Path) -> Specs:
    """The .gitignore files from the repository's top down to the folder's parent."""
    parents = list(folder.parents)
    if (folder / ".git").exists():
        return []
    top = next((at for at, parent in enumerate(parents) if (parent / ".git").exists()), None)
    if top is None:
        return []
    found = ((parent, _spec(parent)) for parent in reversed(parents[: top + 1]))
    return [(parent, spec) for parent, spec in found if spec]


def _spec(folder: Path) -> GitIgnoreSpec | None:
    try:
        text = (folder / ".gitignore").read_text("utf-8", "replace")
    except OSError:
        return None
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(text.splitlines())


def _ignored(path: Path, is_folder: bool, specs: Specs) -> bool:
    """The nearest .gitignore that says something about the path decides."""
    for base, spec in reversed(specs):
        verdict = spec.check_file(path.relative_to(base).as_posix() + ("/" if is_folder else "")).include
        if verdict is not None:
            return verdict
    return False
