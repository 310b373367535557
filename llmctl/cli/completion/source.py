"""The parameters of a command, read from its module's text.

Importing a command takes 70 to 120 ms of CPU, too long for every press of a key; reading what stands
there takes 5. A test compares the two for every command.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
Words = tuple[str, ...]


@dataclass(frozen=True)
class Parameter:
    """An option, or an argument (without `names`). `choices` are the only values that it takes, if known."""

    field: str
    names: Words = ()
    metavar: str = ""
    about: str = ""
    flag: bool = False
    repeatable: bool = False
    choices: Words = ()

    @property
    def name(self) -> str:
        """The first long name, or the first word of the argument's metavar without brackets and dots."""
        long = [name for name in self.names if name.startswith("--")]
        return (*long, *self.names)[0] if self.names else self.metavar.partition(" ")[0].strip("[]….")


HELP = Parameter("help", ("-h", "--help"), about="Show the help.", flag=True)


class Source:
    """A module that is read, not run."""

    def __init__(self, module: str) -> None:
        """Raises OSError, SyntaxError."""
        path = PACKAGE.parent.joinpath(*module.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        self.classes: dict[str, ast.ClassDef] = {}
        self.values: dict[str, ast.expr] = {}
        self.imports: dict[str, tuple[str, str]] = {}
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.ClassDef):
                self.classes[node.name] = node
            elif isinstance(node, ast.ImportFrom) and node.module:
                self.imports |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.values[node.targets[0].id] = node.value


class Reader:
    """Reads modules, each once."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def command(self, module: str) -> list[Parameter]:
        """The parameters of the module's `app = command(Options, …)`, the global options included."""
        made = self._source(module).values["app"]
        assert isinstance(made, ast.Call)
        assert isinstance(made.args[0], ast.Name)
        own = self.options(module, made.args[0].id)
        return [*own, *self.options("llmctl.cli.settings", "Settings"), HELP]

    def root(self) -> list[Parameter]:
        """The options that stand before a command."""
        return [*self.options("llmctl.cli.app", "RootOptions"), HELP]

    def options(self, module: str, name: str) -> list[Parameter]:
        """The fields of a class of options, its own before those of its bases."""
        source = self._source(module)
        if name not in source.classes:
            return self.options(*source.imports[name])
        node = source.classes[name]
        found = {
            field.target.id: parameter
            for field in node.body
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
            if (parameter := self._parameter(source, field.target.id, field.annotation))
        }
        for base in node.bases:
            if isinstance(base, ast.Name) and (base.id in source.classes or base.id in source.imports):
                for other in self.options(module, base.id):
                    found.setdefault(other.field, other)
        return list(found.values())

    def _source(self, module: str) -> Source:
        if module not in self._sources:
            self._sources[module] = Source(module)
        return self._sources[module]

    def _parameter(self, source: Source, field: str, annotation: ast.expr) -> Parameter | None:
        """What `Annotated[type, typer.Option(…)]` says, here or under a name of its own."""
        source, annotation = self._found(source, annotation)
        if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.slice, ast.Tuple):
            return None
        kind, call = annotation.slice.elts[:2]
        source, call = self._found(source, call)
        if not isinstance(call, ast.Call):
            return None
        keywords = {word.arg: word.value for word in call.keywords}
        types = {node.id for node in ast.walk(kind) if isinstance(node, ast.Name)}
        names = tuple(self._names(source, call))
        option = isinstance(call.func, ast.Attribute) and call.func.attr == "Option"
        return Parameter(
            field,
            (names or (f"--{field.replace('_', '-')}",)) if option else (),
            self._text(source, keywords.get("metavar")),
            self._text(source, keywords.get("help")),
            flag="bool" in types,
            repeatable="list" in types,
            choices=self._choices(source, keywords.get("callback"), kind),
        )

    def _names(self, source: Source, call: ast.Call) -> Iterator[str]:
        for argument in call.args:
            yield from self._text(source, argument).split("/")

    def _choices(self, source: Source, callback: ast.expr | None, kind: ast.expr) -> Words:
        """The words of a `Literal`, or those that a callback was made for: `_one_of(WORDS)`."""
        for node in ast.walk(kind):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
                return _strings(node.slice)
        if isinstance(callback, ast.Call) and callback.args:
            return _strings(self._found(source, callback.args[0])[1])
        return ()

    def _found(self, source: Source, node: ast.expr) -> tuple[Source, ast.expr]:
        """What a name of a module stands for; any other expression as it is."""
        if isinstance(node, ast.Name) and node.id in source.values:
            return self._found(source, source.values[node.id])
        if isinstance(node, ast.Name) and source.imports.get(node.id, ("",))[0].startswith("llmctl."):
            module, name = source.imports[node.id]
            return self._found(self._source(module), ast.Name(name))
        return source, node

    def _text(self, source: Source, node: ast.expr | None) -> str:
        """A string, an f-string of names, or a sum of them. What can't be known without running is "…"."""
        if node is None:
            return ""
        source, node = self._found(source, node)
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.JoinedStr):
            return "".join(self._text(source, part) for part in node.values)
        if isinstance(node, ast.FormattedValue):
            return self._text(source, node.value)
        if isinstance(node, ast.BinOp):
            return self._text(source, node.left) + self._text(source, node.right)
        return "…"


def _strings(node: ast.expr) -> Words:
    """The strings in an expression, in order."""
    return tuple(
        part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )
