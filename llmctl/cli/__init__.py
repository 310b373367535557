"""The command line. One file per command, a folder per noun. Parses, calls, renders."""
