"""`llmctl doctor`: what is wrong, and how to mend it."""

from __future__ import annotations

import datetime
import email.utils
import ssl
import time

import pytest
import trustme

from support.leaks import PROXY_PASSWORD, PROXY_USER, SECOND_KEY, TEST_KEY
from support.upstream import Hang, Reply, Upstream, refused_url
from support.wire import completion, error_body, models


def listed(*names, date=None):
    """An answer of GET /models, as if given at `date` (Unix seconds; now, if left out)."""
    stamp = email.utils.formatdate(time.time() if date is None else date, usegmt=True)
    return Reply(body=models(*names), headers={"Date": stamp})


@pytest.fixture
def doctor(work, upstream):
    """doctor(…): the checks of `llmctl doctor --json …` by (profile, check), and its exit code."""
    upstream.default = listed("test-model", "other")

    def run(*args, **more):
        result = work("doctor", "--json", *args, **more)
        whole = result.json()
        assert whole["ok"] == (result.code == 0)
        checks = {}
        for check in whole["checks"]:
            checks.setdefault((check["profile"], check["check"]), check)
        return checks, result.code

    return run


def level(checks, name, profile="work"):
    return checks[profile, name]["level"]


def test_everything_is_fine(doctor, work, upstream):
    checks, code = doctor()
    assert code == 0
    assert {check["level"] for check in checks.values()} == {"ok"}
    assert [name for profile, name in checks if profile == "work"] == ["key", "connect", "answer", "model"]
    assert checks["work", "key"]["message"] == "found: env:WORK_KEY"
    assert checks["work", "answer"]["message"] == "lists 2 models, takes the key"
    assert checks["work", "model"]["message"] == "test-model is listed"
    assert upstream.last.headers["authorization"] == f"Bearer {TEST_KEY}"
    text = work("doctor").check()
    assert text.out.startswith("this machine\n  ok       version      llmctl ")
    assert "\nwork\n  ok       key          found: env:WORK_KEY\n" in text.out
    assert text.err == "everything is ok\n"


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (Reply(401, body=error_body("wrong key")), 4, "wrong key"),
        (Reply(403, body=error_body("not yours")), 4, "not yours"),
        (Reply(429, body=error_body("slow down")), 6, "slow down"),
        (Reply(500, body=error_body("oh no")), 7, "oh no"),
        (Reply(200, {"Content-Type": "text/html"}, "<html>"), 7, "a web page instead of JSON"),
        (Reply.refuse(), 8, "closed the connection"),
    ],
)
def test_answers_that_are_none(doctor, upstream, answer, code, message):
    upstream.default = answer
    checks, ended = doctor()
    assert (level(checks, "answer"), ended) == ("failed", code)
    assert message in checks["work", "answer"]["message"]


def test_a_key_that_is_missing_is_no_reason_to_ask(doctor, upstream):
    checks, code = doctor(env={"WORK_KEY": None})
    assert (level(checks, "key"), code, upstream.requests) == ("failed", 4, [])
    assert "WORK_KEY is not set" in checks["work", "key"]["message"]
    assert "llmctl key set work" in checks["work", "key"]["hint"]


def test_a_server_that_is_not_there(doctor, work):
    work.configure(url=refused_url())
    checks, code = doctor()
    assert (level(checks, "connect"), code) == ("failed", 8)
    assert checks["work", "connect"]["message"].endswith("Connection refused")
    assert ("work", "answer") not in checks


def test_a_name_that_is_not_there(doctor, work):
    work.configure(url="http://no-such-host.invalid")
    checks, code = doctor()
    assert (level(checks, "connect"), code) == ("failed", 8)
    assert "can't be resolved" in checks["work", "connect"]["message"]


def test_a_server_that_says_nothing(doctor, upstream):
    upstream.default = Reply.hang()
    checks, code = doctor("--timeout", "0.3")
    assert (level(checks, "answer"), code) == ("failed", 9)


def test_a_slow_answer(doctor):
    checks, code = doctor("--slow", "0")
    assert (level(checks, "answer"), code) == ("warning", 0)
    assert "but slowly" in checks["work", "answer"]["message"]


def test_a_model_that_is_not_listed(doctor, upstream):
    upstream.default = listed("test-modal", "other")
    checks, code = doctor()
    assert (level(checks, "model"), code) == ("warning", 0)
    assert checks["work", "model"]["hint"] == "did you mean test-modal?"
    upstream.default = listed("models/test-model")
    assert level(doctor()[0], "model") == "ok"


@pytest.mark.parametrize(("skew", "word"), [(-7200, "2 hours ahead of"), (7200, "2 hours behind")])
def test_a_clock_that_is_wrong(doctor, upstream, skew, word):
    upstream.default = listed("test-model", date=time.time() + skew)
    checks, code = doctor()
    assert (level(checks, "clock"), code) == ("warning", 0)
    assert word in checks["work", "clock"]["message"]


# certificates


