"""`llmctl chat -i`: a conversation, line by line."""
