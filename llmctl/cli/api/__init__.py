"""`llmctl api`."""
