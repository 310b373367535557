"""The history that `llmctl chat` keeps: whatever ends it, and whatever stands in its way."""

from __future__ import annotations

import os
import shlex
import signal
import sqlite3
import stat
import subprocess
import sys
import time

import pytest

from llmctl.store.schema import VERSION
from llmctl.store.store import Store, open_to_read
from support.talk import Talk
from support.upstream import Reply
from support.wire import chunk, completion, error_body, text_stream, tool_call, usage

PNG = b"\x89PNG\r\n\x1a\n" + b"png"
STOPPED = "[The user stopped this answer here.]"
BROKEN = "[This answer broke off here.]"


def answer(*pieces, **more):
    return Reply.sse(*text_stream(*pieces, **more))


def calls(*names):
    """An answer that calls these tools."""
    fragments = [chunk(tool_calls=[tool_call(name, id=f"call_{at}", index=at)]) for at, name in enumerate(names)]
    return Reply.sse(*fragments, chunk(finish="tool_calls"))


def until(condition, seconds=20):
    """Look again and again until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it didn't come true in {seconds} s"
        time.sleep(0.05)


@pytest.fixture
def file(work):
    return work.cli.home / ".local/share/llmctl/llmctl.db"


@pytest.fixture
def look(file):
    """look(question): what question(store) says of the history as it is now."""

    def look(question):
        with open_to_read(file) as store:
            return question(store)

    return look


@pytest.fixture
def kept(look):
    """kept(): role, text and state of each message in view in the last conversation."""

    def view(store):
        last = store.conversations.last()
        path = store.messages.path(last.head) if last else []
        return [(message.role, message.text, message.state) for message in path]

    return lambda: look(view)


@pytest.fixture
def last(look):
    """last(): the last conversation."""
    return lambda: look(lambda store: store.conversations.last())


@pytest.fixture
def variants(look):
    """variants(): texts of the last conversation's messages, each list under one parent."""

    def read(store):
        number = store.conversations.last().id
        tree = {message.id: message.text for message in store.messages.tree(number)}
        return [[tree[each] for each in found] for found in store.messages.siblings(number).values()]

    return lambda: look(read)


@pytest.fixture
def ask(work, upstream):
    """ask(*args, reply="Fine."): `llmctl chat …`, answered so."""

    def ask(*args, reply="Fine.", code=0, **more):
        upstream.script(answer(reply) if isinstance(reply, str) else reply)
        return work("chat", *args, **more).check(code)

    return ask


@pytest.fixture
def said(sent):
    """said(): role and content of each message of the latest request."""
    return lambda: [(message["role"], message["content"]) for message in sent()[-1]["messages"]]


@pytest.fixture
def begin(work):
    return lambda *args, prompt="work> ", **more: Talk(work.terminal("chat", "-i", *args, **more), prompt)


@pytest.fixture
def patched(work):
    """patched(source): the program runs this first."""

    def patch(source):
        work.cli.program = (sys.executable, "-c", f"{source}\nfrom llmctl.__main__ import main\nmain()")

    return patch


# what is kept


def test_question_and_answer_are_kept(ask, last, look, kept):
    ask("-s", "Be brief.", "--temperature", "0.5", "Why is the sky blue?", reply="Air.")
    assert kept() == [("user", "Why is the sky blue?", "complete"), ("assistant", "Air.", "complete")]
    talk = last()
    assert (talk.title, talk.profile, talk.model) == ("Why is the sky blue?", "work", "test-model")
    assert (talk.system, talk.params) == ("Be brief.", {"temperature": 0.5})
    assert [(m.profile, m.model) for m in look(lambda store: store.messages.path(talk.head))] == [
        ("work", "test-model")
    ] * 2


@pytest.mark.parametrize("how", ["--json", "--jsonl", "--no-stream"])
def test_every_way_of_asking_is_kept(work, upstream, kept, last, how):
    upstream.script(Reply(body=completion("Fine.")) if how == "--no-stream" else answer("Fine."))
    result = work.chat(how).check()
    assert kept() == [("user", "Hi", "complete"), ("assistant", "Fine.", "complete")]
    if how != "--no-stream":
        assert last().id in result.out


