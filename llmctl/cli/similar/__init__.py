"""`llmctl similar`."""
