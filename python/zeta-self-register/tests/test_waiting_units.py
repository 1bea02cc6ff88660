"""The units wait for what is missing: with growing pauses, for ever, and with nobody waiting for them."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
import zeta_self_register
from zeta_self_register.exits import Exit

UNITS = Path(zeta_self_register.__file__).parent / "data/lib/systemd/system"
SERVICES = ("zeta-self-register.service", "zeta-register-steward.service")
TIMERS = ("zeta-self-register.timer", "zeta-register-follow.timer", "zeta-register-steward.timer")


def unit(name):
    """The settings of a unit; a key that comes more than once has all its values."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def seconds(span):
    """Of a time span as the timers write it."""
    number, word = re.fullmatch(r"(\d+)(s|min|h)", span).groups()
    return int(number) * {"s": 1, "min": 60, "h": 3600}[word]


@pytest.mark.parametrize("service", SERVICES)
def test_neither_the_boot_nor_a_switch_waits_for_a_service_or_fails_by_it(service):
    """Nothing pulls it in but its timer, and a timer's job is waited for by nobody."""
    known = unit(service)
    assert not {"WantedBy", "RequiredBy", "Before"} & set(known)
    assert known["Type"] == ["oneshot"]


@pytest.mark.parametrize("timer", TIMERS)
def test_a_timer_starts_at_boot_and_at_a_switch_and_is_all_that_does(timer):
    assert unit(timer)["WantedBy"] == ["timers.target"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_waits_has_not_failed_and_is_not_about_to_be_restarted(service):
    """Either would be a failure of `nixos-rebuild switch`, whoever it is that is waited for."""
    known = unit(service)
    assert known["SuccessExitStatus"] == [str(int(Exit.NOT_NOW))]
    assert "Restart" not in known


def test_whatever_is_in_the_way_is_tried_again_with_growing_pauses_and_never_given_up():
    follow, later = unit("zeta-register-follow.timer"), unit("zeta-register-steward.timer")
    assert follow["Unit"] == ["zeta-register-steward.service"]
    at = [0, *map(seconds, follow["OnActiveSec"])]
    pauses = [after - before for before, after in itertools.pairwise(at)]
    assert pauses == sorted(pauses)
    assert pauses[0] <= 30
    assert "OnUnitInactiveSec" in later, "as long as the machine is on"


def test_a_registered_node_is_looked_at_again_at_a_low_and_jittered_rate():
    known = unit("zeta-register-steward.timer")
    assert seconds(known["OnUnitInactiveSec"][0]) >= 3600
    assert "RandomizedDelaySec" in known


def test_the_first_run_hands_over_whatever_came_of_it():
    known = unit("zeta-self-register.service")
    assert known["OnSuccess"] == known["OnFailure"] == ["zeta-register-steward.service"]
    assert known["SuccessExitStatus"] == [str(int(Exit.NOT_NOW))]


CONSOLE = "zeta-self-register-ci.service"


def test_what_says_it_on_the_console_only_looks_and_runs_where_it_is_enabled():
    known, steward = unit(CONSOLE), unit(SERVICES[1])
    assert known["ExecStart"] == ["zeta-self-register watch --json"]
    assert known["TTYPath"] == ["/dev/ttyS0"]
    assert known["WantedBy"] == ["multi-user.target"]
    of_its_own = {
        "ConditionPathExists",
        "DeviceAllow",
        "StandardOutput",
        "TTYPath",
        "WantedBy",
    }
    assert set(known) - set(steward) == of_its_own
    # No folder is its own, so that all it sees is read-only.
    assert not {"StateDirectory", "RuntimeDirectory"} & set(known)
    assert known["ProtectSystem"] == ["strict"]
    # Otherwise it has the steward's sandbox and credentials.
    own = {"Description", "After", "Type", "ExecStart", "SuccessExitStatus"}
    assert {key: known[key] for key in set(known) & set(steward) - own} == {
        key: steward[key] for key in set(known) & set(steward) - own
    }
