"""`llmctl key test`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from llmctl.cli.options import TargetOptions, command
from llmctl.cli.session import open_session
from llmctl.cli.streams import Streams
from llmctl.errors import KeyMissing


@dataclass(frozen=True)
class TestOptions:
    """Options of `llmctl key test`."""

    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The profile; the current one if left out.")
    ] = None


def run(options: TestOptions, streams: Streams) -> None:
    """See whether the provider takes the key. Exit code 4 means that it does not.

    The list of models is asked for, or one token of an answer where there is no such list.
    """
    session = open_session(TargetOptions(profile=options.name, retries=0), streams)
    target = session.target
    if target.key() is None and target.auth != "none":
        raise KeyMissing(
            f"profile {target.profile} has no key", hint=f"set it with: llmctl key set {target.profile}"
        )

    async def ask(client: Any) -> None:
        if target.quirks("").model_list:
            await client.models()
        else:
            await client.chat("Say ok", max_tokens=16)

    session.run(ask)
    streams.say(
        f"{target.profile}: the provider takes the key"
        if target.key()
        else f"{target.profile}: works without a key"
    )


app = command(TestOptions, run, "llmctl key test groq && echo good")
