"""The `llmctl` command."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        _print_version()
        return
    if sys.argv[1:2] == ["__complete"]:
        from llmctl.cli.completion.entry import main as complete

        complete(sys.argv[2:])
        return
    from llmctl.cli.app import run

    sys.exit(run(sys.argv[1:]))


def _print_version() -> None:
    """Without the command line's imports, which take twice as long as Python itself."""
    from llmctl import __version__

    try:
        print(f"llmctl {__version__}", flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):
            print(f"error: the answer can't be written: {error.strerror}", file=sys.stderr)
            sys.exit(2)


if __name__ == "__main__":
    main()
