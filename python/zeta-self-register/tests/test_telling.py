"""What is told to others: off by default, right in every state, and never a reason for anything."""

from __future__ import annotations

import datetime
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from zeta_self_register import metrics
from zeta_self_register.cluster_state import Standing, Told, files_of
from zeta_self_register.decide import TABLE
from zeta_self_register.exits import Exit, Refused
from zeta_self_register.local_files import MarkerState, is_old_marker

SETTINGS = "/etc/zeta-self-register/settings.toml"
FOLDER = "/run/zeta-cluster-state/nodes/node-a"
MARKER, LOCK, SEEN = (
    f"{FOLDER}/{name}" for name in ("self-registered.marker", "register-pr-in-flight.lock", "last-seen.iso")
)
METRICS = "/run/zeta-self-register/zeta_self_register.prom"
BOTH = f"""repository = "acme/cluster"
operator = "alice"
cluster_state_folder = "/run/zeta-cluster-state"
metrics_file = "{METRICS}"
""".encode()


@pytest.fixture
def teller(machine):
    """A node that tells everything."""
    machine.files[SETTINGS] = BOTH
    return machine


def pairs(content: bytes) -> dict[str, str]:
    """key=value lines."""
    return dict(line.split("=", 1) for line in content.decode().splitlines())


def samples(content: bytes) -> dict[str, float]:
    """The metrics by name and labels, as Prometheus's own parser reads them."""
    return {
        sample.name + "".join(f"|{v}" for _, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(content.decode())
        for sample in family.samples
    }


def value(machine, name: str) -> float:
    return samples(machine.published[METRICS])[f"zeta_self_register_{name}"]


def test_nothing_is_told_unless_it_is_asked_for(machine):
    machine.tick()
    assert machine.published == {}


def test_a_registration_from_its_beginning_to_its_end(teller):
    seen: list[dict[str, str]] = []

    def watch(_number, request):
        if request.url.endswith(("/git/refs", "/pulls")):
            seen.append(pairs(teller.published[LOCK]))

    teller.fate = watch
    teller.tick()
    assert [one["pid"] for one in seen] == ["4711", "4711"]
    assert {one["ttl"] for one in seen} == {"600"}, (
        "taken before the first write, for as long as a run may take"
    )
    told = pairs(teller.published[MARKER])
    assert told["state"] == "pr-opened"
    assert told["node-path"] == "maintainers/alice/cluster-nodes/node-a/node.yaml"
    assert float(told["last-pr-attempt-epoch"]) > 0
    assert pairs(teller.published[LOCK])["ttl"] == "3600"
    assert value(teller, "state|pr-open") == 1
    assert value(teller, "pull_request") == 1
    assert value(teller, "exit_status") == 0
    assert value(teller, "requests") == 6

    teller.person("PUT", "/repos/acme/cluster/pulls/1/merge", {})
    teller.wait(400)
    teller.tick("steward")
    assert pairs(teller.published[MARKER])["state"] == "converged"
    assert pairs(teller.published[LOCK])["ttl"] == "0", "given back without anything having to be removed"
    assert value(teller, "state|registered") == 1
    assert value(teller, "state|pr-open") == 0
    # By GitHub's clock: this machine's own stands in 1970.
    last = datetime.datetime.fromisoformat(teller.published[SEEN].decode().strip()).timestamp()
    assert last == pytest.approx(teller.world.now / 1000, abs=2)
    assert value(teller, "last_run_timestamp_seconds") == pytest.approx(last, abs=1)


def test_the_marker_is_in_the_shell_versions_own_form(teller):
    teller.tick()
    assert is_old_marker(teller.published[MARKER])


def test_not_signed_in(teller):
    del teller.files["/etc/zeta-self-register/github-token"]
    with pytest.raises(Refused):
        teller.tick()
    assert pairs(teller.published[MARKER])["state"] == "unauthenticated"
    assert value(teller, "exit_status") == 75
    assert value(teller, "last_success_timestamp_seconds") == 0


def test_a_failure_keeps_the_time_of_the_last_success(teller):
    teller.tick()
    succeeded = value(teller, "last_success_timestamp_seconds")
    assert succeeded > 0
    teller.fate = lambda _number, _request: "not sent"
    teller.tick("steward")
    assert pairs(teller.published[MARKER])["state"] == "check-failed"
    assert value(teller, "exit_status") == 75
    assert value(teller, "last_success_timestamp_seconds") == succeeded


def test_held(teller):
    teller.tick()
    for _ in range(2):
        teller.person("PATCH", "/repos/acme/cluster/pulls/1", {"state": "closed"})
        teller.wait(400)
        teller.tick("steward")
    assert value(teller, "exit_status") == 77
    assert pairs(teller.published[MARKER])["state"] == "pr-failed"
    assert pairs(teller.published[LOCK])["ttl"] == "0"


@pytest.mark.parametrize("fails", [MARKER, LOCK, SEEN, METRICS])
def test_a_file_that_cannot_be_written_changes_nothing_but_a_line(teller, fails):
    teller.unpublishable = {fails}
    assert teller.tick().last.status is Exit.DONE
    assert len(teller.pulls()) == 1
    assert json.loads(teller.files["/var/lib/zeta-self-register/registered.json"])["state"] == "pr-open"
    assert any(line.startswith(f"not told to others: {fails}: ") for line in teller.lines)
    if fails != METRICS:
        assert METRICS in teller.published, "the one does not need the other"


def test_what_others_write_there_is_not_believed(teller):
    teller.files[MARKER] = b"state=converged\n"
    teller.files[LOCK] = b"pid=1\ntime=99999999999\nttl=99999999\n"
    assert teller.tick().last.status is Exit.DONE
    assert len(teller.pulls()) == 1


def test_the_row_that_means_throttled_is_in_the_table():
    assert "throttled" in {row.name for row in TABLE}


told = st.builds(
    Told,
    now=st.floats(0, 4e9),
    process=st.integers(0, 1 << 22),
    node=st.just("node-a"),
    record=st.just("maintainers/alice/cluster-nodes/node-a/node.yaml"),
    status=st.sampled_from(Exit),
    row=st.text(),
    reason=st.text(),
    standing=st.sampled_from(Standing),
    marker=st.none() | st.sampled_from(MarkerState),
    pull_request=st.none() | st.integers(1, 1 << 40),
    attempted_at=st.none() | st.floats(0, 4e9),
    requests=st.integers(0, 99),
)


@given(told, st.binary())
def test_prometheus_reads_whatever_is_told(said, earlier):
    found = samples(metrics.text_of(said, earlier))
    assert sum(v for name, v in found.items() if name.startswith("zeta_self_register_state|")) == 1
    assert found["zeta_self_register_exit_status"] == int(said.status)
    row = next(name for name in found if name.startswith("zeta_self_register_last_decision_info"))
    assert said.row in row
    again = metrics.last_success(metrics.text_of(said))
    assert again == (float(f"{said.now:.0f}") if said.status is Exit.DONE else 0)


@given(told)
def test_whatever_is_told_each_line_stays_one(said):
    for name, content in files_of(said).items():
        lines = content.decode().splitlines()
        assert content.endswith(b"\n")
        assert all(line.isprintable() for line in lines)
        if name != "last-seen.iso":
            assert all("=" in line for line in lines)
            assert len({line.partition("=")[0] for line in lines}) == len(lines)


@given(st.binary())
def test_an_earlier_file_may_be_anything(earlier):
    assert metrics.last_success(earlier) >= 0
