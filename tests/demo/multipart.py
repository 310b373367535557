"""multipart/form-data, as clients write it."""

from __future__ import annotations

Value = str | tuple[str, bytes]
"""A text, or the name and the bytes of a file."""


def multipart(*parts: tuple[str, Value], boundary: str = "cut-here") -> tuple[bytes, str]:
    """The body and its Content-Type."""
    body = b""
    for name, value in parts:
        told = f'Content-Disposition: form-data; name="{name}"'
        if isinstance(value, str):
            content = value.encode()
        else:
            told += f'; filename="{value[0]}"\r\nContent-Type: application/octet-stream'
            content = value[1]
        body += f"--{boundary}\r\n{told}\r\n\r\n".encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
