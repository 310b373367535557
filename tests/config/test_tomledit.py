"""Edits that keep the text: what changes is what was meant, and nothing else."""

from __future__ import annotations

import contextlib
import copy
import datetime
import tomllib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from llmctl.config.tomledit import TomlEditor, format_value
from llmctl.config.tomltext import scan
from llmctl.errors import ConfigError

FILE = """\
# my providers
current = "groq"   # the fast one

[profiles.groq]
provider = "groq"
model = "openai/gpt-oss-120b" # best so far

# the company's own
[profiles.work]
base_url = "https://llm.example.com/v1"
headers = { X-Team = "search" }
timeout = { connect = 5, idle = 30 }

[profiles.work.quirks]
drop = [
  "seed", # 422
  "user",
]

[serve]
port = 4000
"""


def edited(text: str, *steps: tuple[Any, ...]) -> str:
    """The text after steps such as ("set", path, value)."""
    editor = TomlEditor(text)
    for name, *args in steps:
        getattr(editor, name)(*args)
    assert editor.data == tomllib.loads(editor.text)
    return editor.text


# ---- set -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        pytest.param(("current",), "work", '"groq"   # the', '"work"   # the', id="top level"),
        pytest.param(("profiles", "groq", "model"), "x", '"openai/gpt-oss-120b" #', '"x" #', id="in a table"),
        pytest.param(("serve", "port"), 80, "port = 4000", "port = 80", id="at the end"),
        pytest.param(
            ("profiles", "work", "headers", "X-Team"),
            "it",
            '{ X-Team = "search" }',
            '{ X-Team = "it" }',
            id="inline",
        ),
        pytest.param(
            ("profiles", "work", "timeout", "total"),
            9,
            "{ connect = 5, idle = 30 }",
            "{ connect = 5, idle = 30, total = 9 }",
            id="a new key inline",
        ),
        pytest.param(
            ("profiles", "work", "headers"), {}, '{ X-Team = "search" }', "{}", id="a whole inline table"
        ),
        pytest.param(
            ("profiles", "work", "quirks", "drop"),
            ["n"],
            '[\n  "seed", # 422\n  "user",\n]',
            '["n"]',
            id="a value of several lines",
        ),
        pytest.param(
            ("profiles", "groq", "key"),
            "env:K",
            "# best so far\n",
            '# best so far\nkey = "env:K"\n',
            id="a new key in a table",
        ),
        pytest.param(
            ("default",), 1, "# the fast one\n", "# the fast one\ndefault = 1\n", id="a new key at the top"
        ),
        pytest.param(
            ("profiles", "work", "quirks", "a key"),
            True,
            '  "user",\n]\n',
            '  "user",\n]\n"a key" = true\n',
            id="a key that needs quotes",
        ),
        pytest.param(
            ("serve", "limits", "rpm"),
            5,
            "port = 4000\n",
            "port = 4000\n\n[serve.limits]\nrpm = 5\n",
            id="a table that isn't there",
        ),
    ],
)
def test_set_changes_one_place(path, value, old, new):
    assert FILE.count(old) == 1
    assert edited(FILE, ("set", path, value)) == FILE.replace(old, new)


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        pytest.param("", ("a",), "a = 1\n", id="empty file"),
        pytest.param("", ("a", "b"), "[a]\nb = 1\n", id="empty file, a table"),
        pytest.param("x = 2", ("a",), "x = 2\na = 1\n", id="no line break at the end"),
        pytest.param("[a]", ("a", "b"), "[a]\nb = 1\n", id="a header without a line break"),
        pytest.param("# only a comment", ("a",), None, id="a comment without a line break"),
        pytest.param(
            "# about the file\n\n[t]\n", ("a",), "# about the file\n\na = 1\n\n[t]\n", id="opening comment"
        ),
        pytest.param("# about t\n[t]\n", ("a",), None, id="comment of the first table"),
        pytest.param("a.b = 2\n", ("a", "c"), "a.b = 2\na.c = 1\n", id="dotted keys"),
        pytest.param("[t]\na.b = 2\n", ("t", "a", "c"), "[t]\na.b = 2\na.c = 1\n", id="dotted keys in a table"),
        pytest.param("a.b = 2\n", ("a", "b"), "a.b = 1\n", id="a dotted key itself"),
        pytest.param(
            "[a.b]\nc = 1\n", ("a", "d"), "[a]\nd = 1\n\n[a.b]\nc = 1\n", id="a table that is only implied"
        ),
        pytest.param("[ a . 'b' ] # x\nc=2\n", ("a", "b", "c"), "[ a . 'b' ] # x\nc=1\n", id="odd spacing"),
        pytest.param('"a" = 2\n', ("a",), '"a" = 1\n', id="a quoted key"),
        pytest.param('"\\u0061" = 2\n', ("a",), '"\\u0061" = 1\n', id="an escaped key"),
        pytest.param("\ta\t=\t2\t# x\n", ("a",), "\ta\t=\t1\t# x\n", id="tabs"),
        pytest.param(
            's = """\n[a]\nb = 2\n"""\n[a]\nb = 2\n', ("a", "b"), None, id="a string that looks like a table"
        ),
        pytest.param(
            "s = '''x = '' 1'''' # '''\na = 2\n", ("a",), "s = '''x = '' 1'''' # '''\na = 1\n", id="quotes"
        ),
        pytest.param('a = "# no comment" # one\n', ("a",), "a = 1 # one\n", id="a hash in a string"),
        pytest.param("a = [ # x ]\n 2,\n] # y\n", ("a",), "a = 1 # y\n", id="a bracket in a comment"),
        pytest.param('a = ["]", \'[\', """]"""]\nb = 2\n', ("b",), None, id="brackets in strings"),
        pytest.param("a = 2026-01-01 07:00:00 # x\n", ("a",), "a = 1 # x\n", id="a date with a space"),
        pytest.param("[[x]]\ny = 1\n[[x]]\ny = 2\n[a]\nb = 2\n", ("a", "b"), None, id="behind an array of tables"),
        pytest.param("a = { b = { c = 2 } }\n", ("a", "b", "c"), "a = { b = { c = 1 } }\n", id="inline in inline"),
        pytest.param("a = 2\r\nb = 3\r\n", ("a",), "a = 1\r\nb = 3\r\n", id="carriage returns"),
        pytest.param('a = """x"""\n', ("a",), "a = 1\n", id="a string in three quotes"),
        pytest.param('a = """x\\"""" # y\n', ("a",), "a = 1 # y\n", id="an escaped quote before three"),
        pytest.param('a = """x""""" # y\n', ("a",), "a = 1 # y\n", id="five quotes at the end"),
        pytest.param('a = "" # ""\n', ("a",), 'a = 1 # ""\n', id="empty string"),
        pytest.param('a = """""" # """\n', ("a",), 'a = 1 # """\n', id="empty string in three quotes"),
    ],
)
def test_set_in_odd_layouts(text, path, after):
    result = edited(text, ("set", path, 1))
    if after is not None:
        assert result == after
    else:
        assert all(line in result for line in text.splitlines() if line[:1] == "#")
    found: Any = tomllib.loads(result)
    for name in path:
        found = found[name]
    assert found == 1


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param("a = 1\n", ("a", "b"), id="a value is no table"),
        pytest.param("[[a]]\nb = 1\n", ("a", "b"), id="an array of tables"),
        pytest.param("a = [1]\n", ("a", "b"), id="an array"),
        pytest.param("[a]\nb = 1\n", ("a",), id="a table can't become a value"),
        pytest.param("a.b = 1\n", ("a",), id="a dotted table can't become a value"),
        pytest.param("x = nan\n", ("a",), id="a file whose data can't be compared"),
    ],
)
def test_set_refused(text, path):
    editor = TomlEditor(text)
    with pytest.raises(ConfigError):
        editor.set(path, 1)
    assert editor.text == text
    assert repr(editor.data) == repr(tomllib.loads(text))


