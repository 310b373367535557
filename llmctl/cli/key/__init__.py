"""`llmctl key`."""
