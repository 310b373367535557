"""The parts of the chat screen beside transcript and prompt."""
