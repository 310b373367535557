"""Prompts' files, and where they are looked for."""

from __future__ import annotations

import pytest

from llmctl.config.prompts import check_prompt_name, find_prompt, list_prompts, read_prompt_file
from llmctl.errors import ConfigError, UsageError


@pytest.fixture
def place(tmp_path):
    """place(folder, name, text): a prompt's file; the config is config.toml in tmp_path."""

    def write(folder, name, text="prompt = 'x'"):
        path = tmp_path / folder / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_all_that_a_file_may_say(place):
    text = """
        description = "About it"
        system = "Be {{how}}."
        prompt = "{{ input }} in {{language}}, {{how}}"
        model = "work/small"
        schema = "name str"
        defaults = { language = "Go", how = 3 }
        params = { temperature = 0 }
    """
    prompt = read_prompt_file(place("prompts", "p", text))
    assert (prompt.name, prompt.description, prompt.model) == ("p", "About it", "work/small")
    assert prompt.variables == ["how", "language"]
    assert (prompt.defaults, prompt.params) == ({"language": "Go", "how": "3"}, {"temperature": 0})
    assert prompt.schema == "name str"


def test_a_byte_order_mark_and_windows_line_ends(place):
    text = "\ufeffprompt = '''\r\none\r\ntwo'''\r\n".encode()
    assert read_prompt_file(place("prompts", "p", text)).prompt.split() == ["one", "two"]


def test_the_nearest_project_hides_what_is_further_away(place, tmp_path):
    user = {name: place("prompts", name) for name in ("a", "b")}
    place("top/.llmctl/prompts", "c")
    near = place("top/sub/.llmctl/prompts", "a")
    folder = tmp_path / "top/sub/deep"
    folder.mkdir()
    found = list_prompts(tmp_path / "config.toml", folder)
    assert found == {"a": near, "b": user["b"]}


def test_a_name_that_is_not_there_is_answered_with_the_nearest(place, tmp_path):
    place("prompts", "review")
    with pytest.raises(UsageError) as caught:
        find_prompt("reviw", tmp_path / "config.toml", tmp_path)
    assert "did you mean review?" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        find_prompt("zzz", tmp_path / "config.toml", tmp_path)
    assert "llmctl prompt add zzz 'TEXT with {{variables}}'" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "neither prompt nor system"),
        ("prompt = '  '", "neither prompt nor system"),
        ("prompt = 'x'\nparam = {}", "unknown key 'param'"),
        ("prompt = 'x'\nparams = 1", "params must be a table"),
        ("prompt = 'x'\nmodel = 1", "model must be a string"),
        ("prompt = 'x'\nschema = []", "schema must be a table"),
        ("prompt = 'x'\n[defaults]\ny = 1", r"the texts have no \{\{y\}\}"),
        ("prompt 'x'", "p.toml"),
        (b"\xff", "can't read"),
    ],
)
def test_mistakes_name_the_file(place, text, why):
    path = place("prompts", "p", text)
    with pytest.raises(ConfigError, match=why) as caught:
        read_prompt_file(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize("name", ["review", "a.b", "A-1_x"])
def test_names_that_can_be(name):
    assert check_prompt_name(name) == name


@pytest.mark.parametrize("name", ["", "..", ".a", "a/b", "a\\b", "C:", "a b", "a\n"])
def test_names_that_can_not_be(name):
    with pytest.raises(UsageError, match="can't be a prompt's name"):
        check_prompt_name(name)
