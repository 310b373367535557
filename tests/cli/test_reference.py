"""The manual page, the README's reference and completion can't drift from the commands."""

from __future__ import annotations

import ast
import os
import re
import sys
from pathlib import Path

import pytest
import typer

import llmctl
from llmctl.cli.app import app
from llmctl.cli.commands import COMMANDS
from llmctl.cli.reference.man import DATE
from support import refresh_reference
from support.cli import Cli
from support.refresh_reference import MAN, README, ROOT, reference_in

PACKAGE = Path(llmctl.__file__).parent
ENV_NAMES = ("env", "environ", "variables")


def parameters():
    """(words of a command, parameter) for every parameter of every command, as Typer has them."""
    root = typer.main.get_command(app)
    context = typer.Context(root, info_name="llmctl")

    def of(words, group, entries):
        for name, entry in entries.items():
            command = group.get_command(context, name)
            if entry.module:
                yield from (((*words, name), parameter) for parameter in command.params)
            yield from of((*words, name), command, entry.commands)

    return [*(((), parameter) for parameter in root.params), *of((), root, COMMANDS)]


PARAMETERS = parameters()
OPTIONS = [(words, part) for words, part in PARAMETERS if part.param_type_name == "option"]
VISIBLE = [(words, part) for words, part in PARAMETERS if not getattr(part, "hidden", False)]


def name_of(value):
    return " ".join(value) if isinstance(value, tuple) else value.name


@pytest.fixture(scope="module")
def said(tmp_path_factory, forkserver):
    """said("chat", "--help"): what a command line prints, run once."""
    runner, texts = Cli(tmp_path_factory.mktemp("reference"), forkserver=forkserver), {}

    def ask(*words):
        if words not in texts:
            texts[words] = runner.run(*words).check().out
        return texts[words]

    yield ask
    runner.close()


def section(page, words, part):
    """The part of the manual page about a command, as plain text."""
    plain = re.sub(r"\\\((?:aq|ga|ha|ti|dq)", "?", page.replace("\\-", "-").replace("\\e", "\\"))
    heading = rf'\.SS "{re.escape(" ".join(("llmctl", *words)))}[ "]' if words else r"\.SH OPTIONS"
    return re.split(heading, plain)[1].split("\n.S")[0]


@pytest.mark.parametrize(("words", "part"), VISIBLE, ids=name_of)
def test_every_parameter_is_explained_everywhere(said, words, part):
    assert part.help
    names = [*part.opts, *part.secondary_opts] if part.param_type_name == "option" else [part.metavar]
    page = section(said("help", "--man"), words, part)
    markdown = said("help", "--markdown").replace("\\|", "|")
    line = " ".join(("llmctl", *words))
    row = re.search(rf"^\| `{re.escape(line)}[ `].*$", markdown, re.MULTILINE)[0] if words else markdown
    for name in names:
        assert name in said(*words, "--help")
        assert name.replace("'", "?") in page
        assert name in row


@pytest.mark.parametrize(("words", "part"), OPTIONS, ids=name_of)
def test_every_option_is_completed(said, words, part):
    offered = dict(line.partition("\t")[::2] for line in said("__complete", "--", *words, "-").splitlines())
    for name in (*part.opts, *part.secondary_opts):
        assert offered[name] == part.help


@pytest.mark.parametrize("words", sorted({words for words, _ in PARAMETERS}), ids=name_of)
def test_no_option_is_completed_that_does_not_exist(said, words):
    offered = {line.partition("\t")[0] for line in said("__complete", "--", *words, "-").splitlines()}
    known = {name for line, part in OPTIONS if line == words for name in (*part.opts, *part.secondary_opts)}
    assert offered == known | {"-h", "--help"}


@pytest.mark.parametrize(("words", "part"), OPTIONS, ids=name_of)
def test_whether_an_option_takes_a_value_and_how_often_is_known(said, words, part):
    behind = said("__complete", "--", *words, part.opts[-1], "-").splitlines()
    names = {line.partition("\t")[0] for line in behind}
    assert ("--help" in names) == part.is_flag
    if part.is_flag:
        assert part.opts[-1] not in names
    else:
        again = said("__complete", "--", *words, part.opts[-1], "value", "-")
        assert (f"{part.opts[-1]}\t" in again) == part.multiple


