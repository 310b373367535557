"""The table of `llmctl demo`."""

from __future__ import annotations

from llmctl.cli.lazy import make_group

app = make_group(
    "The demo provider: no model, no network, no key.",
    {"serve": ("llmctl.cli.demo.serve", "Run it for other programs.")},
)
