"""`llmctl logs list`, `show`, `search`, `rm` and `prune`."""

from __future__ import annotations

import json
import re
import sqlite3
import time

import pytest

from llmctl.cli.logs import search
from llmctl.cli.streams import Streams
from llmctl.cli.table import cell_width
from llmctl.core.media import Attachment
from llmctl.store.ledger import Request
from llmctl.store.messages import Message
from llmctl.store.search import Search
from llmctl.store.store import Store

NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC
DAY = 86_400
OSC = "\x1b]0;owned\x07"
ZONE = {"TZ": "UTC"}


@pytest.fixture
def store(cli):
    """The store of the test's home."""
    with Store(cli.home / ".local/share/llmctl/llmctl.db") as opened:
        yield opened


@pytest.fixture
def talk(store):
    """talk(question, answer, when, **conversation): a conversation of two messages; its id."""

    def begin(question="Why is the sky blue?", answer="Because it **scatters**.", when=NOON, **more):
        settings = {"profile": "work", "model": "big", "title": question, "created": when, "updated": when, **more}
        number = store.conversations.begin(**settings)
        asked = store.messages.add(number, None, Message("user", question, created=when))
        said = Message("assistant", answer, profile=settings["profile"], model=settings["model"], created=when)
        store.messages.add(number, asked, said)
        return number

    return begin


@pytest.fixture
def costly(store, talk):
    """A conversation whose answer has an entry in the ledger; its id."""
    number = talk(system="Be brief.", pinned=True)
    told = {"prompt_tokens": 1200, "completion_tokens": 345, "cached_tokens": 1000, "reasoning_tokens": 100}
    timing = {"first_token_ms": 250.0, "total_ms": 4250.0, "cost": 0.0125, "cost_by": "provider"}
    where = {"conversation": number, "message": store.conversations.get(number).head}
    store.ledger.add(Request(NOON, "chat", "work", "", "https://x/v1", "big", **told, **timing, **where))
    return number


@pytest.fixture
def tree(store, talk):
    """A conversation with two answers to one question, a stopped one being in view; its id."""
    number = talk("Say it.", "First.")
    question = store.messages.tree(number)[0].id
    extra = {"reasoning": "Let me think.\nDone."}
    said = Message("assistant", "Second, bu", extra, "stopped", "other", "small", NOON + 60)
    store.messages.add(number, question, said)
    return number


def shown(cli, *args, **more):
    """What a command prints on a terminal of its own."""
    more.setdefault("env", {}).update(ZONE, LLMCTL_NO_PAGER="1")
    terminal = cli.terminal("logs", *args, **more)
    assert terminal.wait() == 0
    return terminal


# list


def test_list_in_a_pipe(cli, talk):
    first, second = talk(), talk("Two\tlines\nof it", when=NOON + DAY, pinned=True, profile="p", model="m/x")
    lines = [line.split("\t") for line in cli.run("logs", "list", env=ZONE).check().out.splitlines()]
    assert lines == [
        [second[:6], "2026-11-22 12:00", "p/m/x", "2", "*", "Two lines of it"],
        [first[:6], "2026-11-21 12:00", "work/big", "2", "", "Why is the sky blue?"],
    ]


def test_list_as_json(cli, costly, talk):
    other = talk(when=NOON - DAY)
    first, second = cli.run("logs", "list", "--json").check().json()
    assert first == {
        "id": costly,
        "title": "Why is the sky blue?",
        "profile": "work",
        "model": "big",
        "created": "2026-11-21T12:00:00.000Z",
        "updated": "2026-11-21T12:00:00.000Z",
        "messages": 2,
        "pinned": True,
        "tokens": 1545,
        "cost": 0.0125,
        "unknown_cost": 0,
    }
    assert (second["id"], second["tokens"], second["cost"]) == (other, None, None)