def test_dry_runs_are_not_kept_and_raw_bytes_only_counted(work, upstream, file, look):
    upstream.script(answer("Fine."))
    for how in ("--dry-run", "--curl"):
        work.chat(how).check()
    assert not file.exists()
    work.chat("--raw").check()
    assert look(lambda store: store.conversations.last()) is None
    total = look(lambda store: store.ledger.totals("caller"))[0]
    assert (total.group, total.requests, total.unknown_cost) == ("chat --raw", 1, 1)


def test_what_is_removed_can_not_be_read_out_of_the_file(work, upstream, file, last):
    upstream.script(answer("Fine."), answer("Fine."))
    work("chat", "Say nothing of the " + "zanzibar secret " * 5000).check()
    number = last().id
    work.chat().check()
    work("logs", "rm", "-y", number).check()
    left = b"".join(each.read_bytes() for each in file.parent.iterdir())
    assert b"zanzibar" not in left


def test_a_limit_refuses_before_anything_is_kept(work, upstream, kept):
    work.configure('[prices."work/test-model"]\ninput = 1000000.0\noutput = 1.0\n')
    upstream.script(answer("Fine."))
    work.chat().check()
    work("chat", "--max-cost", "0.01", "Dear").check(6)
    assert kept()[0][1] == "Hi"


def test_history_that_is_neither_true_nor_false_keeps_nothing(work, upstream, file):
    work.configure(head='current = "work"\nhistory = "false"\n')
    assert "history must be true or false" in work.chat().check(3).err
    assert not file.exists()
    assert upstream.requests == []


def test_no_key_of_an_address_or_a_parameter_is_kept(work, upstream, file):
    upstream.script(answer("Fine."))
    where = f"{upstream.url}/v1?key=sesame-opens"
    work("chat", "--base-url", where, "--key", "none", "-o", "api_key=sesame-too", "-m", "m", "Hi")
    assert b"sesame" not in b"".join(each.read_bytes() for each in file.parent.iterdir())


def test_an_empty_id_is_no_new_conversation(work, upstream):
    assert "is no id of a conversation" in work.chat("--continue", "").check(2).err
    assert upstream.requests == []


def test_a_model_named_like_an_alias_is_gone_on_with(work, upstream, sent):
    work.configure('[aliases]\n"test-model" = "demo/demo"\n')
    upstream.script(answer("Fine."), answer("Fine."))
    work("chat", "-m", "work/test-model", "Hi").check()
    work.chat("-c").check()
    assert [body["model"] for body in sent()] == ["test-model", "test-model"]


def test_a_kept_system_prompt_can_be_dropped(work, upstream, sent):
    upstream.script(answer("Fine."), answer("Fine."))
    work.chat("-s", "Be brief").check()
    work.chat("-c", "-s", "").check()
    assert [message["role"] for message in sent()[1]["messages"]] == ["user", "assistant", "user"]


def test_a_killed_answer_is_counted(work, upstream, look):
    upstream.script(Reply.sse(*text_stream("partly", finish=None)))
    work.chat()
    total = look(lambda store: store.ledger.totals("caller"))[0]
    assert (total.requests, total.unknown_cost) == (1, 1)


def test_text_that_is_no_text_is_kept_as_far_as_it_can_be(ask, kept):
    stream = Reply.sse('{"model": "m\\ud800", "choices": [{"delta": {"content": "a\\ud83d \\u0000b"}}]}')
    ask("Hi", reply=stream)
    assert kept()[1][0] == "assistant"
    assert kept()[1][1].endswith("\0b")


def test_counts_that_are_no_counts_are_no_failure(ask, kept):
    result = ask("Hi", reply=answer("Fine.", usage=usage(10**30, 10**40)))
    assert (result.err, len(kept())) == ("", 2)


# every end of the program


def test_a_streamed_answer_survives_kill_9(work, upstream, ask, kept, said):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("half an "), chunk("answer"), gate))
    process = work.popen("chat", "Tell me", stdin=subprocess.DEVNULL)
    gate.wait_reached()
    until(lambda: len(kept()) == 2)  # while the provider is silent
    process.kill()
    process.wait()
    assert kept() == [("user", "Tell me", "complete"), ("assistant", "half an answer", "partial")]
    ask("-c", "Go on", reply="More.")
    assert said() == [("user", "Tell me"), ("assistant", f"half an answer\n\n{BROKEN}"), ("user", "Go on")]


