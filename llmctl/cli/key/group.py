"""The table of `llmctl key`."""

from __future__ import annotations

from llmctl.cli.lazy import make_group

app = make_group(
    "Set, remove and test the keys of profiles.",
    {
        "set": ("llmctl.cli.key.set", "Set a profile's key, or say where it is."),
        "unset": ("llmctl.cli.key.unset", "Forget a profile's key."),
        "test": ("llmctl.cli.key.test", "See whether the provider takes the key."),
    },
)
