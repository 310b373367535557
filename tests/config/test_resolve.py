"""Which profile, which model, and the target they make."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from llmctl.config.configfile import Config
from llmctl.config.profile import Timeouts
from llmctl.config.resolve import Choices, Selection, build_target, resolve_target, select
from llmctl.config.target import Target, Tls
from llmctl.errors import ConfigError, KeyMissing, NoProfile, UnknownProfile, UsageError

PROFILES = """
[profiles.groq]
provider = "groq"

[profiles.work]
base_url = "https://llm.example.com/v1"
key = "env:WORK_KEY"
model = "w"

[profiles.other]
base_url = "https://other.example.com/v1"
model = "o"
"""
OPENAI = {"OPENAI_API_KEY": "sk-openai"}


class Home:
    """A config, a project and an environment, for one question."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "config.toml"

    def project(self, text: str) -> Path:
        path = self.folder / ".llmctl.toml"
        path.write_text(text)
        return path

    def config(self, text: str = PROFILES) -> Config:
        return Config(tomllib.loads(text), self.path)

    def select(self, text: str = PROFILES, env: dict[str, str] | None = None, **choices: Any) -> Selection:
        return select(self.config(text), Choices(**choices), env or {}, self.folder)

    def target(self, text: str = PROFILES, env: dict[str, str] | None = None, **choices: Any) -> Target:
        return build_target(self.config(text), Choices(**choices), env or {}, self.folder)


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


# ---- Which profile -------------------------------------------------------------------------------

CURRENT = 'current = "c"\n' + PROFILES
BY = {
    "option": {"profile": "a"},
    "LLMCTL_PROFILE": {"env": {"LLMCTL_PROFILE": "b"}},
    "project": {"project": 'profile = "p"'},
    "current": {"text": CURRENT},
    "OPENAI_* variables": {"env": OPENAI},
}
CHOSEN = {"option": "a", "LLMCTL_PROFILE": "b", "project": "p", "current": "c", "OPENAI_* variables": "env"}


@pytest.mark.parametrize("strongest", range(len(BY)), ids=list(BY))
def test_each_beats_all_below_it(home, strongest):
    """-p > LLMCTL_PROFILE > .llmctl.toml > current > OPENAI_*."""
    env: dict[str, str] = {}
    arguments: dict[str, Any] = {}
    names = list(BY)[strongest:]
    for name in names:
        given = dict(BY[name])
        env |= given.pop("env", {})
        if "project" in given:
            home.project(given.pop("project"))
        arguments |= given
    selection = home.select(env=env, **arguments)
    by = {"project": str(home.folder / ".llmctl.toml"), "current": str(home.path)}.get(names[0], names[0])
    assert (selection.profile, selection.profile_by) == (CHOSEN[names[0]], by)


@pytest.mark.parametrize("env", [OPENAI, {"OPENAI_BASE_URL": "http://localhost:1/v1"}])
def test_openai_variables_are_a_profile(home, env):
    assert home.select("", env).profile == "env"


@pytest.mark.parametrize("env", [{}, {"LLMCTL_PROFILE": ""}, {"OPENAI_API_KEY": ""}, {"LLMCTL_MODEL": "m"}])
def test_no_profile(home, env):
    with pytest.raises(NoProfile) as caught:
        home.select(env=env)
    assert "llmctl init" in (caught.value.hint or "")


def test_an_address_alone_is_enough(home):
    target = home.target("", base_url="localhost:8080")
    assert (target.profile, target.base_url, target.key()) == ("env", "http://localhost:8080", None)


# ---- Which model ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "variable", "project", "expected", "by"),
    [
        ("a", "b", "c", "a", "option"),
        (None, "b", "c", "b", "LLMCTL_MODEL"),
        (None, None, "c", "c", ".llmctl.toml"),
        (None, "", "c", "c", ".llmctl.toml"),
        (None, None, None, None, "profile"),
    ],
)
def test_model(home, option, variable, project, expected, by):
    if project:
        home.project(f'model = "{project}"')
    env = {} if variable is None else {"LLMCTL_MODEL": variable}
    selection = home.select(env=env, profile="work", model=option)
    assert selection.model == expected
    assert selection.model_by.endswith(by)
    assert home.target(env=env, profile="work", model=option).model == (expected or "w")