def test_a_streamed_answer_survives_kill_9_also_beside_tools(work, upstream, kept):
    """Tools that need an event loop have the request run in it."""
    (work.cli.cwd / "kit.py").write_text("async def add(a: int) -> int:\n    return a\n")
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("half an answer"), gate))
    process = work.popen("chat", "--tool", "kit.py", "Tell me", stdin=subprocess.DEVNULL)
    gate.wait_reached()
    until(lambda: len(kept()) == 2)
    process.kill()
    process.wait()
    assert kept()[1] == ("assistant", "half an answer", "partial")


def test_ctrl_c_keeps_what_has_come(work, upstream, ask, kept, said):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("half"), gate))
    process = work.popen("chat", "Tell me", stdin=subprocess.DEVNULL)
    assert process.stdout.read(4) == b"half"
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert kept() == [("user", "Tell me", "complete"), ("assistant", "half", "stopped")]
    ask("-c", "Go on")
    assert said()[1] == ("assistant", f"half\n\n{STOPPED}")


@pytest.mark.parametrize("ended", [[error_body("gone", code=500)], []], ids=["error", "cut"])
def test_a_broken_stream_keeps_what_has_come(work, upstream, ask, kept, said, ended):
    upstream.script(Reply.sse(chunk("half"), *ended, done=False))
    assert work("chat", "Tell me").code in (7, 10)
    assert kept() == [("user", "Tell me", "complete"), ("assistant", "half", "broken")]
    ask("-c", "Go on")
    assert said()[1] == ("assistant", f"half\n\n{BROKEN}")


def test_a_reader_that_leaves_loses_nothing(work, upstream, kept, look):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("half"), gate, *(chunk(" more") for _ in range(50)), chunk(finish="stop")))
    process = work.popen("chat", "Tell me", stdin=subprocess.DEVNULL)
    assert process.stdout.read(4) == b"half"
    process.stdout.close()
    gate.open()
    assert process.wait(20) == 0
    question, (role, text, state) = kept()
    assert (question[1], role, state) == ("Tell me", "assistant", "stopped")
    assert text.startswith("half more")
    assert [row.status for row in look(lambda store: store.ledger.unpriced())] == ["interrupted"]


def test_a_disk_that_is_full_for_the_answer_keeps_it_in_the_history(work, upstream, kept):
    upstream.script(answer("Fine."))
    with open("/dev/full", "wb") as full:
        env = work.cli.env({"WORK_KEY": "none"})
        program = [*work.cli.program, "chat", "Hi"]
        done = subprocess.run(
            program, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, env=env, check=False
        )
    assert done.returncode == 2
    assert kept()[1] == ("assistant", "Fine.", "broken")


def test_reasoning_alone_is_kept_and_not_sent_on_as_an_answer(work, upstream, kept):
    upstream.script(Reply.sse(chunk(reasoning="Hm."), done=False))
    work("chat", "Tell me").check(10)
    assert kept() == [("user", "Tell me", "complete"), ("assistant", "", "broken")]


# what stands in its way


def no_folder(work):
    return {"LLMCTL_DATA": "/dev/null/x"}


def file_for_a_folder(work):
    (work.cli.cwd / "file").touch()
    return {"LLMCTL_DATA": str(work.cli.cwd / "file")}


def folder_for_the_file(work):
    (work.cli.cwd / "data/llmctl.db").mkdir(parents=True)
    return {"LLMCTL_DATA": str(work.cli.cwd / "data")}


def garbage(work):
    (work.cli.cwd / "llmctl.db").write_bytes(b"garbage" * 1000)
    return {"LLMCTL_DATA": str(work.cli.cwd)}


def newer(work):
    connection = sqlite3.connect(work.cli.cwd / "llmctl.db")
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    return {"LLMCTL_DATA": str(work.cli.cwd)}


