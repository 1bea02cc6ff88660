"""The NixOS module, in NixOS's own module system: what each configuration of evaluation/table.nix comes to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import zeta_self_register
from zeta_self_register.settings import Settings, from_table

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
SHIPPED = Path(zeta_self_register.__file__).parent / "data/lib/systemd/system"
SERVICES = ("zeta-self-register.service", "zeta-register-steward.service")
TIMERS = ("zeta-self-register.timer", "zeta-register-steward.timer", "zeta-register-follow.timer")
CI = "zeta-self-register-ci.service"

FAILED = {
    "installer-image": ("installer image", "Set zeta.selfRegister.enable = false there"),
    "default-hostname": ('the hostname "nixos"', "Set networking.hostName or zeta.selfRegister.nodeName"),
    "token-in-the-store": ("which everybody can read", "Use zeta.selfRegister.tokenFile"),
    "token-that-would-be-copied-to-the-store": ("which everybody can read", "as a string in quotes"),
    "other-state-folder": ("state_folder cannot be changed", "Mount or link"),
    "removed-option": ("intentDir' in", "zeta.selfRegister.nodeName and zeta.selfRegister.operator"),
}
"""The rows that an assertion stops: what is wrong, and what to do."""

NONE = {"services": [], "steward-timer": [], "register-timer": []}
ADDED = {
    "everything": NONE
    | {
        "services": [
            "Group=users",
            "LoadCredential=github-token:/run/secrets/github-token",
            "LoadCredential=gh-hosts:/home/operator/.config/gh/hosts.yml",
            "LoadCredential=github-app-key:/run/secrets/github-app-key.pem",
            "User=zeta",
        ],
        "steward-timer": [
            "OnActiveSec=",
            "OnActiveSec=2min",
            "OnUnitInactiveSec=12h",
            "RandomizedDelaySec=1h",
        ],
    },
    # Its own group, or else systemd takes the user's.
    "another-user": NONE | {"services": ["Group=zeta-self-register", "User=zeta"]},
    "another-group": NONE | {"services": ["Group=users"]},
    "settings-alone": NONE
    | {
        "services": [
            "LoadCredential=github-token:/run/secrets/github-token",
            "LoadCredential=gh-hosts:/home/operator/.config/gh/hosts.yml",
            "LoadCredential=github-app-key:/run/secrets/github-app-key.pem",
        ]
    },
    "as-the-cluster-had-it": NONE
    | {"services": ["Group=users", "User=zeta"], "steward-timer": ["RandomizedDelaySec=30min"]},
    "behind-a-proxy": NONE
    | {
        "services": [
            f'Environment="{name}=http://proxy.example.com:3128"'
            for name in ("all_proxy", "ftp_proxy", "http_proxy", "https_proxy", "rsync_proxy")
        ]
        + ['Environment="no_proxy=127.0.0.1,localhost"']
    },
    "no-steward": NONE | {"register-timer": ["OnUnitInactiveSec=30min"]},
    **{
        name: NONE | {"services": [f"LoadCredential=github-token:{path}"]}
        for name, path in {
            "token-file": "/run/secrets/github-token",
            "sops-nix": "/run/secrets/github-token",
            "agenix": "/run/agenix/github-token",
        }.items()
    },
}
"""What a row adds to the drop-ins of the default configuration; rows that are not here add nothing."""


def plain(text):
    """Store paths as names, without hash and version; no empty lines."""
    package = r"[a-zA-Z0-9]+(?:-[a-zA-Z][a-zA-Z0-9]*)*"
    named = re.sub(rf"/nix/store/[a-z0-9]{{32}}-({package})(-[0-9][^/:\"]*)?(?=[/:\"])", r"@\1@", text)
    named = re.sub(
        r"^(X-Restart-Triggers=)/nix/store/[a-z0-9]{32}-(\S+)$", r"\1@\2@", named, flags=re.MULTILINE
    )
    return "".join(f"{line}\n" for line in named.splitlines() if line)


@pytest.fixture(scope="session")
def rows(evaluated):
    return evaluated["rows"]


def node_rows(rows):
    """Those that have a node in them."""
    return {name: row for name, row in rows.items() if SERVICES[0] in row["units"]}


# --- what is stopped ------------------------------------------------------------------------------------------


def test_each_mistake_is_stopped_by_one_assertion_with_a_remedy_and_nothing_else_is(rows):
    assert {name for name, row in rows.items() if row["failed"]} == set(FAILED)
    for name, (wrong, remedy) in FAILED.items():
        (message,) = rows[name]["failed"]
        assert wrong in " ".join(message.split())
        assert remedy in " ".join(message.split())


def test_the_types_refuse_a_token_in_the_store_and_words_that_do_not_exist(evaluated):
    refused = evaluated["refused"]
    assert len(refused) == 6
    assert all(refused.values()), refused


def test_the_clusters_old_options_are_a_warning_at_most(rows):
    warnings = {name: row["warnings"] for name, row in rows.items() if row["warnings"]}
    assert set(warnings) == {"as-the-cluster-had-it", "everything", "marker-in-roots-home"}
    told = [
        re.match(r"zeta\.selfRegister\.(\w+) has no effect", line)[1]
        for line in warnings["as-the-cluster-had-it"]
    ]
    assert told == ["repoRoot", "scriptPath"]


def test_a_marker_that_the_units_cannot_see_is_a_warning_with_a_remedy(rows):
    """Not where it is only beside a home: /homes/x, or the default."""
    for name, path in {
        "everything": "/home/operator/.config/zeta/self-registered.marker",
        "marker-in-roots-home": "/root/self-registered.marker",
    }.items():
        (warning,) = rows[name]["warnings"]
        assert f'"{path}"' in warning
        assert "(ProtectHome=)" in warning
        assert "/var/lib/zeta-self-register/self-registered.marker" in warning
    assert all("ProtectHome=yes" in (SHIPPED / unit).read_text() for unit in SERVICES)
    assert rows["marker-beside-the-homes"]["warnings"] == []


def test_nothing_is_left_of_it_when_it_is_off(rows):
    assert rows["off"] | {"settings": {}} == {
        "units": {},
        "masked": [],
        "wantedBy": {},
        "settings": {},
        "failed": [],
        "warnings": [],
        "persisted": None,
        "groupIsMade": False,
        "user": None,
    }


# --- the units ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", SERVICES + TIMERS)
def test_the_golden_unit(rows, unit):
    """What NixOS puts beside the shipped unit for the default configuration is kept here word by word."""
    kept = GOLDEN / f"{unit}.d" / "overrides.conf"
    assert plain(rows["minimal"]["units"][unit]) == kept.read_text()


@pytest.mark.parametrize("unit", SERVICES + TIMERS)
def test_nothing_that_the_shipped_unit_says_is_said_again(unit):
    def said(path):
        return {line.partition("=")[0] for line in path.read_text().splitlines() if "=" in line}

    added = said(GOLDEN / f"{unit}.d" / "overrides.conf")
    # [Install] of the shipped one is not looked at by NixOS.
    assert added & said(SHIPPED / unit) == ({"WantedBy"} if unit in TIMERS else set())


def test_what_each_configuration_adds(rows):
    assert set(ADDED) <= set(rows)
    for name, row in node_rows(rows).items():
        if name in FAILED:
            continue
        expected = ADDED.get(name, NONE)
        for unit in SERVICES:
            assert sorted(added(rows, row, unit)) == sorted(expected["services"]), (name, unit)
        assert added(rows, row, TIMERS[0]) == expected["register-timer"], name
        assert added(rows, row, TIMERS[1]) == [*expected["steward-timer"]], name
        assert added(rows, row, TIMERS[2]) == [], name


def added(rows, row, unit):
    """The lines that this row has and the default one has not; that it lacks none is asserted."""
    default, lines = (plain(one["units"][unit]).splitlines() for one in (rows["minimal"], row))
    assert [line for line in default if line not in lines] == [], unit
    return [line for line in lines if line not in default]


def test_the_timers_start_at_boot_and_nothing_else_does(rows):
    started = {unit: [] for unit in SERVICES} | {unit: ["timers.target"] for unit in TIMERS}
    for name, row in node_rows(rows).items():
        assert row["wantedBy"] == started | ({CI: ["multi-user.target"]} if name == "ci" else {}), name


def test_the_console_has_what_a_tick_has(rows):
    assert [name for name, row in rows.items() if CI in row["units"]] == ["ci"]
    tick, console = (plain(rows["ci"]["units"][unit]) for unit in (SERVICES[1], CI))
    assert console == f"{tick}[Install]\nWantedBy=multi-user.target\n"


def test_without_a_steward_nothing_can_start_it(rows):
    """Not even the shipped unit's OnSuccess=, which no drop-in takes back."""
    masked = {name: row["masked"] for name, row in rows.items() if row["masked"]}
    steward = ["zeta-register-steward.service", "zeta-register-steward.timer", "zeta-register-follow.timer"]
    assert masked == {"no-steward": steward}


