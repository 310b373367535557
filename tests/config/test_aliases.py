"""The table [aliases]."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmctl.config.aliases import check_alias, read_aliases
from llmctl.config.configfile import load_config
from llmctl.errors import ConfigError, UsageError


def config(tmp_path: Path, text: str):
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_names_and_models(tmp_path):
    text = '[aliases]\nfast = "groq/openai/gpt-oss-120b"\n"a.b:1" = "x"\n'
    assert read_aliases(config(tmp_path, text)) == {"fast": "groq/openai/gpt-oss-120b", "a.b:1": "x"}


def test_none(tmp_path):
    assert read_aliases(config(tmp_path, "")) == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("aliases = 3", "aliases must be a table"),
        ("[aliases]\nfast = 3", "aliases.fast must be a model"),
        ('[aliases]\nfast = " "', "aliases.fast must be a model"),
    ],
)
def test_mistakes_name_file_and_key(tmp_path, text, why):
    with pytest.raises(ConfigError, match=why) as caught:
        read_aliases(config(tmp_path, text))
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize("name", ["fast", "a.b", "gpt-4:latest", "4o", "A_b"])
def test_names_that_can_be(name):
    assert check_alias(name) == name


@pytest.mark.parametrize("name", ["", "a/b", "-a", ".a", "a b", "a\n", "ä", "a=b"])
def test_names_that_can_not_be(name):
    with pytest.raises(UsageError, match="can't be an alias"):
        check_alias(name)
