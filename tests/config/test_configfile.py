"""config.toml: read with clear errors, edited under a lock."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from llmctl.config.configfile import Config, check_name, edit_config, load_config, parse_toml
from llmctl.config.paths import cache_folder, config_file, key_folder
from llmctl.errors import ConfigError, DamagedConfig, LlmctlError, UnknownProfile

TEXT = '# mine\ncurrent = "groq"\n\n[profiles.groq]\nprovider = "groq"\n\n[profiles.work]\nbase_url = "https://x.example"\n'


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "config.toml"


def config(text: str, path: Path = Path("config.toml")) -> Config:
    return Config(tomllib.loads(text), path)


# ---- reading -------------------------------------------------------------------------------------


def test_load(path):
    path.write_text(TEXT)
    loaded = load_config(path)
    assert (loaded.current, loaded.names, loaded.path) == ("groq", ["groq", "work"], path)
    assert loaded.profile("work").base_url == "https://x.example"


@pytest.mark.parametrize("data", [None, b"", b"\xef\xbb\xbf", b"# nothing\n"])
def test_nothing_there(path, data):
    if data is not None:
        path.write_bytes(data)
    loaded = load_config(path)
    assert (loaded.current, loaded.names, loaded.data) == (None, [], {})


def test_byte_order_mark_and_carriage_returns(path):
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert load_config(path).current == "groq"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"a = 1\nb = = 2\n", "line 2, column 5", id="a character"),
        pytest.param(b"a = 1\na = 2\n", "line 2", id="a key twice"),
        pytest.param(b"[a\n", "line 1", id="a header without its end"),
        pytest.param(b'a = "x', "line 1", id="a string without its end"),
        pytest.param(b"a = 1\n\xff = 2\n", "line 2", id="bytes that are no UTF-8"),
        pytest.param(b"a = " + b"[" * 20_000, "nested too deeply", id="nested too deeply"),
    ],
)
def test_damage_is_named_by_its_place(path, data, said):
    path.write_bytes(data)
    with pytest.raises(DamagedConfig) as caught:
        load_config(path)
    assert said in caught.value.message
    assert str(path) in caught.value.message


def test_a_file_that_can_not_be_read(path):
    path.mkdir()
    with pytest.raises(ConfigError, match="can't read"):
        load_config(path)


def test_parse_toml_gives_the_data():
    assert parse_toml("a = 1", Path("x")) == {"a": 1}


@pytest.mark.parametrize("text", ["current = 7", "current = ['a']"])
def test_current_of_the_wrong_type(text):
    with pytest.raises(ConfigError, match="current must be"):
        _ = config(text).current


def test_current_that_is_empty():
    assert config('current = ""').current is None


def test_profiles_of_the_wrong_type():
    with pytest.raises(ConfigError, match="profiles must be tables"):
        _ = config("profiles = 7").names


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("grok", "did you mean groq?"),
        ("dem", "did you mean demo?"),
        ("zzz", "add it with: llmctl profile add zzz"),
    ],
)
def test_unknown_profile(name, hint):
    with pytest.raises(UnknownProfile, match=repr(name)) as caught:
        config(TEXT).profile(name)
    assert caught.value.hint == hint


def test_one_bad_table_spoils_no_other():
    both = config("profiles.bad = 7\n[profiles.good]\nprovider = 'groq'\n")
    assert both.profile("good").provider == "groq"
    with pytest.raises(ConfigError, match=r"profiles\.bad must be a table"):
        both.profile("bad")


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ('[prices."work/m"]\ninput = 0.3\noutput = 1\n', {"input": 0.3, "output": 1}),
        ('[prices."other/m"]\ninput = 0.3\n', None),
        ("", None),
        ("prices = 7", None),
    ],
)
def test_price(text, price):
    assert config(text).price("work", "m") == price


@pytest.mark.parametrize(
    "text", ['prices."work/m" = 7', 'prices."work/m".input = "x"', 'prices."work/m".input = -1']
)
def test_price_of_the_wrong_type(text):
    with pytest.raises(ConfigError, match=r'prices\."work/m"'):
        config(text).price("work", "m")


# ---- editing -------------------------------------------------------------------------------------


def test_edit(path):
    path.write_text(TEXT)
    with edit_config(path) as editor:
        editor.set(("current",), "work")
        editor.delete(("profiles", "groq"))
    assert path.read_text() == '# mine\ncurrent = "work"\n\n[profiles.work]\nbase_url = "https://x.example"\n'
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


def test_edit_makes_the_file(path):
    with edit_config(path.parent / "deep" / "down.toml") as editor:
        editor.set(("current",), "x")
    assert (path.parent / "deep" / "down.toml").read_text() == 'current = "x"\n'


def test_without_a_change_nothing_is_written(path):
    path.write_text(TEXT)
    before = path.stat()
    with edit_config(path) as editor:
        editor.set(("current",), "groq")
    after = path.stat()
    assert (before.st_ino, before.st_mtime_ns, before.st_mode) == (after.st_ino, after.st_mtime_ns, after.st_mode)


def test_an_error_inside_writes_nothing(path):
    path.write_text(TEXT)
    with pytest.raises(ConfigError), edit_config(path) as editor:
        editor.set(("current",), "work")
        raise ConfigError("no")
    assert path.read_text() == TEXT


@pytest.mark.parametrize("data", [b"a = = 1\n", b"\xff\n"])
def test_a_damaged_file_is_left_as_it_is(path, data):
    path.write_bytes(data)
    with pytest.raises(DamagedConfig), edit_config(path) as editor:
        editor.set(("current",), "work")
    assert path.read_bytes() == data


def test_carriage_returns_stay(path):
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    with edit_config(path) as editor:
        editor.set(("default",), 1)
        editor.add_table(("profiles", "new"), {"provider": "groq"})
    data = path.read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n")
    assert data.startswith(b'# mine\r\ncurrent = "groq"\r\n')


def test_text_that_no_file_can_hold(path):
    """A name with bytes that are no UTF-8, as an argument of the command line may bring it."""
    path.write_text(TEXT)
    with pytest.raises(LlmctlError), edit_config(path) as editor:
        editor.set(("profiles", "groq", "model"), "m\udcff")
    assert path.read_text() == TEXT


# ---- names and places ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["groq", "a", "A-1", "my.work_2", "0"])
def test_good_names(name):
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", ".a", "a/b", "a b", "é", "a\n", "demo", "env", "a:b"])
def test_bad_names(name):
    with pytest.raises(ConfigError, match="always exists" if name in ("demo", "env") else "can't be"):
        check_name(name)


def test_places(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_file({"LLMCTL_CONFIG": "/x/y.toml"}) == Path("/x/y.toml")
    assert config_file({"LLMCTL_CONFIG": "~/y.toml"}) == tmp_path / "y.toml"
    assert cache_folder({"LLMCTL_CACHE": "~/c"}) == tmp_path / "c"
    assert config_file({"LLMCTL_CONFIG": ""}).parts[-2:] == ("llmctl", "config.toml")
    assert "llmctl" in cache_folder({}).parts
    assert key_folder(Path("/x/config.toml")) == Path("/x/keys")