@pytest.mark.parametrize("trouble", [no_folder, file_for_a_folder, folder_for_the_file, garbage, newer])
@pytest.mark.parametrize("how", [[], ["--json"]], ids=["text", "json"])
def test_a_history_that_cannot_be_kept_costs_one_warning(work, upstream, trouble, how):
    upstream.script(answer("Fine."))
    result = work.chat(*how, env=trouble(work)).check()
    if how:
        assert (result.json()["content"], result.json()["conversation"]) == ("Fine.", None)
    else:
        assert result.out == "Fine.\n"
    assert result.err.startswith("warning: ")
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("trouble", [no_folder, garbage])
def test_a_conversation_that_cannot_be_kept_goes_on(begin, work, upstream, said, trouble):
    upstream.script(answer("One."), answer("Two."))
    talk = begin(env=trouble(work)).say("First?").say("Second?").shows("Two.")
    assert said() == [("user", "First?"), ("assistant", "One."), ("user", "Second?")]
    assert talk.terminal.raw.count(b"warning") == 1


@pytest.fixture
def small_disk(patched, monkeypatch):
    """small_disk(size): no file of the program may grow beyond so many bytes; coverage's would be the first."""
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)
    return lambda size: patched(LIMIT.format(size))


LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))"


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_no_room_for_the_history_costs_one_warning(small_disk, ask):
    small_disk(8192)
    result = ask("Hi")
    assert (result.out, result.err.count("warning: the history"), result.err.count("\n")) == (
        "Fine.\n",
        1,
        1,
    )


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_no_room_for_the_answer_costs_one_warning_and_the_question_stays(small_disk, ask, kept):
    ask("First")
    small_disk(200_000)
    result = ask("Second", reply="x" * 1_000_000)
    assert result.out == "x" * 1_000_000 + "\n"
    assert result.err.count("warning: the history") == 1
    assert result.err.count("\n") == 1
    assert kept() == [("user", "Second", "complete")]


def test_a_file_that_another_program_holds_costs_one_warning(patched, ask, file):
    ask("First")
    patched("import llmctl.cli.history; llmctl.cli.history.PATIENCE = 0.2")
    with Store(file) as other, other.transaction():
        other.conversations.begin()
        result = ask("Second")
    assert (result.out, result.err.count("\n")) == ("Fine.\n", 1)
    assert "another program has held it for 0.2 s" in result.err


@pytest.mark.parametrize("trouble", [garbage, newer, folder_for_the_file])
def test_going_on_needs_a_history_that_can_be_read(work, upstream, trouble):
    assert work.chat("-c", "--json", env=trouble(work)).check(3).error()["code"] == "store"
    assert upstream.requests == []


def test_a_conversation_may_go_on_twice_at_once(work, upstream, ask, last, variants, kept):
    ask("First?", reply="One.")
    gates = [upstream.gate(name) for name in "ab"]
    upstream.script(*(Reply.sse(chunk(gate.name), gate, chunk(finish="stop")) for gate in gates))
    running = []
    for gate in gates:
        running.append(work.popen("chat", "-c", gate.name, stdin=subprocess.DEVNULL))
        gate.wait_reached()
    for gate, process in zip(gates, running, strict=True):
        gate.open()
        assert process.wait(20) == 0
    assert len(kept()) == 4
    ask("--continue", last().id, "More?")
    tree = variants()
    assert tree[:2] == [["First?"], ["One."]]
    assert sorted(text for texts in tree for text in texts) == ["Fine.", "First?", "More?", "One.", *"aabb"]


# what shall not be kept


OFF = {
    "--no-log": (["--no-log"], {}, ""),
    "variable": ([], {"LLMCTL_NO_LOG": "1"}, ""),
    "config": ([], {}, "history = false\n"),
}


@pytest.mark.parametrize(("args", "env", "head"), OFF.values(), ids=OFF)
def test_nothing_is_kept_where_nothing_shall_be(work, upstream, ask, file, args, env, head):
    work.configure(head=f'current = "work"\n{head}')
    result = ask("--json", *args, "Hi", env=env)
    assert (result.json()["conversation"], result.err) == (None, "")
    assert not file.parent.exists()


