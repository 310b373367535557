"""Completion with the Tab key: what the shells' scripts ask for, and the commands that set them up."""
