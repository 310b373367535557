"""`--tool FILE.py`: the functions of a Python file as tools."""

from __future__ import annotations

import inspect
import json
import sys
import traceback
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from llmctl.errors import UsageError
from llmctl.signals import interruptible
from llmctl.tools.docstrings import parse_docstring
from llmctl.tools.hints import convert, schema_of
from llmctl.tools.output import stdout_to_stderr
from llmctl.tools.tool import NAME, Tool, ToolFailed

Function = Callable[..., Any]


def load_tools(path: str | Path) -> list[Tool]:
    """The public functions that the file defines (or names in `__all__`), in its order.

    Raises UsageError: no such file, an error in it (with its line), no functions, a function that can't be a tool.
    """
    path = Path(path)
    module = _run(path, _source(path))
    tools = [_tool(function, path) for function in _functions(module, path)]
    if not tools:
        raise UsageError(
            f"{path} defines no function", hint="functions whose names begin with _ and imported ones don't count"
        )
    return tools


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror or error}", hint="--tool takes FILE.py") from error


def _run(path: Path, source: bytes) -> types.ModuleType:
    """The module, made without leaving a __pycache__ behind. Its folder can be imported from."""
    module = types.ModuleType(f"llmctl_tool_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and type hints look it up there
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        with stdout_to_stderr():
            exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - the user's own file
    except (Exception, SystemExit) as error:  # the user's own code may raise anything
        raise UsageError(f"{_place(error, path)}: {_summary(error)}") from error
    return module


def _place(error: BaseException, path: Path) -> str:
    """FILE:LINE, as near to the mistake as the file itself goes."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines.append(error.lineno)
    return f"{path}:{lines[-1]}" if lines else str(path)


def _summary(error: BaseException) -> str:
    said = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _functions(module: types.ModuleType, path: Path) -> Iterator[Function]:
    chosen = getattr(module, "__all__", None)
    if chosen is None:
        for name, value in vars(module).items():
            if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_"):
                yield value
        return
    for name in chosen:
        value = getattr(module, name, None)
        if not inspect.isfunction(value):
            raise UsageError(f"{path}: __all__ names {name!r}, which is no function of it")
        yield value


def _tool(function: Function, path: Path) -> Tool:
    name = function.__name__
    where = f"{path}:{function.__code__.co_firstlineno}: {name}" if hasattr(function, "__code__") else name
    if not NAME.match(name):
        raise UsageError(f"{where}: a tool's name has letters, digits, _ and - only, 64 at the most")
    about, said = parse_docstring(function.__doc__)
    try:
        hints = typing.get_type_hints(function, include_extras=True)
        signature = inspect.signature(function)
        parameters = _parameters(signature, hints, said, where)
    except (NameError, TypeError, AttributeError) as error:
        raise UsageError(f"{where}: its type hints can't be read: {_summary(error)}") from error
    return Tool(
        name,
        about,
        parameters,
        path.name,
        _caller(function, signature, hints),
        needs_loop=inspect.iscoroutinefunction(inspect.unwrap(function)),
    )


def _parameters(
    signature: inspect.Signature, hints: dict[str, Any], said: dict[str, str], where: str
) -> dict[str, Any]:
    """The JSON Schema of the arguments. A description in Annotated beats the docstring's."""
    properties: dict[str, Any] = {}
    required = []
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise UsageError(f"{where}: {parameter} can't be described to a model", hint="name each argument")
        schema = schema_of(hints.get(name, Any))
        if name in said:
            schema.setdefault("description", said[name])
        if parameter.default is parameter.empty:
            required.append(name)
        elif isinstance(parameter.default, str | int | float):
            schema["default"] = parameter.default
        properties[name] = schema
    return {"type": "object", "properties": properties, "required": required}


def _caller(function: Function, signature: inspect.Signature, hints: dict[str, Any]) -> Any:
    """What calls the function with arguments as they come from a model."""
    known = signature.parameters
    positional = [name for name, parameter in known.items() if parameter.kind is parameter.POSITIONAL_ONLY]

    async def call(arguments: dict[str, Any]) -> str:
        unknown = [name for name in arguments if name not in known]
        if unknown:
            raise ToolFailed(f"there is no argument {unknown[0]!r}; there are: {', '.join(known) or 'none'}")
        try:
            values = {name: convert(value, hints.get(name, Any)) for name, value in arguments.items()}
            first = [values.pop(name) for name in positional if name in values]
            with stdout_to_stderr():
                with interruptible():
                    result = function(*first, **values)
                if inspect.isawaitable(result):
                    result = await result
            return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str)
        except (Exception, SystemExit) as error:  # the user's own code may raise anything
            raise ToolFailed(_summary(error)) from error

    return call
