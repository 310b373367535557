"""`llmctl doctor`."""