@pytest.mark.parametrize(
    ("model", "profile", "expected"),
    [
        pytest.param("other/m", None, ("other", "m"), id="profile and model"),
        pytest.param("other/org/m:7b", None, ("other", "org/m:7b"), id="a model with a slash"),
        pytest.param("demo/x", None, ("demo", "x"), id="demo"),
        pytest.param("env/x", None, ("env", "x"), id="the environment's"),
        pytest.param("org/m", None, ("work", "org/m"), id="a model whose maker is no profile"),
        pytest.param("other/", None, ("work", "other/"), id="nothing behind the slash"),
        pytest.param("other", None, ("work", "other"), id="no slash"),
        pytest.param("Other/m", None, ("work", "Other/m"), id="capitals"),
        pytest.param("other/m", "work", ("work", "other/m"), id="the profile is named already"),
    ],
)
def test_profile_and_model_in_one(home, model, profile, expected):
    selection = home.select('current = "work"\n' + PROFILES, model=model, profile=profile)
    assert (selection.profile, selection.model) == expected


def test_profile_and_model_in_one_by_variable_and_project(home):
    assert home.select(env={"LLMCTL_MODEL": "other/m"}).profile == "other"
    home.project('model = "work/m"')
    assert home.select().profile == "work"


def test_a_project_does_not_beat_the_variable(home):
    """LLMCTL_PROFILE > .llmctl.toml, however the project names its profile."""
    home.project('model = "other/m"')
    assert home.select(env={"LLMCTL_PROFILE": "work"}).profile == "work"


def test_a_project_s_model_belongs_to_the_project_s_profile(home):
    home.project('profile = "other"\nmodel = "m"\n')
    assert (home.select().profile, home.select().model) == ("other", "m")
    assert home.select(profile="other").model == "m"
    assert home.select(profile="work").model is None
    assert home.target(profile="work").model == "w"


def test_a_stronger_model_is_not_lost_to_a_project_that_names_both(home):
    """-m > .llmctl.toml, even where only the project names a profile."""
    home.project('model = "other/m"')
    assert home.select(model="mine").model == "mine"


# ---- Targets -------------------------------------------------------------------------------------


def test_demo(home):
    target = home.target("", profile="demo")
    assert target.embedded
    assert (target.provider, target.model, target.key(), target.auth) == ("demo", "demo", None, "none")
    assert not target.at("http://127.0.0.1:1/v1").embedded


def test_from_the_catalogue(home):
    target = home.target(profile="groq", env={"GROQ_API_KEY": " gsk-1\n"})
    assert (target.profile, target.provider, target.base_url) == ("groq", "groq", "https://api.groq.com/openai/v1")
    assert target.model
    assert target.key() == "gsk-1"
    assert target.auth_headers("gsk-1") == {"authorization": "Bearer gsk-1"}
    assert "logprobs" in target.quirks(target.model).drop


def test_without_the_catalogue(home):
    target = home.target(profile="work", env={"WORK_KEY": "sk-1"})
    assert (target.provider, target.base_url, target.model) == ("generic", "https://llm.example.com/v1", "w")
    assert target.key() == "sk-1"
    assert target.quirks("w").drop == ()


EVERYTHING = """
[profiles.x]
provider = "openai"
base_url = "https://api.openai.com/v1/eu"
model = "m"
embedding_model = "e"
image_model = "i"
auth = "api-key"
headers = { X-Team = "search" }
timeout = { idle = 5 }
retries = 7
proxy = "http://p:1"
ca_bundle = "corp.pem"
client_cert = { cert = "c.pem", key = "/abs/k.pem" }
quirks = { drop = ["n"], rename = { a = "b" } }
"""


def test_the_profile_beats_the_catalogue(home):
    target = home.target(EVERYTHING, {"OPENAI_API_KEY": "sk-1"}, profile="x")
    assert (target.model, target.embedding_model, target.image_model) == ("m", "e", "i")
    assert (target.auth, target.headers, target.retries, target.proxy) == (
        "api-key",
        {"X-Team": "search"},
        7,
        "http://p:1",
    )
    assert target.timeout == Timeouts(idle=5.0)
    assert target.tls == Tls(True, str(home.folder / "corp.pem"), (str(home.folder / "c.pem"), "/abs/k.pem"))
    assert target.quirks("m").drop == ("n",)
    assert target.quirks("m").rename == {"max_tokens": "max_completion_tokens", "a": "b"}
    assert target.key() == "sk-1"
    assert target.auth_headers("sk-1") == {"api-key": "sk-1"}
    assert target.auth_headers(None) == {}


