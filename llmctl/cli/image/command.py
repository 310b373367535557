"""`llmctl image`: pictures from a description."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmctl.cli.account import open_account
from llmctl.cli.image.addresses import check_address
from llmctl.cli.image.files import Place, find_place, save
from llmctl.cli.input import read_prompt
from llmctl.cli.options import TargetOptions, command
from llmctl.cli.session import Session, open_session
from llmctl.cli.streams import DIM, Streams
from llmctl.config.target import Target, no_key
from llmctl.core.images import Image, Images, image_kind
from llmctl.core.params import parse_options
from llmctl.core.urls import origin, shown
from llmctl.errors import LlmctlError, NotUnderstood, UsageError
from llmctl.platforms import show_file, shown_path
from llmctl.store.ledger import UNKNOWN
from llmctl.store.recorder import failed, request_to

if TYPE_CHECKING:
    from llmctl.client.client import Client

MOST_BYTES = 64 * 1024 * 1024
"""Of one picture that is downloaded."""

EXAMPLES = """
llmctl image "a lighthouse in fog, woodcut"
llmctl image -m gpt-image-1 --size 1024x1536 -n 3 -O drafts/ "a heron"
llmctl image "a logo" -o background=transparent -O logo.png --open
llmctl image -p demo "a red square" -O - > square.png
"""


class NoPicture(NotUnderstood):
    """Something else came from a picture's address."""


