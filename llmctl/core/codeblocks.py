"""The fenced code blocks of an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\r|\n")
_OPEN = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^`]*\Z")


@dataclass(frozen=True)
class CodeBlock:
    """`language` is the fence's first word in lower case, "" without one. `code` ends with a line break."""

    language: str
    code: str


def code_blocks(text: str) -> Iterator[CodeBlock]:
    """All of them in order; one that is never closed goes to the end."""
    split = _LINE_END.split(text)
    lines = iter(split if split[-1] else split[:-1])
    for line in lines:
        opened = _OPEN.match(line)
        if not opened:
            continue
        fence, indent = opened[1], len(line) - len(line.lstrip(" "))
        close = re.compile(rf" {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}[ \t]*\Z")
        body: list[str] = []
        for inner in lines:
            if close.match(inner):
                break
            body.append(inner[min(indent, len(inner) - len(inner.lstrip(" "))) :])
        yield CodeBlock(opened[2].lower(), "".join(f"{inner}\n" for inner in body))


SAME = {
    "py": "python",
    "python3": "python",
    "js": "javascript",
    "ts": "typescript",
    "sh": "bash",
    "shell": "bash",
    "zsh": "bash",
    "console": "bash",
    "yml": "yaml",
    "md": "markdown",
    "rs": "rust",
    "rb": "ruby",
    "golang": "go",
    "c++": "cpp",
    "cs": "csharp",
    "c#": "csharp",
    "jsonc": "json",
    "docker": "dockerfile",
    "ps1": "powershell",
    "pwsh": "powershell",
}
"""Other names of a language -> the one that counts."""

_MORE = """
ada asm awk bat c clojure cmake css csv dart diff elixir elm erlang fish fortran graphql groovy haskell hcl html
http ini java jinja jsx jsonl julia kotlin latex less lisp lua make makefile matlab mermaid nginx nim nix objc
ocaml patch pascal perl php plaintext proto protobuf r regex rst scala scheme scss solidity sql svelte svg swift
tcl terraform tex text toml tsx txt typst vb verilog vim vue wasm xml zig
"""
LANGUAGES = frozenset({*SAME, *SAME.values(), *_MORE.split()})
"""What --extract takes for a language rather than for the prompt."""


def find_block(text: str, language: str = "") -> CodeBlock | None:
    """The first block, or the first in the language."""
    wanted = SAME.get(language.lower(), language.lower())
    for block in code_blocks(text):
        if not wanted or SAME.get(block.language, block.language) == wanted:
            return block
    return None
