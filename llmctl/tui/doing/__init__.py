"""What the deeds do, by what they are about."""
