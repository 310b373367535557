"""The three styles of docstrings, and whatever else people write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.tools.docstrings import parse_docstring

GOOGLE = """Adds numbers.

    More about it.

    Args:
        a (int): The first
            of them.
        *b: The second: a number.

    Returns:
        int: The sum.
    """
NUMPY = """
    Adds numbers.

    Parameters
    ----------
    a : int
        The first
        of them.
    b, c : int, optional
        The others.

    Returns
    -------
    int
        The sum.
    """
SPHINX = """Adds numbers.

    :param int a: The first
        of them.
    :param b: The second.
    :type b: int
    :returns: The sum.
    """


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (GOOGLE, {"a": "The first of them.", "b": "The second: a number."}),
        (NUMPY, {"a": "The first of them.", "b": "The others.", "c": "The others."}),
        (SPHINX, {"a": "The first of them.", "b": "The second."}),
        ("Adds numbers.", {}),
        ("Adds\n    numbers.\n\n    A note: nothing.", {}),
    ],
)
def test_styles(text: str, arguments: dict[str, str]) -> None:
    assert parse_docstring(text) == ("Adds numbers.", arguments)


@pytest.mark.parametrize("text", [None, "", "  \n "])
def test_nothing(text: str | None) -> None:
    assert parse_docstring(text) == ("", {})


def test_arguments_without_a_description() -> None:
    assert parse_docstring("Args:\n    a: One.") == ("", {"a": "One."})
    assert parse_docstring(":param a: One.") == ("", {"a": "One."})


PIECES = st.sampled_from(["Args:", "Parameters", "----", ":param a: x", "a: b", "a : int", "", "word", "Returns:"])


@given(st.lists(st.tuples(st.integers(0, 8), PIECES)).map(lambda rows: "\n".join(" " * n + x for n, x in rows)))
def test_anything_can_be_read(text: str) -> None:
    about, arguments = parse_docstring(text)
    assert "\n" not in about
    assert all(name.isidentifier() and "\n" not in said for name, said in arguments.items())
