"""`llmctl chat`."""
