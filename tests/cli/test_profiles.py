"""`llmctl profile`, `llmctl use` and `llmctl current`."""

from __future__ import annotations

import stat
import tomllib

import pytest

from support.leaks import TEST_KEY
from support.upstream import Reply
from support.wire import error_body, models, text_stream

COMMENTED = """# my providers
current = "work"   # at the office

[profiles.work]    # the usual one
base_url   = "http://127.0.0.1:9/v1"
model = "gpt-6-luna"# no space before this
# key = "env:OLD"

[profiles.other] # second
provider = "groq"

[prices."work/gpt-6-luna"]
input = 0.30  # dear
"""


@pytest.fixture
def commented(cli):
    cli.write_config(COMMENTED)
    return cli


def data(cli):
    return tomllib.loads(cli.config.read_text(encoding="utf-8"))


def lost_lines(cli):
    now = cli.config.read_text(encoding="utf-8").splitlines()
    return [line for line in COMMENTED.splitlines() if line not in now]


# add


def test_add_a_known_provider(cli):
    result = cli.run("profile", "add", "groq", env={"GROQ_API_KEY": TEST_KEY}).check()
    assert data(cli) == {"current": "groq", "profiles": {"groq": {"provider": "groq"}}}
    assert result.out == ""
    assert "added groq" in result.err
    assert "its key is taken from GROQ_API_KEY" in result.err
    assert stat.S_IMODE(cli.config.stat().st_mode) == 0o600


def test_add_any_address(cli, upstream):
    upstream.default = Reply.sse(*text_stream("fine"))
    cli.run("profile", "add", "mine", "--base-url", f"{upstream.url}/v1/chat/completions", "-m", "m").check()
    assert data(cli)["profiles"]["mine"] == {"base_url": f"{upstream.url}/v1", "model": "m"}
    assert cli.run("chat", "Hi").check().out == "fine\n"
    assert "authorization" not in upstream.last.headers


def test_add_with_a_key_from_stdin(cli, upstream):
    cli.may_hold_keys(cli.root / "keys" / "mine")
    upstream.default = Reply.sse(*text_stream("fine"))
    args = ["mine", "--base-url", f"{upstream.url}/v1", "-m", "m", "--key", "-"]
    cli.run("profile", "add", *args, stdin=f"{TEST_KEY}\n").check()
    assert data(cli)["profiles"]["mine"]["key"] == "file:keys/mine"
    assert stat.S_IMODE((cli.root / "keys" / "mine").stat().st_mode) == 0o600
    cli.run("chat", "Hi").check()
    assert upstream.last.headers["authorization"] == f"Bearer {TEST_KEY}"


def test_add_with_parts_of_an_address(cli):
    cli.run("profile", "add", "azure", "--set", "resource=acme", "-m", "mine", "--key", "env:AZ").check()
    assert "acme" in data(cli)["profiles"]["azure"]["base_url"]
    result = cli.run("profile", "add", "azure", "--force").check(2)
    assert "--set resource=" in result.err


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (["grok"], 2, "did you mean"),
        (["nobody-knows"], 2, "--base-url"),
        (["demo", "--base-url", "http://x"], 3, "taken"),
        (["a b", "--base-url", "http://x"], 3, "can't be a profile's name"),
        (["work", "--base-url", "http://x"], 3, "llmctl profile edit work"),
        (["new", "--base-url", "ftp://x"], 3, "is not a URL"),
        (["new", "--base-url", "http://user:hush@x"], 3, "must not hold a user name"),
        (["new", "--provider", "opnai"], 3, "did you mean openai"),
        (["new", "--base-url", "http://x", "--key", TEST_KEY], 2, "reference, not a key"),
        (["groq", "--set", "x=1"], 2, "no parts"),
    ],
)
def test_add_refuses_and_changes_nothing(commented, args, code, text):
    result = commented.run("profile", "add", *args).check(code)
    assert text in result.err
    assert commented.config.read_text(encoding="utf-8") == COMMENTED


