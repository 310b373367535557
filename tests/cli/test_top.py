"""`llmctl top`: the gateway in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.cli import Cli, Result
from support.dashboard import Dashboard, attempt, entry, wait_until
from support.leaks import TEST_KEY
from support.replies import Reply
from support.terminal import Terminal
from support.upstream import Upstream, refused_url


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    with Dashboard() as served:
        yield served


@pytest.fixture
def busy(dashboard: Dashboard) -> Dashboard:
    """One that has answered twice; the second time the first target was limited."""
    first = attempt("rate_limited", http_status=429, why="first of the route fast")
    second = attempt(profile="spare", model="small", number=2, why="the next, after 429")
    dashboard.finish(entry(id="first"), entry(id="second", model="fast", attempts=[first, second]))
    return dashboard


def top(cli: Cli, dashboard: Dashboard, *args: str) -> Result:
    return cli.run("top", "--url", dashboard.url, *args)


def watch(cli: Cli, dashboard: Dashboard, *args: str, rows: int = 40, cols: int = 120) -> Terminal:
    terminal = cli.terminal("top", "--url", dashboard.url, *args, rows=rows, cols=cols)
    return terminal.wait_for("RECENT")


def test_json_is_the_snapshot(cli: Cli, busy: Dashboard) -> None:
    told = top(cli, busy, "--json").check().json()
    assert told["totals"]["requests"] == 2
    assert [each["id"] for each in told["recent"]] == ["second", "first"]
    assert told["summary"]["spend_today"] == pytest.approx(0.04)


def test_into_a_pipe_each_request_and_target_is_a_line(cli: Cli, busy: Dashboard) -> None:
    busy.begin(id="going-on")
    lines = [line.split("\t") for line in top(cli, busy).check().out.splitlines()]
    assert [line[0] for line in lines] == ["running", "recent", "recent", "target", "target"]
    assert lines[0][2:] == ["work/big", "work/big", "ci", "going-on"]
    assert lines[1][2:7] == ["fast", "spare/small", "ok", "1,000/100", "$0.02"]
    assert lines[4][1:3] == ["cooling", "spare/small"]


def test_once_is_a_table_for_people(cli: Cli, busy: Dashboard) -> None:
    terminal = cli.terminal("top", "--url", busy.url, "--once", rows=40, cols=140)
    assert terminal.wait() == 0
    for told in ("In flight", "nothing", "spare/small", "cooling", "$0.04 today", "429: told to wait"):
        assert told in terminal.screen()


def test_the_address_comes_from_the_config(cli: Cli, busy: Dashboard) -> None:
    cli.write_config(f'[serve]\nhost = "0.0.0.0"\nport = {busy.url.rpartition(":")[2]}\n')
    assert cli.run("top", "--json").check().json()["totals"]["requests"] == 2


def test_without_a_gateway_one_line_says_how_to_start_it(cli: Cli) -> None:
    url = refused_url()
    done = cli.run("top", "--url", url, "--once").check(8)
    assert done.err == f"error: no gateway answers at {url}\nhint: start it with: llmctl serve\n"


@pytest.mark.parametrize(
    ("reply", "code"), [(Reply(200, body=b"hello"), 7), (Reply(404, body=b"{}"), 5), (Reply(200, body=b"[]"), 7)]
)
def test_what_is_no_gateway_is_called_so(cli: Cli, upstream: Upstream, reply: Reply, code: int) -> None:
    upstream.script(reply)
    done = cli.run("top", "--url", upstream.url, "--json").check(code)
    assert upstream.url in done.err
    assert "Traceback" not in done.err


def test_a_key_is_sent_and_never_shown(cli: Cli) -> None:
    with Dashboard(key=TEST_KEY) as dashboard:
        assert "asks for a key" in top(cli, dashboard, "--json").check(4).err
        wrong = cli.run("top", "--url", dashboard.url, "--key", "env:KEY", "--json", env={"KEY": "sk-wrong"})
        assert "does not take this key" in wrong.check(4).err
        right = cli.run("top", "--url", dashboard.url, "--key", "env:KEY", "--json", env={"KEY": TEST_KEY})
        assert right.check().json()["workers"] == 1
        assert "takes a reference" in top(cli, dashboard, "--key", "sk-something", "--json").check(2).err
        assert "KEY2 is not set" in top(cli, dashboard, "--key", "env:KEY2", "--json").check(4).err


def test_what_to_do_without_a_key_that_may_look(cli: Cli, upstream: Upstream) -> None:
    with Dashboard(key=TEST_KEY) as dashboard:
        assert "make one with: llmctl serve key add NAME --admin" in top(cli, dashboard, "--json").check(4).err
    upstream.script(Reply(404, body=b"{}"), Reply(404, body=b"{}"))
    refused = cli.run("top", "--url", upstream.url, "--key", "env:KEY", "--json", env={"KEY": TEST_KEY})
    assert f"this key may not look at the gateway at {upstream.url}" in refused.check(5).err
    assert "one made with llmctl serve key add NAME --admin may" in refused.err
    nothing = cli.run("top", "--url", upstream.url, "--json").check(5).err
    assert f"there is no llmctl gateway at {upstream.url}" in nothing


def test_it_is_live_and_q_ends_it(cli: Cli, busy: Dashboard) -> None:
    terminal = watch(cli, busy)
    terminal.wait_for("0 in flight").wait_for("1 work/big: 429 rate_limited").wait_for("first of the route fast")
    busy.begin(id="going-on")
    terminal.wait_for("1 in flight").wait_for("going-on")
    busy.finish(entry("server_error", id="third", model="third-model"))
    terminal.wait_for("502 server_error").wait_for("third-model")
    terminal.send("q")
    assert terminal.wait() == 0


def test_the_chosen_request_is_cancelled(cli: Cli, busy: Dashboard) -> None:
    stays, goes = busy.begin(id="stays"), busy.begin(id="goes")
    terminal = watch(cli, busy).wait_for("stays").wait_for("goes")
    terminal.send_key("down")
    terminal.send("c")
    wait_until(lambda: goes.outcome == "cancelled", "the second request is cancelled")
    terminal.wait_for("goes is cancelled")
    assert stays.outcome == ""
    terminal.send("\x03")
    assert terminal.wait() == 0


def test_it_says_that_the_gateway_is_gone_and_comes_back(cli: Cli, busy: Dashboard) -> None:
    terminal = watch(cli, busy)
    busy.run(busy.view.monitor.close)
    terminal.wait_for("disconnected, retrying")
    busy.view.monitor.closed = False
    terminal.wait_until(lambda: "disconnected" not in terminal.screen(), "connected again")
    terminal.send("q")
    assert terminal.wait() == 0


@pytest.mark.parametrize("cols", [30, 60, 90])
def test_a_narrow_terminal_shows_what_fits(cli: Cli, busy: Dashboard, cols: int) -> None:
    busy.begin(model="a-model-with-quite-a-long-name/" * 3)
    terminal = watch(cli, busy, rows=30, cols=cols).wait_for("1 in flight")
    terminal.wait_for("STATUS")
    terminal.send("q")
    assert terminal.wait() == 0


@pytest.mark.parametrize(("rows", "cols", "table"), [(24, 80, True), (15, 40, False), (40, 120, True)])
@pytest.mark.parametrize("running", [0, 20])
def test_targets_give_way_to_recent_requests(
    cli: Cli, dashboard: Dashboard, rows: int, cols: int, table: bool, running: int
) -> None:
    healthy, cooling = dashboard.view.targets
    dashboard.view.targets = [{**healthy, "target": f"work/number-{n}"} for n in range(20)] + [cooling]
    dashboard.finish(*(entry(model=f"model-{n}") for n in range(5)))
    for _ in range(running):
        dashboard.begin()
    terminal = watch(cli, dashboard, rows=rows, cols=cols).wait_for(f"{running} in flight")
    terminal.wait_for("model-4").wait_for("model-3")
    terminal.wait_for("spare/small" if table and not (running and rows < 40) else "TARGETS  1 cooling, 20 ok")
    terminal.send("q")
    assert terminal.wait() == 0


def test_text_from_clients_can_not_make_the_terminal_do_things(cli: Cli, busy: Dashboard) -> None:
    busy.finish(entry(model="\x1b]0;owned\x07\x1b[31mred[/]", caller="a\tb\nc"))
    assert b"\x1b]0;owned" not in top(cli, busy, "--once").check().out_bytes
    terminal = watch(cli, busy).wait_for("31mred[/]")
    assert b"]0;owned\x07" not in terminal.raw
    terminal.send("q")
    assert terminal.wait() == 0