# ---- add_table -----------------------------------------------------------------------------------


def test_add_table():
    result = edited(
        FILE, ("add_table", ("profiles", "a.b"), {"provider": "x", "timeout": {"idle": 1.5}, "n": [1]})
    )
    added = '\n[profiles."a.b"]\nprovider = "x"\ntimeout = { idle = 1.5 }\nn = [1]\n'
    assert result == FILE + added


@pytest.mark.parametrize("text", ["", "\n\n", "a = 1", "a = 1\n\n\n\n", "# x"])
def test_add_table_to(text):
    result = edited(text, ("add_table", ("t",), {"b": 2}))
    assert result.endswith("[t]\nb = 2\n")
    assert result.startswith(text.rstrip("\n"))
    assert "\n\n\n" not in result


@pytest.mark.parametrize("text", ["[t]\na = 1\n", "t = 1\n", "t.a = 1\n", "t = {}\n", "[[t]]\na = 1\n"])
def test_add_table_refused(text):
    editor = TomlEditor(text)
    with pytest.raises(ConfigError):
        editor.add_table(("t",), {"b": 2})
    assert editor.text == text


# ---- delete --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "gone"),
    [
        pytest.param(("current",), 'current = "groq"   # the fast one\n', id="a value, with its comment"),
        pytest.param(("profiles", "groq", "provider"), 'provider = "groq"\n', id="a value in a table"),
        pytest.param(
            ("profiles", "work", "quirks", "drop"), 'drop = [\n  "seed", # 422\n  "user",\n]\n', id="several lines"
        ),
        pytest.param(("serve",), "[serve]\nport = 4000\n", id="the last table"),
        pytest.param(
            ("profiles", "groq"),
            '[profiles.groq]\nprovider = "groq"\nmodel = "openai/gpt-oss-120b" # best so far\n\n',
            id="a table: the comment of the next one stays",
        ),
        pytest.param(
            ("profiles", "work"),
            FILE[FILE.index("[profiles.work]") : FILE.index("[serve]")],
            id="a table with its subtable",
        ),
        pytest.param(("profiles", "work", "timeout", "idle"), ", idle = 30", id="inline"),
    ],
)
def test_delete(path, gone):
    assert FILE.count(gone) == 1
    assert edited(FILE, ("delete", path)) == FILE.replace(gone, "")