# list, show


def test_list_into_a_pipe_is_tab_separated(commented):
    rows = [line.split("\t") for line in commented.run("profile", "list").check().out.splitlines()]
    assert [row[0] for row in rows] == ["work", "other", "demo"]
    assert rows[0][2:] == ["gpt-6-luna", "http://127.0.0.1:9/v1"]


def test_list_as_json(commented):
    rows = commented.run("profile", "list", "--json").check().json()
    assert [(row["name"], row["current"]) for row in rows] == [("work", True), ("other", False)]


def test_list_shows_what_is_written_wrongly_and_the_rest(cli):
    cli.write_config('[profiles.bad]\nbase_url = 7\n[profiles.good]\nbase_url = "http://x/v1"\n')
    bad, good = cli.run("profile", "list", "--json").check().json()
    assert "base_url" in bad["error"]
    assert (good["error"], good["base_url"]) == (None, "http://x/v1")


def test_show(commented):
    facts = commented.run("profile", "show", "other", "--json", env={"GROQ_API_KEY": "x"}).check().json()
    assert (facts["name"], facts["provider"], facts["key"]) == ("other", "groq", "GROQ_API_KEY (set)")
    assert facts["base_url"].startswith("https://api.groq.com")
    assert "gpt-6-luna" in commented.run("profile", "show").check().out


def test_show_hides_secrets(cli):
    cli.write_config(
        f'[profiles.a]\nbase_url = "http://x/v1?api-version=1&token={TEST_KEY}"\nkey = "{TEST_KEY}"\n'
        f'headers = {{ X-Api-Key = "{TEST_KEY}", X-Team = "search" }}\nproxy = "http://u:{TEST_KEY}@p"\n'
    )
    for args in ([], ["--json"]):
        out = cli.run("profile", "show", "a", *args).check().out
        assert TEST_KEY not in out
        assert "search" in out
        assert "api-version=1" in out
    assert TEST_KEY not in cli.run("profile", "list").check().out


# edit, rename, remove


@pytest.mark.parametrize(
    ("args", "path", "value"),
    [
        (["--model", "new"], ("model",), "new"),
        (["--base-url", "localhost:1/v1/chat/completions"], ("base_url",), "http://localhost:1/v1"),
        (["--set", "timeout.first_token=300"], ("timeout", "first_token"), 300),
        (["--set", "headers.X-Team=1"], ("headers", "X-Team"), "1"),
        (["--set", 'quirks.drop=["seed"]'], ("quirks", "drop"), ["seed"]),
        (["--set", "verify=false"], ("verify",), False),
        (["--key", "env:NEW"], ("key",), "env:NEW"),
    ],
)
def test_edit_keeps_everything_else(commented, args, path, value):
    commented.run("profile", "edit", "work", *args).check()
    found = data(commented)["profiles"]["work"]
    for step in path:
        found = found[step]
    assert found == value
    assert len(lost_lines(commented)) <= 1
    assert all(
        comment in commented.config.read_text() for comment in ("# my providers", "# the usual one", "# dear")
    )


def test_edit_removes_a_setting(commented):
    commented.run("profile", "edit", "work", "--unset", "model").check()
    assert "model" not in data(commented)["profiles"]["work"]
    assert len(lost_lines(commented)) <= 1


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ([], 2),
        (["--set", "modle=x"], 3),
        (["--set", "timeout.idle=never"], 3),
        (["--set", "quirks.drob=1"], 3),
        (["--set", f"key={TEST_KEY}"], 2),
        (["--set", "x"], 2),
        (["--set", "model=null"], 0),
        (["--set", "retries=null"], 2),
        (["--provider", "nobody"], 3),
        (["--unset", "base_url"], 3),
    ],
)
def test_edit_writes_nothing_that_is_not_valid(commented, args, code):
    result = commented.run("profile", "edit", "work", *args).check(code)
    assert TEST_KEY not in result.err
    if code:
        assert commented.config.read_text(encoding="utf-8") == COMMENTED


