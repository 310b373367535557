"""`llmctl serve`, and its keys."""