@pytest.fixture
def secure(doctor, work):
    """secure(days): doctor for a server whose certificate is good for that many days."""
    authority = trustme.CA()
    bundle = work.cli.root / "ca.pem"
    authority.cert_pem.write_to_path(bundle)

    def run(days, more=f'ca_bundle = "{bundle}"'):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        now = datetime.datetime.now(datetime.UTC)
        certificate = authority.issue_cert(
            "127.0.0.1",
            not_before=now - datetime.timedelta(days=30),
            not_after=now + datetime.timedelta(days=days, hours=1),
        )
        certificate.configure_cert(context)
        with Upstream(tls=context, default=listed("test-model")) as server:
            work.configure(more, url=server.url)
            return doctor()

    return run


def test_a_good_certificate(secure):
    checks, code = secure(90)
    date = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=90, hours=1)).strftime("%Y-%m-%d")
    assert (checks["work", "certificate"]["message"], code) == (f"good until {date}", 0)


def test_a_certificate_that_expires_soon(secure):
    checks, code = secure(5)
    assert (level(checks, "certificate"), code) == ("warning", 0)
    assert "in 5 days" in checks["work", "certificate"]["message"]


def test_a_certificate_that_has_expired(secure):
    checks, code = secure(-2)
    assert (level(checks, "connect"), code) == ("failed", 8)
    assert "certificate has expired" in checks["work", "connect"]["message"]


def test_a_certificate_of_nobody_known(secure):
    checks, code = secure(90, more="")
    assert (level(checks, "connect"), code) == ("failed", 8)
    assert "ca_bundle" in checks["work", "connect"]["hint"]


def test_a_certificate_that_is_not_checked(secure):
    checks, code = secure(90, more="verify = false")
    assert (level(checks, "certificate"), code) == ("warning", 0)
    assert "--unset verify" in checks["work", "certificate"]["hint"]


# more profiles, fewer profiles


def test_every_profile_is_asked_side_by_side(doctor, work, upstream):
    names = ["a", "b", "c"]
    tables = "".join(f'[profiles.{n}]\nbase_url = "{upstream.url}/{n}/v1"\nmodel = "test-model"\n' for n in names)
    work.cli.write_config(tables)
    gate = upstream.gate()
    upstream.route("/a/v1/models", Reply.stream([gate, listed("test-model").payload()]))
    process = work.popen("doctor", "--json")
    upstream.wait_requests(3)  # b and c are asked while a has not answered
    gate.open()
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert [out.decode().count(f'"profile": "{name}"') for name in names] == [4, 4, 4]


def test_key_commands_run_side_by_side(doctor, work, upstream):
    meet = work.cli.root / "meet"
    meet.mkdir()
    wait = f"touch {meet}/$0; while [ $(ls {meet} | wc -l) -lt 2 ]; do :; done; echo made-up-$0"
    tables = [
        f'[profiles.{n}]\nbase_url = "{upstream.url}/v1"\nkey = \'cmd:sh -c "{wait}" {n}\'\n'.replace("$", "\\$")
        for n in "ab"
    ]
    work.cli.write_config("".join(tables))
    checks, code = doctor()
    assert (level(checks, "key", "a"), level(checks, "key", "b"), code) == ("ok", "ok", 0)
    assert {r.headers["authorization"] for r in upstream.requests} == {"Bearer made-up-a", "Bearer made-up-b"}


def test_a_key_command_that_takes_too_long(doctor, work):
    work.cli.write_config('[profiles.slow]\nbase_url = "http://localhost:1"\nkey = "cmd:sleep 25; echo late"\n')
    started = time.monotonic()
    checks, code = doctor("--offline", "--timeout", "0.3")
    assert (level(checks, "key", "slow"), code, time.monotonic() - started < 15) == ("failed", 4, True)
    assert "did not finish within 0.3 s" in checks["slow", "key"]["message"]
    terminal = work.terminal("doctor", "--offline", "--timeout", "0.3", cols=140)
    assert terminal.wait() == 4
    assert "waiting for the key command of slow, 0.3 s at the most" in terminal.screen()


def test_a_key_command_runs_once(doctor, work, upstream):
    runs = work.cli.root / "runs"
    work.cli.write_config(
        f'[profiles.a]\nbase_url = "{upstream.url}/v1"\nkey = "cmd:echo x >> {runs}; echo made-up-key"\n'
    )
    assert doctor()[1] == 0
    assert (runs.read_text(), upstream.last.headers["authorization"]) == ("x\n", "Bearer made-up-key")


def test_the_first_failure_gives_the_exit_code(doctor, work, upstream):
    work.cli.write_config(
        f'[profiles.fine]\nbase_url = "{upstream.url}/v1"\n'
        f'[profiles.keyless]\nprovider = "groq"\n[profiles.down]\nbase_url = "{refused_url()}"\n'
    )
    checks, code = doctor()
    assert (level(checks, "key", "keyless"), level(checks, "connect", "down"), code) == ("failed", "failed", 4)
    assert level(checks, "answer", "fine") == "ok"
    assert doctor("-p", "down")[1] == 8
    assert doctor("-p", "fine")[1] == 0
    both, code = doctor("-p", "down", "-p", "fine")
    assert ({profile for profile, _ in both}, code) == ({None, "down", "fine"}, 8)
    assert doctor("-p", "nobody")[1] == 3