@pytest.mark.parametrize(("args", "env", "head"), OFF.values(), ids=OFF)
def test_what_was_kept_before_can_still_be_gone_on_with(work, ask, kept, look, said, args, env, head):
    ask("First?", reply="One.")
    before = kept()
    work.configure(head=f'current = "work"\n{head}')
    ask(*args, "-c", "Second?", env=env)
    assert said() == [("user", "First?"), ("assistant", "One."), ("user", "Second?")]
    assert kept() == before
    assert look(lambda store: sum(total.requests for total in store.ledger.totals("day"))) == 1


@pytest.mark.parametrize(("args", "env", "head"), OFF.values(), ids=OFF)
def test_a_conversation_without_history_leaves_nothing(begin, work, upstream, file, args, env, head):
    work.configure(head=f'current = "work"\n{head}')
    upstream.script(answer("One."), Reply(500, body=error_body("boom")), answer("Two."))
    talk = begin(*args, env=env).say("First?").say("Second?", then="work> Second?").say("")
    talk.send("/retry\r").shows("error").send("/clear\r").shows("a new conversation")
    assert not file.parent.exists()
    assert not (work.cli.home / ".local/state/llmctl/chat-history").exists()


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_only_the_owner_may_read_it(work, upstream, file, kept):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("half"), gate, *text_stream(" more")))
    before = os.umask(0)
    try:
        process = work.popen("chat", "Hi", stdin=subprocess.DEVNULL)
    finally:
        os.umask(before)
    gate.wait_reached()
    until(lambda: len(kept()) == 2)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}
    assert modes == {"llmctl.db": 0o600, "llmctl.db-wal": 0o600, "llmctl.db-shm": 0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    gate.open()
    assert process.wait(20) == 0


# going on: -c and --continue


def test_going_on_sends_everything_that_was_said(ask, sent, said, kept):
    ask("-s", "Be brief.", "--temperature", "0.5", "-o", "top_k=3", "First?", reply="One.")
    ask("-c", "Second?", reply="Two.")
    ask("-c", "--max-tokens", "9", "Third?", reply="Three.")
    assert said() == [
        ("system", "Be brief."),
        ("user", "First?"),
        ("assistant", "One."),
        ("user", "Second?"),
        ("assistant", "Two."),
        ("user", "Third?"),
    ]
    assert (sent()[-1]["temperature"], sent()[-1]["top_k"], sent()[-1]["max_tokens"]) == (0.5, 3, 9)
    assert [text for _, text, _ in kept()] == ["First?", "One.", "Second?", "Two.", "Third?", "Three."]


def test_a_new_system_prompt_and_parameter_stay(ask, sent, said):
    ask("-s", "Be brief.", "--temperature", "0.5", "First?")
    ask("-c", "-s", "Be long.", "--temperature", "0.9", "Second?")
    ask("-c", "Third?")
    assert (said()[0], sent()[-1]["temperature"]) == (("system", "Be long."), 0.9)


def test_a_form_is_for_one_answer(ask, sent, said):
    ask("-s", "Be brief.", "--json-mode", "First?", reply="{}")
    assert "response_format" in sent()[0]
    ask("-c", "Second?")
    assert "response_format" not in sent()[1]
    ask("-c", "--json-mode", "Third?", reply="{}")
    assert said()[0][1].startswith("Be brief.")
    ask("-c", "Fourth?")
    assert said()[0] == ("system", "Be brief.")


def test_several_answers_are_for_one_question(ask, sent):
    ask("-n", "2", "First?")
    ask("-c", "Second?")
    assert "n" not in sent()[1]


def test_a_conversation_is_chosen_by_the_beginning_of_its_id(ask, last, said, look):
    ask("First?", reply="One.")
    first = last().id
    ask("Other?", reply="Two.")
    ask("--continue", first[:8], "Second?")
    assert said() == [("user", "First?"), ("assistant", "One."), ("user", "Second?")]
    assert last().id == first
    assert look(lambda store: len(store.conversations.newest())) == 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-c"], "there is no conversation to go on with"),
        (["--continue", "abc"], "there is no conversation abc"),
        (["--continue", "nope"], "'nope' is no id of a conversation"),
        (["-c", "--continue", "abc"], "-c and --continue exclude each other"),
    ],
)
def test_nothing_to_go_on_with(work, upstream, file, args, message):
    error = work.chat("--json", *args).check(2).error()
    assert (error["message"], error["code"], upstream.requests) == (message, "usage", [])
    assert not file.exists()