def test_bad_quirks_are_named(home):
    target = home.target("[profiles.x]\nbase_url = 'https://x.example'\nquirks = { drp = [] }\n", profile="x")
    with pytest.raises(ConfigError, match=r"profiles\.x\.quirks: unknown quirk 'drp'"):
        target.quirks("m")


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("[profiles.x]\nprovider = 'gorq'\n", ConfigError, "unknown provider 'gorq'"),
        ("[profiles.x]\nprovider = 'generic'\n", ConfigError, "no complete base_url"),
        ("[profiles.x]\nprovider = 'azure'\n", ConfigError, "no complete base_url"),
        ("", UnknownProfile, "no profile 'x'"),
        ("[profiles.x]\nbase_url = 'ftp://y'\n", ConfigError, "profiles.x.base_url"),
    ],
)
def test_targets_that_can_not_be(home, text, kind, said):
    with pytest.raises(kind, match=said):
        home.target(text, profile="x")


@pytest.mark.parametrize(
    ("table", "key"),
    [
        pytest.param("provider = 'openai'", "sk-openai", id="at the provider"),
        pytest.param(
            "provider = 'openai'\nbase_url = 'https://api.openai.com/v1'", "sk-openai", id="its own address"
        ),
        pytest.param("provider = 'openai'\nkey = 'env:MINE'", "sk-mine", id="a key of its own"),
        pytest.param("provider = 'ollama'", None, id="a local server needs none"),
        pytest.param("base_url = 'https://x.example'", None, id="a server of one's own needs none"),
        pytest.param("provider = 'generic'\nbase_url = 'https://x.example'", None, id="generic needs none"),
        pytest.param("provider = 'openai'\nbase_url = 'https://x.example'\nauth = 'none'", None, id="auth none"),
    ],
)
def test_key(home, table, key):
    target = home.target(f"[profiles.x]\n{table}\n", {**OPENAI, "MINE": "sk-mine"}, profile="x")
    assert target.key() == key


@pytest.mark.parametrize(
    ("table", "said"),
    [
        pytest.param(
            "provider = 'openai'\nbase_url = 'https://x.example/v1'", "no key for profile x", id="elsewhere"
        ),
        pytest.param(
            "provider = 'openai'\nbase_url = 'http://api.openai.com/v1'", "no key", id="without encryption"
        ),
        pytest.param("provider = 'groq'", "GROQ_API_KEY is not set", id="variable not set"),
        pytest.param("provider = 'openai'\nkey = 'env:GONE'", "GONE is not set", id="the profile's own not set"),
    ],
)
def test_key_missing(home, table, said):
    target = home.target(f"[profiles.x]\n{table}\n", OPENAI, profile="x")
    with pytest.raises(KeyMissing, match=said) as caught:
        target.key()
    assert caught.value.profile == "x"
    assert caught.value.hint == "set it with: llmctl key set x"


def test_the_providers_key_goes_to_its_other_regions(home):
    from llmctl.config.catalogue import load_catalogue

    with_regions = [p for p in load_catalogue().values() if p.alternatives and p.key_env and p.auth != "none"]
    assert with_regions
    for provider in with_regions:
        for address in provider.alternatives:
            if "{" in address:
                continue
            text = f"[profiles.x]\nprovider = '{provider.id}'\nbase_url = '{address}'\n"
            target = home.target(text, {provider.key_env[0]: "sk-1"}, profile="x")
            assert target.key() == "sk-1", (provider.id, address)


def test_no_key_is_looked_up_before_it_is_needed(home):
    mark = home.folder / "ran"
    home.target(f"[profiles.x]\nbase_url = 'https://x.example'\nkey = 'cmd:touch {mark}'\n", profile="x")
    assert not mark.exists()


def test_neither_keys_nor_headers_are_in_the_repr(home):
    text = "[profiles.x]\nbase_url = 'https://x.example'\nkey = 'hunter22'\nheaders = { A = 'hunter23' }\n"
    assert "hunter" not in repr(home.target(text, profile="x"))


