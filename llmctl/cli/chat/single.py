"""One prompt, one answer."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from llmctl.cli.account import Account, open_account
from llmctl.cli.chat.ask import Ask
from llmctl.cli.chat.options import ChatOptions
from llmctl.cli.chat.question import Question, read_question
from llmctl.cli.chat.render import choose_renderer
from llmctl.cli.chat.report import last_stream, say_usage, verdict
from llmctl.cli.chat.toolbox import open_toolbox
from llmctl.cli.streams import Streams, harmless
from llmctl.errors import AnswerInvalid, LlmctlError
from llmctl.store.ledger import UNKNOWN
from llmctl.store.recorder import failed, request_to


def answer_once(options: ChatOptions, streams: Streams) -> None:
    """Ask and show the answer, or show the request, as the options say."""
    question = read_question(options, streams)
    session = question.session
    if streams.terminal:
        session.at_reading_pace()
    if options.dry_run or options.curl:
        from llmctl.cli.chat.dryrun import show_request

        show_request(question, open_toolbox(options, session.config, streams), options.curl, options.no_stream)
    elif options.raw:
        _raw(question, options)
    else:
        _answer(question, options)


def _answer(question: Question, options: ChatOptions) -> None:
    session, form = question.session, question.form
    toolbox = open_toolbox(options, session.config, session.streams)
    renderer = choose_renderer(options, session.streams, form)
    account = open_account(session, "chat", options.max_cost, options.json or options.jsonl or options.usage)
    ask = Ask(session, toolbox, renderer, account, options.no_stream)
    account.guard.check(question.messages)  # what is refused is not kept
    try:
        _keep(question, account)
        if form.wanted:
            ask.shaped(form, question.messages, question.params, options.repair, options.rounds)
        else:
            ask.run(question.messages, question.params, options.rounds)
    except AnswerInvalid as error:
        if not session.streams.json_errors and error.partial:
            partial = harmless(error.partial) if session.streams.error_terminal else error.partial
            session.streams.say(partial)  # nothing that was paid for is lost, and stdout stays clean
        raise
    finally:
        account.recorder.close()
    renderer.finish(ask)
    if options.usage:
        say_usage(ask)
    verdict(last_stream(ask).answer, options.strict, session)


def _keep(question: Question, account: Account) -> None:
    """Write the question down, in its conversation if one goes on."""
    target, recorder = question.session.target, account.recorder
    if question.past:
        recorder.go_on(question.past.conversation.id, question.past.head)
    recorder.question(target, question.text, question.files, question.own_system, question.own_params)


def _raw(question: Question, options: ChatOptions) -> None:
    """The bytes as they come. Nobody looks into them, so only the request is counted, its cost unknown."""
    session, whole = question.session, options.no_stream
    account = open_account(session, "chat --raw", options.max_cost)
    account.guard.check(question.messages)

    async def copy(client: Any) -> None:
        async with aclosing(client.raw_stream(question.messages, whole=whole, **question.params)) as chunks:
            async for chunk in chunks:
                session.streams.out_bytes(chunk)

    request = replace(request_to(session.target, "chat --raw", time.time()), cost_by=UNKNOWN)
    try:
        session.run(copy)
    except LlmctlError as error:
        request = failed(request, error)
        raise
    finally:
        account.recorder.note(request)
        account.recorder.close()
