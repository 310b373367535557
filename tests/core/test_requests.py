"""Request bodies with the provider's quirks applied."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.quirks import Quirks
from llmctl.core.requests import Body, chat_body, completion_body, embedding_body, user_message

HELLO = [{"role": "user", "content": "hello"}]


def chat(
    messages: list[dict[str, Any]] = HELLO,
    params: dict[str, Any] | None = None,
    stream: bool = False,
    **quirks: Any,
) -> Body:
    return chat_body("m", messages, params or {}, Quirks(**quirks), stream)


def sent(message: dict[str, Any], **quirks: Any) -> dict[str, Any]:
    """The message as it goes out."""
    (fitted,) = chat([message], **quirks).json["messages"]
    return fitted


def test_a_plain_request():
    body = chat()
    assert body.json == {"model": "m", "messages": HELLO}
    assert body.notes == []


def test_user_message():
    assert user_message("hello") == HELLO
    assert user_message("hello", "be brief") == [{"role": "system", "content": "be brief"}, *HELLO]


# ---- Parameters ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "quirks", "expected", "notes"),
    [
        pytest.param({"seed": 1, "x": {"y": 1}}, {}, {"seed": 1, "x": {"y": 1}}, 0, id="passed through"),
        pytest.param({"seed": None, "n": 0}, {}, {"n": 0}, 0, id="None is left out, 0 is not"),
        pytest.param({"seed": 1, "n": 2}, {"drop": ("seed",)}, {"n": 2}, 1, id="dropped, with a note"),
        pytest.param({"n": 2}, {"drop": ("seed",)}, {"n": 2}, 0, id="no note for what wasn't there"),
        pytest.param({"seed": None}, {"drop": ("seed",)}, {}, 0, id="no note for None"),
        pytest.param({"max_tokens": 5}, {"rename": {"max_tokens": "mct"}}, {"mct": 5}, 0, id="renamed"),
        pytest.param(
            {"max_tokens": 5, "mct": 7},
            {"rename": {"max_tokens": "mct"}},
            {"mct": 7},
            0,
            id="the provider's own wins",
        ),
        pytest.param(
            {"mct": 7, "max_tokens": 5}, {"rename": {"max_tokens": "mct"}}, {"mct": 7}, 0, id="in any order"
        ),
        pytest.param(
            {"max_tokens": 5, "mct": None}, {"rename": {"max_tokens": "mct"}}, {"mct": 5}, 0, id="None is no rival"
        ),
        pytest.param(
            {"max_tokens": 5}, {"rename": {"max_tokens": "max_tokens"}}, {"max_tokens": 5}, 0, id="renaming undone"
        ),
    ],
)
def test_parameters(params, quirks, expected, notes):
    for body in (
        chat(params=params, **quirks),
        completion_body("m", "p", params, Quirks(**quirks), stream=False),
        embedding_body("m", [], params, Quirks(**quirks)),
    ):
        rest = {
            name: value
            for name, value in body.json.items()
            if name not in ("model", "messages", "prompt", "input")
        }
        assert rest == expected
        assert len(body.notes) == notes
    assert all("seed" in note for note in body.notes)


def test_stream_asks_for_usage():
    assert chat(stream=True).json["stream_options"] == {"include_usage": True}
    assert chat(stream=True).json["stream"] is True
    assert "stream_options" not in chat().json


@pytest.mark.parametrize("quirks", [{"usage": "always"}, {"usage": "never"}, {"drop": ("stream_options",)}])
def test_stream_does_not_ask_for_usage(quirks):
    body = chat(stream=True, **quirks)
    assert body.json["stream"] is True
    assert "stream_options" not in body.json
    assert body.notes == []


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"include_obfuscation": False}, {"include_usage": True, "include_obfuscation": False}),
        ({"include_usage": False}, {"include_usage": False}),
    ],
)
def test_the_users_own_stream_options_are_kept(given, options):
    assert chat(params={"stream_options": given}, stream=True).json["stream_options"] == options


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("required", "any"),
        ("auto", "auto"),
        ({"type": "function", "function": {"name": "f"}}, "any"),
        (None, None),
    ],
)
def test_tool_choice(choice, expected):
    body = chat(params={"tool_choice": choice}, tool_choice={"required": "any", "function": "any"})
    assert body.json.get("tool_choice") == expected


def test_a_named_tool_choice_goes_out_as_it_is():
    choice = {"type": "function", "function": {"name": "f"}}
    assert chat(params={"tool_choice": choice}).json["tool_choice"] == choice


# ---- Messages ------------------------------------------------------------------------------------


def test_roles():
    quirks = {"roles": {"developer": "system"}}
    assert sent({"role": "developer", "content": "x"}, **quirks)["role"] == "system"
    assert sent({"role": "user", "content": "x"}, **quirks)["role"] == "user"


CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(("taken", "content"), [(True, None), (False, "")])
def test_null_content(taken, content):
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    assert sent(message, null_content=taken) == {**message, "content": content}
    without = {"role": "assistant", "tool_calls": [CALL]}
    assert sent(without, null_content=taken) == without


PARTS = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}


@pytest.mark.parametrize(
    ("joined", "content", "expected"),
    [
        (False, PARTS, PARTS),
        (True, PARTS, "a\nb"),
        (True, [*PARTS, IMAGE], [*PARTS, IMAGE]),
        (True, "a", "a"),
    ],
)
def test_text_content(joined, content, expected):
    assert sent({"role": "user", "content": content}, text_content=joined)["content"] == expected


@pytest.mark.parametrize(
    ("replay", "expected"),
    [("", {}), ("reasoning_content", {"reasoning_content": "why"}), ("reasoning", {"reasoning": "why"})],
)
def test_reasoning_goes_back_only_where_it_is_wanted(replay, expected):
    message = {"role": "assistant", "content": "x", "reasoning": "why"}
    assert sent(message, replay_reasoning=replay) == {"role": "assistant", "content": "x", **expected}
    assert sent({**message, "reasoning": None}, replay_reasoning=replay) == {"role": "assistant", "content": "x"}


def system(content: Any) -> dict[str, Any]:
    return {"role": "system", "content": content}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param(HELLO, HELLO, id="none"),
        pytest.param([system("a"), *HELLO], [system("a"), *HELLO], id="one at the start"),
        pytest.param([*HELLO, system("a")], [system("a"), *HELLO], id="one later"),
        pytest.param([system("a"), *HELLO, system("b")], [system("a\n\nb"), *HELLO], id="two"),
        pytest.param([system("a"), system("a"), *HELLO], [system("a\n\na"), *HELLO], id="two alike"),
        pytest.param(
            [system("a"), {"role": "developer", "content": "b"}, *HELLO],
            [system("a\n\nb"), *HELLO],
            id="a developer's among them",
        ),
        pytest.param([system("a"), *HELLO, system(PARTS)], [system("a\n\na\nb"), *HELLO], id="one in parts"),
    ],
)
def test_one_system_message(messages, expected):
    assert chat(messages, merge_system=True, roles={"developer": "system"}).json["messages"] == expected
    assert chat(messages).json["messages"] == messages


# ---- The other endpoints -------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["hello", ["a", "b"], [1, 2], [[1], [2]]])
def test_completions(prompt):
    assert completion_body("m", prompt, {}, Quirks(), stream=False).json == {"model": "m", "prompt": prompt}
    streamed = completion_body("m", prompt, {"n": 2}, Quirks(), stream=True).json
    assert streamed == {
        "model": "m",
        "prompt": prompt,
        "n": 2,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_embeddings():
    body = embedding_body("m", ("a", "b"), {"encoding_format": "base64", "dimensions": 4}, Quirks())
    assert body.json == {"model": "m", "input": ["a", "b"], "encoding_format": "base64", "dimensions": 4}


def test_embeddings_without_base64():
    body = embedding_body("m", ["a"], {"encoding_format": "base64"}, Quirks(embedding_base64=False))
    assert body.json == {"model": "m", "input": ["a"]}


def test_fields_that_embeddings_must_carry():
    quirks = Quirks(embedding_body={"input_type": "query"})
    assert embedding_body("m", ["a"], {}, quirks).json["input_type"] == "query"
    assert embedding_body("m", ["a"], {"input_type": "passage"}, quirks).json["input_type"] == "passage"
    assert quirks.embedding_body == {"input_type": "query"}


contents = st.none() | st.text(max_size=3) | st.lists(st.sampled_from([*PARTS, IMAGE]), max_size=3)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "developer", "user", "assistant", "tool"]), "content": contents},
        optional={"reasoning": st.text(max_size=3), "tool_calls": st.just([CALL])},
    ),
    max_size=5,
)
params = st.dictionaries(st.sampled_from(["seed", "n", "max_tokens", "stop"]), st.none() | st.integers())
quirks = st.builds(
    Quirks,
    drop=st.sampled_from([(), ("seed",)]),
    roles=st.sampled_from([{}, {"developer": "system"}]),
    merge_system=st.booleans(),
    text_content=st.booleans(),
    null_content=st.booleans(),
    replay_reasoning=st.sampled_from(["", "reasoning"]),
)


@given(messages, params, quirks, st.booleans())
def test_what_is_given_stays_as_it_was(messages, params, quirks, stream):
    before = copy.deepcopy((messages, params, quirks))
    body = chat_body("m", messages, params, quirks, stream)
    assert (messages, params, quirks) == before
    assert [m for m in body.json["messages"] if m["role"] == "user"] or not [
        m for m in messages if m["role"] == "user"
    ]
