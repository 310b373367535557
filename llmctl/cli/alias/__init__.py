"""`llmctl alias`."""
