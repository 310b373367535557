"""`llmctl config path`, `show`, `check` and `edit`."""

from __future__ import annotations

import os
import stat
import sys
import tomllib

import pytest

from support.leaks import HEADER_SECRET, PROXY_PASSWORD, PROXY_USER, SECOND_KEY, TEST_KEY

GOOD = """\
# about this file
current = "work"

[profiles.work]      # at work
base_url = "http://localhost:1/v1"
model = "m"
"""


@pytest.fixture
def good(cli):
    cli.write_config(GOOD)
    return cli


@pytest.fixture
def editor(cli):
    """editor(code): an EDITOR that runs Python code with `path`, the file (a Path), and `times`, the count."""

    def make(code):
        script = cli.root / "editor.py"
        script.write_text(
            "import pathlib, sys\npath = pathlib.Path(sys.argv[1])\n"
            f"log = pathlib.Path({str(cli.root / 'edits')!r})\n"
            "log.open('a').write(f'{path}\\n')\ntimes = len(log.read_text().splitlines())\n" + code
        )
        return {"EDITOR": f"'{sys.executable}' '{script}'", "VISUAL": None}

    return make


def drafts(cli):
    return sorted(cli.config.parent.glob("config-edit-*"))


# path


def test_path(good):
    assert good.run("config", "path").check().out == f"{good.config}\n"
    places = good.run("config", "path", "--json").check().json()
    assert places == {
        "config": str(good.config),
        "exists": True,
        "keys": str(good.config.parent / "keys"),
        "cache": str(good.home / ".cache" / "llmctl"),
        "project": None,
    }
    (good.cwd / ".llmctl.toml").write_text("damaged")
    assert good.run("config", "path", "--json").check().json()["project"] == str(good.cwd / ".llmctl.toml")


# show


def test_show_prints_the_file_as_it_is(good):
    assert good.run("config", "show").check().out == GOOD


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f'key = "{TEST_KEY}"', 'key = "***"'),
        (f'key = "{TEST_KEY}"  # was {TEST_KEY}', 'key = "***"  # was ***'),
        ('key = "plain-and-secret"  # not plain-and-secret', 'key = "***"  # not ***'),
        ('proxy = "http://me:pass-word@h:1"  # pass-word', 'proxy = "http://***@h:1"  # ***'),
        ('key = "env:NAME"', 'key = "env:NAME"'),
        ('key = "cmd:pass show x"  # "quoted"', 'key = "cmd:pass show x"  # "quoted"'),
        (f'# key = "{SECOND_KEY}"', '# key = "***"'),
        (f"# {TEST_KEY}", "# ***"),
        (
            f'headers = {{ X-Api-Key = "{HEADER_SECRET}", X-Team = "a" }}',
            'headers = { X-Api-Key = "***", X-Team = "a" }',
        ),
        (f'headers."X-Auth" = "{HEADER_SECRET}"', 'headers."X-Auth" = "***"'),
        (f'proxy = "http://{PROXY_USER}:{PROXY_PASSWORD}@h:1"', 'proxy = "http://***@h:1"'),
        (f'# proxy = "http://{PROXY_USER}:{PROXY_PASSWORD}@h:1"', '# proxy = "http://***@h:1"'),
        (f'api_key = "{TEST_KEY}"', 'api_key = "***"'),
        (f"key = '''\n{TEST_KEY}'''", 'key = "***"'),
        ('quirks = { rename = { max_tokens = "n" } }', 'quirks = { rename = { max_tokens = "n" } }'),
        (f'[mcp.x]\nenv = {{ TOKEN = "{TEST_KEY}", A = "b" }}', '[mcp.x]\nenv = { TOKEN = "***", A = "***" }'),
        ('[mcp.x]\nheaders.X-Id = "hunter3"', '[mcp.x]\nheaders.X-Id = "***"'),
        ('[mcp.x]\nheaders.X-Id = "Bearer env:T"', '[mcp.x]\nheaders.X-Id = "Bearer env:T"'),
        (
            '[mcp.x]\nargs = ["-H", "Authorization: Bearer hunter3", "-e", "API_KEY=hunter4"]',
            '[mcp.x]\nargs = ["-H", "Authorization: ***", "-e", "API_KEY=***"]',
        ),
        (
            '[mcp.x]\nargs = ["--header=Cookie: hunter3", "https://h/?q=hunter4"]  # hunter3',
            '[mcp.x]\nargs = ["--header=Cookie: ***", "https://h/?q=***"]  # ***',
        ),
        ("# token=hunter3, max_tokens = 100", "# token=***, max_tokens = 100"),
        ("# Authorization: Bearer hunter3", "# Authorization: ***"),
        ("# key = env:NAME", "# key = env:NAME"),
        ('[mcp.x]\nenv.TOKEN = "env:T"', '[mcp.x]\nenv.TOKEN = "env:T"'),
        (f'[mcp.x]\nargs = ["--token", "{TEST_KEY}", "-v"]', '[mcp.x]\nargs = ["--token", "***", "-v"]'),
        (f'[mcp.x]\nargs = ["--key={TEST_KEY}"]', '[mcp.x]\nargs = ["--key=***"]'),
    ],
)
def test_show_withholds_secrets_and_nothing_else(good, line, shown):
    good.write_config(f"{GOOD}{line}\n[aliases]\ntoken = 'work/m'\n")
    assert good.run("config", "show").check().out == f"{GOOD}{shown}\n[aliases]\ntoken = 'work/m'\n"
    assert good.run("config", "show", "--json").check().json()["config"]["current"] == "work"