def test_a_switch_starts_no_tick_anew(rows):
    for name, row in node_rows(rows).items():
        for unit in SERVICES:
            assert "X-RestartIfChanged=false" in row["units"][unit].splitlines(), (name, unit)


def test_the_user_is_made_unless_another_one_is_named(rows):
    own = {"group": "zeta-self-register", "isSystemUser": True}
    others = dict.fromkeys(("everything", "as-the-cluster-had-it", "another-user"))
    others["another-group"] = own | {"group": "users"}
    assert {n: row["user"] for n, row in node_rows(rows).items()} == {
        name: others.get(name, own) for name in node_rows(rows)
    }
    without = {name for name, row in node_rows(rows).items() if not row["groupIsMade"]}
    assert without == {"everything", "as-the-cluster-had-it", "another-group"}


# --- systemd ----------------------------------------------------------------------------------------------------

NEWER = ("RestartSteps=", "RestartMaxDelaySec=")
"""What systemd takes (for a oneshot) since 254 only. On a node it is 256 or later, on Debian 12 it is 252."""


def shipped(unit):
    """The unit, as far as the systemd that is here can know it, starting a program that is here."""
    said = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=True).stdout
    true = shutil.which("true")
    lines = (SHIPPED / unit).read_text().replace("ExecStart=zeta-self-register", f"ExecStart={true}")
    old = int(said.split()[1]) < 254
    return "".join(line for line in lines.splitlines(keepends=True) if not (old and line.startswith(NEWER)))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_accepts_shipped_unit_and_drop_in_together(rows, tmp_path):
    """For every row. What it would start is a program that is there."""
    for name, row in node_rows(rows).items():
        folder = tmp_path / name
        folder.mkdir()
        for unit, text in row["units"].items():
            if (SHIPPED / unit).exists():
                (folder / unit).write_text(shipped(unit))
                (folder / f"{unit}.d").mkdir()
                (folder / f"{unit}.d/overrides.conf").write_text(text)
        for unit in row["masked"]:
            (folder / unit).unlink()
            (folder / unit).symlink_to("/dev/null")
        used = [unit for unit in row["units"] if (SHIPPED / unit).exists() and unit not in row["masked"]]
        assert complaints(folder, used) == [], name


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_it_would_not_accept_a_wrong_one(tmp_path):
    for unit in SERVICES + TIMERS:
        (tmp_path / unit).write_text(shipped(unit))
    (tmp_path / f"{SERVICES[0]}.d").mkdir()
    (tmp_path / f"{SERVICES[0]}.d/overrides.conf").write_text("[Service]\nLoadCredental=a:/b\n")
    assert any("LoadCredental" in line for line in complaints(tmp_path, SERVICES + TIMERS))


