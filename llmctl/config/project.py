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
    path, data = _nearest(start)
    if path is None:
        return Project()
    try:
        return _read(path, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"can't read {path}: {error}") from error


def project_file(start: Path) -> Path | None:
    """Where the nearest file upwards is, whatever it says. Raises ConfigError for one that can't be read."""
    return _nearest(start)[0]


def _nearest(start: Path) -> tuple[Path | None, bytes]:
    for folder in (start, *start.parents):
        path = folder / FILE
        try:
            return path, path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:
            if folder != start:
                continue  # somebody else's, above our own folders
            raise ConfigError(f"can't read {path}: permission denied") from None
        except OSError as error:
            raise ConfigError(f"can't read {path}: {error}") from error
    return None, b""


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
