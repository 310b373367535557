"""OpenAI's own SDK through `llmctl serve`: on the demo provider, and on llama.cpp's server."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from support.cli import Cli
from support.gateway import GatewayProcess
from support.llama import MODEL, SENTENCE, LlamaServer

openai = pytest.importorskip("openai")
pytestmark = pytest.mark.peer

HELLO = [{"role": "user", "content": "hello"}]
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": CITY, "strict": True}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "place", "schema": CITY, "strict": True}}
KEYS = {"message", "type", "param", "code"}


class Place(BaseModel):
    city: str
    people: list[str]


def started(folder: Any, config: str = "") -> tuple[Cli, GatewayProcess]:
    cli = Cli(folder)
    cli.write_config(f"{config}\n[serve]\ndrain = 0.3\n")
    return cli, GatewayProcess(cli)


def ended(cli: Cli, gateway: GatewayProcess) -> None:
    code = gateway.stop()
    cli.close()
    assert (code, "Traceback" in gateway.said) == (0, False), gateway.said


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that knows only the demo provider. By a route's name a test finds its line of the log."""
    slow = "".join(f'[routes.{name}]\ntargets = ["demo/demo-slow"]\n' for name in ("late", "left"))
    cli, process = started(tmp_path_factory.mktemp("sdk"), slow)
    yield process
    ended(cli, process)


@pytest.fixture(scope="module")
def client(gateway: GatewayProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.base_url, api_key="any", max_retries=0) as made:
        yield made


def text_of(chunks: Any) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def ask(client: openai.OpenAI, model: str = "demo/demo", **params: Any) -> Any:
    return client.chat.completions.create(model=model, messages=HELLO, **params)


# the demo provider


def test_chat(client: openai.OpenAI) -> None:
    got = client.chat.completions.with_raw_response.create(model="demo/demo", messages=HELLO)
    answer = got.parse()
    assert "demo provider" in answer.choices[0].message.content
    assert answer.usage.total_tokens > 0
    assert answer._request_id.startswith("req_")
    assert (got.headers["x-llmctl-profile"], got.headers["x-llmctl-model"]) == ("demo", "demo")


def test_stream(client: openai.OpenAI) -> None:
    whole = ask(client)
    plain = list(ask(client, stream=True))
    assert text_of(plain) == whole.choices[0].message.content
    assert plain[-1].choices[0].finish_reason == "stop"
    assert {chunk.id for chunk in plain} == {whole.id}
    assert not any(chunk.usage for chunk in plain)
    counted = list(ask(client, stream=True, stream_options={"include_usage": True}))
    assert (counted[-1].choices, counted[-1].usage) == ([], whole.usage)
    assert text_of(counted) == whole.choices[0].message.content


def test_async(gateway: GatewayProcess) -> None:
    async def talk() -> tuple[Any, str, Any]:
        async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key="any", max_retries=0) as client:
            create = client.chat.completions.create
            whole, stream, vectors = await asyncio.gather(
                create(model="demo/demo", messages=HELLO),
                create(model="demo/demo", messages=HELLO, stream=True),
                client.embeddings.create(model="demo/demo-embed", input="x"),
            )
            return whole, text_of([chunk async for chunk in stream]), vectors

    whole, text, vectors = asyncio.run(talk())
    assert whole.choices[0].message.content == text
    assert len(vectors.data[0].embedding) == 256


def test_tools(client: openai.OpenAI) -> None:
    whole = ask(client, tools=[TOOL], tool_choice="required").choices[0]
    (call,) = whole.message.tool_calls
    assert (whole.finish_reason, call.function.name) == ("tool_calls", "get_weather")
    assert json.loads(call.function.arguments).keys() == {"city"}
    with client.chat.completions.stream(
        model="demo/demo", messages=HELLO, tools=[TOOL], tool_choice="required"
    ) as stream:
        final = stream.get_final_completion()
    made = final.choices[0].message.tool_calls[0]
    assert (made.id, made.function.parsed_arguments) == (call.id, json.loads(call.function.arguments))
    answered = {"role": "tool", "tool_call_id": made.id, "content": "22 degrees"}
    asked = [*HELLO, final.choices[0].message.model_dump(exclude={"parsed"}), answered]
    after = client.chat.completions.create(model="demo/demo", messages=asked, tools=[TOOL])
    assert "22 degrees" in after.choices[0].message.content