def test_rename_takes_everything_along(commented):
    commented.run("profile", "rename", "work", "office").check()
    now = data(commented)
    assert (now["current"], list(now["profiles"]), list(now["prices"])) == (
        "office",
        ["office", "other"],
        ["office/gpt-6-luna"],
    )
    text = commented.config.read_text()
    assert all(
        comment in text for comment in ("# at the office", "# the usual one", "# dear", '# key = "env:OLD"')
    )


def test_rename_moves_the_typed_key(cli):
    for name in ("mine", "yours"):
        cli.may_hold_keys(cli.root / "keys" / name)
    cli.run("profile", "add", "mine", "--base-url", "http://x/v1", "--key", "-", stdin=TEST_KEY).check()
    cli.run("profile", "rename", "mine", "yours").check()
    assert data(cli)["profiles"]["yours"]["key"] == "file:keys/yours"
    assert (cli.root / "keys" / "yours").read_text().strip() == TEST_KEY
    assert not (cli.root / "keys" / "mine").exists()


@pytest.mark.parametrize(("args", "code"), [(["gone", "x"], 3), (["work", "other"], 3), (["work", "demo"], 3)])
def test_rename_refuses(commented, args, code):
    commented.run("profile", "rename", *args).check(code)
    assert commented.config.read_text(encoding="utf-8") == COMMENTED


def test_remove(commented):
    result = commented.run("profile", "remove", "work").check()
    assert list(data(commented)["profiles"]) == ["other"]
    assert "current" not in data(commented)
    assert "no profile is current now" in result.err
    assert "# second" in commented.config.read_text()


def test_remove_takes_the_typed_key_along(cli):
    key = cli.root / "keys" / "mine"
    cli.may_hold_keys(key)
    cli.run("profile", "add", "mine", "--base-url", "http://x/v1", "--key", "-", stdin=TEST_KEY).check()
    cli.run("profile", "remove", "mine").check()
    assert not key.exists()


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 130)])
def test_remove_asks_on_a_terminal(commented, answer, code):
    terminal = commented.terminal("profile", "remove", "work")
    terminal.wait_for("Remove work?")
    terminal.send(f"{answer}\r")
    assert terminal.wait() == code
    assert ("work" in data(commented)["profiles"]) == bool(code)


def test_remove_hints_at_the_right_name(commented):
    assert "did you mean work?" in commented.run("profile", "remove", "wrok", "-y").check(3).err


# test


def test_test_says_what_works(work, upstream):
    upstream.script(Reply(body=models("test-model")), Reply.sse(*text_stream("ok")))
    steps = work("profile", "test", "--json").check().json()["steps"]
    assert [(step["step"], step["ok"]) for step in steps] == [("key", True), ("models", True), ("chat", True)]


def test_test_ends_with_the_first_failure_s_code(work, upstream):
    upstream.script(Reply(401, body=error_body("no")), Reply(500, body=error_body("busy")))
    result = work("profile", "test").check(4)
    assert [line.split()[:2] for line in result.out.splitlines()] == [
        ["key", "ok"],
        ["models", "failed"],
        ["chat", "failed"],
    ]
    assert "error: " in result.err


def test_test_without_a_key_asks_nobody(work, upstream):
    result = work("profile", "test", "--json", env={"WORK_KEY": None}).check(4)
    assert [step["ok"] for step in result.json()["steps"]] == [False]
    assert upstream.requests == []


# use, current


def test_use_switches_everywhere(commented):
    result = commented.run("use", "other").check()
    assert (data(commented)["current"], result.out, result.err) == ("other", "", "now using other\n")
    assert commented.run("current").check().out.startswith("other")
    assert all(comment in commented.config.read_text() for comment in ("# at the office", "# my providers"))


