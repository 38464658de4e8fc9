"""The Kubernetes manifests, checked without a cluster: the schemas, and that the objects fit together."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from dev.common import settings_variables

FOLDER = Path(__file__).resolve().parent.parent.parent / "easy_box_backend" / "kubernetes"
VERSIONS = ("1.30", kubernetes_validate.latest_version())
OPERATORS = {"postgresql.cnpg.io/v1"}
"""Objects of operators, for which there are no schemas here."""


def documents(name: str) -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")) if found]


BASE: dict[str, Any] = documents("kustomization.yaml")[0]
OBJECTS = [found for name in BASE["resources"] for found in documents(name)]
WORKLOADS = [found for found in OBJECTS if found["kind"] in ("Deployment", "Job")]


def name_of(found: dict[str, Any]) -> str:
    return f"{found['kind']}-{found['metadata']['name']}"


def named(kind: str) -> dict[str, dict[str, Any]]:
    return {found["metadata"]["name"]: found for found in OBJECTS if found["kind"] == kind}


def test_the_kustomization_names_every_file() -> None:
    assert sorted([*BASE["resources"], "kustomization.yaml"]) == sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("found", [n for n in OBJECTS if n["apiVersion"] not in OPERATORS], ids=name_of)
def test_every_object_is_one_that_kubernetes_knows(found: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(found, version, strict=True)


def test_a_misspelt_field_is_found() -> None:
    wrong = copy.deepcopy(named("Deployment")["backend"])
    wrong["spec"]["replica"] = wrong["spec"].pop("replicas")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("found", named("Deployment").values(), ids=name_of)
def test_a_deployment_owns_its_pods(found: dict[str, Any]) -> None:
    assert found["spec"]["selector"]["matchLabels"] == found["spec"]["template"]["metadata"]["labels"]


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget"])
def test_what_selects_pods_finds_the_backend(kind: str) -> None:
    labels = named("Deployment")["backend"]["spec"]["template"]["metadata"]["labels"]
    selector = named(kind)["backend"]["spec"]["selector"]
    assert selector in (labels, {"matchLabels": labels})


def test_a_request_finds_its_way_from_the_edge_to_the_port_that_gunicorn_listens_on() -> None:
    paths = named("Ingress")["easybox"]["spec"]["rules"][0]["http"]["paths"]
    service = named("Service")[paths[0]["backend"]["service"]["name"]]
    port = {port["name"]: port for port in service["spec"]["ports"]}[paths[0]["backend"]["service"]["port"]["name"]]
    container = named("Deployment")["backend"]["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports[port["targetPort"]] == 8000
    assert {container[probe]["httpGet"]["port"] for probe in ("readinessProbe", "livenessProbe")} <= set(ports)


@pytest.mark.parametrize("found", WORKLOADS, ids=name_of)
def test_a_pod_is_as_confined_as_its_namespace_demands(found: dict[str, Any]) -> None:
    assert named("Namespace")["easybox"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = found["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        confined = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["securityContext"] == confined
        assert "memory" in container["resources"]["limits"]
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize("found", WORKLOADS, ids=name_of)
def test_a_pod_gets_its_settings_from_where_they_are(found: dict[str, Any]) -> None:
    database = named("Cluster")["easybox-db"]["metadata"]["name"]
    generated = {one["name"] for one in BASE["configMapGenerator"]}
    for container in found["spec"]["template"]["spec"]["containers"]:
        assert container["image"] in {one["name"] for one in BASE["images"]}
        assert {part["configMapRef"]["name"] for part in container["envFrom"] if "configMapRef" in part} == generated
        (url,) = [one for one in container["env"] if one["name"] == "DATABASE_URL"]
        # The operator makes this secret for the owner of the database.
        assert url["valueFrom"]["secretKeyRef"] == {"name": f"{database}-app", "key": "uri"}


def test_every_setting_is_one_that_the_server_reads() -> None:
    literals = [literal for one in BASE["configMapGenerator"] for literal in one["literals"]]
    given = {literal.partition("=")[0] for literal in literals}
    given |= {
        one["name"]
        for found in WORKLOADS
        for container in found["spec"]["template"]["spec"]["containers"]
        for one in container["env"]
    }
    assert given <= settings_variables()
