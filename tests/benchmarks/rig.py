"""What the gateway is measured with: nginx behind it and nginx beside it, each on the core that it should have.

The measured program has a core to itself. The upstreams and the clients share the other one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.load import Asked
from benchmarks.meter import programs_path
from support.upstream import free_port

READY_TIMEOUT = 40
PAUSE = 0.02

COMPLETION = (
    '{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    '{"role":"assistant","content":"Hello there, how can I help you today?","refusal":null},"logprobs":null,'
    '"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21}}'
)
NGINX = """
worker_processes 1;
master_process off;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  keepalive_requests 10000000;
  {http}
}}
"""
UPSTREAM = """
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location / {{ default_type application/json; return 200 '{completion}'; }}
  }}
"""
PROXY = """
  upstream answers {{ server 127.0.0.1:{answers}; keepalive 256; keepalive_requests 10000000; }}
  upstream paced {{ server 127.0.0.1:{paced}; keepalive 1024; }}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    location = /v1/chat/completions {{ proxy_pass http://answers; }}
    location / {{ proxy_pass http://paced; proxy_buffering off; }}
  }}
"""


class Rig:
    """The upstreams, and an nginx that passes on to them. `paths` are of the paced upstream, by profile."""

    def __init__(self, folder: Path, paths: dict[str, str]) -> None:
        self.folder = folder
        self.paths = paths
        self._processes: list[subprocess.Popen[bytes]] = []
        self.cores = os.sched_getaffinity(0)
        self.measured = min(self.cores)
        os.sched_setaffinity(0, {max(self.cores)})
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        self.paced = self._start_paced()
        self.answers = free_port()
        self._nginx("upstream", self.answers, UPSTREAM.format(port=self.answers, completion=COMPLETION))
        self.proxy = free_port()
        ports = {"answers": self.answers, "paced": self.paced, "port": self.proxy}
        with self.on_measured_core():
            self.proxy_pid = self._nginx("proxy", self.proxy, PROXY.format(**ports))

    @contextlib.contextmanager
    def on_measured_core(self) -> Iterator[None]:
        """What is started meanwhile has the core that is measured."""
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {self.measured})
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)

    def through_nginx(self, profile: str | None = None) -> Asked:
        """For the nginx beside the gateway."""
        return Asked(self.proxy, "m", path=f"{self.paths[profile] if profile else ''}/v1/chat/completions")

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait(READY_TIMEOUT)
            if process.stdout:
                process.stdout.close()
        os.sched_setaffinity(0, self.cores)

    def _start_paced(self) -> int:
        command = [sys.executable, str(Path(__file__).with_name("paced.py"))]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self._processes.append(process)
        assert process.stdout
        return int(process.stdout.readline())

    def _nginx(self, name: str, port: int, http: str) -> int:
        """Start one process that listens on the port; its id."""
        folder = self.folder / name
        folder.mkdir()
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, http=http))
        program = shutil.which("nginx", path=programs_path())
        assert program
        command = [program, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self._processes.append(process)
        wait_listening(process, port)
        return process.pid


def wait_listening(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until somebody listens on the port of the loopback interface."""
    end = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < end:
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(PAUSE)
    raise AssertionError(f"{process.args!r} was not ready in {READY_TIMEOUT} s")