@pytest.mark.parametrize(
    ("args", "titles"),
    [
        ([], ["new", "mid", "old"]),
        (["-n", "1"], ["new"]),
        (["-n", "0"], ["new", "mid", "old"]),
        (["-p", "work"], ["mid", "old"]),
        (["-m", "small"], ["new"]),
        (["-p", "work", "-m", "small"], []),
        (["--since", "2026-11-20"], ["new", "mid"]),
        (["--since", "2026-11-20T12:01"], ["new"]),
    ],
)
def test_what_is_listed(cli, talk, args, titles):
    talk("old", when=NOON - 9 * DAY)
    talk("mid", when=NOON - DAY)
    talk("new", when=NOON, profile="other", model="small")
    result = cli.run("logs", "list", *args, "--json", env=ZONE).check()
    assert [row["title"] for row in result.json()] == titles
    assert ("nothing found" in cli.run("logs", "list", *args, env=ZONE).check().err) == (not titles)


def test_a_profile_that_answered_before_counts(cli, tree, store):
    store.conversations.change(tree, profile="work")
    assert cli.run("logs", "list", "-p", "other").check().out.startswith(tree[:6])


def test_nothing_kept(cli):
    result = cli.run("logs", "list").check()
    assert (result.out, "nothing is kept yet" in result.err) == ("", True)
    assert cli.run("logs", "list", "--json").check().json() == []
    assert not (cli.home / ".local/share/llmctl").exists()  # looking makes no file


@pytest.mark.parametrize(("cols", "model"), [(100, True), (80, True), (40, False)])
def test_list_fits_the_terminal(cli, talk, cols, model):
    talk("天空" * 60, profile="groq", model="openai/gpt-oss-120b-with-a-long-name")
    talk(f"{OSC}{'x' * 200}", when=NOON - DAY)
    terminal = shown(cli, "list", cols=cols, rows=24)
    lines = terminal.screen().splitlines()
    assert len(lines) == 3
    assert ("MODEL" in lines[0]) == model
    assert all(line.endswith("…") for line in lines[1:])
    assert OSC.encode() not in terminal.raw


def test_no_colours_where_none_are_wanted(cli, talk):
    talk()
    assert b"\x1b[" not in shown(cli, "list", env={"NO_COLOR": "1"}).raw


def test_a_conversation_without_a_title_is_called_so_for_people(cli, talk):
    talk(title="")
    assert "Untitled" in shown(cli, "list").screen()
    assert "Untitled" in shown(cli, "search", "sky").screen()
    assert "Untitled" not in cli.run("logs", "list").check().out


@pytest.mark.parametrize("args", [["show", "--json"], ["list", "--json", "-n", "1"]])
def test_only_what_is_shown_is_priced(cli, talk, store, args):
    cli.write_config('[prices."work/big"]\ninput = 10\noutput = 20\n')
    other, last = talk(when=NOON - DAY), talk()
    for number in (other, last):
        counts = {"prompt_tokens": 1000, "completion_tokens": 100}
        store.ledger.add(Request(NOON, "chat", "work", "", "", "big", **counts, conversation=number))
    report = cli.run("logs", *args).check().json()
    assert (report if isinstance(report, dict) else report[0])["cost"] == 0.012
    assert [request.conversation for request in store.ledger.unpriced()] == [other]


@pytest.mark.parametrize("args", [["show", "--json"], ["list", "--json"]])
def test_prices_are_shown_while_another_program_writes(cli, talk, store, args):
    cli.write_config('[prices."work/big"]\ninput = 10\noutput = 20\n')
    counts = {"prompt_tokens": 1000, "completion_tokens": 100}
    store.ledger.add(Request(NOON, "chat", "work", "", "", "big", **counts, conversation=talk()))
    before = time.monotonic()
    with store.transaction():
        store.database.run("DELETE FROM drafts")
        report = cli.run("logs", *args).check().json()
    assert time.monotonic() - before < 10  # not the 15 seconds of a command that has to write
    assert (report if isinstance(report, dict) else report[0])["cost"] == 0.012


def test_an_answer_that_broke_off_may_have_cost_something(cli, talk, store):
    number = talk()
    for status in ("stream_broken", "connect"):
        store.ledger.add(
            Request(NOON, "chat", "work", "", "", "big", status=status, cost_by="unknown", conversation=number)
        )
    assert cli.run("logs", "show", "--json").check().json()["unknown_cost"] == 1
    assert cli.run("logs", "list", "--json").check().json()[0]["unknown_cost"] == 1
    assert "cost unknown*" in cli.run("logs", "show").check().out.split("\n\n")[1]


# show


