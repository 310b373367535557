"""Questions and answers: asked again, changed, branched, continued, copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmctl.core.codeblocks import find_block
from llmctl.errors import UsageError
from llmctl.store.messages import Message
from llmctl.tui.prompt import Draft
from llmctl.tui.prompt.draft import end_of

if TYPE_CHECKING:
    from llmctl.tui.screens.chat import ChatScreen


def idle(chat: ChatScreen) -> None:
    """Raises UsageError while an answer is coming."""
    if chat.asker.busy:
        raise UsageError("an answer is still coming", hint="Esc stops it")


def last_key(chat: ChatScreen) -> str:
    """The key of the last message. Raises UsageError where nothing was said."""
    if not chat.talk.branch.path:
        raise UsageError("nothing has been asked yet")
    return str(chat.talk.branch.path[-1].id)


async def retry(chat: ChatScreen, rest: str) -> None:
    await retry_entry(chat, last_key(chat))


async def retry_entry(chat: ChatScreen, key: str) -> None:
    """Ask the question that the entry is or answers once more: another variant of the answer."""
    idle(chat)
    question = chat.talk.question_of(key)
    if question is None:
        raise UsageError("there is no question to ask again")
    await chat.ask(question.id)


async def edit(chat: ChatScreen, rest: str) -> None:
    question = chat.talk.question_of(last_key(chat))
    await edit_entry(chat, str(question.id) if question else "")


async def edit_entry(chat: ChatScreen, key: str) -> None:
    """Put a question into the prompt; what is sent then takes its place, and the old one stays a variant."""
    idle(chat)
    message = chat.talk.message(key)
    if message is None or message.role != "user":
        raise UsageError("only your own messages can be edited")
    files = await chat.app.archive.run(lambda store: [store.messages.load(ref) for ref in message.files])
    if before := chat.prompt.draft.text:
        chat.prompt.remember(before)  # Up brings it back
    chat.editing = message
    chat.prompt.draft = Draft(message.text, end_of(message.text), tuple(files))
    chat.prompt.focus()
    chat.desk.streams.note("Enter asks it in the place of the old one; empty the prompt to leave it as it is")


async def branch(chat: ChatScreen, rest: str) -> None:
    await branch_entry(chat, last_key(chat))


async def branch_entry(chat: ChatScreen, key: str) -> None:
    """A new conversation of everything up to here."""
    idle(chat)
    if chat.talk.message(key) is None:
        raise UsageError("nothing can be branched from here")
    await chat.open(await chat.talk.branch_off(key))
    chat.desk.streams.note("this is a branch; the conversation that it comes from stays as it was")


async def continue_(chat: ChatScreen, rest: str) -> None:
    await continue_entry(chat, last_key(chat))


async def continue_entry(chat: ChatScreen, key: str) -> None:
    """Have an answer that was stopped, broken off or cut at the limit continued."""
    idle(chat)
    message = _last_of(chat, key)
    if message is None or message.role != "assistant" or message is not chat.talk.branch.path[-1]:
        raise UsageError(
            "only the last answer can be continued", hint="/branch begins a conversation at another one"
        )
    await chat.go_on(message)


def _last_of(chat: ChatScreen, key: str) -> Message | None:
    """The last message of the entry."""
    number = chat.talk.ends().get(key)
    return next((each for each in chat.talk.branch.path if each.id == number or str(each.id) == key), None)


async def variant(chat: ChatScreen, key: str, step: int) -> None:
    """Show the variant before or after."""
    idle(chat)
    message = chat.talk.message(key)
    if message and await chat.talk.show_variant(message, step):
        await chat.asker.show()
        chat.show_status()


async def copy(chat: ChatScreen, rest: str) -> None:
    """The last answer, or its first code block (of a language)."""
    answer = chat.talk.last_answer()
    if not answer:
        raise UsageError("there is no answer yet")
    if rest:
        block = find_block(answer, "" if rest == "code" else rest)
        if block is None:
            raise UsageError(f"the last answer holds no {'' if rest == 'code' else f'{rest} '}code block")
        answer = block.code
    _copied(chat, answer)


async def copy_entry(chat: ChatScreen, key: str) -> None:
    """The text of an entry, without its frame."""
    from llmctl.tui.transcript import TextPart

    parts = chat.transcript.entry(key).parts
    _copied(chat, "\n\n".join(part.text for part in parts if isinstance(part, TextPart)))


async def curl(chat: ChatScreen, rest: str) -> None:
    """The last request as a command, the key withheld."""
    from llmctl.cli.chat.dryrun import curl as as_curl
    from llmctl.cli.chat.dryrun import key_variable

    question = chat.talk.question_of(last_key(chat))
    if question is None:
        raise UsageError("nothing has been asked yet")
    path = [message for message in chat.talk.branch.path if message.id <= question.id]
    system = chat.talk.conversation.system
    said = await chat.app.archive.run(lambda store: store.messages.wire(path, chat.desk.target.profile))
    messages = [*([{"role": "system", "content": system}] if system else []), *said]
    request = await chat.desk.client().prepare_chat(
        messages, key=key_variable(chat.desk.session), **chat.talk.conversation.params
    )
    _copied(chat, as_curl(request))


async def file(chat: ChatScreen, rest: str) -> None:
    """Attach a file to what is typed."""
    from llmctl.tui.prompt.files import read_file

    if not rest:
        raise UsageError("/file takes the name of a file")
    draft = chat.prompt.draft
    added = read_file(rest.strip("'\""), chat.app.folder)
    chat.prompt.draft = Draft(draft.text, draft.cursor, (*draft.files, added))


def _copied(chat: ChatScreen, text: str) -> None:
    chat.app.copy_to_clipboard(text)
    chat.desk.streams.note(f"copied {len(text)} characters")
