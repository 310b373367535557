"""The chat UI, on Textual. Only `llmctl tui` imports it."""