def test_parse(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(model="demo/demo", messages=HELLO, response_format=Place)
    assert isinstance(answer.choices[0].message.parsed, Place)


def test_embeddings(client: openai.OpenAI) -> None:
    """The SDK asks for base64 where its user says nothing."""
    coded = client.embeddings.create(model="demo/demo-embed", input=["one", "two"])
    floats = client.embeddings.create(model="demo/demo-embed", input=["one", "two"], encoding_format="float")
    assert [item.embedding for item in coded.data] == [item.embedding for item in floats.data]
    assert math.isclose(math.hypot(*floats.data[0].embedding), 1, abs_tol=1e-6)
    assert (
        len(client.embeddings.create(model="demo/demo-embed", input=[1, 2], dimensions=8).data[0].embedding) == 8
    )


def test_images(client: openai.OpenAI) -> None:
    made = client.images.generate(model="demo/demo-image", prompt="a cat", size="64x64", n=2)
    pictures = [base64.b64decode(picture.b64_json) for picture in made.data]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    edited = client.images.edit(
        model="demo/demo-image", image=[("a.png", pictures[0]), ("b.png", pictures[1])], prompt="a hat"
    )
    assert edited.usage.input_tokens_details.image_tokens == 2
    assert base64.b64decode(edited.data[0].b64_json).startswith(b"\x89PNG")


def test_audio(client: openai.OpenAI) -> None:
    spoken = client.audio.speech.create(model="demo/demo-tts", voice="alloy", input="hello").read()
    assert spoken.startswith(b"RIFF")
    speech = client.audio.speech.with_streaming_response
    with speech.create(model="demo/demo-tts", voice="alloy", input="hello", response_format="pcm") as response:
        assert b"".join(response.iter_bytes()) == spoken[44:]
    create = client.audio.transcriptions.create
    heard = create(model="demo/demo-whisper", file=("grüße.wav", spoken))
    assert f"grüße.wav, which has {len(spoken)} bytes" in heard.text
    assert create(model="demo/demo-whisper", file=("a.wav", spoken), response_format="srt").startswith(
        "1\n00:00:00"
    )
    with pytest.raises(openai.BadRequestError, match="'wav' and 'pcm'"):
        client.audio.speech.create(model="demo/demo-tts", voice="alloy", input="x", response_format="mp3")


def test_a_large_upload(client: openai.OpenAI) -> None:
    data = bytes(range(256)) * 4 * 1024 * 10
    heard = client.audio.transcriptions.create(model="demo/demo-whisper", file=("long.wav", data))
    assert f"has {len(data)} bytes" in heard.text


def test_moderations(client: openai.OpenAI) -> None:
    good, bad = client.moderations.create(model="demo/demo", input=["hello", "demo-flag"]).results
    assert (good.flagged, bad.flagged) == (False, True)
    assert not client.moderations.create(input="no model named").results[0].flagged


def test_models(client: openai.OpenAI) -> None:
    listed = {model.id for model in client.models.list()}
    assert {"demo/demo", "demo/demo-embed", "demo/demo-tts"} <= listed
    assert client.models.retrieve("demo/demo-embed").id == "demo/demo-embed"
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("demos/demo")
    assert "demo/demo" in missing.value.message


def test_completions(client: openai.OpenAI) -> None:
    whole = client.completions.create(model="demo/demo", prompt="Once", logprobs=1)
    streamed = client.completions.create(model="demo/demo", prompt="Once", stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed) == whole.choices[0].text


@pytest.mark.parametrize(
    ("params", "kind", "code"),
    [
        ({"model": "demo/demo-429", "stream": True}, "RateLimitError", "rate_limit_exceeded"),
        ({"model": "demo/demo-embed"}, "NotFoundError", "model_not_found"),
        ({"model": "nobody/nothing"}, "NotFoundError", "model_not_found"),
        ({"model": ""}, "BadRequestError", None),
        ({"extra_body": {"nonsense": 1}}, "BadRequestError", "unknown_parameter"),
        ({"temperature": 9, "stream": True}, "BadRequestError", "decimal_above_max_value"),
    ],
)
def test_errors(client: openai.OpenAI, params: dict[str, Any], kind: str, code: str | None) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, **params)
    error = caught.value
    assert type(error).__name__ == kind
    assert error.body.keys() == KEYS
    assert error.message
    if code:
        assert error.code == code


