"""The lists of models that the gateway keeps: a profile that is dead makes nobody wait for the others'."""

from __future__ import annotations

import asyncio

import pytest

from llmctl.config.target import Target
from llmctl.gateway.lists import Lists
from llmctl.gateway.upstream import Upstream as Profile
from support.clock import Clock
from support.upstream import Gate, Reply, Upstream
from support.wire import models


@pytest.fixture
def up():
    with Upstream(default=Reply(body=models("old"))) as upstream:
        yield upstream


@pytest.fixture
def clock():
    return Clock()


def run(up, clock, steps):
    """Run the steps with lists of one profile, at the upstream."""

    async def main():
        profile = Profile(Target("a", f"{up.url}/v1"))
        try:
            await steps(Lists(clock), {"a": profile})
        finally:
            profile.close()

    asyncio.run(main())


async def until(lists, found):
    """Wait until the list is this one."""
    async with asyncio.timeout(20):
        while lists.known["a"] != found:
            await asyncio.sleep(0.01)


def test_an_old_list_must_do_while_a_new_one_is_on_its_way(up, clock):
    async def steps(lists, profiles):
        assert await lists.all(profiles) == {"a": ("old",)}
        clock.now += 301
        gate = Gate()
        up.default = Reply.stream([gate, b'{"data": [{"id": "new"}]}'])
        assert await lists.all(profiles) == {"a": ("old",)}
        gate.open()
        await until(lists, ("new",))

    run(up, clock, steps)


def test_a_profile_that_fails_keeps_its_old_list(up, clock):
    async def steps(lists, profiles):
        await lists.all(profiles)
        clock.now += 301
        up.default = Reply(500)
        assert await lists.all(profiles) == {"a": ("old",)}
        assert len(up.requests) == 2

    run(up, clock, steps)


def test_nobody_waits_for_a_profile_that_has_failed(up, clock):
    async def steps(lists, profiles):
        up.default = Reply(500)
        assert await lists.all(profiles) == {"a": ()}
        clock.now += 31
        up.default = Reply(body=models("back"))
        asked = len(up.requests)
        assert await lists.all(profiles) == {"a": ()}
        assert len(up.requests) == asked, "it was waited for"
        await until(lists, ("back",))

    run(up, clock, steps)


def test_a_list_of_a_profile_that_has_changed_is_not_kept(up, clock):
    async def steps(lists, profiles):
        gate = Gate()
        up.default = Reply.stream([gate, b'{"data": [{"id": "old"}]}'])
        asking = asyncio.ensure_future(lists.all(profiles))
        await asyncio.to_thread(gate.wait_reached)
        lists.forget("a")
        gate.open()
        assert await asking == {}

    run(up, clock, steps)


def test_models_are_listed_although_a_profile_hangs(serve, up):
    with Upstream(default=Reply.stream([gate := Gate(), b"{}"])) as dead:
        gateway = serve(f'[profiles.a]\nbase_url = "{up.url}/v1"\n[profiles.dead]\nbase_url = "{dead.url}/v1"\n')
        try:
            assert [row["id"] for row in gateway.get("/v1/models").json()["data"]] == ["a/old"]
            assert gateway.chat("nobody-has-it").status == 404
        finally:
            gate.open()
