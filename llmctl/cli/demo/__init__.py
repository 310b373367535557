"""`llmctl demo`."""
