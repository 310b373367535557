"""Tools that run: Python functions, shell commands and MCP servers, and the loop that runs them."""
