"""The manual page and the README's reference, made of the commands' own help."""