TWO = '[profiles.other]\nbase_url = "{url}/v1"\nkey = "env:WORK_KEY"\nmodel = "other-model"\n'


@pytest.mark.parametrize(
    ("args", "env", "model", "profile"),
    [
        ([], {}, "big", "other"),
        ([], {"LLMCTL_PROFILE": "work"}, "big", "other"),
        (["-m", "small"], {}, "small", "other"),
        (["-m", "vendor/small"], {}, "vendor/small", "other"),
        (["-p", "work"], {}, "test-model", "work"),
        (["-m", "work/tiny"], {}, "tiny", "work"),
        (["-m", "quick"], {}, "tiny", "work"),
    ],
)
def test_profile_and_model_are_those_of_the_conversation(
    work, upstream, ask, sent, args, env, model, profile, last
):
    aliases = '[aliases]\nquick = "work/tiny"\n'
    work.configure(f"{TWO.format(url=upstream.url)}{aliases}")
    ask("-p", "other", "-m", "big", "First?")
    ask("-c", *args, "Second?", env=env)
    assert (sent()[-1]["model"], last().profile, last().model) == (model, profile, model)


def test_a_profile_that_is_gone_is_said(work, upstream, ask, sent):
    work.configure(TWO.format(url=upstream.url))
    ask("-p", "other", "First?")
    work.configure()
    result = ask("-c", "Second?")
    gone = "the profile other that this conversation was with is gone"
    assert result.err == f"note: {gone}; asking the current one\n"
    assert sent()[-1]["model"] == "test-model"