@dataclass(frozen=True)
class ImageOptions(TargetOptions):
    """Options of `llmctl image`."""

    prompt: Annotated[
        str | None, typer.Argument(metavar="[PROMPT]", help="What to show; stdin joins it. '-' waits for stdin.")
    ] = None
    count: Annotated[int, typer.Option("-n", metavar="N", min=1, max=100, help="How many pictures.")] = 1
    size: Annotated[str | None, typer.Option("--size", metavar="WxH", help="For example 1024x1024.")] = None
    quality: Annotated[
        str | None, typer.Option("--quality", metavar="WORD", help="low, medium, high, … as the provider has it.")
    ] = None
    option: Annotated[
        list[str] | None, typer.Option("-o", "--option", metavar="KEY=VALUE", help="Any request parameter.")
    ] = None
    output: Annotated[
        str | None,
        typer.Option(
            "-O", "--output", metavar="FILE|DIR", help="Where to write; - is stdout. [image-PROMPT-1.png]"
        ),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False
    show: Annotated[bool, typer.Option("--open", help="Open the pictures in your viewer.")] = False
    stdin: Annotated[
        bool | None,
        typer.Option("--stdin/--no-stdin", help="Wait for stdin however long it is silent, or ignore it."),
    ] = None
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False


def run(options: ImageOptions, streams: Streams) -> None:
    """Make pictures from a description, and print the names of their files.

    No file is overwritten without --force: the next free number is taken. The ending follows what
    the provider sent: png, jpg, webp. Pictures that it keeps at an address are downloaded.
    """
    to_stdout = options.output in ("-", "/dev/stdout")
    if to_stdout:
        _check_stdout(options, streams)
    session = open_session(options, streams)
    prompt = read_prompt(options.prompt, options.stdin, streams)
    place = None if to_stdout else find_place(options.output, prompt, options.count, options.force)
    made, cost = _accounted(prompt, options, session)
    for image in made.images:
        if image.revised_prompt and not options.json:
            streams.note(f"the provider made it of: {image.revised_prompt}")
    if place is None:
        streams.out_bytes(_data(made.images[0], 1, session))
        return
    paths, failure = _save_all(made.images, place, session)
    if options.json:
        streams.out_json(_as_json(made, paths, session, cost))
    else:
        for path in filter(None, paths):
            streams.out(shown_path(str(path)))
    for path in filter(None, paths if options.show else ()):
        if not show_file(path):
            streams.warn(f"no program was found that shows {path}")
    if failure:
        raise failure


def _check_stdout(options: ImageOptions, streams: Streams) -> None:
    """Raise UsageError for what can't go along with a picture on stdout."""
    if streams.terminal:
        raise UsageError("a picture is no text for a terminal", hint="write it with -O FILE, or look with --open")
    if options.count > 1 or options.json or options.show:
        raise UsageError("-O - is for one picture, without --json and --open")


def _accounted(prompt: str, options: ImageOptions, session: Session) -> tuple[Images, float | None]:
    """(the pictures, US dollars where the provider or [prices] says them), written down."""
    account = open_account(session, "image")
    try:
        account.guard.check([{"content": prompt}], model=session.target.image_model)
        started, begun = time.time(), time.monotonic()
        request = replace(request_to(session.target, "image", started), cost_by=UNKNOWN)
        try:
            made = _make(prompt, options, session)
        except LlmctlError as error:
            request = replace(request, model=session.target.image_model or "")
            account.recorder.note(failed(request, error))
            raise
        counts = made.usage.counts() if made.usage else {}
        counts.pop("total_tokens", None)
        total_ms = round((time.monotonic() - begun) * 1000, 1)
        request = replace(request, model=made.model, total_ms=total_ms, **counts)
        return made, account.recorder.note(request, made.usage.cost if made.usage else None).cost
    finally:
        account.recorder.close()


def _make(prompt: str, options: ImageOptions, session: Session) -> Images:
    """The pictures; those of the demo provider are downloaded while it runs."""
    given = {"n": options.count if options.count > 1 else None, "size": options.size, "quality": options.quality}
    params = {name: value for name, value in given.items() if value is not None}
    params |= parse_options(options.option or ())

    async def make(client: Client) -> Images:
        made = await client.make_images(prompt, **params)
        if not session.target.embedded:
            return made
        images = [image if image.data else await _fetched(client, image) for image in made.images]
        return replace(made, images=images)

    if session.streams.error_terminal and not session.streams.settings.quiet:
        session.streams.say(session.streams.paint("making the picture …", DIM))
    return session.run(make)


async def _fetched(client: Client, image: Image) -> Image:
    async with client.request("GET", image.url or "") as reply:
        return replace(image, data=await reply.read(MOST_BYTES))


def _save_all(images: list[Image], place: Place, session: Session) -> tuple[list[Path | None], LlmctlError | None]:
    """(paths, the first failure): a picture that can't be had is no reason to lose the others."""
    paths: list[Path | None] = []
    failure: LlmctlError | None = None
    for number, image in enumerate(images, 1):
        try:
            data = _data(image, number, session)
            _warn_of_suffix(data, place, session.streams)
            paths.append(save(data, place, number))
        except LlmctlError as error:
            paths.append(None)
            if failure:
                session.streams.error(error.message, error.hint)
            failure = failure or error
    return paths, failure


def _data(image: Image, number: int, session: Session) -> bytes:
    """The picture's bytes, downloaded if need be: without the key, as its address may be anybody's.

    A failure names the address, so that the picture isn't lost.
    """
    if image.data is not None:
        return image.data
    url = image.url or ""

    async def fetch(client: Client) -> bytes:
        async with client.request("GET", url) as reply:
            return _picture(await reply.read(MOST_BYTES), reply.headers.get("content-type", ""))

    try:
        if not url.startswith(("http://", "https://")):
            raise NotUnderstood("its address is no web address")
        check_address(url, session.target.base_url)
        return session.run(fetch, target=_keyless(session.target, url))
    except NoPicture as error:
        raise NotUnderstood(f"picture {number}: {error.message}", hint=f"it was at {shown(url)}") from error
    except LlmctlError as error:
        error.message = f"picture {number} could not be downloaded: {error.message}"
        error.hint = f"it is at {url}"
        raise
    except ValueError as error:  # no URL after all
        raise NotUnderstood(f"picture {number} has no usable address", hint=f"it is at {url}") from error


def _picture(data: bytes, kind: str) -> bytes:
    """The bytes of a picture: by their beginning, or by what the server says. Raises NoPicture."""
    if image_kind(data) or (data and kind.lower().startswith("image/")):
        return data
    raise NoPicture(f"what the server sent is no picture ({kind.partition(';')[0] or 'of no kind'})")


def _keyless(target: Target, url: str) -> Target:
    """The target for the address of a picture: nothing of the profile goes along that is secret."""
    return replace(target.at(origin(url)), key=no_key, key_reference=None, headers={})


def _warn_of_suffix(data: bytes, place: Place, streams: Streams) -> None:
    kind = image_kind(data)
    wanted = (place.suffix or "").lower().lstrip(".").replace("jpeg", "jpg")
    if kind and wanted and wanted != kind:
        streams.warn(f"the provider sent {kind}, not {wanted}; the file keeps the name you gave")


def _as_json(made: Images, paths: list[Path | None], session: Session, cost: float | None) -> dict[str, Any]:
    """The stable object of --json."""
    target, usage = session.target, made.usage
    return {
        "paths": [shown_path(str(path)) for path in paths if path],
        "images": [
            {
                "path": shown_path(str(path)) if path else None,
                "url": image.url,
                "revised_prompt": image.revised_prompt,
            }
            for image, path in zip(made.images, paths, strict=True)
        ],
        "model": made.model,
        "profile": target.profile,
        "provider": target.provider,
        "usage": usage.counts() if usage else None,
        "cost": cost,
    }


app = command(ImageOptions, run, EXAMPLES)
