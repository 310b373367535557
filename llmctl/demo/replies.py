"""What the demo provider says."""

from __future__ import annotations

import re

from llmctl.demo.messages import Message, attachments, is_tool_result, last_of, text_of

HELLO = "This is the demo provider of llmctl: no model, no network."
HOW_TO_GO_ON = (
    "For real answers, add a provider: `llmctl init` asks for what it needs, "
    "`llmctl profile add` does it in one line."
)
THOUGHTS = (
    "The user wrote to a demo. There is no model here that could think, "
    "so I only pretend to, and then answer the same as always."
)

_CODE = '''```python
def greet(name: str) -> str:
    """The same answer for the same name."""
    return f"Hello, {name}!"
```'''
_TABLE = """| model | what it does |
|---|---|
| `demo` | answers at once |
| `demo-think` | thinks first |
| `demo-slow` | takes its time |"""
_MARKDOWN = f"""## A little of everything

Some **bold**, some *italic*, some `code`, and [a link](https://example.com).

1. first
2. second
   - with a point of its own

> A quotation, for good measure.

{_TABLE}

{_CODE}"""
_SAMPLES = {"markdown": _MARKDOWN, "table": _TABLE, "code": _CODE}


def reply(messages: list[Message], index: int = 0, choices: int = 1) -> str:
    """The answer in words to a conversation; `index` tells several choices apart."""
    last = messages[-1]
    if is_tool_result(last):
        said = f"The tool answered: {quoted(text_of(last))}"
    else:
        said = f"You said: {quoted(text_of(last_of(messages, 'user')))}"
    paragraphs = [f"{HELLO} {said}", _remarks(messages), _sample(messages), HOW_TO_GO_ON]
    if choices > 1:
        paragraphs.append(f"(Answer {index + 1} of {choices}.)")
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def quoted(text: str, most: int = 300) -> str:
    """A text in quotation marks, shortened when it is long."""
    text = text.strip()
    if not text:
        return "nothing."
    return f"“{text}”" if len(text) <= most else f"“{text[:most].rstrip()}…” ({len(text)} characters)"


def _remarks(messages: list[Message]) -> str:
    remarks = []
    if carried := attachments(last_of(messages, "user")):
        remarks.append(f"You attached {' and '.join(_amount(n, what) for what, n in carried.items())}.")
    if system := text_of(last_of(messages, "system", "developer")):
        remarks.append(f"Your system prompt arrived ({_amount(len(system.split()), 'word')}).")
    turns = sum(message["role"] == "user" for message in messages)
    if turns > 1:
        remarks.append(f"This is turn {turns} of our conversation.")
    return " ".join(remarks)


def _amount(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _sample(messages: list[Message]) -> str:
    words = set(re.findall(r"\w+", text_of(last_of(messages, "user")).lower()))
    return next((sample for word, sample in _SAMPLES.items() if word in words), "")
