"""`llmctl usage`: what requests took and cost."""
