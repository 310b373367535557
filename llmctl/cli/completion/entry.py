"""`llmctl __complete [SHELL] -- WORD… CURRENT`: what the shells' scripts call when Tab is pressed.

Prints a candidate a line, as `value<TAB>about`, or one line that begins with a colon:
`:files N`, `:dirs N` (the shell completes a path behind the word's first N characters) or `:command N`
(behind N words stands another program's line). With a SHELL, candidates are written the way its script
wants them. For bash the words are the line up to the cursor, and COMP_WORDBREAKS.
"""

from __future__ import annotations

import contextlib
import gc
import os
import re
from collections.abc import Callable, Iterator, Sequence

from llmctl.cli.completion.bash import read_typed
from llmctl.cli.completion.engine import Answer, complete
from llmctl.cli.completion.names import Candidate
from llmctl.config.paths import working_folder

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PLAIN_IN_POWERSHELL = re.compile(r"[\w./:=+\\-]+\Z")
MARK = "."
"""PowerShell's script puts it behind the last word, since older ones drop an empty argument."""


def main(arguments: Sequence[str]) -> None:
    """Print what may stand at the cursor. Whatever goes wrong, nothing is said: the user is typing a line."""
    gc.disable()  # what lives for 50 ms needs no collection, which would take 5 of them
    with contextlib.suppress(Exception, KeyboardInterrupt):  # the boundary
        at = arguments.index("--")
        lines = list(answer_lines(arguments[0] if at else "", list(arguments[at + 1 :])))
        text = "".join(f"{line}\n" for line in lines)
        os.write(1, text.encode("utf-8", "surrogateescape"))


def answer_lines(shell: str, words: list[str]) -> Iterator[str]:
    """The lines for a shell's script."""
    if shell == "bash":
        yield from _for_bash(*words)
        return
    current = words.pop().removesuffix(MARK if shell == "powershell" else "")
    answer = complete(words, current, os.environ, working_folder())
    yield from [answer.directive] if answer.directive else []
    fits = _FITS.get(shell, str.startswith)
    for candidate in _printable(answer):
        if fits(candidate.value, current):
            yield _WRITERS.get(shell, _tabbed)(candidate)


def _for_bash(line: str, breaks: str) -> Iterator[str]:
    typed = read_typed(line, breaks)
    answer = complete(typed.words, typed.current, os.environ, working_folder())
    yield from [answer.directive] if answer.directive else []
    for candidate in _printable(answer):
        if candidate.value.startswith(typed.current):
            yield typed.insertion(candidate.value)


def _printable(answer: Answer) -> Iterator[Candidate]:
    """Each value once, without those that no line can hold."""
    seen: set[str] = set()
    for value, about in answer.candidates:
        if value not in seen and not _CONTROL.search(value):
            seen.add(value)
            yield Candidate(value, _CONTROL.sub(" ", about))


def _tabbed(candidate: Candidate) -> str:
    return f"{candidate.value}\t{candidate.about}" if candidate.about else candidate.value


def _for_zsh(candidate: Candidate) -> str:
    """As `_describe` reads it."""
    value = candidate.value.replace("\\", "\\\\").replace(":", "\\:")
    return f"{value}:{candidate.about}" if candidate.about else value


def _for_powershell(candidate: Candidate) -> str:
    """What to insert, then what to show."""
    value = candidate.value
    quoted = value if _PLAIN_IN_POWERSHELL.match(value) else "'" + value.replace("'", "''") + "'"
    return f"{quoted}\t{value}\t{candidate.about or value}"


def _anything(value: str, current: str) -> bool:
    """These shells choose themselves, by rules that the user has set."""
    return True


def _in_any_case(value: str, current: str) -> bool:
    return value.lower().startswith(current.lower())


_FITS: dict[str, Callable[[str, str], bool]] = {
    "zsh": _anything,
    "fish": _anything,
    "powershell": _in_any_case,
}
_WRITERS: dict[str, Callable[[Candidate], str]] = {"zsh": _for_zsh, "powershell": _for_powershell}