def test_another_profile_gets_only_what_all_understand(work, upstream, ask, sent):
    work.configure(TWO.format(url=upstream.url))
    odd = {"reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "signature": "s"}]}
    ask("First?", reply=Reply.sse(chunk("One.", **odd), chunk(finish="stop")))
    ask("-c", "Second?")
    assert sent()[-1]["messages"][1].keys() - {"role", "content"} == {"reasoning_details"}
    ask("-c", "-p", "other", "Third?")
    assert sent()[-1]["messages"][1] == {"role": "assistant", "content": "One."}


def test_files_are_kept_and_sent_again(work, ask, sent, look):
    (work.cli.cwd / "a.png").write_bytes(PNG)
    (work.cli.cwd / "b.txt").write_text("beta")
    ask("-f", "a.png", "-f", "b.txt", "What is it?", reply="One.")
    for name in ("a.png", "b.txt"):
        (work.cli.cwd / name).unlink()
    ask("-c", "And now?")
    assert sent()[1]["messages"][0] == sent()[0]["messages"][0]
    assert look(lambda store: len(store.database.rows("SELECT * FROM attachments"))) == 2


def test_a_question_without_an_answer_is_replaced(work, upstream, ask, kept, said, variants):
    ask("First?", reply="One.")
    upstream.script(Reply(500, body=error_body("boom")))
    work("chat", "-c", "Lost?").check(7)
    assert kept()[-1] == ("user", "Lost?", "complete")
    ask("-c", "Found?", reply="Two.")
    assert said() == [("user", "First?"), ("assistant", "One."), ("user", "Found?")]
    assert variants() == [["First?"], ["One."], ["Lost?", "Found?"], ["Two."]]


def test_a_conversation_of_which_nothing_was_answered_begins_anew(work, upstream, ask, said, look):
    upstream.script(Reply(500, body=error_body("boom")))
    work("chat", "Lost?").check(7)
    ask("-c", "Found?")
    assert said() == [("user", "Found?")]
    assert look(lambda store: len(store.conversations.newest())) == 1


KIT = "def add() -> int:\n    return 3\n\ndef fail() -> int:\n    import os\n    os.kill(os.getpid(), 9)\n"


@pytest.fixture
def kit(work):
    (work.cli.cwd / "kit.py").write_text(KIT)
    return ["--tool", "kit.py", "--yes-tools"]


def test_rounds_of_tools_are_kept_and_sent_again(work, upstream, ask, kit, sent, kept):
    upstream.script(calls("add"))
    ask(*kit, "Add.", reply="It is 3.")
    assert [role for role, *_ in kept()] == ["user", "assistant", "tool", "assistant"]
    ask("-c", "Sure?")
    assert sent()[-1]["messages"] == [
        {"role": "user", "content": "Add."},
        {"role": "assistant", "content": None, "tool_calls": [tool_call("add", id="call_0")]},
        {"role": "tool", "tool_call_id": "call_0", "content": "3"},
        {"role": "assistant", "content": "It is 3."},
        {"role": "user", "content": "Sure?"},
    ]


def test_a_round_of_tools_that_got_no_answer_is_whole_when_it_goes_on(work, upstream, ask, kit, sent):
    upstream.script(calls("add"), Reply(500, body=error_body("boom")))
    work("chat", *kit, "Add.").check(7)
    ask("-c", "Go on.")
    assert [message["role"] for message in sent()[-1]["messages"]] == ["user", "assistant", "tool", "user"]


def test_calls_that_nothing_answered_are_not_sent_again(work, upstream, ask, kit, said):
    ask("First?", reply="One.")
    tools = '[{"type": "function", "function": {"name": "other", "parameters": {}}}]'
    ask("-c", "-o", f"tools={tools}", "Call.", reply=calls("other"))
    ask("-c", "Go on.")
    assert said() == [("user", "First?"), ("assistant", "One."), ("user", "Go on.")]


def test_calls_whose_tools_were_killed_are_not_sent_again(work, upstream, ask, kit, said):
    upstream.script(calls("add", "fail"))
    assert work("chat", *kit, "Add.").code == -signal.SIGKILL
    ask("-c", "Go on.")
    assert said() == [("user", "Go on.")]


# chat -i


def test_a_conversation_is_kept_and_goes_on(begin, upstream, ask, said, kept, last):
    upstream.script(answer("One."), answer("Two."))
    begin("-s", "Be brief.").say("First?").say("/set temperature=0.5").say("Second?").leave()
    assert [text for _, text, _ in kept()] == ["First?", "One.", "Second?", "Two."]
    assert (last().system, last().params, last().title) == ("Be brief.", {"temperature": 0.5}, "First?")
    ask("-c", "Third?", reply="Three.")
    assert len(said()) == 6
    upstream.script(answer("Four."))
    begin("-c").shows("Three.").say("Fourth?").leave()
    assert [text for _, text, _ in kept()][-4:] == ["Third?", "Three.", "Fourth?", "Four."]
    assert len(said()) == 8


def test_retry_makes_a_variant_of_the_answer(begin, upstream, ask, variants, said):
    upstream.script(answer("One."), answer("Two."))
    begin().say("First?").say("/retry").shows("Two.").leave()
    assert variants() == [["First?"], ["One.", "Two."]]
    ask("-c", "Second?")
    assert said()[1] == ("assistant", "Two.")


def test_a_retry_after_going_on_makes_a_variant_too(begin, upstream, ask, variants):
    ask("First?", reply="One.")
    ask("-c", "Second?", reply="Two.")
    upstream.script(answer("Three."))
    begin("-c").say("/retry").shows("Three.").leave()
    assert variants() == [["First?"], ["One."], ["Second?"], ["Two.", "Three."]]


EDIT = "import sys; p = sys.argv[1]; t = open(p).read(); open(p, 'w').write(t.upper())"


def test_edit_makes_a_variant_of_the_question(begin, upstream, variants, ask):
    env = {"EDITOR": f"{sys.executable} -c {shlex.quote(EDIT)}"}
    ask("Before?", reply="Zero.")
    upstream.script(answer("One."), answer("Two."))
    begin("-c", env=env).say("First?").send("/edit\r").shows("Two.").ready().leave()
    assert variants() == [["Before?"], ["Zero."], ["First?", "FIRST?"], ["One."], ["Two."]]


def test_an_edit_after_going_on_makes_a_variant_too(begin, upstream, ask, variants):
    env = {"EDITOR": f"{sys.executable} -c {shlex.quote(EDIT)}"}
    ask("First?", reply="One.")
    upstream.script(answer("Two."))
    begin("-c", env=env).send("/edit\r").shows("Two.").ready().leave()
    assert variants() == [["First?", "FIRST?"], ["One."], ["Two."]]


def test_a_retry_that_fails_leaves_the_answer_as_it_was(begin, upstream, variants, kept, ask, said):
    upstream.script(answer("One."), Reply(500, body=error_body("boom")))
    begin().say("First?").say("/retry").shows("error: boom").leave()
    assert variants() == [["First?"], ["One."]]
    ask("-c", "Second?")
    assert said()[1] == ("assistant", "One.")


def test_thoughts_of_a_retry_that_broke_off_leave_the_answer_in_view(begin, upstream, variants, kept):
    upstream.script(answer("One."), Reply.sse(chunk(reasoning="Hm."), done=False))
    begin().say("First?").say("/retry").shows("error:").leave()
    assert variants() == [["First?"], ["One."]]
    assert kept()[-1] == ("assistant", "One.", "complete")


@pytest.mark.parametrize(
    "failure",
    [Reply(500, body=error_body("boom")), Reply.sse(chunk(reasoning="Hm."), done=False)],
    ids=["error", "thoughts only"],
)
def test_a_question_that_got_no_answer_is_taken_back(begin, upstream, variants, failure):
    upstream.script(answer("One."), failure)
    begin().say("First?").say("Second?", then="work> Second?").shows("error:")
    assert variants() == [["First?"], ["One."]]


def test_a_conversation_whose_first_question_got_no_answer_leaves_nothing(begin, upstream, look, kept):
    upstream.script(Reply(500, body=error_body("boom")), answer("One."))
    talk = begin().say("First?", then="work> First?").shows("error:")
    assert look(lambda store: (store.conversations.newest(), store.messages.questions())) == ([], [])
    assert look(lambda store: [row["status"] for row in store.database.rows("SELECT * FROM requests")]) == [
        "server_error"
    ]
    talk.say(" Again?")
    assert [text for _, text, _ in kept()] == ["First? Again?", "One."]


def test_a_stopped_answer_is_kept_and_goes_on(begin, upstream, kept):
    gate = upstream.gate()
    upstream.script(Reply.sse(chunk("half an answer"), gate), answer("More."))
    talk = begin().send("Tell me\r")
    talk.shows("half an answer").key("ctrl-c").ready().say("Go on")
    assert kept() == [
        ("user", "Tell me", "complete"),
        ("assistant", "half an answer", "stopped"),
        ("user", "Go on", "complete"),
        ("assistant", "More.", "complete"),
    ]


def test_clear_begins_a_new_conversation(begin, upstream, look, kept):
    upstream.script(answer("One."), answer("Two."))
    begin().say("First?").say("/clear").say("Second?")
    assert look(lambda store: [talk.title for talk in store.conversations.newest()]) == ["Second?", "First?"]
    assert [text for _, text, _ in kept()] == ["Second?", "Two."]


def test_another_profile_takes_the_conversation_over(begin, work, upstream, last, look):
    work.configure(TWO.format(url=upstream.url))
    upstream.script(answer("One."), answer("Two."))
    begin().say("First?").say("/use other", then="other> ").say("Second?", then="other> ")
    assert (last().profile, last().model) == ("other", "other-model")
    profiles = [message.profile for message in look(lambda store: store.messages.path(last().head))]
    assert profiles == ["work", "work", "other", "other"]


def test_further_choices_are_kept_as_variants(work, upstream, look):
    choices = [
        {"index": number, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for number, text in enumerate(["first", "second", "third"])
    ]
    upstream.route("/v1/chat/completions", Reply(body={"choices": choices}))
    work.chat("-n", "3", "--no-stream").check()

    def said(store):
        talk = store.conversations.last()
        path = store.messages.path(talk.head)
        beside = store.messages.variants(talk.id, path[0].id)
        return path[-1].text, [store.messages.get(number).text for number in beside]

    assert look(said) == ("first", ["first", "second", "third"])


def test_a_file_that_others_could_read_is_made_private(work, upstream, file):
    upstream.route("/v1/chat/completions", answer("Hi"))
    work.chat().check()
    file.chmod(0o644)
    work.chat().check()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
