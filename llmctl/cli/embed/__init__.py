"""`llmctl embed`."""
