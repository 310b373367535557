"""`llmctl init`, `llmctl demo serve`."""

from __future__ import annotations

import json
import os
import signal
import tomllib
import urllib.request

import pytest

from support.leaks import TEST_KEY
from support.upstream import Reply, refused_url
from support.wire import models


def data(cli):
    return tomllib.loads(cli.config.read_text()) if cli.config.exists() else {}


@pytest.fixture
def servers(upstream):
    """An environment in which the only local server is the upstream, found as Ollama."""
    upstream.default = Reply(body=models("tiny"))
    return {"OLLAMA_HOST": upstream.url.removeprefix("http://")}


def names(found):
    return {item["name"]: item for item in found}


def test_nothing_found(cli):
    result = cli.run("init", env={"OLLAMA_HOST": refused_url()}).check()
    assert "llmctl chat -p demo" in result.err
    assert not cli.config.exists()


def test_what_is_found_is_only_shown_without_a_terminal(cli, servers):
    result = cli.run("init", env={**servers, "GROQ_API_KEY": TEST_KEY}).check()
    assert "found ollama" in result.err
    assert "found groq" in result.err
    assert "add them with: llmctl init --yes" in result.err
    assert not cli.config.exists()


def test_yes_adds_everything(cli, servers, upstream):
    cli.run("init", "--yes", env={**servers, "GROQ_API_KEY": TEST_KEY, "OPENAI_API_KEY": " "}).check()
    written = data(cli)
    assert {"ollama", "groq"} <= set(written["profiles"])
    assert "openai" not in written["profiles"]
    assert written["profiles"]["groq"] == {"provider": "groq"}
    assert written["profiles"]["ollama"]["base_url"] == f"{upstream.url}/v1"
    assert written["current"] in written["profiles"]
    assert {request.path for request in upstream.requests} <= {"/v1/models", "/models"}
    assert not any(TEST_KEY in str(request.raw_headers) for request in upstream.requests)


def test_json(cli, servers):
    found = names(cli.run("init", "--json", env={**servers, "GROQ_API_KEY": TEST_KEY}).check().json())
    assert (found["groq"]["how"], found["groq"]["added"]) == ("GROQ_API_KEY", False)
    assert found["ollama"]["model"] == "tiny"
    assert not cli.config.exists()
    added = names(cli.run("init", "--json", "--yes", env={"GROQ_API_KEY": TEST_KEY}).check().json())
    assert added["groq"]["added"] is True


def test_profiles_that_are_there_stay_as_they_are(cli):
    text = '# mine\ncurrent = "groq"\n[profiles.groq]\nprovider = "groq"\nmodel = "m"\n'
    cli.write_config(text)
    result = cli.run("init", "--yes", env={"GROQ_API_KEY": TEST_KEY}).check()
    assert "already a profile" in result.err
    assert cli.config.read_text() == text


def test_it_asks_on_a_terminal(cli, servers):
    terminal = cli.terminal("init", env={**servers, "GROQ_API_KEY": TEST_KEY})
    terminal.wait_for("add profile ollama?")
    terminal.send("n\r")
    terminal.wait_for("add profile groq?")
    terminal.send("\r")
    assert terminal.wait() == 0
    assert (list(data(cli)["profiles"]), data(cli)["current"]) == (["groq"], "groq")


def test_a_server_that_wants_a_key(cli, upstream):
    upstream.default = Reply(401, body={"error": "who?"})
    found = names(cli.run("init", "--json", env={"OLLAMA_HOST": upstream.url}).check().json())
    assert "wants a key" in found["ollama"]["how"]


def test_demo_serve_until_ctrl_c(cli):
    process = cli.popen("demo", "serve", "--port", "0")
    line = process.stdout.readline().decode().strip()
    name, _, url = line.partition("=")
    assert name == "OPENAI_BASE_URL"
    with urllib.request.urlopen(f"{url}/models") as reply:
        assert "demo" in [model["id"] for model in json.load(reply)["data"]]
    answer = cli.run("chat", "Hi", env={"OPENAI_BASE_URL": url, "LLMCTL_MODEL": "demo"}).check()
    assert "demo provider" in answer.out
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode in (0, 130)
    assert b"Traceback" not in err


def test_demo_serve_on_a_port_in_use(cli, upstream):
    result = cli.run("demo", "serve", "--port", str(upstream.port)).check(3)
    assert str(upstream.port) in result.err