@pytest.mark.parametrize(
    "path", [("x",), ("profiles", "x"), ("profiles", "x", "y"), ("current", "x"), ("serve", "x")]
)
def test_delete_what_is_not_there(path):
    assert edited(FILE, ("delete", path)) == FILE


@pytest.mark.parametrize(
    ("text", "path"),
    [
        pytest.param("[a]\nx = 1\n\n[b]\nx = 1\n\n[a.c]\nx = 1\n", ("a",), id="tables apart"),
        pytest.param("a.x = 1\nb.x = 1\na.y = 2\n", ("a",), id="dotted keys"),
        pytest.param("[[a]]\nx = 1\n[[a]]\nx = 2\n[b]\nx = 1\n", ("a",), id="an array of tables"),
        pytest.param("a = { x = 1 }\n[b]\nx = 1\n", ("a",), id="an inline table"),
        pytest.param("[b]\nx = 1\n[a]", ("a",), id="a header without a line break"),
    ],
)
def test_delete_in_odd_layouts(text, path):
    result = tomllib.loads(edited(text, ("delete", path)))
    assert result == {"b": {"x": 1}}


@pytest.mark.parametrize(
    "between",
    [
        pytest.param("\n# about b\n", id="behind a blank line"),
        pytest.param("\n# about b\n\n", id="blank lines on both sides"),
        pytest.param("\n# about b\n# and more\n", id="two lines"),
        pytest.param("\n# one thing\n\n# about b\n", id="two paragraphs"),
        pytest.param("\n  \n# about b\n", id="behind a line of spaces"),
        pytest.param("  \n# about b\n", id="behind a line of spaces alone"),
        pytest.param("# about b\n", id="right above the header"),
        pytest.param("\r\n# about b\r\n", id="carriage returns"),
    ],
)
def test_comments_between_tables_outlive_a_deletion(between):
    text = f"[a]\nx = 1\n{between}[b]\ny = 2\n"
    result = edited(text, ("delete", ("a",)))
    assert tomllib.loads(result) == {"b": {"y": 2}}
    for line in between.splitlines():
        assert line.strip() in result
    assert result.endswith("[b]\ny = 2\n")


def test_comments_at_the_end_outlive_a_deletion():
    assert edited("[a]\nx = 1\n\n# the end\n", ("delete", ("a",))) == "# the end\n"


def test_comments_inside_go_with_the_table():
    text = "# about a\n[a] # here\n# x is needed\nx = 1\n# and y\ny = 2\n\n[b]\n"
    assert edited(text, ("delete", ("a",))) == "# about a\n[b]\n"


# ---- rename --------------------------------------------------------------------------------------


def test_rename_a_table_in_its_place():
    result = edited(FILE, ("rename", ("profiles", "work"), "my job"))
    assert result == FILE.replace("[profiles.work", '[profiles."my job"')


