"""One of several processes that share a port: `python -m llmctl.gateway.worker FD announce|quiet`.

Its Setup comes as a line on stdin, whose end tells that the parent is gone.
"""

from __future__ import annotations

import json
import os
import socket
import sys

from llmctl.errors import LlmctlError
from llmctl.gateway.server import Server, say
from llmctl.gateway.setup import Setup


def main() -> int:
    """Serve on the socket that was handed over."""
    setup = Setup(**json.loads(sys.stdin.readline()))
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        try:
            server = Server(setup, os.environ)
        except LlmctlError as error:
            say(error.message)
            return error.exit_code
        server.run(listening, announce=sys.argv[2] == "announce", lifeline=sys.stdin.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