def test_show_as_markdown(cli, costly, store):
    path = store.messages.path(store.conversations.get(costly).head)
    store.messages.add(
        costly,
        path[-1].id,
        Message("user", "Look.", created=NOON),
        [Attachment("a.png", "image/png", b"x" * 2500)],
    )
    assert cli.run("logs", "show", costly[:5], env=ZONE).check().out == (
        f"# Why is the sky blue?\n\n*{costly} · 2026-11-21 12:00 · 3 messages · cost $0.0125 · pinned*\n\n"
        "## System\n\nBe brief.\n\n"
        "## You\n\n*2026-11-21 12:00*\n\nWhy is the sky blue?\n\n"
        "## work/big\n\n*2026-11-21 12:00 · 1,200 in (1,000 cached) · 345 out (100 reasoning) · $0.0125"
        " · first token 0.25 s · 86.2 tokens/s*\n\nBecause it **scatters**.\n\n"
        "## You\n\n*2026-11-21 12:00*\n\n[file: a.png, image/png, 2.5 kB]\n\nLook.\n"
    )


def test_what_is_unknown_is_called_so(cli, talk, store):
    number = talk()
    assert "tokens and cost unknown" in cli.run("logs", "show").check().out
    head = store.conversations.get(number).head
    store.ledger.add(
        Request(
            NOON,
            "chat",
            "work",
            "",
            "http://127.0.0.1:1/v1",
            "big",
            completion_tokens=7,
            conversation=number,
            message=head,
        )
    )
    assert "? in · 7 out · cost unknown*" in cli.run("logs", "show").check().out


def test_an_answer_is_priced_when_it_is_shown_and_what_is_found_is_kept(cli, talk, store):
    cli.write_config('[prices."work/big"]\ninput = 10\noutput = 20\n')
    number = talk()
    head = store.conversations.get(number).head
    counts = {"prompt_tokens": 1000, "completion_tokens": 100}
    store.ledger.add(Request(NOON, "chat", "work", "", "", "big", **counts, conversation=number, message=head))
    assert "$0.012*" in cli.run("logs", "show").check().out
    assert [(entry.cost, entry.cost_by) for entry in store.ledger.of_conversation(number)] == [(0.012, "prices")]


@pytest.mark.parametrize("config", ["broken = ", '[prices."work/big"]\ninput = "much"\n'])
def test_a_bad_config_does_not_hide_the_history(cli, talk, store, config):
    cli.write_config(config)
    number = talk()
    store.ledger.add(Request(NOON, "chat", "work", "", "", "big", prompt_tokens=1, conversation=number))
    result = cli.run("logs", "show").check()
    assert "Why is the sky blue?" in result.out
    assert "costs stay unknown" in result.err


def test_variants_and_reasoning(cli, tree):
    view = cli.run("logs", "show", tree, env=ZONE).check().out
    assert "2 of 3 messages" in view
    assert "stopped · variant 2 of 2*\n\nSecond, bu\n" in view
    assert "First." not in view
    assert "think" not in view
    everything = cli.run("logs", "show", tree, "--all", "--reasoning").check().out
    assert everything.index("variant 1 of 2 · not in view*\n\nFirst.") < everything.index("variant 2 of 2")
    assert "> Let me think.\n> Done.\n\nSecond, bu" in everything


def test_show_as_json(cli, tree):
    view = cli.run("logs", "show", "--json").check().json()
    assert [(m["role"], m["state"]) for m in view["messages"]] == [("user", "complete"), ("assistant", "stopped")]
    assert view["head"] == view["messages"][-1]["id"]
    assert view["messages"][-1]["extra"] == {"reasoning": "Let me think.\nDone."}
    assert view["messages"][-1]["cost"] is None
    everything = cli.run("logs", "show", "--json", "--all").check().json()
    question = view["messages"][0]["id"]
    assert [message["parent"] for message in everything["messages"]] == [None, question, question]


