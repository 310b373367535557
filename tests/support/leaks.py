"""The secrets that tests use, and a recorder that fails the session when one of them shows up where it mustn't.

Whatever the tool writes (stdout, stderr, terminals, every file under its home) goes through `recorder`. A test
that runs the tool some other way hands its output over with `recorder.add(source, data)`.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Collection
from pathlib import Path

TEST_KEY = "sk-test-" + "q7Zt2VbN9xKc4LwR8mHd3PfYs6GjA1Ue"
SECOND_KEY = "sk-test-" + "B5nXv0TkM3rQz8CyJ6pWf2DhLs9EgU4a"
HEADER_SECRET = "hdr-" + "Xe3Rk8Vw1Tq6Zb0Nc5My9Ls2Hd7Gf4Ja"
PROXY_USER = "proxy-user"
PROXY_PASSWORD = "pw-" + "T4gYh7Ws0Kd2Xp9Cv6Bn3Mz8Lq5Fr1Ej"
PROXY_BASIC = base64.b64encode(f"{PROXY_USER}:{PROXY_PASSWORD}".encode()).decode()
"""What a Proxy-Authorization header says after `Basic `."""
DATABASE_PASSWORD = "pw-" + "Hy4Rf8Wq2Zt6Xc0Vb5Nm9Lk3Js7Gd1Pa"

SECRETS = {
    "TEST_KEY": TEST_KEY,
    "SECOND_KEY": SECOND_KEY,
    "HEADER_SECRET": HEADER_SECRET,
    "PROXY_PASSWORD": PROXY_PASSWORD,
    "PROXY_BASIC": PROXY_BASIC,
    "DATABASE_PASSWORD": DATABASE_PASSWORD,
}


def secrets_in(data: bytes | str) -> list[str]:
    """The names of the secrets that stand in the data."""
    data = data.encode() if isinstance(data, str) else data
    return [name for name, secret in SECRETS.items() if secret.encode() in data]


class Recorder:
    """Looks at everything that it is given and keeps only what is wrong."""

    def __init__(self) -> None:
        self.findings: list[str] = []
        self.looked_at = 0

    def add(self, source: str, data: bytes | str) -> None:
        """Note every secret in this output. `source` says where it came from."""
        self.looked_at += 1
        for name in secrets_in(data):
            self.findings.append(f"{name} in {_without_secrets(source)}")

    def add_folder(self, source: str, folder: Path, key_files: Collection[Path] = ()) -> None:
        """Note every secret in the folder's files. `key_files` may hold some, readable only by their owner."""
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.is_symlink():
                continue
            data = path.read_bytes()
            if path not in key_files:
                self.add(f"{path.relative_to(folder)} of {source}", data)
            elif os.name == "posix" and secrets_in(data) and path.stat().st_mode & 0o077:
                mode = path.stat().st_mode & 0o777
                self.findings.append(f"{path.relative_to(folder)} of {source} holds a key, but has mode {mode:o}")


def _without_secrets(text: str) -> str:
    for name, secret in SECRETS.items():
        text = text.replace(secret, f"<{name}>")
    return text


recorder = Recorder()
"""The session's recorder."""
