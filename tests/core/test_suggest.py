"""The nearest known name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.suggest import did_you_mean, nearest

KNOWN = ["openai", "openrouter", "ollama", "groq", "gpt-6-luna", "openai/gpt-oss-120b"]


@pytest.mark.parametrize(
    ("word", "first"),
    [
        ("opnai", "openai"),
        ("grok", "groq"),
        ("GROQ", "groq"),
        ("olama", "ollama"),
        ("luna", "gpt-6-luna"),
        ("gpt-oss", "openai/gpt-oss-120b"),
        ("zzz", None),
        ("", None),
        ("un", None),
    ],
)
def test_nearest(word, first):
    assert next(iter(nearest(word, KNOWN)), None) == first


def test_the_writing_of_the_name_is_kept():
    assert nearest("minimax-m3", ["MiniMax-M3"]) == ["MiniMax-M3"]


def test_sentence():
    assert did_you_mean("opnai", KNOWN) == "did you mean openai?"
    assert did_you_mean("abx", ["aba", "abc"]) in ("did you mean aba or abc?", "did you mean abc or aba?")
    assert did_you_mean("zzz", KNOWN) is None
    assert did_you_mean("x", []) is None


@given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=8), st.integers(1, 4))
def test_any_names(word, known, most):
    names = nearest(word, known, most)
    assert len(names) <= most
    assert len(set(names)) == len(names)
    assert set(names) <= set(known)
