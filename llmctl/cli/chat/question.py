"""What is asked: the messages and parameters that the options make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from llmctl.cli.chat.attach import attached
from llmctl.cli.chat.options import ChatOptions
from llmctl.cli.chat.resume import as_before, find_past
from llmctl.cli.chat.structured import Form, read_form
from llmctl.cli.chat.template import filled, find_template, takes_input
from llmctl.cli.input import read_prompt
from llmctl.cli.session import Session, open_session
from llmctl.cli.streams import Streams
from llmctl.core.params import parse_options
from llmctl.errors import UsageError

if TYPE_CHECKING:
    from llmctl.cli.chat.resume import Past
    from llmctl.config.prompts import Prompt
    from llmctl.core.media import Attachment

_RESERVED = {"messages": "the prompt", "stream": "--no-stream", "whole": "--no-stream", "model": "-m"}

Message = dict[str, Any]


@dataclass
class Question:
    """A request to a model: `messages` as OpenAI has them, `params` by OpenAI's names."""

    session: Session
    system: str | None
    text: str
    files: list[Attachment]
    params: dict[str, Any]
    form: Form
    past: Past | None = None
    own_system: str | None = None
    own_params: dict[str, Any] = field(default_factory=dict)
    """What stays with the conversation: the form is that of one answer."""

    @property
    def earlier(self) -> list[Message]:
        """What was said before, in a conversation that goes on."""
        return self.past.messages(self.session.target.profile) if self.past else []

    @property
    def messages(self) -> list[Message]:
        system: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, *self.earlier, {"role": "user", "content": self._content()}]

    def _content(self) -> Any:
        if not self.files:
            return self.text
        from llmctl.core.media import content

        return content(self.text, self.files)


def read_question(options: ChatOptions, streams: Streams, needed: bool = True) -> Question:
    """Read prompt, files and standard input; choose the target. Raises UsageError and ConfigError.

    Without `needed` the message may be empty: a conversation that has yet to begin.
    """
    template = find_template(options, streams)
    past = find_past(options, streams)
    options = as_before(options, past, streams) if past else options
    if template and template.model and not options.model:
        options = replace(options, model=template.model)
    form = read_form(options, template.schema if template else None)
    session = open_session(options, streams)
    system, user = _texts(options, template, streams, needed)
    if "-" in (options.file or ()) and options.prompt == "-":
        raise UsageError("standard input can't be both the prompt and a file")
    files = attached(options, session)
    quirks = session.target.quirks(session.target.model or "")
    before = past.conversation if past else None
    lasting_system = before.system if before and options.system is None else options.system
    own = options.system or system or lasting_system or None
    said = [part for part in (own, form.instruction(quirks)) if part]
    given, kept = request_params(options, template), before.params if before else {}
    params = {**kept, **form.params(quirks), **given}
    lasting = {name: value for name, value in {**kept, **given}.items() if name != "n"}
    return Question(session, "\n\n".join(said) or None, user, files, params, form, past, own, lasting)


def _texts(options: ChatOptions, template: Prompt | None, streams: Streams, needed: bool) -> tuple[str, str]:
    """(the template's system prompt, the user's text)."""
    needed = needed and takes_input(template, options) and not (options.file or options.image)
    from_stdin = False if "-" in (options.file or ()) else options.stdin
    given = read_prompt(options.prompt, from_stdin, streams, options.strict, needed)
    return filled(template, options, given) if template else ("", given)


def check_reserved(params: Mapping[str, Any]) -> None:
    """Raises UsageError for parameters that have a place of their own."""
    for name, instead in _RESERVED.items():
        if name in params:
            raise UsageError(f"-o {name}=… is not for that", hint=f"use {instead}")


def request_params(options: ChatOptions, template: Prompt | None = None) -> dict[str, Any]:
    """The request's parameters: those with an option of their own beat -o, which beats the kept prompt's."""
    params = {**(template.params if template else {}), **parse_options(options.option or ())}
    check_reserved(params)
    own = {
        "temperature": options.temperature,
        "max_tokens": options.max_tokens,
        "seed": options.seed,
        "n": options.n,
        "stop": options.stop or None,
        "logprobs": options.logprobs or None,
        "reasoning_effort": options.reasoning_effort,
    }
    return params | {name: value for name, value in own.items() if value is not None}