def test_a_cut_stream_is_an_error(client: openai.OpenAI) -> None:
    """The text up to there comes; then the SDK raises what the gateway says in the stream."""
    pieces: list[Any] = []
    with pytest.raises(openai.APIError) as caught:
        pieces.extend(ask(client, model="demo/demo-cut", stream=True))
    assert "broke off" in caught.value.message
    with pytest.raises(openai.InternalServerError) as whole:
        ask(client, model="demo/demo-cut")
    assert whole.value.status_code == 502


def test_spent_retries_are_not_multiplied(gateway: GatewayProcess) -> None:
    """The SDK heeds x-should-retry: false."""
    with openai.OpenAI(base_url=gateway.base_url, api_key="any", max_retries=5) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            ask(client, model="demo/demo-500")
        assert (caught.value.code, caught.value.body.keys()) == ("server_error", KEYS)
        assert caught.value.response.headers["x-should-retry"] == "false"
        assert caught.value.response.request.headers["x-stainless-retry-count"] == "0"


def test_a_timeout_of_the_client(gateway: GatewayProcess, client: openai.OpenAI) -> None:
    """It cancels the request, and other requests go on."""
    slow = client.with_options(timeout=0.3)
    with pytest.raises(openai.APITimeoutError):
        ask(slow, model="late", extra_headers={"x-demo-delay": "30"})
    assert '"outcome": "client_left"' in gateway.wait_said('"model": "late"')
    assert ask(client.with_options(timeout=20)).choices


def test_a_client_that_closes_a_stream(gateway: GatewayProcess, client: openai.OpenAI) -> None:
    """What was asked of the provider ends with it."""
    with ask(client, model="left", stream=True, extra_headers={"x-demo-delay": "1"}) as stream:
        first = next(iter(stream))
    assert first.choices
    assert '"outcome": "client_left"' in gateway.wait_said('"model": "left"')
    assert ask(client).choices


def test_unknown_endpoints_pass(client: openai.OpenAI) -> None:
    """The demo provider has no files: its own 404 comes back."""
    for call in (client.files.list, lambda: client.files.create(file=("a.txt", b"x"), purpose="batch")):
        with pytest.raises(openai.NotFoundError) as caught:
            call()
        assert "Invalid URL" in caught.value.message
        assert (caught.value.code, caught.value.body.keys()) == ("unknown_url", KEYS)


def test_llm_comply(gateway: GatewayProcess) -> None:
    pytest.importorskip("llm_comply")
    target = ["--base-url", gateway.base_url, "--model", "demo/demo", "--api-key", "any"]
    command = [sys.executable, "-m", "llm_comply.cli", "--format", "openai-chat", *target, "--json"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert json.loads(shown.stdout)["summary"]["failed"] == 0


# llama.cpp


@pytest.fixture(scope="module")
def llama_gateway(
    llama: LlamaServer, llama_embed: LlamaServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    """A gateway with llama.cpp behind it, once for chat and once for embeddings."""
    config = f"""
    current = "llama"
    [profiles.llama]
    base_url = "{llama.url}/v1"
    retries = 0
    [profiles.vectors]
    base_url = "{llama_embed.url}/v1"
    """
    cli, process = started(tmp_path_factory.mktemp("llama"), config)
    yield process
    ended(cli, process)


@pytest.fixture(scope="module")
def local(llama_gateway: GatewayProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=llama_gateway.base_url, api_key="any", max_retries=0) as made:
        yield made


def test_llama_chat_and_stream(local: openai.OpenAI) -> None:
    whole = ask(local, f"llama/{MODEL}")
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == (SENTENCE, "stop")
    plain = list(ask(local, f"llama/{MODEL}", stream=True))
    assert text_of(plain) == SENTENCE
    assert not any(chunk.usage for chunk in plain)
    counted = list(ask(local, f"llama/{MODEL}", stream=True, stream_options={"include_usage": True}))
    assert counted[-1].usage.completion_tokens > 0
    assert len({chunk.id for chunk in counted}) == 1


def test_llama_tools(local: openai.OpenAI) -> None:
    asked = {"tools": [TOOL], "tool_choice": "required"}
    (call,) = ask(local, f"llama/{MODEL}", **asked).choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "x"})
    with local.chat.completions.stream(model=f"llama/{MODEL}", messages=HELLO, **asked) as stream:
        final = stream.get_final_completion().choices[0]
    assert final.finish_reason == "tool_calls"
    assert final.message.tool_calls[0].function.parsed_arguments == {"city": "x"}


