"""Budgets of profiles hold in the gateway too."""

from __future__ import annotations

import pytest

from support.gateway import Stage
from support.upstream import Reply
from support.wire import completion, text_stream, usage

CONFIG = """
[profiles.a]
base_url = "{a}"
retries = 0
budget = { usd_per_day = 0.5 }
[profiles.b]
base_url = "{b}"
retries = 0
budget = { usd_per_request = 0.001 }
[profiles.c]
base_url = "{c}"
retries = 0
[routes.either]
targets = ["a/dear", "c/cheap"]
[prices."a/dear"]
input = 100000.0
output = 0.0
[prices."b/m"]
input = 10.0
output = 0.0
"""


def test_a_day_that_is_spent(stage: Stage) -> None:
    """The answer that passes the limit is given, the next one is not asked for."""
    stage.a.default = stage.c.default = Reply(body=completion("fine", usage=usage(10, 5)))
    answer = stage.gateway.chat("a/dear")
    assert answer.status == 200
    assert float(answer.headers["x-llmctl-cost"]) > 0.5
    refused = stage.gateway.chat("a/dear")
    assert refused.status == 402
    assert refused.error["message"].startswith("a: the budget")
    assert int(refused.headers["retry-after"]) <= 86400
    assert len(stage.a.requests) == 1
    other = stage.gateway.chat("either")
    assert (other.status, other.headers["x-llmctl-profile"]) == (200, "c")
    assert len(stage.a.requests) == 1


def test_a_prompt_that_is_too_dear(stage: Stage) -> None:
    stage.b.default = Reply(body=completion("fine", usage=usage(10, 5)))
    assert stage.gateway.chat("b/m", "short").status == 200
    refused = stage.gateway.chat("b/m", "long " * 1000)
    assert refused.status == 402
    assert "prompt alone" in refused.error["message"]
    assert len(stage.b.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_without_usage_counts_about_what_it_took(serve, upstream, stream) -> None:
    """Else a provider that tells no usage would be free of all limits."""
    gateway = serve(
        f'[profiles.a]\nbase_url = "{upstream.url}"\nretries = 0\nbudget = {{ usd_per_day = 0.5 }}\n'
        '[prices."a/dear"]\ninput = 100000.0\noutput = 0.0\n'
    )
    upstream.default = Reply.sse(*text_stream("fine")) if stream else Reply(body=completion("fine"))
    assert [gateway.chat("a/dear", stream=stream).status for _ in range(2)] == [200, 402]


def test_a_picture_is_no_prompt_of_a_million_tokens(stage: Stage) -> None:
    stage.b.default = Reply(body=completion("fine", usage=usage(10, 5)))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgo" * 100_000}}
    body = {"model": "b/m", "messages": [{"role": "user", "content": [picture]}]}
    refused = stage.gateway.ask("POST", "/v1/chat/completions", body)
    assert refused.status == 402
    assert "$0.01" in refused.error["message"]  # 1000 tokens and a little, not 275,000
