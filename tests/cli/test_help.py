"""What the help promises, and that it can't drift from the program."""

from __future__ import annotations

import dataclasses
import re

import pytest

import llmctl.errors as errors
from llmctl.cli.commands import COMMANDS, SECTIONS
from llmctl.cli.help import topics
from llmctl.config.catalogue import load_catalogue
from llmctl.config.profile import KEYS
from llmctl.core.quirks import Quirks
from support.cli import Cli

TOPICS = topics()


def lines_of(commands, before=""):
    """The command lines of all commands, those of groups included."""
    for name, entry in commands.items():
        yield from [f"{before}{name}"] if entry.module else []
        yield from lines_of(entry.commands, f"{before}{name} ")


COMMAND_LINES = list(lines_of(COMMANDS))
CLASSES = [
    thing for thing in vars(errors).values() if isinstance(thing, type) and issubclass(thing, errors.LlmctlError)
]


@pytest.fixture(scope="module")
def topic(tmp_path_factory):
    """topic("scripting"): the text, read by the command itself, once."""
    runner = Cli(tmp_path_factory.mktemp("help"))
    texts = {name: runner.run("help", name).check().out for name in TOPICS}
    yield texts.__getitem__
    runner.close()


def test_every_topic_is_named_in_the_help_of_help(cli):
    named = re.search(r" Topics: (.+?)\. ", " ".join(cli.run("help", "--help").check().out.split()))
    assert named[1].split(", ") == TOPICS


@pytest.mark.parametrize("name", TOPICS)
def test_topics_fit_a_terminal(topic, name):
    lines = topic(name).splitlines()
    assert lines[0].isupper()
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_code_and_exit_code_is_documented(topic, kind):
    text = topic("scripting")
    exits, codes = text.split("Exit codes")[1].split("Values of `code`")
    assert re.search(rf"^ +{kind.exit_code}  \w", exits, re.MULTILINE)
    line = re.search(rf"^ +{kind.exit_code}  (.+)$", codes, re.MULTILINE)
    assert kind.code in line[1].split(", ")


def test_no_code_is_documented_that_does_not_exist(topic):
    codes = topic("scripting").split("Values of `code`")[1].split("\n\n")[0]
    documented = {
        (int(number), code)
        for number, names in re.findall(r"^ +(\d+)  (.+)$", codes, re.MULTILINE)
        for code in names.split(", ")
    }
    assert documented == {(kind.exit_code, kind.code) for kind in CLASSES}


@pytest.mark.parametrize("field", dataclasses.fields(Quirks), ids=lambda field: field.name)
def test_every_quirk_is_documented_with_its_default(topic, field):
    default = getattr(Quirks(), field.name)
    shown = {True: "true", False: "false"}.get(default) if isinstance(default, bool) else None
    if shown is None:
        shown = (
            str(list(default)).replace("'", '"') if isinstance(default, tuple) else repr(default).replace("'", '"')
        )
    assert re.search(rf"^  {field.name} = {re.escape(shown)}$", topic("quirks"), re.MULTILINE)


@pytest.mark.parametrize("provider", load_catalogue().values(), ids=lambda provider: provider.id)
def test_every_live_provider_is_listed(topic, provider):
    listed = re.search(rf"^  {re.escape(provider.id)} +\S", topic("providers"), re.MULTILINE)
    assert bool(listed) == (not provider.dead)


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_of_a_profile_is_documented(topic, key):
    assert re.search(rf"^  {key} +\S", topic("config"), re.MULTILINE)


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_every_command_has_examples(cli, line):
    text = cli.run(*line.split(), "--help").check().out
    assert re.search(rf"^ *Examples:\n.*llmctl {line}", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 100
    assert "\b" not in text
    assert "object at 0x" not in text


@pytest.mark.parametrize(
    ("line", "missing"), [("profile add", "NAME"), ("profile remove", "NAME"), ("profile rename", "OLD")]
)
def test_what_a_command_needs_is_asked_for(cli, line, missing):
    assert re.search(
        rf"^Usage: llmctl {line} \[OPTIONS\] {missing}", cli.run(*line.split(), "-h").out, re.MULTILINE
    )
    result = cli.run(*line.split()).check(2)
    assert missing in result.err


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["help"]])
def test_the_overview_names_every_command(cli, args):
    text = cli.run(*args).check().out
    assert all(re.search(rf"^  {name} +\w", text, re.MULTILINE) for name in COMMANDS)


def test_nothing_at_all_shows_the_overview(cli):
    result = cli.run()
    assert result.code in (0, 2)
    assert all(f"{heading}:\n" in result.out + result.err for heading in SECTIONS)


@pytest.mark.parametrize("args", [["--version"], ["-V"], ["-V", "chat"]])
def test_version(cli, args):
    assert re.fullmatch(r"llmctl \d+\.\d+\.\d+\n", cli.run(*args).check().out)


@pytest.mark.parametrize(("words", "expected"), [(["chat"], "Ask a model"), (["profile", "add"], "Add a profile")])
def test_help_of_a_command(cli, words, expected):
    assert expected in cli.run("help", *words).check().out


@pytest.mark.parametrize(
    ("args", "code", "hint"),
    [
        (["chta", "Hi"], 2, "did you mean chat?"),
        (["profile", "lst"], 2, "did you mean list?"),
        (["chat", "--jsno", "Hi"], 2, "did you mean --json"),
        (["chat", "--temprature", "1", "Hi"], 2, "did you mean --temperature"),
        (["help", "scripts"], 2, "did you mean scripting?"),
        (["profile", "add", "opnai"], 2, "did you mean openai?"),
        (["profile", "add", "x", "--provider", "opnai"], 3, "did you mean openai?"),
        (["chat", "-p", "dmeo", "Hi"], 3, "did you mean demo?"),
    ],
)
def test_typing_errors_are_met_with_the_right_name(cli, args, code, hint):
    result = cli.run(*args).check(code)
    assert (result.out, hint in result.err) == ("", True)
    assert result.err.startswith("error: ")


@pytest.mark.parametrize("args", [["chat", "one", "two"], ["use", "a", "b"], ["chat", "-p"], ["nonsense"]])
def test_wrong_usage_points_to_the_help(cli, args):
    result = cli.run(*args).check(2)
    assert "--help" in result.err
