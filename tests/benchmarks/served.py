"""The gateway that is measured, with everything on that a request may pass."""

from __future__ import annotations

from benchmarks.load import Asked
from benchmarks.rig import Rig
from support.cli import Cli
from support.gateway import GatewayProcess
from support.rawclient import Answer

CONFIG = """
[serve]
keys = true
log = "none"
drain = 0.2

[profiles.answers]
base_url = "http://127.0.0.1:{answers}/v1"
[profiles.chunks]
base_url = "http://127.0.0.1:{paced}{chunks}/v1"
[profiles.many]
base_url = "http://127.0.0.1:{paced}{many}/v1"
[profiles.cut]
base_url = "http://127.0.0.1:{paced}{cut}/v1"
retries = 0

[routes.answer]
targets = ["answers/m", "answers/spare"]
[routes.stream]
targets = ["chunks/m", "answers/spare"]

[prices]
{prices}
"""
PRICES = "\n".join(
    f'"{name}" = {{ input = 1.0, output = 2.0 }}' for name in ("answers/m", "chunks/m", "many/m", "cut/m")
)
LIMITS = ("--requests-per-minute", "100000000", "--tokens-per-minute", "100000000000", "--budget", "1000000/day")


class Served:
    """A gateway on the measured core, with a key whose limits are checked and never reached."""

    def __init__(self, rig: Rig, cli: Cli) -> None:
        cli.write_config(CONFIG.format(answers=rig.answers, paced=rig.paced, prices=PRICES, **rig.paths))
        self.key = cli.run("serve", "key", "add", "bench", *LIMITS, "--admin").check().out.strip()
        self._rig = rig
        self._cli = cli
        self._headers = [("authorization", f"Bearer {self.key}")]
        self.start()

    def start(self) -> None:
        with self._rig.on_measured_core():
            self.gateway = GatewayProcess(self._cli)
        self.pid = self.gateway.process.pid

    def stop(self) -> None:
        assert self.gateway.stop() == 0, self.gateway.said

    def asked(self, model: str) -> Asked:
        return Asked(self.gateway.port, model, self.key)

    def metric(self, name: str) -> float:
        """Of /metrics, without labels."""
        found = self.gateway.get("/metrics", self._headers)
        assert found.status == 200, found
        lines = [line for line in found.body.decode().splitlines() if line.startswith(f"{name} ")]
        return float(lines[0].split()[1])

    def chat(self, model: str) -> Answer:
        """One question, on a connection of its own."""
        return self.gateway.chat(model, headers=self._headers)