def systemds_own():
    """The units that systemd brings, beside its program: nixpkgs has them as examples."""
    top = Path(shutil.which("systemd-analyze")).resolve().parents[1]
    folders = (top / "lib/systemd/system", top / "example/systemd/system")
    return next(folder for folder in folders if folder.is_dir())


@pytest.mark.parametrize("kept", ["lib/systemd/system", "example/systemd/system"])
def test_systemds_own_units_are_found_beside_its_program(kept, tmp_path, monkeypatch):
    for folder in (kept, "bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "bin/systemd-analyze").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert systemds_own() == tmp_path / kept


def complaints(folder, units):
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(folder / unit) for unit in units)],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{folder}:{systemds_own()}"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = (done.stdout + done.stderr).splitlines()
    return [line for line in said if "zeta-" in line or str(folder) in line]


# --- the settings -----------------------------------------------------------------------------------------------


def settings(row):
    """As the file has them: TOML knows no null."""
    return {key: value for key, value in row["settings"].items() if value is not None}


def test_the_agent_takes_the_settings_of_every_row_that_no_assertion_stops(rows):
    for name, row in node_rows(rows).items():
        if name not in FAILED:
            from_table(settings(row), name)


def test_the_modules_defaults_are_the_agents(rows):
    hint = "/var/lib/zeta-self-register/self-registered.marker"
    assert from_table(settings(rows["minimal"]), "minimal") == Settings(old_marker=hint)


def test_each_option_ends_in_its_setting(rows):
    everything = settings(rows["everything"])
    assert {key: everything[key] for key in ("node_name", "operator", "mode", "api_url", "ca_file")} == {
        "node_name": "node-a",
        "operator": "alice",
        "mode": "dry-run",
        "api_url": "https://github.example.com/api/v3",
        "ca_file": "/etc/ssl/company.pem",
    }
    assert everything["token_file"] == "/run/secrets/github-token"
    assert everything["app_key_file"] == "/run/secrets/github-app-key.pem"
    assert everything["min_pr_interval_seconds"] == 3600
    assert everything["metrics_file"] == "/run/zeta-self-register/zeta_self_register.prom"
    assert "require_install_stamp" in everything
    without = settings(rows["no-stamp"])
    assert without["require_install_stamp"] is False
    assert "install_stamp" not in without


def test_what_is_said_as_a_setting_goes_before_an_option_that_nobody_set(rows):
    alone = settings(rows["settings-alone"])
    known = from_table(alone, "settings-alone")
    assert {key for key, default in vars_of(Settings()).items() if vars_of(known)[key] != default} == {
        *("home", "node_name", "operator", "mode", "api_url", "ca_file", "token_file"),
        *("app_id", "app_installation_id", "app_key_file"),
        *("require_install_stamp", "install_stamp", "old_marker", "min_pr_interval_seconds"),
    }


def vars_of(known):
    return {key: getattr(known, key) for key in known.__struct_fields__}


def test_the_mock_on_a_port_below_1024(rows):
    unit = rows["mock"]["units"]["mock-github.service"].splitlines()
    (start,) = (line for line in unit if line.startswith("ExecStart="))
    assert plain(start).endswith(
        "/bin/mock-github serve --seed /srv/seed --host 0.0.0.0 --port 443 --event-log"
        " /run/mock-github/events.jsonl --tls --ca-out /run/mock-github/ca.pem --name api.github.test\n"
    )
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in unit
