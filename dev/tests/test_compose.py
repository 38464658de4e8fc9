"""The production stack's file: what must hold without a Docker Engine."""

import re

import yaml

from dev.common import BACKEND

MEGABYTES = 4096
"""Of the server that docs/operations.md advises."""
STACK = yaml.safe_load((BACKEND / "docker-compose.prod.yml").read_text(encoding="utf-8"))
SERVICES = STACK["services"]
OPTIONAL = {"letsencrypt", "offsite"}
ONE_AFTER_THE_OTHER = ("trial-restore", "trial-backend")


def limit(name: str) -> int:
    """The memory limit of a service in MB."""
    found = re.search(r"(\d+)m\b", SERVICES[name]["mem_limit"])
    assert found, name
    return int(found[1])


def test_the_memory_limits_fit_the_advised_server_also_during_a_trial() -> None:
    always = [name for name, service in SERVICES.items() if "profiles" not in service and name != "migrate"]
    trial = [name for name, service in SERVICES.items() if service.get("profiles") == ["trial"]]
    assert len(always) == 6
    assert len(trial) == 4
    during = sum(limit(name) for name in trial if name not in ONE_AFTER_THE_OTHER)
    during += max(limit(name) for name in ONE_AFTER_THE_OTHER)
    assert sum(limit(name) for name in always) + during <= MEGABYTES


def test_every_service_has_a_limit_and_no_rights() -> None:
    for name, service in SERVICES.items():
        assert limit(name)
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name


def test_the_keys_of_the_off_site_copies_are_in_one_container_only() -> None:
    holders = [name for name, service in SERVICES.items() if "offsite.env" in str(service.get("env_file", ""))]
    volumes = {name: [str(one) for one in service.get("volumes", [])] for name, service in SERVICES.items()}
    whole = [name for name, mounted in volumes.items() if any(one.startswith(".:") for one in mounted)]
    assert holders == whole == ["offsite"]
    assert set(SERVICES["offsite"]["profiles"]) <= OPTIONAL
