"""`llmctl image`."""
