"""The compatible-client core: transports, the one async client, streaming."""
