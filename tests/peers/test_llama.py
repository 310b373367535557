"""Our client and command line against llama.cpp's own server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from llmctl import Client, LlmctlError, Target
from llmctl.client.blocking import BlockingTransport, drive
from support.cli import Cli
from support.llama import MODEL, SENTENCE, THOUGHT, LlamaServer

pytestmark = pytest.mark.peer

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "place", "schema": CITY}}
Ask = Callable[..., Any]


@pytest.fixture(params=["httpx", "blocking"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """ask(server, call): what `call(client)` returns, over each transport."""

    def run(server: LlamaServer | str, call: Callable[[Client], Any], model: str | None = MODEL) -> Any:
        url = server if isinstance(server, str) else f"{server.url}/v1"
        target = Target("llama", url, model=model, embedding_model=model, retries=0)

        async def closing(**more: Any) -> Any:
            async with Client(target, **more) as client:
                return await call(client)

        if request.param == "httpx":
            return asyncio.run(closing())
        return drive(closing(transport=BlockingTransport(target.tls, None, {})))

    return run


async def streamed(client: Client, **params: Any) -> Any:
    stream = client.stream("Hi", **params)
    async for _ in stream:
        pass
    return stream.answer


def test_chat(llama: LlamaServer, ask: Ask) -> None:
    answer = ask(llama, lambda client: client.chat("Hi"))
    assert (answer.content, answer.finish_reason) == (SENTENCE, "stop")
    assert answer.usage.completion_tokens > 0


def test_stream(llama: LlamaServer, ask: Ask) -> None:
    answer = ask(llama, streamed)
    assert (answer.content, answer.finish_reason, answer.complete) == (SENTENCE, "stop", True)
    assert answer.usage.prompt_tokens > 0


def test_a_cut_answer(llama: LlamaServer, ask: Ask) -> None:
    answer = ask(llama, lambda client: streamed(client, max_tokens=2))
    assert answer.finish_reason == "length"
    assert SENTENCE.startswith(answer.content)


@pytest.mark.parametrize("whole", [True, False])
def test_tools(llama: LlamaServer, ask: Ask, whole: bool) -> None:
    params = {"tools": [TOOL], "tool_choice": "required"}
    answer = ask(llama, lambda client: client.chat("Hi", **params) if whole else streamed(client, **params))
    (call,) = answer.tool_calls
    assert (call.name, json.loads(call.arguments), answer.finish_reason) == (
        "get_weather",
        {"city": "x"},
        "tool_calls",
    )


def test_json_schema(llama: LlamaServer, ask: Ask) -> None:
    answer = ask(llama, lambda client: streamed(client, response_format=SCHEMA))
    assert json.loads(answer.content) == {"city": "x"}


def test_reasoning(llama_think: LlamaServer, ask: Ask) -> None:
    answer = ask(llama_think, streamed)
    assert (answer.reasoning, answer.content) == (THOUGHT, SENTENCE)


def test_completions(llama: LlamaServer, ask: Ask) -> None:
    answer = ask(llama, lambda client: client.complete("Once", max_tokens=4))
    assert answer.finish_reason in ("length", "stop")


def test_embeddings(llama_embed: LlamaServer, ask: Ask) -> None:
    one, same, other = ask(llama_embed, lambda client: client.embed(["hi", "hi", "Z"])).vectors
    assert list(one) == pytest.approx(list(same))
    assert list(one) != pytest.approx(list(other))


def test_models(llama: LlamaServer, ask: Ask) -> None:
    assert [model.id for model in ask(llama, lambda client: client.models())] == [MODEL]
    assert ask(llama, lambda client: client.chat("Hi"), model=None).content == SENTENCE


def test_errors(llama: LlamaServer, ask: Ask) -> None:
    with pytest.raises(LlmctlError) as failure:
        ask(llama, lambda client: client.chat([{"role": "nobody"}]))
    assert failure.value.exit_code in (5, 7)
    with pytest.raises(LlmctlError) as failure:
        ask(llama, lambda client: client.chat("word " * 8000))
    assert failure.value.code == "context_too_long"


@pytest.mark.parametrize("form", ["{}", "{}/", "{}/v1", "{}/v1/", "{}/v1/chat/completions", "{}/chat/completions"])
def test_every_form_of_the_address(llama: LlamaServer, cli: Cli, form: str) -> None:
    cli.run("profile", "add", "llama", "--base-url", form.format(llama.url)).check()
    assert cli.run("chat", "Hi").check().out == f"{SENTENCE}\n"


def test_the_command_line(llama: LlamaServer, cli: Cli) -> None:
    at = ["--base-url", f"{llama.url}/v1"]
    answer = cli.run("chat", *at, "--json", "Hi").check().json()
    assert (answer["content"], answer["finish_reason"]) == (SENTENCE, "stop")
    assert answer["usage"]["total_tokens"] > 0
    assert cli.run("models", *at).check().out.split("\t")[0] == MODEL
    assert cli.run("chat", *at, "--strict", "--max-tokens", "2", "Hi").code == 11
    schema = ["-o", f"response_format={json.dumps(SCHEMA)}"]
    assert json.loads(cli.run("chat", *at, *schema, "Hi").check().out) == {"city": "x"}


def test_reasoning_on_the_command_line(llama_think: LlamaServer, cli: Cli) -> None:
    result = cli.run("chat", "--base-url", llama_think.url, "--show-reasoning", "Hi").check()
    assert result.out == f"{SENTENCE}\n"
    assert THOUGHT.strip() in result.err


def test_embeddings_on_the_command_line(llama_embed: LlamaServer, cli: Cli) -> None:
    rows = cli.run("embed", "--base-url", llama_embed.url, "hi", "Z").check().jsonl()
    assert [row["text"] for row in rows] == ["hi", "Z"]
    assert len(rows[0]["embedding"]) == len(rows[1]["embedding"])


def test_a_server_with_a_key(llama_models: dict[str, Any], cli: Cli) -> None:
    with LlamaServer(llama_models["chat"], api_key="local-secret") as server:
        at = ["--base-url", f"{server.url}/v1", "-m", MODEL]
        assert cli.run("chat", *at, "Hi").code == 4
        assert (
            cli.run("chat", *at, "--key", "env:K", "Hi", env={"K": "local-secret"}).check().out == f"{SENTENCE}\n"
        )
