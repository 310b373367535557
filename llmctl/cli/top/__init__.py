"""`llmctl top`: what the gateway does, in the terminal."""
