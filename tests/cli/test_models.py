"""`llmctl models`: the list, its cache, its filters."""

from __future__ import annotations

import json

import pytest

from support.upstream import Reply
from support.wire import error_body, models

PRICING = {"prompt": "0.000002", "completion": "0.00001"}
LIST = Reply(
    body={
        "data": [
            {"id": "org/big-chat", "context_length": 128000, "pricing": PRICING},
            {"id": "org/small-chat", "owned_by": "org", "max_model_len": 4096},
            {"id": "embedder"},
        ]
    }
)


def names(result):
    return [line.split("\t")[0] for line in result.check().out.splitlines()]


def age(work, seconds):
    """Make every cached list look older."""
    for path in work.cli.home.rglob("models/*.json"):
        entry = json.loads(path.read_text())
        path.write_text(json.dumps({**entry, "time": entry["time"] - seconds}))


def test_the_list_is_tab_separated_into_a_pipe(work, upstream):
    upstream.script(LIST)
    assert [line.split("\t") for line in work("models").check().out.splitlines()] == [
        ["embedder", "", "", "", ""],
        ["org/big-chat", "128000", "2", "10", ""],
        ["org/small-chat", "4096", "", "", "org"],
    ]


def test_json(work, upstream):
    upstream.script(LIST)
    rows = work("models", "--json").check().json()
    assert rows[1] == {
        "id": "org/big-chat",
        "owned_by": None,
        "created": None,
        "context": 128000,
        "input_price": 2.0,
        "output_price": 10.0,
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["CHAT"], ["org/big-chat", "org/small-chat"]),
        (["chat", "big"], ["org/big-chat"]),
        (["nothing-like-it"], []),
    ],
)
def test_filters(work, upstream, words, expected):
    upstream.script(LIST)
    result = work("models", *words)
    assert names(result) == expected
    assert ("no model matches" in result.err) == (not expected)


def test_the_list_is_kept_and_refreshed_when_asked(work, upstream):
    upstream.script(LIST, Reply(body=models("new")), Reply(body=models("newer")))
    assert len(names(work("models"))) == 3
    assert len(names(work("models"))) == 3
    assert len(upstream.requests) == 1
    assert names(work("models", "--refresh")) == ["new"]
    assert names(work("models")) == ["new"]
    age(work, 25 * 3600)
    assert names(work("models")) == ["newer"]


def test_another_address_has_a_list_of_its_own(work, upstream):
    upstream.script(LIST)
    names(work("models"))
    upstream.route("/two/v1/models", Reply(body=models("other")))
    work.configure(url=f"{upstream.url}/two")
    assert names(work("models")) == ["other"]


def test_an_old_list_is_better_than_none_when_the_network_fails(work, upstream):
    upstream.script(LIST)
    names(work("models"))
    age(work, 30 * 3600)
    upstream.default = Reply.refuse()
    result = work("models").check()
    assert len(names(result)) == 3
    assert "30 hours old" in result.err
    work("models", "--refresh").check(8)


def test_an_old_list_does_not_hide_a_rejected_key(work, upstream):
    upstream.script(LIST)
    names(work("models"))
    age(work, 30 * 3600)
    upstream.default = Reply(401, body=error_body("no"))
    work("models").check(4)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"time": "x"}', "null"])
def test_a_damaged_cache_is_no_problem(work, upstream, content):
    upstream.default = LIST
    names(work("models"))
    for path in work.cli.home.rglob("models/*.json"):
        path.write_text(content)
    assert len(names(work("models"))) == 3


def test_own_prices_beat_the_listed_ones(work, upstream):
    work.configure('[prices."work/embedder"]\ninput = 0.5')
    upstream.script(LIST)
    rows = work("models", "--json", "embedder").check().json()
    assert (rows[0]["input_price"], rows[0]["output_price"]) == (0.5, None)


def test_the_nearest_names_when_a_model_is_unknown(work, upstream):
    upstream.script(Reply(404, body=error_body("no such model", code="model_not_found")), LIST)
    result = work("chat", "-m", "org/bigchat", "Hi").check(5)
    assert "hint: did you mean org/big-chat" in result.err


def test_the_models_of_the_demo(cli):
    assert "demo-embed" in names(cli.run("models", "-p", "demo"))