def test_tools_and_other_parts(cli, store):
    number = store.conversations.begin(title="Tools")
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"x": 1}'}}
    content = [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    head = None
    for message in (
        Message("user", "Hi", {"content": content}),
        Message("assistant", "", {"tool_calls": [call]}, profile="p", model="m"),
        Message("tool", "a ``` b", {"tool_call_id": "c"}),
        Message("assistant", "", {"refusal": "No."}),
    ):
        head = store.messages.add(number, head, message)
    text = cli.run("logs", "show").check().out
    assert "[image_url]\n\nHi" in text
    assert '→ look({"x": 1})' in text
    assert "````\na ``` b\n````" in text
    assert "Refused: No." in text


def test_only_the_answer(cli, tree, talk, store):
    result = cli.run("logs", "show", tree, "--answer").check()
    assert result.out == "Second, bu\n"
    assert "stopped" in result.err
    talk(answer=f"Raw{OSC}\n", when=NOON + DAY)
    assert cli.run("logs", "show", "--answer").check().out == f"Raw{OSC}\n"
    number = store.conversations.begin()
    assert "no answer yet" in cli.run("logs", "show", number, "--answer").check(2).err
    assert "exclude each other" in cli.run("logs", "show", "--answer", "--json").check(2).err


@pytest.mark.parametrize("args", [[], ["--plain"], ["--answer"], ["--json"]])
def test_stored_text_does_nothing_to_a_terminal(cli, talk, args):
    talk(f"{OSC}Ask\x9b31m", f"{OSC}Tell\x9b31m", title=OSC, system=OSC)
    terminal = shown(cli, "show", *args)
    assert "Tell" in terminal.screen()
    assert not re.search(rb"\x1b\]|\x07|\xc2\x9b", terminal.raw)


def test_an_answer_is_rendered_on_a_terminal(cli, talk):
    talk("line one\nline two", "- a\n- **b**\n")
    lines = shown(cli, "show").screen().splitlines()
    assert " • b" in lines
    assert lines[lines.index("line one") + 1] == "line two"  # what was typed keeps its lines
    assert "- **b**" in shown(cli, "show", "--plain").screen().splitlines()


def test_long_output_goes_through_the_pager(cli, talk):
    talk(answer="word\n\n" * 100)
    terminal = cli.terminal("logs", "show", env={"PAGER": "sed -n '1s/^/paged /p'"})
    terminal.wait_for("paged ")
    assert terminal.wait() == 0


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["show"], "no conversation is kept yet"),
        (["show", "abc"], "there is no conversation abc"),
        (["show", "nonsense"], "is no id of a conversation"),
        (["rm", "abc"], "there is no conversation abc"),
        (["export"], "no conversation is kept yet"),
        (["list", "--since", "soon"], "'soon' is no time"),
        (["prune", "--older-than", "soon"], "'soon' is no length of time"),
        (["prune", "--older-than", "0d", "--yes"], "would remove everything"),
        (["prune", "--older-than", "30d"], "nobody can be asked"),
    ],
)
def test_mistakes(cli, args, why):
    result = cli.run("logs", *args).check(2)
    assert result.out == ""
    assert why in result.err
    assert "hint: " in result.err


def test_an_id_that_several_have(cli, talk, store):
    for number in ("aaaaaaaa11111111", "aaaaaaaa22222222"):
        store.conversations.begin(id=number, title=number)
    assert {line.split("\t")[0] for line in cli.run("logs", "list").out.splitlines()} == {"aaaaaaaa1", "aaaaaaaa2"}
    assert "several conversations begin with aaa" in cli.run("logs", "show", "aaa").check(2).err
    assert "aaaaaaaa2" in cli.run("logs", "show", "AAAAAAAA2").check().out


# search


def test_search(cli, talk):
    first = talk("Why is the sky blue?", "Of Rayleigh\tscattering")
    talk("Something else", "entirely")
    lines = [line.split("\t") for line in cli.run("logs", "search", "RAYLEIGH", "scat", env=ZONE).out.splitlines()]
    assert lines == [
        [first[:6], "assistant", "2026-11-21 12:00", "Why is the sky blue?", "Of Rayleigh scattering"]
    ]
    (hit,) = cli.run("logs", "search", "--json", "sky blue").check().json()
    assert (hit["conversation"], hit["role"], hit["snippet"]) == (first, "user", "Why is the sky blue?")
    assert len(cli.run("logs", "search", "e", "-n", "1").check().out.splitlines()) == 1
    assert cli.run("logs", "search", '"blue sky"').check().out == ""


def test_nothing_found_is_no_failure(cli):
    result = cli.run("logs", "search", "nothing").check()
    assert (result.out, "nothing found" in result.err) == ("", True)
    assert cli.run("logs", "search", "nothing", "--json").check().json() == []


