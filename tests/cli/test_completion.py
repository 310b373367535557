"""What the shells' scripts are told: `llmctl __complete -- WORD… CURRENT`."""

from __future__ import annotations

import re

import pytest

from support.leaks import TEST_KEY
from support.upstream import Reply

CONFIG = """
current = "work"
[profiles.work]
base_url = "https://llm.example.com/v1"
model = "gpt-6-luna"
key = "{key}"
[profiles.other]
provider = "groq"
[aliases]
fast = "work/gpt-6-luna"
[routes.best]
targets = []
[mcp.clock]
command = "clock"
"""
LONG_OPTIONS = (
    *("--json", "--quiet", "--verbose", "--debug", "--debug-file"),
    *("--color", "--theme", "--no-pager", "--no-log", "--help"),
)
DAMAGED = 'current = "work\n[profiles'


@pytest.fixture
def complete(cli):
    """complete("chat", "-p", ""): the candidates, with their descriptions."""

    def ask(*words, **more):
        result = cli.run("__complete", "--", *words, **more)
        assert (result.code, result.err) == (0, "")
        return dict(line.partition("\t")[::2] for line in result.out.splitlines())

    return ask


@pytest.fixture
def config(cli):
    return cli.write_config(CONFIG.format(key=TEST_KEY))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["use", ""], {"work", "other", "demo"}),
        (["profile", "remove", ""], {"work", "other"}),
        (["key", "set", ""], {"work", "other"}),
        (["alias", "remove", ""], {"fast"}),
        (["mcp", "test", ""], {"clock"}),
        (["chat", "-p", "o"], {"other"}),
        (["chat", "--profile=o"], {"--profile=other"}),
        (["chat", "-po"], {"-pother"}),
        (["chat", "-ipo"], {"-ipother"}),
        (["chat", "-m", "fas"], {"fast"}),
        (["chat", "-m", "best"], {"best"}),
        (["chat", "-m", "demo/"], {"demo/demo", "demo/demo-embed", "demo/demo-image"}),
        (["-q", "chat", "--color", ""], {"auto", "always", "never"}),
        (["chat", "--theme", "d"], {"dark"}),
        (["profile", "add", "llam"], {"llamacpp", "llamafile"}),
        (["profile", "add", "--provider", "llamac"], {"llamacpp"}),
        (["completion", "show", ""], {"bash", "zsh", "fish", "powershell"}),
        (["env", "--shell", "z"], {"zsh"}),
        (["env", "aid"], {"aider"}),
        (["profile", "edit", "--unset", "retr"], {"retries"}),
        (["api", "DEL"], {"DELETE"}),
        (["api", "GET", ""], set()),
        (["chat", "-p"], {"-p"}),
        (["current", ""], set(LONG_OPTIONS)),
        (["help", "profile", "re"], {"remove", "rename"}),
        (["help", "scr"], {"scripting"}),
        (["prof"], {"profile"}),
        (["profile", "re"], {"remove", "rename"}),
        (["--vers"], {"--version"}),
        (["chat", "--reasoning-effort", "lo"], {"low"}),
        (["chat", "--debug-file", ""], {":files 0"}),
        (["chat", "--debug-file=no"], {":files 13"}),
        (["exec", "-p", "demo", "--", ""], {":command 4"}),
        (["exec", "ls", "-"], {":command 1"}),
        (["exec", "-p", "demo", "ls", "a", "b"], {":command 3"}),
        (["nonsense", ""], set()),
        (["chat", ""], set()),
    ],
    ids=lambda value: " ".join(sorted(value) if isinstance(value, set) else value),
)
def test_what_is_offered(complete, config, words, expected):
    assert set(complete(*words)) == expected


def test_models_are_those_of_the_chosen_profile_and_of_others_under_their_names(complete, config):
    assert {"gpt-6-luna", "other/openai/gpt-oss-120b", "fast", "best"} <= set(complete("chat", "-m", ""))
    assert set(complete("chat", "-p", "work", "-m", "")) == {"gpt-6-luna"}
    assert "openai/gpt-oss-120b" in complete("chat", "-m", "", env={"LLMCTL_PROFILE": "other"})
    assert set(complete("chat", "-m", "work/")) == {"work/gpt-6-luna"}
    assert "openai/gpt-oss-120b" in complete("chat", "-p", "other", "-m", "")


def test_a_profile_is_offered_its_own_models_and_a_new_one_its_providers(complete, config):
    assert "openai/gpt-oss-120b" in complete("profile", "add", "groq", "-m", "")
    assert set(complete("profile", "edit", "work", "-m", "")) == set(complete("profile", "edit", "-m", ""))
    assert set(complete("profile", "edit", "work", "-m", "")) == {"gpt-6-luna"}


def test_the_project_chooses_the_profile(complete, config, cli):
    (cli.cwd / ".llmctl.toml").write_text('profile = "other"\n')
    assert "openai/gpt-oss-120b" in complete("embed", "-m", "openai/")


def test_kept_lists_are_offered_without_the_network(work, upstream, complete):
    upstream.script(Reply(body={"data": [{"id": "hf.co/x/llama:8b"}, {"id": "two words"}]}))
    work("models").check()
    seen = len(upstream.requests)
    assert set(complete("chat", "-m", "")) >= {"hf.co/x/llama:8b", "two words"}
    assert set(complete("chat", "-m", "work/hf")) == {"work/hf.co/x/llama:8b"}
    work.configure(url="http://127.0.0.1:9")
    assert set(complete("chat", "-p", "work", "-m", "")) == {"test-model"}  # the list was another address's
    assert len(upstream.requests) == seen


