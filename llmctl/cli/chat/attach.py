"""Files that go along with the prompt: -f and --image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

if TYPE_CHECKING:
    from llmctl.cli.session import Session
    from llmctl.core.media import Attachment


@dataclass(frozen=True)
class FileOptions:
    """Files to send."""

    heading: ClassVar[str] = "Files"

    file: Annotated[
        list[str] | None,
        typer.Option(
            "-f",
            "--file",
            metavar="FILE|DIR|URL|-",
            help="Send a file along: text up to 4 MB; pictures, PDF and sound up to 20 MB; repeatable.",
        ),
    ] = None
    image: Annotated[
        list[str] | None, typer.Option("--image", metavar="FILE|URL", help="Send a picture along; repeatable.")
    ] = None


def attached(options: FileOptions, session: Session) -> list[Attachment]:
    """What the options name, checked against what the provider takes. Raises UsageError."""
    if not options.file and not options.image:
        return []
    pictures = load(options.image or [], session)
    from llmctl.attach.read import only_images

    only_images(pictures)
    return [*load(options.file or [], session), *pictures]


def load(sources: list[str], session: Session) -> list[Attachment]:
    """Read the sources. Raises UsageError for what can't be sent to the session's model."""
    from llmctl.attach.read import check_kinds, read_attachments

    def fetched(url: str, most: int) -> bytes:
        from llmctl.attach.fetch import fetch

        return session.run_transport(lambda transport: fetch(url, most, transport))

    found = read_attachments(sources, fetched, session.streams.note)
    target = session.target
    check_kinds(found, target.quirks(target.model or "").media, target.provider)
    return found
