"""`llmctl serve`: one base URL for every profile."""
