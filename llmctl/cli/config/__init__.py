"""`llmctl config`: the file itself."""
