"""The pure part: no sockets, files, clock, environment or asyncio. Plain values in, plain values out."""
