""".llmctl.toml: the profile and model of a project, found upwards from the working directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from llmctl.config.configfile import parse_toml
from llmctl.errors import ConfigError

FILE = ".llmctl.toml"


@dataclass(frozen=True)
class Project:
    """What the nearest .llmctl.toml says; `path` is None where there is none."""

    path: Path | None = None
    profile: str | None = None
    model: str | None = None


def find_project(start: Path) -> Project:
    """The nearest file upwards. It may hold `profile` and `model` only, and never a key: such a file
    comes with a repository, and may not decide where requests go. Raises ConfigError."""
    for folder in (start, *start.parents):
        path = folder / FILE
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"can't read {path}: {error}") from error
        return _read(path, text)
    return Project()


def _read(path: Path, text: str) -> Project:
    data = parse_toml(text, path)
    for key, value in data.items():
        if key not in ("profile", "model"):
            raise ConfigError(
                f"{path}: {key!r} is not allowed here; only profile and model are",
                hint="profiles and keys belong into your own config: llmctl profile add",
            )
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{path}: {key} must be a string that is not empty")
    return Project(path, data.get("profile"), data.get("model"))