def test_search_emphasises_on_a_terminal(cli, talk):
    talk(f"Why is the sky blue?{OSC}")
    terminal = shown(cli, "search", "blue")
    assert b"\x1b[1mblue\x1b[0m" in terminal.raw
    assert OSC.encode() not in terminal.raw
    assert b"\x1b[" not in shown(cli, "search", "blue", env={"NO_COLOR": "1"}).raw


def test_bold_ends_with_its_line(cli, talk):
    talk("one two three four five six seven")
    raw = shown(cli, "search", '"two three four five six"', cols=20).raw
    assert all(line.count(b"\x1b[1m") == line.count(b"\x1b[0m") for line in raw.splitlines())


@pytest.mark.parametrize("cols", [20, 31, 80])
def test_what_is_found_fills_the_lines(cli, talk, cols):
    talk("Say " + "天空" * 20, "The word 天気 " + "雨雪" * 30 + " and end")
    terminal = shown(cli, "search", "天気", cols=cols)
    lines = [line for line in terminal.history() if line.startswith("  ") and line.strip()]
    assert all(cell_width(line) <= cols for line in lines)
    assert all(cell_width(line) >= cols - 5 for line in lines[:-1])  # none is broken before it is full
    assert b"\x1b[1m\xe5\xa4\xa9" in terminal.raw


def test_what_is_removed_while_it_is_looked_for(cli, talk, store, monkeypatch, capsys):
    number, find = talk(), Search.find

    def remove_what_is_found(*args):
        hits = find(*args)
        store.conversations.remove(number)
        return hits

    monkeypatch.setattr(Search, "find", remove_what_is_found)
    search.run(search.SearchOptions(["sky"]), Streams({"LLMCTL_DATA": str(cli.home / ".local/share/llmctl")}))
    assert capsys.readouterr().out.startswith(number[:6])
    assert store.conversations.newest() == []


# rm


def test_rm(cli, talk, costly, store):
    other = talk(f"{OSC}Other", when=NOON + 1)
    result = cli.run("logs", "rm", costly[:6], costly, other).check()
    assert f"removed {costly[:6]}  Why is the sky blue?" in result.err
    assert f"removed {other[:6]}  ]0;ownedOther" in result.err
    assert store.conversations.newest() == []
    assert store.messages.tree(costly) == []
    assert [total.cost for total in store.ledger.totals("day")] == [0.0125]  # it was spent all the same


def test_one_wrong_id_removes_nothing(cli, talk, store):
    assert "no conversation fff" in cli.run("logs", "rm", talk(), "fff0").check(2).err
    assert len(store.conversations.newest()) == 1


@pytest.mark.parametrize(("key", "code", "left"), [("y\n", 0, 0), ("n\n", 130, 1), ("\n", 130, 1)])
def test_rm_asks_on_a_terminal(cli, talk, store, key, code, left):
    talk()
    terminal = cli.terminal("logs", "rm", store.conversations.last().id)
    terminal.wait_for("Why is the sky blue?").wait_for("for good? [y/N]")
    terminal.send(key)
    assert terminal.wait() == code
    assert len(store.conversations.newest()) == left


def test_a_very_long_conversation_can_be_removed(cli, store):
    """SQLite follows references 1000 deep, and no further."""
    number, head = store.conversations.begin(title="Long"), None
    with store.transaction():
        for at in range(1200):
            head = store.messages.add(number, head, Message("user", f"message {at}"))
    cli.run("logs", "rm", number).check()
    assert store.search.find("message") == []


def test_a_very_long_branch_can_be_removed(store):
    number, ids = store.conversations.begin(), [None]
    with store.transaction():
        for at in range(1200):
            ids.append(store.messages.add(number, ids[-1], Message("user", f"message {at}")))
    store.messages.remove(ids[2])
    assert [message.id for message in store.messages.tree(number)] == [ids[1]]
    assert store.conversations.get(number).head == ids[1]


# prune


@pytest.fixture
def aged(talk, store):
    """Conversations last used 40, 20 and 0 days ago, and a pinned one of 40; requests without one."""
    now = time.time()
    for days, more in ((40, {}), (20, {}), (0, {}), (41, {"pinned": True})):
        number = talk(f"{days} days", when=now - days * DAY, **more)
        store.ledger.add(Request(now - days * DAY, "chat", "work", "", "", "big", conversation=number))
    store.ledger.add(Request(now - 50 * DAY, "embed", "work", "", "", "big"))


