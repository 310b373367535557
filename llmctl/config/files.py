"""Files that must not be lost or read by others: atomic writes, mode 0600, one writer at a time."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from llmctl.errors import ConfigError
from llmctl.platforms import try_lock

LOCK_SECONDS = 30.0


def write_private(path: Path, data: bytes) -> None:
    """Replace the file at once, mode 0600; a link is followed, the folder is made. Raises ConfigError."""
    path = _replaceable(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with mode 0600
    except OSError as error:
        raise ConfigError(f"can't write {path}: {error.strerror or error}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError as error:
        raise ConfigError(f"can't write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that belongs to a file, waiting for it. The lock file stays: removing it would race."""
    lock = _replaceable(path)
    lock = lock.with_name(f".{lock.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigError(f"can't write {lock.parent}: {error.strerror or error}") from error
    try:
        try:
            _lock(handle, lock)
        except OSError as error:  # a file system without locks
            raise ConfigError(f"can't lock {lock}: {error.strerror or error}") from error
        yield
    finally:
        os.close(handle)  # closing gives the lock back


def _replaceable(path: Path) -> Path:
    """The real path of a regular file, or of one that is to be made. A device such as /dev/null is neither."""
    path = Path(os.path.realpath(path))
    if os.path.exists(path) and not path.is_file():
        raise ConfigError(f"can't write {path}: it is no regular file")
    return path


def _lock(handle: int, path: Path) -> None:
    """Wait for the lock. Raises ConfigError after LOCK_SECONDS: editing takes milliseconds."""
    end = time.monotonic() + LOCK_SECONDS
    while not try_lock(handle):
        if time.monotonic() > end:
            message = f"another program has held the lock {path} for {LOCK_SECONDS:g} s"
            raise ConfigError(message, hint="is a llmctl stopped somewhere?")
        time.sleep(0.02)
