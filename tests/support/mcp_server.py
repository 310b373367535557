"""An MCP server over stdio that speaks the protocol by hand, in its older form, and misbehaves as told.

Its tools come in pages of two. Run as `python -m support.mcp_server [NAME]`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

PICTURE = "aGVsbG8="
TEXT = {"type": "text", "text": "one"}
BLOB = {"uri": "file:///b", "mimeType": "application/pdf", "blob": PICTURE}
RESULTS: dict[str, dict[str, Any]] = {
    "texts": {"content": [TEXT, {"type": "text", "text": "two"}], "structuredContent": {"not": "told twice"}},
    "picture": {"content": [{"type": "image", "mimeType": "image/png", "data": PICTURE}]},
    "sound": {"content": [{"type": "audio", "mimeType": "audio/wav", "data": PICTURE}]},
    "document": {"content": [{"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}}]},
    "blob": {"content": [{"type": "resource", "resource": BLOB}]},
    "link": {"content": [{"type": "resource_link", "uri": "file:///c", "name": "c.txt"}]},
    "numbers": {"content": [], "structuredContent": {"sum": 3}},
    "broken": {"content": [{"type": "text", "text": "no such city"}], "isError": True},
    "odd name!": {"content": [TEXT]},
}
MISDEEDS = ("die", "hang", "refuse", "nonsense")
NAMES = [*RESULTS, *MISDEEDS]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


def answer(name: str, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """The result of a request. Raises LookupError for what gets an error."""
    if method == "initialize":
        return {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": name, "version": "1.5"},
        }
    if method == "tools/list":
        start = int(params.get("cursor") or 0)
        page = [
            {"name": tool, "description": f"Does {tool}.", "inputSchema": SCHEMA}
            for tool in NAMES[start : start + 2]
        ]
        more = {"nextCursor": str(start + 2)} if start + 2 < len(NAMES) else {}
        return {"tools": page, **more}
    if method == "tools/call":
        return call(params["name"])
    raise LookupError(f"no method {method}")


def call(tool: str) -> dict[str, Any]:
    if tool == "die":
        print("out of memory", file=sys.stderr, flush=True)
        os._exit(3)
    if tool == "hang":
        time.sleep(1000)
    if tool == "nonsense":
        return {"content": 3}
    if tool == "refuse":
        raise LookupError(f"refused: {os.environ.get('TOKEN', 'no token')}")
    return RESULTS[tool]


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "by hand"
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            reply["result"] = answer(name, request["method"], request.get("params") or {})
        except LookupError as error:
            reply["error"] = {"code": -32601, "message": str(error)}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
