"""The deterministic embedded provider: real HTTP on loopback, no key, no network."""
