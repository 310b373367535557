"""The process that looks prices up: [[provider, base_url, model], …] on stdin, [{price} or null, …] on stdout."""

from __future__ import annotations

import json
import sys
import time

from llmctl.store.ledger import Request
from llmctl.store.pricing import flat_price


def main() -> None:
    """Answer one list. A model that nobody knows is null."""
    answers = []
    for provider, base_url, model in json.load(sys.stdin):
        request = Request(time.time(), "serve", "", provider, base_url, model)
        price = flat_price(request)
        answers.append({"price": price} if price else None)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
