"""Which models are counted by their own names: what is known, what has answered, a few of the rest."""

from __future__ import annotations

import pytest

from llmctl.gateway.shown import LONGEST, MOST_ANSWERED, MOST_STRANGERS, OTHER, Shown
from support.upstream import Reply, Upstream
from support.wire import completion, error_body, models

REAL = [f"real-{number}" for number in range(MOST_STRANGERS + 20)]


@pytest.fixture
def listed():
    return set()


@pytest.fixture
def shown(listed):
    return Shown(lambda profile, model: (profile, model) in listed)


def fill(shown):
    for number in range(MOST_STRANGERS):
        assert shown.model("a", f"made-up-{number}") == f"made-up-{number}"


def test_what_becomes_known_later_has_its_name(shown, listed):
    fill(shown)
    assert shown.model("a", "late") == OTHER
    listed.add(("a", "late"))
    assert shown.model("a", "late") == "late"
    listed.clear()
    assert (shown.model("a", "late"), shown.is_stranger("a", "late")) == ("late", False)


def test_a_stranger_that_becomes_known_gives_its_place_back(shown, listed):
    fill(shown)
    listed.add(("a", "made-up-7"))
    assert shown.model("a", "made-up-7") == "made-up-7"
    assert not shown.is_stranger("a", "made-up-7")
    assert [shown.model("a", name) for name in ("new", "one too many")] == ["new", OTHER]


def test_what_has_answered_has_its_name_up_to_an_end(shown):
    fill(shown)
    answered = [shown.model("a", f"m{number}", True) for number in range(2 * MOST_ANSWERED)]
    assert answered == [f"m{number}" for number in range(MOST_ANSWERED)] + [OTHER] * MOST_ANSWERED
    assert shown.model("a", "m0") == "m0"
    assert shown.is_stranger("a", "m0"), "too many series are its loss"


def test_a_stranger_that_answers_gives_its_place_back(shown):
    fill(shown)
    assert shown.model("a", "made-up-7", True) == "made-up-7"
    assert [shown.model("a", name) for name in ("new", "one too many")] == ["new", OTHER]


def test_long_names_are_cut_until_they_are_known(shown, listed):
    name = "x" * 400
    assert {len(shown.model("a", name, answered)) for answered in (False, True)} == {LONGEST}
    listed.add(("a", name))
    assert shown.model("a", name) == name


def test_the_gateway_counts_real_models_by_their_names(serve):
    """More of them than strangers may be, asked for as PROFILE/MODEL; made-up ones came first."""

    def answer(request):
        if request.method == "GET":
            return Reply(body=models("silent"))
        real = request.json()["model"] in REAL
        return Reply(body=completion("fine")) if real else Reply(400, body=error_body("no such model"))

    with Upstream(default=answer) as up:
        gateway = serve(f'[profiles.a]\nbase_url = "{up.url}/v1"\n')
        with gateway.client() as client:
            for model in [*(f"made-up-{number}" for number in range(MOST_STRANGERS)), "silent", *REAL]:
                last = client.ask("POST", "/v1/chat/completions", {"model": f"a/{model}", "messages": []})
        gateway.noted(last)
        assert gateway.get("/v1/models").status == 200
        gateway.noted(gateway.chat("a/silent"))
        told = {row["target"] for row in gateway.get("/api/state").json()["models"]}
        assert {f"a/{model}" for model in REAL} | {"a/silent"} <= told
        counted = gateway.get("/metrics").body
        assert all(b'llmctl_attempts_total{model="%b"' % model.encode() in counted for model in [*REAL, "silent"])
