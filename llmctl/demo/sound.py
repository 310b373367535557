"""Sound without a voice: a tone for each token of a text, its pitch chosen by the token."""

from __future__ import annotations

import struct
import zlib

from llmctl.demo import tokens

RATE = 24_000
"""Samples a second: 16 bits, little end first, one channel."""
BYTES_PER_SECOND = 2 * RATE
_TONE = 0.08
"""Seconds a token takes at speed 1."""
_MOST = 50
"""Tokens that are spoken; a longer text ends there."""
_LOUDNESS = 6000


def pcm(text: str, speed: float = 1.0) -> bytes:
    """The samples; always the same for the same text and speed."""
    length = max(1, round(RATE * _TONE / speed))
    return b"".join(_tone(token, length) for token in tokens.split(text)[:_MOST])


def wav(samples: bytes) -> bytes:
    """A WAV file of such samples."""
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, BYTES_PER_SECOND, 2, 16)
    data = struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI4s", b"RIFF", 4 + len(head) + len(data), b"WAVE") + head + data


def seconds(size: int) -> float:
    """How long a file of that many bytes sounds, taken for one of ours."""
    return round(size / BYTES_PER_SECOND, 2)


def _tone(token: str, length: int) -> bytes:
    """A triangle of 200 to 800 Hz: whole numbers only, so that every machine makes the same."""
    half = 15 + zlib.crc32(token.encode("utf-8", "surrogatepass")) % 45  # samples it rises, and falls
    rising = [_LOUDNESS * (2 * step - half) // half for step in range(half)]
    wave = [*rising, *(-sample for sample in rising)]
    period = struct.pack(f"<{2 * half}h", *wave)
    return (period * (length // (2 * half) + 1))[: 2 * length]
