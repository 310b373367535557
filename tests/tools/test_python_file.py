"""Python functions as tools."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from llmctl.client.blocking import drive
from llmctl.errors import UsageError
from llmctl.tools.python_file import load_tools
from llmctl.tools.tool import Tool, ToolFailed, check_arguments

Load = Callable[..., dict[str, Tool]]

KIT = '''
"""A kit."""
from __future__ import annotations
import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal, Optional, TypedDict

class Unit(Enum):
    METRIC = "m"
    IMPERIAL = "i"

@dataclass
class Place:
    name: str
    height: float = 0.0

class Range(TypedDict, total=False):
    low: int

def forecast(
    city: str,
    days: int = 1,
    unit: Unit = Unit.METRIC,
    mode: Literal["short", "long"] = "short",
    tags: list[str] | None = None,
    at: Annotated[Optional[float], "Hour of the day"] = None,
    extra: dict[str, int] = {},
    pair: tuple[int, str] = (1, "a"),
    place: Place | None = None,
    span: Range = {},
    anything=None,
) -> dict:
    """Weather forecast
    for a city.

    Longer text.

    Args:
        city: Its name
            in English.
        days (int): How many.
    """
    return {"city": city, "unit": unit.name, "pair": pair, "place": place, "at": at, "tags": tags}

def _private(): ...
helper = json.dumps
'''


def test_a_schema_of_hints_and_docstring(load: Load) -> None:
    tools = load(KIT)
    assert list(tools) == ["forecast"]
    tool = tools["forecast"]
    assert (tool.description, tool.source, tool.needs_loop) == ("Weather forecast for a city.", "kit.py", False)
    assert tool.parameters["required"] == ["city"]
    assert tool.parameters["properties"] == {
        "city": {"type": "string", "description": "Its name in English."},
        "days": {"type": "integer", "description": "How many.", "default": 1},
        "unit": {"type": "string", "enum": ["m", "i"]},
        "mode": {"type": "string", "enum": ["short", "long"], "default": "short"},
        "tags": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
        "at": {"type": ["number", "null"], "description": "Hour of the day"},
        "extra": {"type": "object", "additionalProperties": {"type": "integer"}},
        "pair": {
            "type": "array",
            "prefixItems": [{"type": "integer"}, {"type": "string"}],
            "minItems": 2,
            "maxItems": 2,
        },
        "place": {
            "anyOf": [
                {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "height": {"type": "number"}},
                    "required": ["name"],
                },
                {"type": "null"},
            ]
        },
        "span": {"type": "object", "properties": {"low": {"type": "integer"}}, "required": []},
        "anything": {},
    }


def test_arguments_come_in_the_types_of_the_hints(load: Load) -> None:
    tool = load(KIT)["forecast"]
    given = {"city": "Oslo", "unit": "i", "pair": [2, "b"], "place": {"name": "Top", "height": 3}, "at": 7}
    check_arguments(given, tool.parameters)
    result = json.loads(drive(tool.call(given)))
    assert (result["unit"], result["pair"], result["at"]) == ("IMPERIAL", [2, "b"], 7.0)
    assert result["place"] == "Place(name='Top', height=3.0)"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(): return 'text'", "text"),
        ("def f(): return None", "null"),
        ("def f(): return {'é': [1, 2.5, True]}", '{"é": [1, 2.5, true]}'),
        ("import pathlib\ndef f(): return [pathlib.PurePosixPath('a/b')]", '["a/b"]'),
        ("def f(a, /, b=2): return a + b", "3"),
    ],
)
def test_results_as_text(load: Load, source: str, expected: str) -> None:
    tool = load(source)["f"]
    assert drive(tool.call({"a": 1} if "a, /" in source else {})) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(): raise ValueError('too  hot\\nhere')", "ValueError: too hot here"),
        ("def f(): raise KeyError", "KeyError"),
        ("import sys\ndef f(): sys.exit('bye')", "SystemExit: bye"),
        ("def f():\n  x = []; x.append(x); return x", "ValueError: Circular reference detected"),
    ],
)
def test_failures_go_to_the_model(load: Load, source: str, expected: str) -> None:
    with pytest.raises(ToolFailed) as failure:
        drive(load(source)["f"].call({}))
    assert str(failure.value) == expected


def test_an_unknown_argument(load: Load) -> None:
    with pytest.raises(ToolFailed, match=r"there is no argument 'c'; there are: a, b"):
        drive(load("def f(a, b): ...")["f"].call({"a": 1, "b": 2, "c": 3}))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(:\n", r"kit\.py:1: SyntaxError: "),
        ("x = 1\n\nraise RuntimeError('no')\n", r"kit\.py:3: RuntimeError: no"),
        ("def g():\n    return 1 / 0\n\ng()\n", r"kit\.py:2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(1)\n", r"kit\.py:2: SystemExit: 1"),
        ("import nosuchmodule\n", r"kit\.py:1: ModuleNotFoundError: "),
        ("x = 1\nfrom json import dumps\n", r"kit\.py defines no function"),
        ("def f(*words): ...\n", r"kit\.py:1: f: \*words can't be described"),
        ("\ndef f(**words): ...\n", r"kit\.py:2: f: \*\*words can't be described"),
        ("def f(a: Nonsense): ...\n", r"kit\.py:1: f: its type hints can't be read: NameError: "),
        ("def é(): ...\n", r"kit\.py:1: é: a tool's name has letters"),
        ("__all__ = ['g']\ndef f(): ...\n", r"__all__ names 'g', which is no function"),
    ],
)
def test_files_that_hold_no_tools(load: Load, source: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected) as failure:
        load(source)
    assert "\n" not in failure.value.message


def test_a_missing_file(tmp_path: Any) -> None:
    with pytest.raises(UsageError, match=r"can't read .*none\.py: No such file"):
        load_tools(tmp_path / "none.py")


def test_all_chooses_the_functions_even_imported_ones(load: Load) -> None:
    tools = load("from textwrap import dedent\n__all__ = ['dedent', '_b']\ndef a(): ...\ndef _b(): ...\n")
    assert list(tools) == ["dedent", "_b"]


def test_modules_beside_the_file_can_be_imported(load: Load, tmp_path: Any) -> None:
    (tmp_path / "beside_the_kit.py").write_text("NUMBER = 42\n")
    assert drive(load("from beside_the_kit import NUMBER\ndef f(): return NUMBER\n")["f"].call({})) == "42"
    assert not (tmp_path / "__pycache__" / "kit").exists()


def test_async_functions_need_a_loop(load: Load) -> None:
    import asyncio

    tool = load("import asyncio\nasync def f(n: int):\n    await asyncio.sleep(0)\n    return n + 1\n")["f"]
    assert tool.needs_loop
    assert asyncio.run(tool.call({"n": 1})) == "2"  # type: ignore[arg-type]


PROGRAM = """
import sys
from llmctl.client.blocking import drive
from llmctl.tools.python_file import load_tools
tool = load_tools(sys.argv[1])[0]
print("answer:", drive(tool.call({})))
"""


def test_what_a_tool_prints_goes_to_stderr(tmp_path: Any) -> None:
    kit = tmp_path / "kit.py"
    kit.write_text(
        "import os, subprocess, sys\nprint('import')\ndef f():\n    print('call')\n"
        "    subprocess.run([sys.executable, '-c', 'print(\"child\")'])\n"
        "    os.write(1, b'raw\\n')\n    return 'done'\n"
    )
    result = subprocess.run([sys.executable, "-c", PROGRAM, str(kit)], capture_output=True, text=True, check=True)
    assert result.stdout == "answer: done\n"
    assert sorted(result.stderr.split()) == ["call", "child", "import", "raw"]


def test_closed_streams_do_no_harm(tmp_path: Any) -> None:
    kit = tmp_path / "kit.py"
    kit.write_text("def f():\n    print('call')\n    return 'done'\n")
    out = tmp_path / "out"
    program = PROGRAM.replace('print("answer:", ', "open(sys.argv[2], 'w').write(").rstrip()
    command = f'exec {sys.executable} -c "$0" "$1" "$2" >&- 2>&-'
    subprocess.run(["/bin/sh", "-c", command, program, str(kit), str(out)], check=True)
    assert out.read_text() == "done"
