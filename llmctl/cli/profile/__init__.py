"""`llmctl profile`."""
