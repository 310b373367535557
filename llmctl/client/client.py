"""The one client of every OpenAI-compatible provider."""

from __future__ import annotations

import os
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from llmctl.client.deadline import Deadline
from llmctl.client.exchange import Exchange
from llmctl.client.stream import ChatStream, Record, read_events
from llmctl.client.transport import MAX_BODY, HttpReply, Transport, collect, decoded, read_body
from llmctl.config.resolve import resolve_target
from llmctl.config.target import Target
from llmctl.core.answer import Answer
from llmctl.core.embeddings import Embeddings, batches, read_embeddings
from llmctl.core.events import Event
from llmctl.core.images import Image, Images, read_image_usage, read_images
from llmctl.core.models import Model, read_models
from llmctl.core.quirks import Quirks
from llmctl.core.requests import (
    Body,
    Content,
    HttpRequest,
    Message,
    chat_body,
    completion_body,
    embedding_body,
    user_message,
)
from llmctl.core.retry import RetryPolicy, Wait, attempts
from llmctl.core.urls import join
from llmctl.errors import ConfigError, LlmctlError

T = TypeVar("T")


@dataclass(frozen=True)
class Reply:
    """A reply as it came: status, headers (names in lower case), body bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class OpenReply:
    """A reply whose body comes as it is read, decompressed. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncGenerator[bytes, None]

    async def read(self, most: int = MAX_BODY) -> bytes:
        """The whole body. Raises NotUnderstood above `most` bytes."""
        return await collect(self.chunks, most)


@dataclass(frozen=True)
class _Begun:
    """A stream whose first event has come: from here on nothing is tried again."""

    reply: HttpReply
    events: AsyncGenerator[Event, None]
    first: Event
    started: float