def test_prompts_of_the_user_and_of_the_project(complete, config, cli):
    for folder, name in ((cli.config.parent / "prompts", "review"), (cli.cwd / ".llmctl" / "prompts", "release")):
        folder.mkdir(parents=True)
        (folder / f"{name}.toml").write_text('prompt = "{{input}}"\n')
    assert set(complete("chat", "-t", "")) == set(complete("prompt", "show", "")) == {"review", "release"}


def test_an_option_that_was_given_is_offered_again_only_if_it_may_be_repeated(complete):
    offered = complete("chat", "-q", "--json", "-s", "text", "-o", "a=1", "--no-stdin", "-")
    assert {"--option", "-o", "--usage", "--help"} <= set(offered)
    assert not {"-q", "--quiet", "--json", "-s", "--system", "--stdin", "--no-stdin"} & set(offered)
    assert "--quiet" not in complete("-q", "chat", "--q")


def test_nothing_but_arguments_behind_two_dashes(complete, config):
    assert set(complete("use", "--", "w")) == {"work"}
    assert complete("use", "--", "-") == {}


@pytest.mark.parametrize("text", [DAMAGED, "profiles = 3\naliases = 4\nmcp = []\n", '[profiles]\nwork = "x"\n'])
def test_a_damaged_config_keeps_nothing_else_from_being_completed(complete, cli, text):
    cli.write_config(text)
    (cli.cwd / ".llmctl.toml").write_text("[")
    assert "chat" in complete("ch")
    assert "--temperature" in complete("chat", "--temp")
    assert "demo" in complete("chat", "-p", "")
    assert ("demo/demo" in complete("chat", "-m", "")) == (text != DAMAGED)
    assert complete("chat", "-p", "work", "-m", "") == {}


@pytest.mark.parametrize("arguments", [[], ["--"], ["nonsense"], ["bash", "--"], ["zsh", "--", "chat", "\udcff"]])
def test_nothing_goes_wrong_aloud(cli, arguments):
    result = cli.run("__complete", *arguments)
    assert (result.code, result.err) == (0, "")


def test_no_key_is_ever_offered(complete, config):
    offered = complete("chat", "--key", "", env={"WORK_KEY": TEST_KEY})
    assert "env:WORK_KEY" in offered
    assert TEST_KEY not in repr(offered)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("llmctl chat -p wo", ["work"]),
        ("llmctl chat --profile=wo", ["work"]),  # bash replaces what stands behind the =
        ("llmctl chat -m demo/demo-e", ["demo/demo-embed"]),
        ("llmctl chat -p 'wo", ["work"]),
        (r"llmctl chat -p w\o", ["work"]),
        (r"llmctl use a\ b --he", ["--here", "--help"]),
        ('llmctl chat -s "a \\" b" -p wo', ["work"]),
    ],
)
def test_bash_gets_what_it_is_to_put_in_place_of_its_own_word(cli, config, line, expected):
    out = cli.run("__complete", "bash", "--", line, " \t\n\"'><=;|&(:").check().out
    assert out.splitlines() == expected


def test_zsh_and_powershell_get_their_own_forms(cli):
    cli.write_config('[profiles."a: b"]\nprovider = "groq"\n')
    assert cli.run("__complete", "zsh", "--", "use", "").out.splitlines()[0] == r"a\: b:profile of groq"
    shown = cli.run("__complete", "powershell", "--", "use", "A.").out.splitlines()
    assert shown == ["'a: b'\ta: b\tprofile of groq"]


def test_show_prints_each_shell_its_script(cli):
    for shell in ("bash", "zsh", "fish", "powershell"):
        text = cli.run("completion", "show", shell).check().out
        assert re.search(rf"__complete {shell} -- ", text)
    assert cli.run("completion", "show", env={"SHELL": "/usr/bin/fish"}).out.startswith(
        "# Completion of llmctl for fish"
    )
    assert "known: bash" in cli.run("completion", "show", "tcsh").check(2).err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_install_is_repeatable_and_can_be_undone(cli, shell):
    def files():
        return {path: path.read_text() for path in cli.home.rglob("*") if path.is_file()}

    (cli.home / ".zshrc").write_text("# mine")
    before = files()
    first = cli.run("completion", "install", shell).check()
    script = cli.run("completion", "show", shell).check().out
    assert [text for path, text in files().items() if path not in before] == [script]
    assert "llmctl <Tab>" in first.err
    cli.run("completion", "install", shell, "--rc").check()
    with_rc = files()
    assert "up to date" in cli.run("completion", "install", shell, "--rc").check().err
    assert files() == with_rc
    cli.run("completion", "install", shell, "--remove").check()
    left = files()
    assert left.pop(cli.home / ".zshrc").strip() == "# mine"
    assert not any(left.values())


def test_install_says_why_it_fails(cli):
    (cli.home / ".config").write_text("in the way")
    assert "can't" in cli.run("completion", "install", "fish").check(3).err
    assert "exclude each other" in cli.run("completion", "install", "fish", "--rc", "--remove").check(2).err