@pytest.mark.parametrize("words", sorted({words for words, _ in PARAMETERS if words}), ids=name_of)
def test_every_command_has_a_row_and_a_section(said, words):
    line = " ".join(("llmctl", *words))
    assert f"| `{line}" in said("help", "--markdown")
    assert re.search(rf'^\.SS "{line}[ "]', said("help", "--man"), re.MULTILINE)


def test_the_files_made_of_the_code_are_fresh(said):
    how = f"run: python {Path(refresh_reference.__file__).relative_to(ROOT)}"
    assert MAN.read_text(encoding="ascii") == said("help", "--man"), how
    assert reference_in(README.read_text(encoding="utf-8")).strip() == said("help", "--markdown").strip(), how


def test_the_date_of_the_page_is_that_of_the_newest_release():
    newest = re.search(
        r"^## \[?\d\S*\]? - (\S+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert newest[1] == DATE


def test_the_page_holds_all_topics_and_the_usual_sections(said):
    page = said("help", "--man")
    for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "FILES", "EXIT STATUS", "EXAMPLES"):
        assert re.search(rf'^\.SH "?{heading}"?$', page, re.MULTILINE)
    for path in (PACKAGE / "data" / "help").glob("*.txt"):
        assert f'.SH "{path.read_text("utf-8").splitlines()[0]}"' in page


@pytest.mark.parametrize(
    ("args", "hint"), [(["--man", "--markdown"], "exclude each other"), (["--man", "chat"], "about everything")]
)
def test_formats_exclude_each_other_and_words(cli, args, hint):
    assert hint in cli.run("help", *args).check(2).err


def sources():
    return [ast.parse(path.read_bytes()) for path in PACKAGE.rglob("*.py")]


def test_every_variable_of_ours_is_documented_and_no_other(said):
    used = {
        node.value
        for tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.fullmatch(r"LLMCTL_[A-Z_]*[A-Z]", node.value)
    }
    assert set(re.findall(r"^  (LLMCTL_[A-Z_]+) ", said("help", "environment"), re.MULTILINE)) == used


def test_every_other_variable_that_is_read_is_documented(said):
    read = set()
    for tree in sources():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "get"
                and node.args
            ):
                holder, key = node.func.value, node.args[0]
            elif isinstance(node, ast.Subscript):
                holder, key = node.value, node.slice
            else:
                continue
            if ast.unparse(holder).split(".")[-1] in ENV_NAMES and isinstance(key, ast.Constant):
                read.add(key.value)
    assert {"NO_COLOR", "SHELL", "OPENAI_API_KEY"} <= read  # the search works
    text = said("help", "environment")
    assert [name for name in read if name.isupper() and not re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize(
    ("shell", "file"),
    [("bash", "llmctl.bash"), ("zsh", "_llmctl"), ("fish", "llmctl.fish"), ("powershell", "llmctl.ps1")],
)
def test_the_scripts_shown_are_those_of_the_repository(said, shell, file):
    assert said("completion", "show", shell) == (ROOT / "completions" / file).read_text(encoding="utf-8")


@pytest.mark.skipif(not os.environ.get("CI"), reason="only CI must test the installed package")
@pytest.mark.parametrize(
    ("place", "file"),
    [
        ("bash-completion/completions/llmctl", "completions/llmctl.bash"),
        ("zsh/site-functions/_llmctl", "completions/_llmctl"),
        ("fish/vendor_completions.d/llmctl.fish", "completions/llmctl.fish"),
        ("man/man1/llmctl.1", "llmctl/data/llmctl.1"),
    ],
)
def test_the_wheel_puts_scripts_and_page_where_shells_and_man_look(place, file):
    assert (Path(sys.prefix) / "share" / place).read_bytes() == (ROOT / file).read_bytes()
