"""llama.cpp's own HTTP server, from the `xllamacpp` wheel, in a process of its own.

Tests start it with `with LlamaServer(model) as server:`. Run as a module (`python -m support.llama MODEL`),
this file is the server's process.
"""

from __future__ import annotations

import http.client
import itertools
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

MODEL = "tiny"
SENTENCE = "Hello from the tiny random model."
"""What the model answers to everything."""
THOUGHT = " Let me think"
"""What the reasoning model thinks before that."""
READY_TIMEOUT = 40
STOP_TIMEOUT = 10
PAUSE = 0.05

_numbers = itertools.count(1)


class LlamaServer:
    """A running server. `url` is without /v1; `log` is what it printed."""

    model = MODEL

    def __init__(self, path: Path, *, embedding: bool = False, api_key: str | None = None) -> None:
        self.url = ""
        self._command = [sys.executable, "-m", "support.llama", str(path)]
        if embedding:
            self._command.append("--embedding")
        if api_key:
            self._command += ["--api-key", api_key]
        self._log_path = path.with_name(f"server-{next(_numbers)}.log")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> LlamaServer:
        env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                env={**env, "PYTHONPATH": str(Path(__file__).parents[1])},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_ready(self._process)
        except BaseException:
            self._stop(self._process)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            self._stop(self._process)

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while time.monotonic() < deadline and process.poll() is None:
            address = re.search(r"LISTENING <(http[^>]+)>", self.log)
            if address and _healthy(address[1]):
                self.url = address[1]
                return
            time.sleep(PAUSE)
        state = "was not ready in time" if process.returncode is None else f"ended with {process.returncode}"
        raise AssertionError(f"llama.cpp's server {state}:\n{self.log}")

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin
        process.stdin.close()  # the server's process ends when its stdin does
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _healthy(url: str) -> bool:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _serve(path: str, flags: list[str]) -> None:
    """Serve until stdin closes, so that the server never outlives the tests."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = path
    params.model_alias = {MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = 4096
    params.n_parallel = 2
    params.n_predict = 256
    params.n_threads_http = 4
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.warmup = False
    params.ui = False
    if "--embedding" in flags:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    if "--api-key" in flags:
        params.api_keys = [flags[flags.index("--api-key") + 1]]
    server = xllamacpp.Server(params)
    print(f"\nLISTENING <{server.listening_address}>\n", flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2:])