def test_offline_asks_nobody(doctor, upstream):
    checks, code = doctor("--offline")
    assert (code, [name for profile, name in checks if profile], upstream.connections) == (0, ["key"], 0)


def test_a_profile_made_of_variables(cli, upstream):
    upstream.default = listed("m")
    env = {"OPENAI_BASE_URL": f"{upstream.url}/v1", "OPENAI_API_KEY": SECOND_KEY}
    result = cli.run("doctor", env=env).check()
    assert "\nenv\n  ok       key          found: env:OPENAI_API_KEY\n" in result.out


def test_the_demo_provider(cli):
    assert "demo is listed" in cli.run("doctor", "-p", "demo").check().out


def test_a_provider_without_a_list_of_models(doctor, work, upstream):
    upstream.default = Reply(body=completion("ok"))
    work.configure("quirks = { model_list = false }")
    checks, code = doctor()
    assert (checks["work", "answer"]["message"], code) == ("test-model answers", 0)
    assert upstream.last.path == "/v1/chat/completions"


def test_a_provider_that_is_gone(doctor, work):
    from llmctl.config.catalogue import load_catalogue

    dead = next(provider for provider in load_catalogue().values() if provider.dead)
    work.cli.write_config(f'[profiles.old]\nprovider = "{dead.id}"\nbase_url = "http://127.0.0.1:1"\n')
    checks, code = doctor()
    assert (level(checks, "provider", "old"), code) == ("failed", 3)
    assert checks["old", "provider"]["message"] == dead.dead


# this machine


def test_a_config_that_is_wrong(doctor, work, upstream):
    work.configure("modle = 1")
    result = work("doctor").check(3)
    assert "unknown key 'modle'" in result.out
    assert "did you mean model?" in result.out
    assert upstream.requests == []
    work.cli.write_config("[broken")
    assert "not valid TOML" in work("doctor").check(3).out


def test_no_config_at_all(cli):
    result = cli.run("doctor").check()
    assert "llmctl init" in result.out


def test_files_that_others_can_read(doctor, work):
    folder = work.cli.root / "keys"
    folder.mkdir()
    (folder / "work").write_text("key")
    (folder / "work").chmod(0o644)
    work.cli.config.chmod(0o644)
    checks, code = doctor()
    assert (level(checks, "config", None), level(checks, "keys", None), code) == ("warning", "warning", 0)
    assert checks[None, "keys"]["hint"] == f"chmod 600 {folder / 'work'}"


def test_an_edit_that_was_left(doctor, work):
    draft = work.cli.config.parent / "config-edit-x y.toml"
    draft.write_text("")
    checks, code = doctor()
    assert (level(checks, "config", None), code) == ("warning", 0)
    assert str(draft) in checks[None, "config"]["message"]
    assert f"rm '{draft}'" in checks[None, "config"]["hint"]


def test_a_config_whose_name_no_file_can_have(doctor, work):
    checks, code = doctor(env={"LLMCTL_CONFIG": str(work.cli.root / ("a" * 300))})
    assert ("File name too long" in checks[None, "config"]["message"], code) == (True, 3)


def test_a_proxy_that_is_none(doctor, work, upstream):
    work.configure('proxy = "nope"')
    checks, code = doctor("--offline")
    assert ("proxy has no scheme" in checks[None, "config"]["message"], code) == (True, 3)


def test_proxies_are_named_without_their_password(doctor, upstream):
    proxy = f"http://{PROXY_USER}:{PROXY_PASSWORD}@127.0.0.1:{upstream.port}"
    checks, code = doctor(env={"HTTP_PROXY": proxy, "NO_PROXY": "x.example"})
    assert code == 0
    assert f"HTTP_PROXY=http://***@127.0.0.1:{upstream.port}" in checks[None, "proxy"]["message"]
    assert checks["work", "connect"]["message"] == (f"goes through the proxy http://***@127.0.0.1:{upstream.port}")


def test_a_locale_without_utf_8(doctor):
    checks, code = doctor(env={"LANG": "C", "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert (level(checks, "terminal", None), code) == ("warning", 0)


def test_what_is_installed(doctor):
    message = doctor()[0][None, "extras"]["message"]
    assert "keyring 2" in message
    assert "numpy 2" in message


def test_on_a_terminal(work, upstream):
    upstream.default = Reply(401, body=error_body("wrong key"))
    terminal = work.terminal("doctor", cols=140)
    assert terminal.wait() == 4
    assert "  failed   answer       wrong key" in terminal.screen()
    assert "1 failed" in terminal.screen()
    assert b"\x1b[31mfailed  \x1b[0m" in terminal.raw


def test_ctrl_c_ends_it_at_once(work, upstream):
    upstream.default = Reply(steps=(Hang(),), bare=True)
    terminal = work.terminal("doctor")
    upstream.wait_requests(1)
    terminal.send_key("ctrl-c")
    assert terminal.wait() == 130