def test_what_was_used_while_it_was_asked_about_stays(cli, aged, store):
    terminal = cli.terminal("logs", "prune", "--older-than", "15d", "--pinned")
    terminal.wait_for("Remove 3 conversations for good? [y/N]")
    used = next(each for each in store.conversations.newest() if each.title == "20 days")
    store.messages.add(used.id, used.head, Message("user", "More?"))
    terminal.send("y\n")
    terminal.wait_for("removed 2 conversations")
    assert terminal.wait() == 0
    assert titles(store) == ["0 days", "20 days"]


def test_what_was_pinned_while_it_was_asked_about_stays(cli, aged, store):
    terminal = cli.terminal("logs", "prune", "--older-than", "30d")
    terminal.wait_for("Remove 1 conversation for good? [y/N]")
    pinned = next(each for each in store.conversations.newest() if each.title == "40 days")
    store.conversations.change(pinned.id, pinned=True)
    terminal.send("y\n")
    assert terminal.wait() == 0
    assert len(titles(store)) == 4


def test_more_than_are_removed_at_once(cli, talk, store):
    with store.transaction():
        for _ in range(230):
            talk(when=1.0)
    assert "removed 230 conversations\n" in cli.run("logs", "prune", "--older-than", "1y", "-y").check().err
    assert store.conversations.newest() == []


def titles(store):
    return sorted(found.title for found in store.conversations.newest())


@pytest.mark.parametrize(
    ("args", "left", "requests"),
    [
        (["30d"], ["0 days", "20 days", "41 days"], 5),
        (["30d", "--pinned"], ["0 days", "20 days"], 5),
        (["2w"], ["0 days", "41 days"], 5),
        (["6m"], ["0 days", "20 days", "40 days", "41 days"], 5),
        (["30d", "--costs"], ["0 days", "20 days", "41 days"], 3),
    ],
)
def test_prune(cli, aged, store, args, left, requests):
    gone = 4 - len(left)
    dry = cli.run("logs", "prune", "--older-than", *args, "--dry-run").check()
    assert len(dry.out.splitlines()) == gone
    assert len(titles(store)) == 4
    result = cli.run("logs", "prune", "--older-than", *args, "--yes").check()
    assert titles(store) == left
    assert sum(total.requests for total in store.ledger.totals("caller")) == requests
    said = f"{gone} conversation{'' if gone == 1 else 's'}" + (" and the costs of 2 requests" * (requests == 3))
    assert f"would remove {said}\n" in dry.err
    assert f"removed {said}\n" in result.err


def test_pruning_gives_room_back(cli):
    path = cli.home / ".local/share/llmctl/llmctl.db"
    with Store(path) as store:
        number = store.conversations.begin(updated=1.0, created=1.0)
        store.messages.add(
            number, None, Message("user", "big", created=1.0), [Attachment("f", "x/y", b"x" * 2_000_000)]
        )
    assert path.stat().st_size > 2_000_000
    cli.run("logs", "prune", "--older-than", "1y", "-y").check()
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA freelist_count").fetchone() == (0,)
    assert path.stat().st_size < 500_000


def test_prune_asks_on_a_terminal(cli, aged, store):
    terminal = cli.terminal("logs", "prune", "--older-than", "30d")
    terminal.wait_for("40 days").wait_for("Remove 1 conversation for good? [y/N]")
    terminal.send("n\n")
    assert terminal.wait() == 130
    assert len(titles(store)) == 4


# files that can't be used


@pytest.mark.parametrize("args", [["list"], ["show"], ["search", "x"], ["rm", "abc"], ["export"]])
def test_a_damaged_history_is_said(cli, args):
    path = cli.home / ".local/share/llmctl/llmctl.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 1000)
    result = cli.run("logs", *args).check(3)
    assert "the file is damaged" in result.err
    assert "Traceback" not in result.err


def test_errors_as_json(cli):
    assert cli.run("logs", "show", "--json").check(2).error()["code"] == "usage"
    assert json.loads(cli.run("logs", "list", "--json").out) == []