def test_rename_a_value():
    assert edited(FILE, ("rename", ("current",), "default")) == FILE.replace("current =", "default =")


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        pytest.param("a.b = 1\na.c = 2\n", ("a",), "z.b = 1\nz.c = 2\n", id="dotted keys"),
        pytest.param("a.b = 1\na.c = 2\n", ("a", "b"), "a.z = 1\na.c = 2\n", id="the end of a dotted key"),
        pytest.param("[t]\n'a' . b = 1 # x\n", ("t", "a"), "[t]\nz . b = 1 # x\n", id="odd spacing"),
        pytest.param("[[a]]\nb = 1\n[[a]]\nb = 2\n", ("a",), "[[z]]\nb = 1\n[[z]]\nb = 2\n", id="array of tables"),
        pytest.param("a = { b = 1 } # x\n", ("a", "b"), "a = { z = 1 } # x\n", id="inline"),
        pytest.param(
            "p = { a = { b = 1 } }\n", ("p", "a"), "p = { z = { b = 1 } }\n", id="an inline table in another"
        ),
    ],
)
def test_rename_in_odd_layouts(text, path, after):
    assert edited(text, ("rename", path, "z")) == after


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        pytest.param("a = 1\nb = 2\n", ("a",), "b", id="a value over another"),
        pytest.param("[a]\n[b]\n", ("a",), "b", id="a table over another"),
        pytest.param("[a]\nx = 1\n[b.c]\ny = 1\n", ("a",), "b", id="a table into another"),
        pytest.param("t = { a = 1, b = 2 }\n", ("t", "a"), "b", id="inline over another"),
        pytest.param("a = 1\n", ("a", "b"), "c", id="inside a value"),
        pytest.param("[[t]]\na = 1\n", ("t", "a"), "c", id="inside an array of tables"),
    ],
)
def test_rename_refused(text, path, name):
    editor = TomlEditor(text)
    with pytest.raises(ConfigError):
        editor.rename(path, name)
    assert editor.text == text


@pytest.mark.parametrize(
    ("text", "path", "name"),
    [
        pytest.param("a = 1\n", ("a",), "a", id="a value to its own name"),
        pytest.param("[profiles.a]\nx = 1\n", ("profiles", "a"), "a", id="a table to its own name"),
    ],
)
def test_rename_to_the_same_name_changes_nothing(text, path, name):
    assert edited(text, ("rename", path, name)) == text


@pytest.mark.parametrize("path", [("b",), ("t", "b"), ("x", "y")])
def test_rename_what_is_not_there_changes_nothing(path):
    text = "a = 1\n\n[t]\na = 1\n"
    editor = TomlEditor(text)
    with contextlib.suppress(ConfigError):
        editor.rename(path, "z")
    assert editor.text == text


# ---- values --------------------------------------------------------------------------------------

