"""Builds by hand a tiny llama-architecture GGUF that makes sense as far as a test needs it.

Every token has a one-hot embedding, attention and feed-forward add nothing, and the output matrix is a table
that says which token follows which. So the model says one fixed sentence and stops; under a grammar (a JSON
schema, a required tool call) it closes strings and objects quickly instead of rambling on. Embeddings with
mean pooling compare texts by the tokens that they share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from support.llama import SENTENCE, THOUGHT

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
SPACE = "\u2581"
NEWLINE = "<0x0A>"
CONTEXT = 4096
HEADS, LAYERS, FEED_FORWARD = 4, 1, 64

IMPOSSIBLE, NEVER, RARELY, UNLIKELY, NEXT = -90.0, -60.0, -30.0, -10.0, 60.0
CLOSING = {'"': 25.0, "}": 20.0, "]": 15.0, ":": 10.0, "[": 8.0, "{": 7.0, ",": 5.0, "0": UNLIKELY}
"""How much each character wants to come next when nothing else is said: what closes JSON comes first."""


@dataclass
class Vocabulary:
    tokens: list[str] = field(default_factory=list)
    types: list[int] = field(default_factory=list)

    def add(self, kind: int, *tokens: str) -> None:
        self.tokens.extend(tokens)
        self.types.extend([kind] * len(tokens))

    def id(self, token: str) -> int:
        return self.tokens.index(token)

    def scores(self) -> list[float]:
        pairs = zip(self.tokens, self.types, strict=True)
        return [float(len(token)) if kind == NORMAL else 0.0 for token, kind in pairs]


def build(path: Path, *, think: bool = False) -> None:
    """Write the model; with `think` it reasons before it answers."""
    words = _vocabulary()
    writer = gguf.GGUFWriter(path, "llama")
    _write_settings(writer, words, think)
    _write_tensors(writer, _follow_table(words, think))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _vocabulary() -> Vocabulary:
    words = Vocabulary()
    words.add(UNKNOWN, "<unk>")
    words.add(CONTROL, "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|plan|>")
    words.add(USER_DEFINED, "<think>", "</think>", "<tool_call>", "</tool_call>")
    words.add(BYTE, *(f"<0x{byte:02X}>" for byte in range(256)))
    words.add(NORMAL, SPACE, *(chr(code) for code in range(33, 127)))
    words.add(NORMAL, *_pieces(SENTENCE.rstrip(".")), *_pieces(THOUGHT))
    while len(words.tokens) % 32:
        words.add(CONTROL, f"<|reserved_{len(words.tokens)}|>")
    return words


def _pieces(text: str) -> list[str]:
    """The words as tokens, each with the mark for the space before it."""
    return text.replace(" ", f" {SPACE}").split()


def _follow_table(words: Vocabulary, think: bool) -> Any:
    """Logits, one row for each possible next token and one column for each current one."""
    size = len(words.tokens)
    table = np.full((size, size), RARELY, np.float32)
    table[[at for at, kind in enumerate(words.types) if kind == BYTE], :] = NEVER
    table[[words.id(token) for token in ("<unk>", "<s>", "</s>", "<|im_start|>", "<|plan|>")], :] = IMPOSSIBLE
    table[words.id("<|im_end|>"), :] = 30.0  # stop as soon as that is allowed
    table[words.id("</tool_call>"), :] = 22.0  # end a tool call rather than start another
    for character, logit in CLOSING.items():
        table[words.id(character), :] = logit

    def say(*tokens: str) -> None:
        for current, following in pairwise(tokens):
            table[words.id(following), words.id(current)] = NEXT

    hello = [*_pieces(SENTENCE.rstrip(".")), ".", "<|im_end|>"]
    say('"', "x", '"')  # every free string is "x"
    thought = ["<think>", *_pieces(THOUGHT), "</think>"] if think else []
    say(NEWLINE, *thought, *hello)
    say("<|plan|>", "<tool_call>")  # the template ends with <|plan|> when tools are offered
    for character in [SPACE, *(chr(code) for code in range(33, 127))]:
        if character not in '"{}[],:.x':
            say(character, hello[0])  # a raw completion prompt starts the sentence
    return table


def _write_settings(writer: Any, words: Vocabulary, think: bool) -> None:
    size = len(words.tokens)
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(size)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(size // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(size)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words.tokens)
    writer.add_token_types(words.types)
    writer.add_token_scores(words.scores())
    writer.add_bos_token_id(words.id("<s>"))
    writer.add_eos_token_id(words.id("<|im_end|>"))
    writer.add_unk_token_id(words.id("<unk>"))
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(_template(think))


def _write_tensors(writer: Any, table: Any) -> None:
    size = len(table)
    noise = np.random.default_rng(0)

    def random(*shape: int) -> Any:
        return noise.normal(0, 0.02, shape).astype(np.float32)

    writer.add_tensor("token_embd.weight", np.eye(size, dtype=np.float32))
    writer.add_tensor("output_norm.weight", np.ones(size, np.float32))
    # after RMS normalisation a one-hot vector holds sqrt(size) at its place
    writer.add_tensor("output.weight", table / np.float32(np.sqrt(size)))
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        writer.add_tensor(f"{block}.attn_norm.weight", np.ones(size, np.float32))
        writer.add_tensor(f"{block}.ffn_norm.weight", np.ones(size, np.float32))
        for part in "qkv":
            writer.add_tensor(f"{block}.attn_{part}.weight", random(size, size))
        writer.add_tensor(f"{block}.attn_output.weight", np.zeros((size, size), np.float32))
        writer.add_tensor(f"{block}.ffn_gate.weight", random(FEED_FORWARD, size))
        writer.add_tensor(f"{block}.ffn_up.weight", random(FEED_FORWARD, size))
        writer.add_tensor(f"{block}.ffn_down.weight", np.zeros((size, FEED_FORWARD), np.float32))


def _template(think: bool) -> str:
    """The chat template: tool calls the Hermes way, which llama.cpp knows; reasoning if it thinks."""
    lines = (Path(__file__).parent / "tiny_template.jinja").read_text(encoding="utf-8").splitlines()
    return "".join(line.strip() for line in lines if think or "reasoning_content" not in line)
