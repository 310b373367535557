"""The styles of a transcript, from the app's theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.style import Style
from textual.color import Color

if TYPE_CHECKING:
    from textual.app import App

CODE_THEMES = {
    "dracula": "dracula",
    "nord": "nord",
    "gruvbox": "gruvbox-dark",
    "monokai": "monokai",
    "solarized-light": "solarized-light",
    "solarized-dark": "solarized-dark",
    "atom-one-dark": "one-dark",
}
"""Theme of Textual -> style of Pygments; for others one that suits dark or light."""

READABLE = 4.5
"""Contrast that text needs, after WCAG."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Rich styles by what they are for; `syntax` is a Pygments style, or ansi_dark or ansi_light of Rich."""

    syntax: str
    text: Style
    dim: Style
    faint: Style
    accent: Style
    user: Style
    assistant: Style
    note: Style
    error: Style
    heading: Style
    code: Style
    panel: Style
    link: Style
    action: Style
    found: Style
    selected: Style | None = None
    """None: Textual's own style of selected text."""


def palette_of(app: App[object]) -> Palette:
    """The palette for the app's theme; with an ANSI theme only the terminal's own 16 colours."""
    if app.native_ansi_color:
        return _ansi_palette(app.current_theme.dark, app.no_color)
    return _themed_palette(app)


def _ansi_palette(dark: bool, no_color: bool) -> Palette:
    dim = Style(dim=True)
    return Palette(
        syntax="ansi_dark" if dark else "ansi_light",
        text=Style(),
        dim=dim,
        faint=dim,
        accent=Style(color="blue", bold=True),
        user=Style(color="cyan", bold=True),
        assistant=Style(color="green"),
        note=Style(color="yellow"),
        error=Style(color="red", bold=True),
        heading=Style(color="blue", bold=True),
        code=Style(color="cyan", bold=no_color),
        panel=Style(),
        link=Style(color="blue", underline=True),
        action=Style(underline=True),
        found=Style(reverse=True, bold=True),
        selected=Style(reverse=True) if no_color else None,
    )


def _themed_palette(app: App[object]) -> Palette:
    names = app.theme_variables
    dark = app.current_theme.dark
    front, back = Color.parse(names["foreground"]), Color.parse(names["background"])

    def style(name: str, bold: bool | None = None) -> Style:
        return Style(color=readable(Color.parse(names[name]), front, back).rich_color, bold=bold)

    return Palette(
        syntax=CODE_THEMES.get(app.theme, "github-dark" if dark else "friendly"),
        text=Style(),
        dim=Style(color=readable(front.blend(back, 0.42), front, back).rich_color),
        faint=Style(color=front.blend(back, 0.68).rich_color),
        accent=style("text-accent", bold=True),
        user=style("text-primary", bold=True),
        assistant=style("text-success"),
        note=style("text-warning"),
        error=style("text-error", bold=True),
        heading=style("text-primary", bold=True),
        code=style("text-accent", bold=app.no_color or None),
        panel=Style(bgcolor=back.blend(front, 0.06).rich_color),
        link=style("text-primary") + Style(underline=True),
        action=Style(color=readable(front.blend(back, 0.25), front, back).rich_color),
        found=Style(color=back.rich_color, bgcolor=Color.parse(names["warning"]).rich_color, bold=True),
        selected=Style(reverse=True) if app.no_color else None,
    )


def readable(colour: Color, front: Color, back: Color) -> Color:
    """The colour, as near to the foreground as it takes to be read on the background."""
    for tenths in range(11):
        mixed = colour.blend(front, tenths / 10)
        if contrast(mixed, back) >= READABLE:
            return mixed
    return front


def contrast(one: Color, other: Color) -> float:
    """1 to 21, as WCAG defines it."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Color) -> float:
    parts = (part / 255 for part in colour.rgb)
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)
