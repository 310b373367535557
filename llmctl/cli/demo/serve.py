"""`llmctl demo serve`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from llmctl.cli.options import command
from llmctl.cli.streams import Streams

PORT = 4010


@dataclass(frozen=True)
class ServeOptions:
    """Options of `llmctl demo serve`."""

    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 takes any free one.")] = (
        PORT
    )
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1"


def run(options: ServeOptions, streams: Streams) -> None:
    """Run the demo provider for other programs, until Ctrl-C.

    It answers chat, tools, JSON schemas, embeddings, models, images, speech, transcripts and
    moderations, always in the same way and without a key. The models demo-slow, demo-cut, demo-429,
    demo-500, demo-garbage, demo-think and demo-length show what can go wrong.
    """
    from llmctl.demo.server import DemoServer

    server = DemoServer(options.host, options.port)
    server.start()
    streams.out(f"OPENAI_BASE_URL={server.base_url}")
    streams.say(f"the demo provider listens on {server.base_url}, any key will do; Ctrl-C ends it")
    server.serve_forever()


app = command(
    ServeOptions,
    run,
    """
llmctl demo serve
llmctl demo serve --port 8123
curl -s http://127.0.0.1:4010/v1/models
""",
)
