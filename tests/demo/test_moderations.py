"""Moderations: nothing is flagged but what asks for it."""

from __future__ import annotations

import pytest

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}


@pytest.fixture
def judge(call):
    return lambda given, **more: call("POST", "/v1/moderations", {"input": given, **more})


@pytest.mark.parametrize(
    ("given", "flagged"),
    [
        ("hello", [False]),
        ("a demo-flag here", [True]),
        (["hello", "demo-flag"], [False, True]),
        ([{"type": "text", "text": "hello"}, {"type": "text", "text": "demo-flag"}, PICTURE], [True]),
        ([PICTURE], [False]),
    ],
)
def test_results(judge, given, flagged):
    body = judge(given).json
    assert [result["flagged"] for result in body["results"]] == flagged
    assert body["id"] == judge(given).json["id"]
    for result in body["results"]:
        assert any(result["categories"].values()) == result["flagged"]
        assert all(
            (score > 0.5) == result["categories"][name] for name, score in result["category_scores"].items()
        )
        assert result["category_applied_input_types"].keys() == result["categories"].keys()


def test_kinds_of_content(judge):
    body = judge([{"type": "text", "text": "x"}, PICTURE]).json
    assert body["results"][0]["category_applied_input_types"]["violence"] == ["image", "text"]


@pytest.mark.parametrize(
    "bad",
    [None, [], 1, {}, [1], ["a", 1], [{"type": "audio"}], [{"type": "text"}], [{"type": "image_url"}],
     [{"type": "image_url", "image_url": {}}]],
)  # fmt: skip
def test_refused(judge, bad):
    got = judge(bad)
    assert got.status == 400
    assert got.json["error"]["param"].startswith("input")


def test_models(judge):
    assert judge("x", model="demo").json["model"] == "demo"
    assert judge("x", model="demo-500").status == 500
    assert judge("x", model="demo-embed").status == judge("x", model="omni").status == 404