def test_use_demo(cli):
    cli.run("use", "demo").check()
    assert cli.run("current", "--json").check().json()["profile"] == "demo"


def test_use_in_this_folder(commented):
    commented.run("use", "other", "--here").check()
    assert tomllib.loads((commented.cwd / ".llmctl.toml").read_text()) == {"profile": "other"}
    facts = commented.run("current", "--json").check().json()
    assert (facts["profile"], facts["chosen_by"]) == ("other", str(commented.cwd / ".llmctl.toml"))
    assert data(commented)["current"] == "work"
    assert [path.name for path in commented.cwd.iterdir()] == [".llmctl.toml"]
    warned = commented.run("use", "work").check()
    assert "is stronger" in warned.err


def test_use_in_this_shell(commented):
    for shell, line in (
        ("/bin/bash", "export LLMCTL_PROFILE=other\n"),
        ("/usr/bin/fish", "set -gx LLMCTL_PROFILE other\n"),
    ):
        assert commented.run("use", "other", "--shell", env={"SHELL": shell}).check().out == line
    assert commented.config.read_text(encoding="utf-8") == COMMENTED


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [(["wrok"], 3, "did you mean work?"), (["work", "--here", "--shell"], 2, "exclude each other")],
)
def test_use_refuses(commented, args, code, text):
    assert text in commented.run("use", *args).check(code).err
    assert commented.config.read_text(encoding="utf-8") == COMMENTED


def test_use_without_a_name_prints_the_current_one_into_a_pipe(commented):
    assert commented.run("use").check().out == "work\n"


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        (["enter"], "work"),
        (["down", "enter"], "other"),
        (["down", "down", "enter"], "demo"),
        (["up", "enter"], "demo"),
        (["down", "up", "enter"], "work"),
        (["o", "t", "h", "enter"], "other"),
        (["x", "backspace", "d", "enter"], "demo"),
    ],
)
def test_the_picker_chooses(commented, keys, chosen):
    terminal = commented.terminal("use")
    terminal.wait_for("> work")
    for key in keys:
        terminal.send(key) if len(key) == 1 else terminal.send_key(key)
    assert terminal.wait(timeout=5) == 0
    assert terminal.screen() == f"now using {chosen}"
    assert data(commented)["current"] == chosen


@pytest.mark.parametrize("key", ["escape", "ctrl-c", "ctrl-d"])
def test_the_picker_is_left_without_choosing(commented, key):
    terminal = commented.terminal("use")
    terminal.wait_for("> work")
    terminal.send_key(key)
    assert terminal.wait(timeout=5) == 130
    assert "> work" not in terminal.screen()
    assert commented.config.read_text(encoding="utf-8") == COMMENTED


def test_the_picker_follows_what_is_typed(commented):
    terminal = commented.terminal("use")
    terminal.wait_for("> work")
    terminal.send("dem")
    terminal.wait_for("> demo", timeout=5)
    assert "work" not in terminal.screen()
    terminal.send_key("escape")
    terminal.wait(timeout=5)


def test_the_picker_shows_a_part_of_a_long_list(cli):
    names = [f"name{n:02}" for n in range(40)]
    cli.write_config("".join(f'[profiles.{name}]\nbase_url = "http://x/v1"\n' for name in names))
    terminal = cli.terminal("use", rows=10, cols=40)
    terminal.wait_for("> name00")
    for _ in range(30):
        terminal.send_key("down")
    terminal.wait_for("> name30", timeout=5)
    terminal.send_key("enter")
    assert terminal.wait(timeout=5) == 0
    assert data(cli)["current"] == "name30"


def test_current_says_what_chose_it(commented):
    assert commented.run("current").check().out == "work/gpt-6-luna\n"
    facts = commented.run("current", "--json", env={"LLMCTL_PROFILE": "other"}).check().json()
    assert (facts["profile"], facts["provider"], facts["chosen_by"]) == ("other", "groq", "LLMCTL_PROFILE")
