"""`llmctl serve key revoke`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.serve.keys import keys_to_change
from llmctl.cli.streams import Streams


@dataclass(frozen=True)
class RevokeOptions:
    """Options of `llmctl serve key revoke`."""

    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name or id, or the key itself.")]


def run(options: RevokeOptions, streams: Streams) -> None:
    """Revoke a key for good. A running gateway refuses it within seconds; its name is free again."""
    with keys_to_change(streams) as keys:
        key = keys.revoke(options.name)
    streams.say(f"revoked {key.name} ({key.id})")


app = command(RevokeOptions, run, "llmctl serve key revoke laptop")
