"""The doors: one file for each kind of API spoken to clients."""
