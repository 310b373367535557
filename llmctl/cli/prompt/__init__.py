"""`llmctl prompt`."""
