"""What was said and what it cost, in one SQLite file."""
