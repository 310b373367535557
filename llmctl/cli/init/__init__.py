"""`llmctl init`."""