def test_show_what_is_in_force(good):
    rows = dict(line.split("  ", 1) for line in good.run("config", "show", "--resolved").check().out.splitlines())
    assert {name: value.strip() for name, value in rows.items()} == {
        "profile": "work",
        "profile by": str(good.config),
        "model": "m",
        "model by": "profile",
        "provider": "generic",
        "base url": "http://localhost:1/v1",
        "key": "none",
        "config": str(good.config),
        "project": "-",
    }
    env = {"LLMCTL_PROFILE": "demo"}
    whole = good.run("config", "show", "--json", env=env).check().json()
    assert (whole["selection"]["profile"], whole["selection"]["profile_by"]) == ("demo", "LLMCTL_PROFILE")
    assert whole["config"] == tomllib.loads(GOOD)


def test_show_without_a_config(cli):
    result = cli.run("config", "show").check()
    assert (result.out, "llmctl init" in result.err) == ("", True)
    assert cli.run("config", "show", "--json").check().json() == {"selection": None, "config": {}}


# check


def test_check_a_good_config(good):
    assert good.run("config", "check").check().out == ""
    assert good.run("config", "check", "--json").check().json() == {
        "file": str(good.config),
        "ok": True,
        "findings": [],
    }


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ('currnt = "a"', 1, "unknown key 'currnt'", "did you mean current?"),
        ('current = "wrok"\n[profiles.work]\nprovider = "groq"', 1, "'wrok'", "did you mean work?"),
        ("current = 3", 1, "current must be", None),
        ('theme = "blue"', 1, "theme must be one of", None),
        ('[profiles.a]\nprovider = "groq"\nmodle = "x"', 3, "unknown key 'modle'", "did you mean model?"),
        ('[profiles.a]\nmodle = "x"\nprovider = "groq"', 2, "unknown key 'modle'", "did you mean model?"),
        ('[profiles.a]\nprovider = "grok1"', 1, "unknown provider", None),
        ('[profiles.a]\nmodel = "x"', 1, "neither provider nor base_url", None),
        ('[profiles.demo]\nprovider = "groq"', 1, "'demo' is taken", None),
        ('[profiles.a]\nprovider = "groq"\nquirks = { x = 1 }', 1, "quirks", None),
        ('[profiles.a]\nprovider = "groq"\nca_bundle = "no.pem"', 3, "no file no.pem", None),
        ('[profiles.a]\nprovider = "groq"\nkey = "file:no.key"', 3, "no file no.key", None),
        ('[profiles.a]\nprovider = "groq"\nproxy = "ftp://x"', 3, "not a proxy URL", None),
        ('[profiles.a]\nprovider = "groq"\nproxy = "nope"', 3, "proxy has no scheme", "http://proxy.example.com"),
        ("[prices.'a/b']\ninput = 1", 1, "not there: 'a'", None),
        ("[prices.'demo/b']\ninput = -1", 1, "must be a price", None),
        ("[prices.'demo/b']\nimput = 1", 2, "unknown key 'imput'", "did you mean input?"),
        ("[prices.demo]\ninput = 1", 1, "PROFILE/MODEL", None),
        ('[routes.a]\ntargets = ["dmo/x"]', 2, "'dmo'", "did you mean demo?"),
        ('[routes.a]\ntargets = ["demo/x"]\nstrategy = "rase"', 3, "'rase'", "did you mean race?"),
        ("[routes.a]\ntargets = 3", 2, "list of PROFILE/MODEL", None),
        ('[routes.a]\ntargets = ["a"]', 1, "the route a names itself", "must end at PROFILE/MODEL"),
        ('[routes.a]\ntargets = ["demo/x"]\nshadow = "a"', 1, "the route a names itself", None),
        (
            '[aliases]\nx = "y"\ny = "a"\n[routes.b]\ntargets = ["x"]\n[routes.a]\ntargets = ["b", "demo/x"]',
            4,
            "the routes b and a name each other",
            None,
        ),
        (
            '[serve]\nport = 1\ncors = ["https://x.example", "null"]',
            3,
            "serve.cors must not have null",
            "own origin",
        ),
        ("[serve]\nprot = 1", 2, "unknown key 'prot'", "did you mean port?"),
        ("serve = 3", 1, "serve must be a table", None),
        ("[mcp.a]\ncommnd = 'x'", 1, "unknown key 'commnd'", "did you mean command?"),
        ("[aliases]\nfast = 3", 2, "aliases.fast must be", None),
        ("profiles = 3", 1, "profiles must be tables", None),
        ("[profiles]\na = 3", 2, "profiles.a must be a table", None),
        ("a = 1\n[b", 2, "not valid TOML: line 2", None),
    ],
)
def test_check_names_line_and_fix(cli, text, line, message, hint):
    cli.write_config(text)
    result = cli.run("config", "check").check(3)
    assert len(result.out.splitlines()) == 1
    assert result.out.startswith(f"{cli.config}:{line}: error: ")
    assert message in result.out
    assert (hint or "") in result.out
    finding = cli.run("config", "check", "--json").check(3).json()["findings"][0]
    assert (finding["line"], finding["level"], finding["file"]) == (line, "error", str(cli.config))


