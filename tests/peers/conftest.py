"""Servers that we did not write, for the tests to talk to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.llama import LlamaServer


@pytest.fixture(scope="session")
def llama_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The GGUF files, built once a session."""
    missing = [module for module in ("xllamacpp", "gguf", "numpy") if find_spec(module) is None]
    if missing:
        reason = f"needs {' and '.join(missing)} to run llama.cpp's own server"
        if os.environ.get("LLMCTL_REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    from support import tiny_gguf

    folder = tmp_path_factory.mktemp("gguf")
    models = {"chat": folder / "tiny.gguf", "think": folder / "tiny-think.gguf"}
    tiny_gguf.build(models["chat"])
    tiny_gguf.build(models["think"], think=True)
    return models


@pytest.fixture(scope="session")
def llama(llama_models: dict[str, Path]) -> Iterator[LlamaServer]:
    """llama.cpp with a model that chats and calls tools."""
    with LlamaServer(llama_models["chat"]) as server:
        yield server


@pytest.fixture(scope="session")
def llama_think(llama_models: dict[str, Path]) -> Iterator[LlamaServer]:
    """llama.cpp with a model that reasons before it answers."""
    with LlamaServer(llama_models["think"]) as server:
        yield server


@pytest.fixture(scope="session")
def llama_embed(llama_models: dict[str, Path]) -> Iterator[LlamaServer]:
    """llama.cpp with embeddings."""
    with LlamaServer(llama_models["chat"], embedding=True) as server:
        yield server
