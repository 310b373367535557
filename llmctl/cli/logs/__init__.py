"""`llmctl logs`: what was said, kept in the history."""
