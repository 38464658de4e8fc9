"""The production stack's files: what can be checked without a Docker Engine."""

import re
from typing import Any

import yaml

from dev.common import BACKEND, ROOT
from dev.shell_scripts import shell_scripts

MEGABYTES = 4096
"""The memory of the server that docs/operations.md recommends."""


class Loader(yaml.SafeLoader):
    """Reads values with one of Compose's own tags (`!override`) as if they had no tag."""


def untagged(loader: Loader, node: yaml.Node) -> object:
    """The value of a list or mapping that has a tag."""
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


Loader.add_constructor("!override", untagged)


def services(name: str) -> dict[str, dict[str, Any]]:
    """The services of a compose file. A service that extends another one has that one's values too."""
    found: dict[str, dict[str, Any]] = yaml.load((BACKEND / name).read_text(encoding="utf-8"), Loader)["services"]
    for service, own in found.items():
        if base := own.get("extends"):
            found[service] = services(base["file"])[base["service"]] | own
    return found


ALWAYS = services("docker-compose.prod.yml")
OPTIONAL = services("docker-compose.optional.yml")
DEPLOY = services("docker-compose.deploy.yml")
ALL = ALWAYS | OPTIONAL | DEPLOY
TRIAL = {name for name in DEPLOY if name.startswith("trial-")}
ONE_AFTER_THE_OTHER = ("trial-restore", "trial-backend")


def limit(name: str) -> int:
    """The memory limit of all containers of a service together, in MB."""
    found = re.search(r"(\d+)m\b", ALL[name]["mem_limit"])
    assert found, name
    return int(found[1]) * copies(name)


def copies(name: str) -> int:
    """The number of containers of a service with the default settings."""
    found = re.fullmatch(r"\$\{OWN_DB:-(\d)\}|(\d)", str(ALL[name].get("scale", 1)))
    assert found, name
    return int(found[1] or found[2])


def test_the_memory_limits_fit_the_advised_server_also_during_a_deploy() -> None:
    """First comes the trial; then one more backend serves while the others are replaced."""
    running = [name for name in ALWAYS if name != "migrate"]
    assert sorted(running) == ["backend", "backup", "db", "nginx", "worker"]
    assert len(TRIAL) == 4
    trial = sum(limit(name) for name in TRIAL if name not in ONE_AFTER_THE_OTHER)
    trial += max(limit(name) for name in ONE_AFTER_THE_OTHER)
    always = sum(limit(name) for name in running)
    assert always + max(trial, limit("standby")) <= MEGABYTES


def test_every_service_has_a_memory_limit_no_capabilities_and_a_read_only_file_system() -> None:
    for name, service in ALL.items():
        assert limit(name)
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name


def test_one_backend_serves_while_another_one_restarts() -> None:
    assert ALWAYS["backend"]["scale"] == 2
    assert DEPLOY["standby"]["scale"] == 1


def test_the_trial_shares_no_network_and_no_data_with_production() -> None:
    for name in TRIAL:
        assert set(DEPLOY[name]["networks"]) == {"trial"}, name
        volumes = {str(one).partition(":")[0] for one in DEPLOY[name]["volumes"] if isinstance(one, str)}
        volumes |= {one["source"] for one in DEPLOY[name]["volumes"] if isinstance(one, dict)}
        assert not volumes & {"database", "media", "static"}, name


def test_the_keys_of_the_off_site_copies_are_in_one_container_only() -> None:
    holders = [name for name, service in ALL.items() if "offsite.env" in str(service.get("env_file", ""))]
    volumes = {name: [str(one) for one in service.get("volumes", [])] for name, service in ALL.items()}
    whole = [name for name, mounted in volumes.items() if any(one.startswith(".:") for one in mounted)]
    assert holders == whole == ["offsite"]
    assert OPTIONAL["offsite"]["profiles"] == ["offsite"]


def test_only_the_worker_knows_the_url_of_the_heartbeat() -> None:
    holders = [name for name, service in ALL.items() if "HEARTBEAT_URL" in service.get("environment", {})]
    assert holders == ["worker"]


def test_shell_scripts_and_the_compose_file_stay_short() -> None:
    """The project's owner must be able to maintain them. A script that grows beyond this does two things: split it."""
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in shell_scripts()
    }
    assert {name: count for name, count in lines.items() if count >= 120} == {}
    assert len((BACKEND / "docker-compose.prod.yml").read_text(encoding="utf-8").splitlines()) < 200