def test_check_finds_every_circle_of_routes_and_only_those(cli):
    names = ("loop", "loop2", "into", "self", "one", "two", "three", "end")
    targets = (
        ["loop2"],
        ["demo/x", "loop"],
        ["loop", "end"],
        ["self"],
        ["two"],
        ["three"],
        ["end", "one"],
        ["demo/x"],
    )
    cli.write_config("\n".join(f"[routes.{n}]\ntargets = {t}" for n, t in zip(names, targets, strict=True)))
    told = [finding["message"] for finding in cli.run("config", "check", "--json").check(3).json()["findings"]]
    assert told == [
        "the routes loop and loop2 name each other",
        "the route self names itself",
        "the routes one, two and three name each other",
    ]


def test_check_an_alias_s_profile(cli):
    cli.write_config('[profiles.groq]\nprovider = "groq"\n[aliases]\na = "grok/x"\nb = "groq/x"\nc = "meta/x"\n')
    lines = cli.run("config", "check").check().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"{cli.config}:4: warning: aliases.a: there is no profile 'grok'")
    assert lines[0].endswith("did you mean groq?")


def test_check_finds_everything_at_once(cli):
    cli.write_config('[profiles.a]\nbase_url = "x y"\nretries = 99\nmodle = 1\n[profiles.b]\nmodel = 1\n')
    lines = cli.run("config", "check").check(3).out.splitlines()
    assert [line.split(":")[1] for line in lines] == ["2", "3", "4", "6"]


def test_check_the_file_s_mode(good):
    good.config.chmod(0o644)
    result = good.run("config", "check").check()
    assert "warning: the file can be read by others; chmod 600" in result.out
    good.config.chmod(0o600)
    good.config.write_text(f'{GOOD}key = "k-literal"\n')
    good.config.chmod(0o640)
    assert "error: the file holds a key" in good.run("config", "check").check(3).out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('profile = "wrok"', "'wrok'; did you mean work?"),
        ('key = "x"', "'key' is not allowed here"),
        ("profile =", "not valid TOML"),
    ],
)
def test_check_the_project_s_file(good, text, message):
    (good.cwd / ".llmctl.toml").write_text(text)
    result = good.run("config", "check").check(3)
    assert result.out.startswith(str(good.cwd / ".llmctl.toml"))
    assert message in result.out
    (good.cwd / ".llmctl.toml").write_text('profile = "work"')
    good.run("config", "check").check()


# edit


def test_an_edit_is_taken_over(good, editor):
    env = editor("path.write_text(path.read_text().replace('\"m\"', '\"n\"'))")
    assert f"changed {good.config}" in good.run("config", "edit", env=env).check().err
    assert good.config.read_text() == GOOD.replace('"m"', '"n"')
    assert stat.S_IMODE(good.config.stat().st_mode) == 0o600
    assert drafts(good) == []


