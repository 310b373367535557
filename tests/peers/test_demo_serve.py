"""OpenAI's own SDK against `llmctl demo serve` in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.cli import Cli

openai = pytest.importorskip("openai")
pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    runner = Cli(tmp_path_factory.mktemp("served"))
    process = runner.popen("demo", "serve", "--port", "0")
    url = process.stdout.readline().decode().strip().removeprefix("OPENAI_BASE_URL=")
    with openai.OpenAI(base_url=url, api_key="any", max_retries=0) as made:
        yield made
    runner.close()


def test_chat_and_stream_say_the_same(client: openai.OpenAI) -> None:
    asked = {"model": "demo", "messages": [{"role": "user", "content": "hello"}]}
    whole = client.chat.completions.create(**asked)
    pieces = client.chat.completions.create(**asked, stream=True)
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert text == whole.choices[0].message.content
    assert "demo provider" in text


def test_models_and_embeddings(client: openai.OpenAI) -> None:
    assert {"demo", "demo-embed"} <= {model.id for model in client.models.list()}
    one, two = client.embeddings.create(model="demo-embed", input=["a", "b"]).data
    assert len(one.embedding) == len(two.embedding)


def test_errors(client: openai.OpenAI) -> None:
    asked = {"messages": [{"role": "user", "content": "hello"}]}
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="demo-429", **asked)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nothing", **asked)
    with pytest.raises((openai.APIError, ValueError)):
        list(client.chat.completions.create(model="demo-garbage", stream=True, **asked))
