"""The conversation on the screen: one widget that draws what is in view."""

from llmctl.tui.transcript.entry import Entry, MediaPart, Part, ReasoningPart, TextPart, ToolPart
from llmctl.tui.transcript.widget import Transcript

__all__ = ["Entry", "MediaPart", "Part", "ReasoningPart", "TextPart", "ToolPart", "Transcript"]