class Client:
    """Asks one provider. `Client("groq")` takes a profile, `Client()` the chosen one, `Client(target)` any.

    Parameters are OpenAI's names; the provider's quirks are applied to them. Every method raises
    LlmctlError only. Failed requests are retried as `retry` says, streams until their first event.
    Use it as an async context manager, or call `close`.
    """

    def __init__(
        self,
        target: Target | str | None = None,
        *,
        transport: Transport | None = None,
        retry: RetryPolicy | None = None,
        on_retry: Callable[[Wait], None] | None = None,
        on_note: Callable[[str], None] | None = None,
    ) -> None:
        self.target = target if isinstance(target, Target) else resolve_target(target)
        self._retry = retry or RetryPolicy(retries=self.target.retries)
        self._on_retry = on_retry
        self._on_note = on_note
        self._exchange = Exchange(self.target, transport or _asyncio_transport(self.target))

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._exchange.close()

    @property
    def address(self) -> str:
        """The base URL that answers: the target's, or its other form with or without /v1."""
        return self._exchange.base_url

    def stream(self, messages: str | Sequence[Message], *, whole: bool = False, **params: Any) -> ChatStream:
        """A chat answer: iterate over the result for the events. `messages` may be one prompt.

        With `whole` the provider is asked for the answer at once; the events are the same.
        """

        def body(model: str, quirks: Quirks) -> Body:
            given = user_message(messages) if isinstance(messages, str) else messages
            return chat_body(model, given, params, quirks, not whole)

        return ChatStream(
            lambda record: self._stream("/chat/completions", body, params.pop("model", None), record)
        )

    async def chat(self, messages: str | Sequence[Message], **params: Any) -> Answer:
        """A whole chat answer, asked for without streaming."""
        return await _collected(self.stream(messages, whole=True, **params))

    def stream_completion(self, prompt: Any, *, whole: bool = False, **params: Any) -> ChatStream:
        """A text completion (the older /completions). `prompt`: a string, strings, or tokens."""

        def body(model: str, quirks: Quirks) -> Body:
            return completion_body(model, prompt, params, quirks, not whole)

        return ChatStream(lambda record: self._stream("/completions", body, params.pop("model", None), record))

    async def complete(self, prompt: Any, **params: Any) -> Answer:
        """A whole text completion."""
        return await _collected(self.stream_completion(prompt, whole=True, **params))

    async def embed(self, texts: Sequence[str], **params: Any) -> Embeddings:
        """Embed texts, in batches that the provider takes. Vectors come in the order of the texts."""
        model = await self.embedding_model(params.pop("model", None))
        result = Embeddings(model=model)
        for batch in batches(texts, self.target.quirks(model).embedding_batch):
            part = await self.embed_batch([texts[i] for i in batch], model=model, **params)
            result.vectors += part.vectors
            result.model = part.model or result.model
            result.usage = _added(result, part)
        return result

    async def embed_batch(self, texts: Sequence[Any], **params: Any) -> Embeddings:
        """One embeddings request. `texts` may also be lists of tokens."""
        model = await self.embedding_model(params.pop("model", None))
        quirks = self.target.quirks(model)
        body = embedding_body(model, texts, {"encoding_format": "base64", **params}, quirks)
        reply = await self._whole("POST", "/embeddings", body)
        return read_embeddings(reply.body, len(texts), quirks)

    async def models(self) -> list[Model]:
        """The models that the provider lists, sorted by id. Raises ConfigError where there is no list."""
        if not self.target.quirks("").model_list:
            raise ConfigError(
                f"{self.target.provider} has no list of models",
                hint="name one with -m; their documentation lists them",
            )
        return read_models((await self._whole("GET", "/models")).body)

    async def images(self, prompt: str, **params: Any) -> list[Image]:
        """Make pictures. OpenAI's parameters: n, size, quality, …"""
        return (await self.make_images(prompt, **params)).images

    async def make_images(self, prompt: str, **params: Any) -> Images:
        """Make pictures, with the model that made them and the usage, where it is told."""
        model = params.pop("model", None) or self.target.image_model or await self.model(None)
        body = Body({"model": model, "prompt": prompt, **params})
        reply = await self._whole("POST", "/images/generations", body)
        return Images(read_images(reply.body), model, read_image_usage(reply.body, self.target.quirks(model)))

    async def raw(self, method: str, path: str, json: Any = None) -> Reply:
        """Any request under base_url. Raises for a status that is not 2xx."""
        return await self._whole(method, path, None if json is None else Body(json))

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        content: Content | None = None,
        on_failure: Callable[[LlmctlError], None] | None = None,
    ) -> AsyncIterator[OpenReply]:
        """Any request under base_url (or at a full URL on its origin), with any body and headers.

        `async with client.request("GET", "/files") as reply`: the body is still to be read. Retries,
        redirects and errors are those of every other request; an error's `reply` holds what came.
        `on_failure` sees the failure of each attempt as it came, before secrets are taken out of it;
        it may forbid another attempt (`should_retry = False`).
        """

        async def send(deadline: Deadline) -> HttpReply:
            try:
                return await self._exchange.open(method, path, content or Content(), deadline, streamed=False)
            except LlmctlError as error:
                if on_failure:
                    on_failure(error)
                raise

        reply, _ = await self._attempt(send)
        chunks = self._dressed_chunks(reply)
        try:
            yield OpenReply(reply.status, self._exchange.shown_headers(reply.headers), chunks)
        finally:
            await chunks.aclose()
            await reply.close()

    def hidden(self, text: str) -> str:
        """The text of an answer without the secrets of this client's requests."""
        return self._exchange.shown_headers({"": text})[""]  # as values of headers are shown

    async def _dressed_chunks(self, reply: HttpReply) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(decoded(reply)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except LlmctlError as error:
            raise self._exchange.dressed(error, reply) from error.__cause__

    async def raw_stream(
        self, messages: Sequence[Message], *, whole: bool = False, **params: Any
    ) -> AsyncGenerator[bytes, None]:
        """The provider's own bytes for a chat request, as they come."""
        model = await self.model(params.pop("model", None))
        body = chat_body(model, messages, params, self.target.quirks(model), not whole)
        self._tell(body)

        async def send(deadline: Deadline) -> tuple[HttpReply, Deadline]:
            return await self._exchange.open("POST", "/chat/completions", body.json, deadline, not whole), deadline

        (reply, deadline), _ = await self._attempt(send)
        try:
            async with aclosing(decoded(reply)) as chunks:
                async for chunk in chunks:
                    deadline.token()
                    yield chunk
        except LlmctlError as error:
            raise self._exchange.dressed(error, reply) from error.__cause__
        finally:
            await reply.close()

    async def prepare_chat(
        self, messages: Sequence[Message], key: str | None, *, whole: bool = False, **params: Any
    ) -> HttpRequest:
        """The chat request that `stream` would send, with `key` in the place of the key."""
        model = await self.model(params.pop("model", None))
        body = chat_body(model, messages, params, self.target.quirks(model), not whole)
        self._tell(body)
        url = join(self._exchange.base_url, "/chat/completions")
        return self._exchange.request("POST", url, body.json, key)

    async def model(self, given: str | None) -> str:
        """The chat model: as given, the target's, or the only one that the provider lists."""
        if not given and not self.target.model:
            self.target = replace(self.target, model=await self._only_model("model", "-m MODEL"))
        return given or self.target.model or ""

    async def embedding_model(self, given: str | None) -> str:
        """The embedding model: as given, the target's, or the only model that the provider lists."""
        if not given and not self.target.embedding_model:
            only = await self._only_model("embedding_model", "-m MODEL")
            self.target = replace(self.target, embedding_model=only)
        return given or self.target.embedding_model or ""

    async def _only_model(self, key: str, option: str) -> str:
        listed = [model.id for model in await self.models()]
        if len(listed) == 1:
            return listed[0]
        known = f"; it lists {', '.join(listed[:8])}{' …' if len(listed) > 8 else ''}" if listed else ""
        raise ConfigError(
            f"profile {self.target.profile} has no {key}{known}",
            hint=f"name one with {option}, or keep it: llmctl profile edit {self.target.profile} "
            f"--{key.replace('_', '-')} MODEL",
        )

    async def _stream(
        self, path: str, make_body: Callable[[str, Quirks], Body], model: str | None, record: Record
    ) -> AsyncGenerator[Event, None]:
        """The events of a chat request. It is tried again until the first event, never after."""
        model = await self.model(model)
        quirks = self.target.quirks(model)
        body = make_body(model, quirks)
        self._tell(body)

        async def send(deadline: Deadline) -> _Begun:
            started = time.monotonic()
            reply = await self._exchange.open("POST", path, body.json, deadline, bool(body.json.get("stream")))
            events = read_events(reply, quirks, deadline)
            try:
                return _Begun(reply, events, await anext(events), started)
            except BaseException:
                await events.aclose()
                await reply.close()
                raise

        record.timing.started = time.time()
        begun, tries = await self._attempt(send)
        record.summary = self._exchange.summary(begun.reply, tries, body.notes)
        record.timing.first_token_ms = _since(begun.started)
        try:
            record.answer.add(begun.first)
            yield begun.first
            async for event in begun.events:
                record.answer.add(event)
                yield event
        except LlmctlError as error:
            error.attempts = tries
            error.partial = record.answer.content or None
            raise self._exchange.dressed(error, begun.reply) from error.__cause__
        finally:
            record.timing.total_ms = _since(begun.started)
            await begun.events.aclose()
            await begun.reply.close()

    async def _whole(self, method: str, path: str, body: Body | None = None) -> Reply:
        if body:
            self._tell(body)

        async def send(deadline: Deadline) -> Reply:
            reply = await self._exchange.open(method, path, body.json if body else None, deadline, streamed=False)
            try:
                return Reply(reply.status, reply.headers, await read_body(reply))
            finally:
                await reply.close()

        reply, _ = await self._attempt(send)
        return reply

    async def _attempt(self, send: Callable[[Deadline], Awaitable[T]]) -> tuple[T, int]:
        """Drive the retry policy: (what `send` returns, the number of attempts)."""
        deadline = Deadline(self.target.timeout)
        flow = attempts(self._retry, random.random)
        step = next(flow)
        while True:
            if isinstance(step, Wait):
                if not deadline.allows(step.seconds):
                    raise step.cause
                if self._on_retry:
                    self._on_retry(step)
                await self._exchange.transport.sleep(step.seconds)
                step = flow.send(None)
                continue
            try:
                result = await send(deadline)
            except LlmctlError as error:
                step = flow.send(self._exchange.dressed(error))
            else:
                flow.close()
                return result, step.attempt

    def _tell(self, body: Body) -> None:
        for note in body.notes:
            if self._on_note:
                self._on_note(note)


def _asyncio_transport(target: Target) -> Transport:
    from llmctl.client.httpx_transport import HttpxTransport

    return HttpxTransport(target.tls, target.proxy, os.environ)


async def _collected(stream: ChatStream) -> Answer:
    async for _ in stream:
        pass
    return stream.answer


def _since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)


def _added(total: Embeddings, part: Embeddings) -> Any:
    """The usage of two batches together; unknown as soon as one is."""
    if total.usage is None or part.usage is None:
        return part.usage if len(total.vectors) == len(part.vectors) else None
    before, now = total.usage.prompt_tokens, part.usage.prompt_tokens
    if before is None or now is None:
        return None
    cost = None if total.usage.cost is None or part.usage.cost is None else total.usage.cost + part.usage.cost
    return replace(part.usage, prompt_tokens=before + now, total_tokens=before + now, cost=cost)
