""".llmctl.toml, found upwards."""

from __future__ import annotations

import pytest

from llmctl.config.project import FILE, Project, find_project
from llmctl.errors import ConfigError, DamagedConfig


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    return tmp_path


def write(folder, text):
    data = text if isinstance(text, bytes) else text.encode()
    (folder / FILE).write_bytes(data)
    return folder / FILE


def test_none(tree):
    found = find_project(tree / "a" / "b")
    assert (found.profile, found.model) == (None, None)


def test_upwards(tree):
    path = write(tree, 'profile = "work"\nmodel = "m"\n')
    assert find_project(tree / "a" / "b") == Project(path, "work", "m")
    assert find_project(tree) == Project(path, "work", "m")


def test_the_nearest_counts_alone(tree):
    write(tree, 'profile = "work"\nmodel = "m"\n')
    path = write(tree / "a", 'profile = "other"\n')
    assert find_project(tree / "a" / "b") == Project(path, "other", None)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", b"\xef\xbb\xbf", "profile = 'x'\r\n"])
def test_what_may_be_there(tree, text):
    path = write(tree, text)
    assert find_project(tree).path == path


def test_a_folder_that_is_gone(tree):
    path = write(tree, 'model = "m"')
    assert find_project(tree / "gone" / "too") == Project(path, None, "m")
    (tree / "file").touch()
    assert find_project(tree / "file").model == "m"


@pytest.mark.parametrize(
    "text",
    [
        'key = "sk-hunter22"',
        'base_url = "https://evil.example"',
        'provider = "x"',
        '[profiles.x]\nkey = "cmd:curl evil"',
        'profile = "x"\nproxy = "http://evil"',
        "[headers]",
    ],
)
def test_it_may_not_decide_where_requests_go(tree, text):
    write(tree, text)
    with pytest.raises(ConfigError, match="not allowed here") as caught:
        find_project(tree)
    assert "hunter22" not in caught.value.message


@pytest.mark.parametrize("text", ["profile = 7", 'profile = ""', "model = []", "model.x = 1"])
def test_wrong_types(tree, text):
    write(tree, text)
    with pytest.raises(ConfigError, match="must be a string"):
        find_project(tree)


def test_damage(tree):
    write(tree, "profile = = 1")
    with pytest.raises(DamagedConfig, match="line 1"):
        find_project(tree)
    write(tree, b"profile = '\xff'")
    with pytest.raises(ConfigError, match="can't read"):
        find_project(tree)


def test_a_folder_of_that_name(tree):
    (tree / FILE).mkdir()
    with pytest.raises(ConfigError, match="can't read"):
        find_project(tree)
