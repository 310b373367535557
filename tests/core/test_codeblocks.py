"""The fenced code blocks of an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmctl.core.codeblocks import LANGUAGES, SAME, CodeBlock, code_blocks, find_block

LINES = st.lists(st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"])), max_size=6)


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("", []),
        ("no code, `only` this", []),
        ("```\na\n```", [("", "a\n")]),
        ("```Python\na\n\nb\n```\ntext\n~~~ sh title=x\nls\n~~~", [("python", "a\n\nb\n"), ("sh", "ls\n")]),
        ("````md\n```py\nx\n```\n````", [("md", "```py\nx\n```\n")]),
        ("```\na\n~~~\n```", [("", "a\n~~~\n")]),
        ("```\na\n```` ", [("", "a\n")]),
        ("```py\nnever closed", [("py", "never closed\n")]),
        ("```py\nnever closed\n", [("py", "never closed\n")]),
        ("```py\nnever closed\r\n", [("py", "never closed\n")]),
        ("```py\n", [("py", "")]),
        ("- item\n  ```py\n    x\n  y\n  ```", [("py", "  x\ny\n")]),
        ("```py\r\na\r\n```\r\n", [("py", "a\n")]),
        ("```a`b\nno fence", []),
        ("    ```\n    indented code", []),
    ],
)
def test_blocks(text, blocks):
    assert [(block.language, block.code) for block in code_blocks(text)] == blocks


@given(LINES.filter(lambda lines: not any(line.lstrip(" ").startswith("```") for line in lines)))
def test_code_is_kept_to_the_last_character(lines):
    """Also with form feeds and U+2028, which are no line ends in code."""
    code = "".join(f"{line}\n" for line in lines)
    assert list(code_blocks(f"```py\n{code}```\n")) == [CodeBlock("py", code)]


@given(st.text(alphabet="`~ \n\r\tab", max_size=60))
def test_any_text_has_an_end(text):
    for block in code_blocks(text):
        assert block.code == "" or block.code.endswith("\n")


@pytest.mark.parametrize(
    ("language", "code"),
    [("", "1\n"), ("python", "1\n"), ("PY", "1\n"), ("sh", "2\n"), ("shell", "2\n"), ("rust", None)],
)
def test_find(language, code):
    block = find_block("```python3\n1\n```\n```bash\n2\n```", language)
    assert (block.code if block else None) == code


def test_other_names_lead_to_one_that_counts():
    assert not set(SAME.values()) & set(SAME)
    assert all(name == name.lower() and " " not in name for name in LANGUAGES)