def test_the_draft_is_private_and_beside_the_config(good, editor):
    env = editor(
        "assert path.stat().st_mode & 0o777 == 0o600\nassert path.suffix == '.toml'\n"
        f"assert str(path.parent) == {str(good.config.parent)!r}"
    )
    assert "nothing was changed" in good.run("config", "edit", env=env).check().err
    assert drafts(good) == []


def test_the_first_config_is_made(cli, editor):
    env = editor("path.write_text(path.read_text() + 'theme = \"dark\"\\n')")
    cli.run("config", "edit", env=env).check()
    assert tomllib.loads(cli.config.read_text()) == {"theme": "dark"}
    assert stat.S_IMODE(cli.config.stat().st_mode) == 0o600


def test_a_damaged_config_can_be_mended(cli, editor):
    cli.write_config("[damaged")
    cli.run("config", "edit", env=editor("path.write_text('theme = \"dark\"')")).check()
    assert cli.config.read_text() == 'theme = "dark"'


@pytest.mark.parametrize(
    ("text", "message"),
    [("[broken", "not valid TOML"), ("curent = 1", "did you mean current?"), ("\udcff", "not UTF-8")],
)
def test_a_bad_edit_is_not_kept_but_not_lost(good, editor, text, message):
    env = editor(f"path.write_text({text!r}, errors='surrogateescape')")
    result = good.run("config", "edit", env=env).check(3)
    assert good.config.read_text() == GOOD
    assert message in result.out
    (draft,) = drafts(good)
    assert f"your edit is in {draft}" in result.err
    assert draft.read_bytes() == text.encode(errors="surrogateescape")


def test_what_was_wrong_before_does_not_refuse_an_edit(cli, editor):
    cli.write_config("curent = 1\n")
    cli.run("config", "edit", env=editor("path.write_text('curent = 1\\ntheme = \"dark\"\\n')")).check()
    assert "theme" in cli.config.read_text()


def test_a_change_meanwhile_is_not_overwritten(good, editor):
    env = editor(
        f"pathlib.Path({str(good.config)!r}).write_text('theme = \"light\"')\npath.write_text('theme = \"dark\"')"
    )
    result = good.run("config", "edit", env=env).check(3)
    assert good.config.read_text() == 'theme = "light"'
    (draft,) = drafts(good)
    assert "changed by another program" in result.err
    assert (str(draft) in result.err, draft.read_text()) == (True, 'theme = "dark"')


def test_a_bad_edit_can_be_edited_again(good, editor):
    env = editor("path.write_text('[broken' if times == 1 else 'theme = \"dark\"')")
    terminal = good.terminal("config", "edit", env=env)
    terminal.wait_for("Edit again?")
    terminal.send("y\r")
    assert terminal.wait() == 0
    assert good.config.read_text() == 'theme = "dark"'
    assert drafts(good) == []


def test_a_bad_edit_can_be_given_up(good, editor):
    terminal = good.terminal("config", "edit", env=editor("path.write_text('[broken')"), cols=200)
    terminal.wait_for("Edit again?")
    terminal.send("n\r")
    assert terminal.wait() == 3
    assert good.config.read_text() == GOOD
    assert "your edit is in" in terminal.screen()


def test_line_ends_stay(cli, editor):
    cli.config.touch(mode=0o600)
    cli.config.write_bytes(b'theme = "dark"\r\n')
    cli.run("config", "edit", env=editor("path.write_bytes(path.read_bytes() + b'# x\\r\\n')")).check()
    assert cli.config.read_bytes() == b'theme = "dark"\r\n# x\r\n'
    assert os.listdir(cli.config.parent).count("config.toml") == 1


def test_a_proxy_that_works_without_a_scheme_is_no_error(cli):
    cli.write_config('[profiles.a]\nprovider = "groq"\nproxy = "localhost:3128"\n')
    assert "warning: profiles.a.proxy has no scheme" in cli.run("config", "check").check().out


def test_a_name_that_no_file_can_have(cli):
    env = {"LLMCTL_CONFIG": str(cli.root / ("a" * 300))}
    checked = cli.run("config", "check", env=env).check(3)
    assert (checked.out.count("\n"), "File name too long" in checked.out, checked.err) == (1, True, "")
    assert cli.run("config", "path", "--json", env=env).check().json()["exists"] is False
    assert "File name too long" in cli.run("config", "show", env=env).check(3).err
