"""What `llmctl serve` says of its options before it serves, and its unit."""

from __future__ import annotations

import shlex
import sys

import pytest

linux = pytest.mark.skipif(sys.platform == "darwin", reason="a systemd unit")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--unmatched", "forward"), "--unmatched forward needs --replay"),
        (("--unmatched", "forward", "--record", "x"), "--unmatched forward needs --replay"),
        (("--unmatched", "no"), "--unmatched takes error or forward"),
        (("--record", "x", "--replay", "y"), "--record and --replay exclude each other"),
    ],
)
def test_options_that_do_not_go_together(cli, args, message):
    result = cli.run("serve", *args).check(2)
    assert f"error: {message}" in result.err
    assert result.out == ""


@linux
def test_the_unit_works_from_any_folder(cli):
    (cli.cwd / "here.toml").touch(mode=0o600)
    env = {"LLMCTL_CONFIG": "here.toml", "LLMCTL_DATA": "~/data", "LLMCTL_STATE": "/state", "LLMCTL_CACHE": None}
    options = ("--replay", "my cassettes", "--unmatched", "forward", "--port", "4567")
    unit = cli.run("serve", "--unit", *options, env=env).check().out
    assert [line for line in unit.splitlines() if line.startswith('Environment="')] == [
        f'Environment="LLMCTL_CONFIG={cli.cwd}/here.toml"',
        f'Environment="LLMCTL_DATA={cli.home}/data"',
        'Environment="LLMCTL_STATE=/state"',
    ]
    start = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    words = shlex.split(start.removeprefix("ExecStart="))
    assert words[-7:] == [
        *("serve", "--port", "4567"),
        *("--replay", f"{cli.cwd}/my cassettes", "--unmatched", "forward"),
    ]


@linux
def test_the_unit_names_the_folder_of_recordings(cli):
    unit = cli.run("serve", "--unit", "--record", "cassettes").check().out
    assert f"serve --record {cli.cwd}/cassettes\n" in unit
    assert "--unmatched" not in unit
