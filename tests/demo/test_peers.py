"""Programs that we did not write, against the demo provider."""

from __future__ import annotations

import base64
import json
import math
import subprocess
import sys
from enum import Enum

import pytest
from pydantic import BaseModel, Field

pytestmark = pytest.mark.peer
openai = pytest.importorskip("openai")


@pytest.fixture(scope="module")
def client(demo):
    with openai.OpenAI(base_url=demo.base_url, api_key="any", max_retries=0) as made:
        yield made


def ask(client, prompt="hello", model="demo", **more):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": prompt}], **more)


def test_llm_comply(demo):
    pytest.importorskip("llm_comply")
    target = ["--base-url", demo.base_url, "--model", "demo", "--api-key", "any"]
    command = [sys.executable, "-m", "llm_comply.cli", "--format", "openai-chat", *target, "--json"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    report = json.loads(shown.stdout)
    assert report["summary"]["failed"] == 0


def test_chat(client):
    answer = ask(client)
    assert "demo provider" in answer.choices[0].message.content
    assert answer._request_id.startswith("req_")


def test_stream(client):
    whole = ask(client)
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage


def test_stream_helper_puts_a_tool_call_together(client):
    tool = {
        "type": "function",
        "function": {
            "name": "add",
            "strict": True,
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
                "required": ["a", "b"],
                "additionalProperties": False,
            },
        },
    }
    messages = [{"role": "user", "content": "add"}]
    with client.chat.completions.stream(model="demo", messages=messages, tools=[tool]) as stream:
        final = stream.get_final_completion()
    made = final.choices[0].message.tool_calls[0]
    assert made.function.parsed_arguments == {"a": 1, "b": 1}
    messages += [
        final.choices[0].message.model_dump(exclude={"parsed"}),
        {"role": "tool", "tool_call_id": made.id, "content": "2"},
    ]
    after = client.chat.completions.create(model="demo", messages=messages, tools=[tool])
    assert "“2”" in after.choices[0].message.content


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    name: str
    colour: Colour
    parts: list[Part]


class Thing(BaseModel):
    title: str
    weight: float = Field(gt=10)
    note: str | None
    main: Part


def test_parse(client):
    answer = client.chat.completions.parse(
        model="demo", messages=[{"role": "user", "content": "a thing"}], response_format=Thing
    )
    parsed = answer.choices[0].message.parsed
    assert isinstance(parsed, Thing)
    assert parsed.main.parts


def test_embeddings(client):
    sdk_default = client.embeddings.create(model="demo-embed", input=["one", "two"])
    floats = client.embeddings.create(model="demo-embed", input=["one", "two"], encoding_format="float")
    assert [item.embedding for item in sdk_default.data] == [item.embedding for item in floats.data]
    assert math.isclose(math.hypot(*floats.data[0].embedding), 1, abs_tol=1e-6)


def test_models(client):
    assert "demo" in [model.id for model in client.models.list()]
    assert client.models.retrieve("demo-embed").owned_by == "llmctl"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("org/other")


def test_images(client):
    made = client.images.generate(model="demo-image", prompt="a cat", size="256x256")
    assert base64.b64decode(made.data[0].b64_json).startswith(b"\x89PNG")


def test_image_edits(client):
    made = client.images.edit(model="demo-image", image=("cat.png", b"\x89PNG"), prompt="a hat", n=2)
    assert len(made.data) == 2


def test_audio(client):
    spoken = client.audio.speech.create(model="demo-tts", voice="alloy", input="hello").read()
    assert spoken.startswith(b"RIFF")
    heard = client.audio.transcriptions.create(model="demo-whisper", file=("a.wav", spoken))
    assert f"a.wav, which has {len(spoken)} bytes" in heard.text
    text = client.audio.transcriptions.create(
        model="demo-whisper",
        file=("a.wav", spoken),
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )
    assert text.words[0].word == "The"
    with pytest.raises(openai.BadRequestError, match="'wav' and 'pcm'"):
        client.audio.speech.create(model="demo-tts", voice="alloy", input="hello", response_format="mp3")


def test_moderations(client):
    good, bad = client.moderations.create(input=["hello", "demo-flag"]).results
    assert (good.flagged, bad.flagged, bad.categories.harassment) == (False, True, True)


def test_completions(client):
    whole = client.completions.create(model="demo", prompt="Once", logprobs=1)
    streamed = client.completions.create(model="demo", prompt="Once", stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed) == whole.choices[0].text


def test_errors(client):
    with pytest.raises(openai.RateLimitError) as limited:
        ask(client, model="demo-429")
    assert limited.value.code == "rate_limit_exceeded"
    with pytest.raises(openai.InternalServerError):
        ask(client, model="demo-500")
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, extra_body={"nonsense": 1})
    assert refused.value.param == "nonsense"
    with pytest.raises(openai.AuthenticationError):
        ask(client.with_options(api_key="bad-key"))
    with pytest.raises(openai.APIConnectionError):
        ask(client, model="demo-cut")
