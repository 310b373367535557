"""Paths, profiles, key references, the provider catalogue, and edits that keep the text."""