def test_llama_json_schema(local: openai.OpenAI) -> None:
    answer = ask(local, f"llama/{MODEL}", response_format=SCHEMA)
    assert json.loads(answer.choices[0].message.content) == {"city": "x"}


def test_llama_embeddings(local: openai.OpenAI) -> None:
    create = local.embeddings.create
    one, same, other = create(model=f"vectors/{MODEL}", input=["hi", "hi", "Z"]).data
    assert one.embedding == pytest.approx(same.embedding)
    assert one.embedding != pytest.approx(other.embedding)
    (plain,) = create(model=f"vectors/{MODEL}", input="hi", encoding_format="float").data
    assert plain.embedding == pytest.approx(one.embedding)


def test_llama_models(local: openai.OpenAI) -> None:
    assert {f"llama/{MODEL}", f"vectors/{MODEL}"} <= {model.id for model in local.models.list()}
    assert local.models.retrieve(f"llama/{MODEL}").owned_by == "llama"


def test_llama_completions(local: openai.OpenAI) -> None:
    assert local.completions.create(model=f"llama/{MODEL}", prompt="Once", max_tokens=4).choices[0].text
    streamed = local.completions.create(model=f"llama/{MODEL}", prompt="Once", max_tokens=4, stream=True)
    assert [chunk.choices[0].finish_reason for chunk in streamed][-1] in ("stop", "length")


def test_llama_responses(local: openai.OpenAI) -> None:
    assert local.responses.create(model=f"llama/{MODEL}", input="hello").output_text == SENTENCE
    kinds, text = [], ""
    for event in local.responses.create(model=f"llama/{MODEL}", input="hello", stream=True):
        kinds.append(event.type)
        text += event.delta if event.type == "response.output_text.delta" else ""
    assert (kinds[0], kinds[-1], text) == ("response.created", "response.completed", SENTENCE)


def test_llama_messages(llama_gateway: GatewayProcess) -> None:
    anthropic = pytest.importorskip("anthropic")
    root = llama_gateway.base_url.removesuffix("/v1")
    asked = {"model": f"llama/{MODEL}", "max_tokens": 64, "messages": HELLO}
    with anthropic.Anthropic(base_url=root, api_key="any", max_retries=0) as client:
        whole = client.messages.create(**asked)
        assert (whole.content[0].text, whole.stop_reason) == (SENTENCE, "end_turn")
        with client.messages.stream(**asked) as stream:
            assert "".join(stream.text_stream) == SENTENCE
        with pytest.raises(anthropic.NotFoundError) as unknown:
            client.messages.create(**{**asked, "model": "llama/"})
        assert unknown.value.body["error"]["type"] == "not_found_error"
        assert unknown.value.request_id == unknown.value.response.headers["x-llmctl-id"]


def test_llama_tells_the_gateway_what_responses_and_messages_took(llama_gateway: GatewayProcess) -> None:
    for path, body in (
        ("/v1/responses", {"input": "hello"}),
        ("/v1/messages", {"messages": HELLO, "max_tokens": 64}),
    ):
        for stream in (False, True):
            answer = llama_gateway.ask("POST", path, {"model": f"llama/{MODEL}", "stream": stream, **body})
            assert answer.whole
            attempt = llama_gateway.noted(answer)["attempts"][0]
            assert attempt["prompt_tokens"] > 0
            assert attempt["completion_tokens"] > 0


def test_llama_errors(local: openai.OpenAI, llama: LlamaServer) -> None:
    """llama.cpp's code is a number, and it names no param: the envelope has its four keys all the same."""
    with openai.OpenAI(base_url=f"{llama.url}/v1", api_key="any", max_retries=0) as direct:
        for messages in ([{"role": "nobody"}], [{"role": "user", "content": "word " * 8000}]):
            caught = []
            for client, model in ((direct, MODEL), (local, f"llama/{MODEL}")):
                with pytest.raises(openai.APIStatusError) as raised:
                    client.chat.completions.create(model=model, messages=messages)
                caught.append(raised.value)
            own, ours = caught
            assert (ours.status_code, type(ours)) == (own.status_code, type(own))
            assert ours.body["message"] == own.body["message"]
            assert ours.body.keys() >= KEYS
            assert not own.body.keys() >= KEYS
            assert own.body.keys() <= ours.body.keys()
            assert ours.body["code"] is None or isinstance(ours.body["code"], str)