# ---- The environment's profile -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "base_url", "provider"),
    [
        (OPENAI, "https://api.openai.com/v1", "openai"),
        ({**OPENAI, "OPENAI_BASE_URL": ""}, "https://api.openai.com/v1", "openai"),
        (
            {**OPENAI, "OPENAI_BASE_URL": "https://api.groq.com/openai/v1/"},
            "https://api.groq.com/openai/v1",
            "groq",
        ),
        ({**OPENAI, "OPENAI_BASE_URL": "https://x.example/v1"}, "https://x.example/v1", "generic"),
        ({**OPENAI, "OPENAI_BASE_URL": "localhost:11434/v1"}, "http://localhost:11434/v1", "generic"),
    ],
)
def test_environment(home, env, base_url, provider):
    target = home.target("", env)
    assert (target.profile, target.base_url, target.provider, target.key()) == (
        "env",
        base_url,
        provider,
        "sk-openai",
    )


def test_environment_without_a_key(home):
    target = home.target("", {"OPENAI_BASE_URL": "https://x.example", "OPENAI_API_KEY": " ", "OPENAI_MODEL": "m"})
    assert (target.key(), target.model) == (None, "m")


def test_environment_with_a_bad_address(home):
    with pytest.raises(ConfigError, match="OPENAI_BASE_URL"):
        home.target("", {"OPENAI_BASE_URL": "ftp://x"})


def test_a_profile_named_env_of_old_is_used(home):
    assert (
        home.target("[profiles.env]\nbase_url = 'https://x.example'\n", profile="env").base_url
        == "https://x.example"
    )


# ---- --base-url and --key ------------------------------------------------------------------------


def test_another_path_keeps_everything(home):
    target = home.target(EVERYTHING, OPENAI, profile="x", base_url="https://api.openai.com/v2/")
    assert target.base_url == "https://api.openai.com/v2"
    assert (target.key(), target.headers, target.provider) == ("sk-openai", {"X-Team": "search"}, "openai")


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/v1", "http://api.openai.com/v1", "https://api.openai.com:444", "https://openai.com"],
)
def test_another_origin_gets_neither_key_nor_headers(home, address):
    target = home.target(EVERYTHING, OPENAI, profile="x", base_url=address)
    assert target.base_url == address
    assert (target.key(), target.headers, target.provider, target.model) == (None, {}, "generic", None)
    assert (target.timeout, target.retries, target.proxy) == (Timeouts(idle=5.0), 7, "http://p:1")


def test_another_origin_is_not_shown_the_client_certificate(home):
    target = home.target(EVERYTHING, OPENAI, profile="x", base_url="https://evil.example")
    assert target.tls.client_cert is None
    assert target.tls.ca_bundle == str(home.folder / "corp.pem")


def test_the_environments_key_does_not_follow_an_address(home):
    assert home.target("", OPENAI, base_url="https://evil.example").key() is None


@pytest.mark.parametrize(
    ("reference", "key"), [("env:WORK_KEY", "sk-work"), ("none", None), ("file:key", "sk-file")]
)
def test_a_key_by_option(home, reference, key):
    (home.folder / "key").write_text("sk-file\n")
    env = {**OPENAI, "WORK_KEY": "sk-work"}
    for more in ({}, {"base_url": "https://other.example"}):
        assert home.target(EVERYTHING, env, profile="x", key=reference, **more).key() == key


def test_a_key_itself_is_refused_on_the_command_line(home):
    with pytest.raises(UsageError) as caught:
        home.target(EVERYTHING, OPENAI, profile="x", key="sk-hunter22")
    assert "hunter22" not in f"{caught.value.message} {caught.value.hint}"


# ---- As a library --------------------------------------------------------------------------------


def test_resolve_target(home, monkeypatch):
    monkeypatch.chdir(home.folder)
    home.path.write_text(PROFILES)
    env = {"LLMCTL_CONFIG": str(home.path), "LLMCTL_PROFILE": "other"}
    assert resolve_target(env=env).base_url == "https://other.example.com/v1"
    assert resolve_target("work", "m", env).model == "m"
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert resolve_target().model == "o"
