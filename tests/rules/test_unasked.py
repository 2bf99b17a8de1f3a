"""No rule crashes, or finds an error, where a fact was not asked for or could not be read."""

import pytest

from envcheck.facts import FACT_NAMES, NOT_ASKED, Missing, Snapshot, absent, blocked, failed
from envcheck.finding import ERROR
from tests.rules.machine import change, healthy, report
from tests.rules.places import (
    in_docker,
    in_wsl1,
    in_wsl2,
    on_jetson,
    unloaded,
    with_nvswitches,
    without_gpu,
    without_gpu_in_docker,
)

PLACES = (
    healthy,
    unloaded,
    without_gpu,
    in_docker,
    without_gpu_in_docker,
    in_wsl1,
    in_wsl2,
    on_jetson,
    with_nvswitches,
)
MISSING = (NOT_ASKED, absent("not there"), failed("it crashed"), blocked("no permission"))


@pytest.mark.parametrize("fact", FACT_NAMES)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_one_fact_was_not_asked_for(place: object, fact: str) -> None:
    machine: Snapshot = place()  # type: ignore[operator]
    before = {finding.name for finding in report(machine).findings}
    result = report(change(machine, **{fact: NOT_ASKED}))
    assert not result.crashed
    assert {finding.name for finding in result.at_least(ERROR)} <= before


@pytest.mark.parametrize("missing", MISSING, ids=lambda missing: missing.why.value)
@pytest.mark.parametrize("fact", ["driver", "gpus", "container", "host"])
def test_no_field_of_a_fact_is_known(fact: str, missing: Missing) -> None:
    machine = healthy()
    for field in type(machine.fact(fact)).__struct_fields__:
        if field not in ("sources", "devices"):
            machine = change(machine, **{f"{fact}__{field}": missing})
    assert not report(machine).crashed
