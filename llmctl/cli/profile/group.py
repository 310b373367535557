"""The table of `llmctl profile`."""

from __future__ import annotations

from llmctl.cli.lazy import make_group

app = make_group(
    "Add, show, change and test profiles: named providers with their address, key and default model.",
    {
        "add": ("llmctl.cli.profile.add", "Add a profile, of a known provider or of any address."),
        "list": ("llmctl.cli.profile.list", "List the profiles."),
        "show": ("llmctl.cli.profile.show", "Show everything about a profile."),
        "edit": ("llmctl.cli.profile.edit", "Change a profile."),
        "remove": ("llmctl.cli.profile.remove", "Remove a profile and its stored key."),
        "rename": ("llmctl.cli.profile.rename", "Give a profile another name."),
        "test": ("llmctl.cli.profile.test", "Ask the provider, and say what works."),
    },
)