toml_scalars = (
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.dates()
    | st.datetimes()
    | st.times()
)
KEYS = st.sampled_from(["a", "b-c", "x.y", "ä b", "", '"', "\\", "\n", "1"]) | st.text(
    alphabet=st.characters(exclude_categories=["Cs"]), max_size=5
)
toml_values = st.recursive(
    toml_scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(toml_values)
def test_any_value_on_one_line(value):
    written = format_value(value)
    assert "\n" not in written
    assert tomllib.loads(f"k = {written}") == {"k": value}


@given(st.lists(KEYS, min_size=1, max_size=3), toml_values)
def test_any_value_under_any_key(path, value):
    editor = TomlEditor(FILE)
    assume(path[0] not in editor.data)
    editor.set(tuple(path), value)
    found: Any = tomllib.loads(editor.text)
    for name in path:
        found = found[name]
    assert found == value
    assert all(line in editor.text for line in FILE.splitlines())


# ---- generated files -----------------------------------------------------------------------------

Path = tuple[str, ...]


@dataclass
class Comment:
    """A comment and what it belongs to: a statement, the inside of a table, or nothing."""

    text: str
    kind: str  # "value": inside a value; "pair": behind one; "table": in a table's lines; "free"
    path: Path = ()


@dataclass
class Document:
    """A generated file."""

    text: str = ""
    comments: list[Comment] = field(default_factory=list)

    def comment(self, kind: str, path: Path = ()) -> str:
        mark = f"# c{len(self.comments)}. [a] b = 'no'"
        self.comments.append(Comment(mark, kind, path))
        return mark


NAMES = ["a", "b", "c d", "x.y", "é"]
WRITTEN = {
    "a": ["a", '"a"', "'a'"],
    "b": ["b", '"\\u0062"'],
    "c d": ['"c d"', "'c d'"],
    "x.y": ['"x.y"'],
    "é": ["'é'"],
}
VALUES = [
    *["1", "'x'", '"# no"', "true", "1.5", "2026-01-01 07:00:00", "[]", "{}", '""', "''", "[1, 2]", '"""x"""'],
    *['"""\n[a]\nb = 1 # no\n"""', "'''\n# no\n'''", '"\\"]"', "{ k = 1, l = { m = [1] } }", '[ "]", "#" ]'],
    *["[\n  1,@\n  2, @\n]", "[@\n]", "[[1], [\n@\n2]]", '[{ k = "}" }]', "{ k = [@\n1] }"],
]


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Comments everywhere, all layouts of tables and values, names in all ways of writing."""
    document = Document()

    def key(path: Path) -> str:
        dot = draw(st.sampled_from([".", " . "]))
        return dot.join(draw(st.sampled_from(WRITTEN.get(name, [name]))) for name in path)

    def pairs(table: Path) -> None:
        keys = draw(st.lists(st.sampled_from("klmn"), unique=True, max_size=3))
        for name in keys:
            ends = draw(st.sampled_from([[(name,)], [(name,)], [(name, "u"), (name, "v w")]]))
            for end in ends:
                path = (*table, *end)
                if draw(st.integers(0, 3)) == 0:
                    document.text += f"{document.comment('table', table)}\n"
                if draw(st.integers(0, 5)) == 0:
                    document.text += "\n"
                value = draw(st.sampled_from(VALUES))
                while "@" in value:
                    value = value.replace("@", document.comment("value", path), 1)
                behind = f"  {document.comment('pair', path)}" if draw(st.booleans()) else ""
                equals = draw(st.sampled_from([" = ", "=", "\t=  "]))
                indent = draw(st.sampled_from(["", "", "  "]))
                written = ".".join(f"'{part}'" if " " in part else part for part in end)
                document.text += f"{indent}{written}{equals}{value}{behind}\n"

    if draw(st.booleans()):
        document.text += f"{document.comment('free')}\n\n"
    pairs(())
    tables = draw(st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3), unique_by=tuple, max_size=4))
    for number, names in enumerate(tables):
        path = tuple(names)
        opening, closing = ("[[", "]]") if draw(st.integers(0, 4)) == 0 else ("[", "]")
        if number or document.text:
            document.text += "\n"
        if draw(st.booleans()):
            document.text += f"{document.comment('free')}\n"
        behind = f" {document.comment('table', path)}" if draw(st.booleans()) else ""
        document.text += f"{opening}{key(path)}{closing}{behind}\n"
        pairs(path)
    if draw(st.booleans()):
        document.text += f"\n{document.comment('free')}\n"
    if draw(st.booleans()):
        document.text = document.text.rstrip("\n")
    try:
        tomllib.loads(document.text)
    except tomllib.TOMLDecodeError:
        assume(False)
    return document


def every_path(data: Any, start: Path = ()) -> list[Path]:
    if not isinstance(data, dict):
        return []
    return [path for name in data for path in ((*start, name), *every_path(data[name], (*start, name)))]


@st.composite
def targets(draw: st.DrawFn) -> tuple[Document, Path]:
    """A file, and a path in it: mostly one that is there, else a new name somewhere."""
    document = draw(documents())
    there = every_path(tomllib.loads(document.text))
    new = [(*path, "new") for path in [(), *there]]
    return document, draw(st.sampled_from([*there, *new[:3]] if there else new))


def put(data: dict[str, Any], path: Path, value: Any) -> bool:
    """Set it; false where something on the way is no table."""
    for name in path[:-1]:
        data = data.setdefault(name, {})
        if not isinstance(data, dict):
            return False
    data[path[-1]] = value
    return True


def without_empty_tables(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    inner = {name: without_empty_tables(value) for name, value in data.items()}
    return {name: value for name, value in inner.items() if value != {}}


def begins(path: Path, start: Path) -> bool:
    return path[: len(start)] == start


def check_edit(document: Document, newline: str, edit: Any, expected: Any, lost: Any) -> None:
    """After the edit either nothing has changed, or the data is as expected and only lost comments are gone."""
    text = document.text.replace("\n", newline)
    editor = TomlEditor(text)
    try:
        edit(editor)
    except ConfigError:
        assert editor.text == text
        assert editor.data == tomllib.loads(text)
        return
    assert expected is not None, "an impossible edit was made"
    parsed = tomllib.loads(editor.text)
    assert editor.data == parsed
    assert without_empty_tables(parsed) == without_empty_tables(expected)
    for comment in document.comments:
        if not lost(comment):
            assert comment.text in editor.text, f"lost: {comment}"


def inside_value(comment: Comment, path: Path) -> bool:
    """Whether it is inside the value that is written anew: that of the path, or of an inline table around it."""
    return comment.kind == "value" and begins(path, comment.path)


newlines = pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])


@newlines
@given(targets(), st.sampled_from([1, "text", [1, 2], {"q": {"r": 1}}, {}, datetime.date(2026, 1, 1)]))
def test_set_in_any_file(newline, target, value):
    document, path = target
    expected = tomllib.loads(document.text)
    possible = put(expected, path, value)
    check_edit(
        document,
        newline,
        lambda editor: editor.set(path, value),
        expected if possible else None,
        lambda comment: inside_value(comment, path),
    )


@newlines
@given(targets())
def test_delete_in_any_file(newline, target):
    document, path = target
    expected = copy.deepcopy(tomllib.loads(document.text))
    holder: Any = expected
    for name in path[:-1]:
        holder = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(holder, dict):
        holder.pop(path[-1], None)
    check_edit(
        document,
        newline,
        lambda editor: editor.delete(path),
        expected,
        lambda comment: comment.kind != "free" and (begins(comment.path, path) or inside_value(comment, path)),
    )


@newlines
@given(targets(), st.sampled_from(["new", "z z", "a", "k"]))
def test_rename_in_any_file(newline, target, name):
    document, path = target
    expected = tomllib.loads(document.text)
    holder: Any = expected
    for step in path[:-1]:
        holder = holder.get(step) if isinstance(holder, dict) else None
    assume(isinstance(holder, dict) and path[-1] in holder)
    possible = name == path[-1] or name not in holder
    renamed = {name if key == path[-1] else key: value for key, value in holder.items()}
    holder.clear()
    holder.update(renamed)
    check_edit(
        document,
        newline,
        lambda editor: editor.rename(path, name),
        expected if possible else None,
        lambda comment: inside_value(comment, path[:-1]),
    )


@newlines
@given(documents(), st.lists(st.sampled_from([*NAMES, "new", "k"]), min_size=1, max_size=3).map(tuple))
def test_add_table_to_any_file(newline, document, path):
    expected = tomllib.loads(document.text)
    holder: Any = expected
    for step in path[:-1]:
        holder = holder.get(step, {}) if isinstance(holder, dict) else None
    possible = isinstance(holder, dict) and path[-1] not in holder and put(expected, path, {"q": 1})
    check_edit(
        document,
        newline,
        lambda editor: editor.add_table(path, {"q": 1}),
        expected if possible else None,
        lambda comment: False,
    )


@given(documents())
def test_statements_cover_the_data_and_no_line_twice(document):
    statements = scan(document.text)
    for one, other in pairwise(statements):
        assert one.end <= other.start
    for statement in statements:
        if statement.kind == "pair":
            written = document.text[statement.value_start : statement.value_end]
            assert tomllib.loads(f"k = {written}\n")
            assert written == written.strip()
    assert {statement.path[0] for statement in statements} == set(tomllib.loads(document.text))


@given(documents(), st.data())
def test_a_course_of_edits(document, data):
    """One edit after another: the editor and the text never part."""
    editor = TomlEditor(document.text)
    for _ in range(4):
        there = every_path(editor.data)
        path = data.draw(st.sampled_from([*there, ("new",), ("p", "new")]))
        name = data.draw(st.sampled_from(["set", "delete", "rename", "add_table"]))
        args = {"set": [7], "delete": [], "rename": ["r"], "add_table": [{"q": 1}]}[name]
        before = editor.text
        if name == "rename" and path not in there:
            continue
        try:
            getattr(editor, name)(path, *args)
        except ConfigError:
            assert editor.text == before
        assert editor.data == tomllib.loads(editor.text)
