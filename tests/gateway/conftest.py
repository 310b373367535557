"""A gateway for all tests of a module: `CONFIG` there is its config, `ARGS` what `llmctl serve` is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.cli import Cli, Env
from support.gateway import GatewayProcess, Stage


@pytest.fixture(scope="module")
def _stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    stage = Stage(folder, request.module.CONFIG, *getattr(request.module, "ARGS", ()))
    yield stage
    stage.close()


@pytest.fixture
def stage(_stage: Stage) -> Iterator[Stage]:
    """The module's gateway; its upstreams have forgotten what earlier tests did."""
    for upstream in _stage.upstreams:
        upstream.forget()
    before = len(_stage.gateway.lines)
    yield _stage
    said = "".join(_stage.gateway.lines[before:])
    assert _stage.gateway.process.poll() is None, said
    assert "Traceback" not in said, said


Serve = Callable[..., GatewayProcess]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a gateway for one test: `serve(config, *args)`. Further ones share its home."""
    cli = Cli(tmp_path)
    running: list[GatewayProcess] = []

    def start(config: str, *args: str, env: Env | None = None) -> GatewayProcess:
        cli.write_config(config)
        running.append(GatewayProcess(cli, *args, env=env))
        return running[-1]

    yield start
    try:
        for gateway in running:
            gateway.stop()
    finally:
        cli.close()
