"""`llmctl alias`, and short names wherever a model is named."""

from __future__ import annotations

import pytest

from support.upstream import Reply
from support.wire import text_stream

FINE = Reply.sse(*text_stream("Fine."))


@pytest.fixture
def model(work, upstream):
    """model(*args, **more): the model that `llmctl chat ARGS Hi` asks."""

    def ask(*args, **more):
        upstream.script(FINE)
        work.chat(*args, **more).check()
        return upstream.last.json()["model"]

    return ask


@pytest.fixture
def aliases(work):
    second = f'[profiles.second]\nbase_url = "{work.upstream.url}/v1"\nmodel = "second-model"'
    work.configure(second, head='# mine\ncurrent = "demo"\n')
    for name, target in (("quick", "work/small"), ("bare", "tiny/with-slash"), ("big:1", "work/a/b")):
        work("alias", "set", name, target).check()


@pytest.mark.usefixtures("aliases")
@pytest.mark.parametrize(
    ("args", "env", "asked"),
    [
        (["-m", "quick"], {}, "small"),
        (["-m", "big:1"], {}, "a/b"),
        ([], {"LLMCTL_MODEL": "quick"}, "small"),
        (["-m", "work/other"], {"LLMCTL_MODEL": "quick"}, "other"),
        (["-p", "work", "-m", "quick"], {}, "small"),
        (["-p", "work", "-m", "bare"], {}, "tiny/with-slash"),
        (["-m", "bare"], {"LLMCTL_PROFILE": "work"}, "tiny/with-slash"),
        (["-p", "work"], {"LLMCTL_MODEL": "bare"}, "tiny/with-slash"),
        (["-p", "work"], {"LLMCTL_MODEL": "quick"}, "small"),
        ([], {"LLMCTL_PROFILE": "work", "LLMCTL_MODEL": "quick"}, "small"),
        (["-p", "second"], {"LLMCTL_MODEL": "quick"}, "second-model"),
        (["-p", "work", "-m", "QUICK"], {}, "QUICK"),
    ],
)
def test_a_short_name_stands_for_its_model(model, args, env, asked):
    assert model(*args, env=env) == asked


def test_an_alias_beside_another_profile(work, upstream, aliases):
    result = work.chat("-p", "demo", "-m", "quick").check(2)
    assert "-p says demo, and the alias quick stands for work/small" in result.err
    assert "leave -p out" in result.err
    result = work.chat(env={"LLMCTL_PROFILE": "demo", "LLMCTL_MODEL": "quick"}).check(2)
    assert "LLMCTL_PROFILE says demo, and the alias quick stands for work/small" in result.err


def test_a_project_may_name_an_alias(work, model, aliases):
    (work.cli.cwd / ".llmctl.toml").write_text('profile = "work"\nmodel = "quick"\n')
    assert model() == "small"


def test_a_prompt_may_name_an_alias(work, model, aliases):
    work("prompt", "add", "p", "{{input}}", "-m", "quick").check()
    assert model("-t", "p") == "small"


def test_list_change_and_remove(work, aliases):
    assert work("alias", "list", "--json").check().json() == {
        "quick": "work/small",
        "bare": "tiny/with-slash",
        "big:1": "work/a/b",
    }
    assert "quick\twork/small\n" in work("alias", "list").check().out
    work("alias", "set", "quick", "work/new").check()
    work("alias", "remove", "big:1").check()
    assert work("alias", "list", "--json").check().json() == {"quick": "work/new", "bare": "tiny/with-slash"}
    assert work.config.startswith("# mine\n")


@pytest.mark.parametrize(
    ("args", "code", "why"),
    [
        (["set", "a/b", "x"], 2, "can't be an alias"),
        (["set", "", "x"], 2, "can't be an alias"),
        (["set", "-x", "y"], 2, "no such option"),
        (["set", "a", " "], 2, "the model is empty"),
        (["set", "a", "quick"], 2, "quick is an alias itself"),
        (["set", "a", "a"], 2, "a is an alias itself"),
        (["set", "work/test-model", "x"], 2, "can't be an alias"),
        (["set", "a", "b\x1b[31m"], 2, "control characters"),
        (["remove", "quik"], 2, "did you mean quick?"),
    ],
)
def test_mistakes(work, aliases, args, code, why):
    before = work.config
    assert why.lower() in work("alias", *args).check(code).err.lower()
    assert work.config == before


def test_none_at_all(work):
    result = work("alias", "list").check()
    assert "there are none" in result.err
    assert "see: llmctl alias list" in work("alias", "remove", "x").check(2).err


@pytest.mark.parametrize("table", ["aliases = 3", "[aliases]\nx = 3", '[aliases]\nx = ""'])
@pytest.mark.parametrize("command", ["chat Hi", "alias list", "alias set a b", "alias remove x"])
def test_a_broken_table(work, table, command):
    work.configure(head=f'current = "work"\n{table}\n')
    assert "aliases" in work(*command.split()).check(3).err
