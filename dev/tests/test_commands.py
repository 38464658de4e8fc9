"""The commands that people, CI and servers call: each module and folder that a text or script names exists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dev.common import BACKEND, ROOT
from dev.tests.test_compose import DEPLOY
from proofs.verification.deploy import with_needed
from proofs.verification.engine import without_docker
from proofs.verification.workflow import FAULTS

PARTS = ("benchmarks", "contract", "phone", "simulation", "verification")
OLD_NAMES = {"", "CHANGELOG.md", "docs/upgrade.md"}
"""Documents that mention former names on purpose."""
TRIAL = "/srv/trial"
SETTINGS = "DJANGO_SETTINGS_MODULE"


def texts() -> dict[str, str]:
    """Every text file of the project, by its path."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kinds = {".py", ".md", ".sh", ".yml", ".toml", ""}
    paths = [ROOT / name for name in listed.split("\0") if Path(name).suffix in kinds and name not in OLD_NAMES]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths if path.is_file()}


def can_be_run(module: str) -> bool:
    """Whether `python -m MODULE` finds something to run in the project."""
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def test_every_module_that_is_called_by_name_exists() -> None:
    """`python -m proofs.simulation …`, in the Makefile, in docs, and in what a program prints."""
    called = {
        (path, module)
        for path, text in texts().items()
        for module in re.findall(r"(?:python3?|\$\(PY\)) -m ([a-z_.]+)", text)
        if module.split(".")[0] in (*PARTS, "proofs", "dev")
    }
    assert len(called) > 10
    assert sorted(call for call in called if not can_be_run(call[1])) == []


def test_every_module_that_make_runs_can_be_imported_without_environment_variables() -> None:
    modules = set(re.findall(r"\$\(PY\) -m (proofs[\w.]*)", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert len(modules) > 5
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", SETTINGS)}
    for module in sorted(modules):
        name = f"{module}.__main__" if (ROOT / module.replace(".", "/")).is_dir() else module
        command = [sys.executable, "-c", f"import {name}"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{module}: {done.stderr}"


def test_no_text_names_a_part_of_proofs_by_its_former_place() -> None:
    """These folders lay at the root once."""
    former = re.compile(rf"(?<![\w/])(?:\.\./)?(?:{'|'.join(PARTS)})/\w+\.(?:py|md)")
    found = {path: former.findall(text) for path, text in texts().items() if not path.startswith("proofs/")}
    assert {path: names for path, names in found.items() if names} == {}


# --- The trial of a release ---------------------------------------------------------------------------------------
def trial_modules() -> list[str]:
    """The modules that trial.sh runs in the release's container."""
    script = (ROOT / "deploy" / "trial.sh").read_text(encoding="utf-8")
    (package,) = set(re.findall(r'python -m "([a-z_.]+)\.\$1"', script))
    return [f"{package}.{name}" for name in re.findall(r"^as_manager ([a-z]+)", script, re.MULTILINE)]


def test_the_trial_runs_the_apps_calls_and_the_pages_of_the_desk() -> None:
    """Both, or a release could be broken for either."""
    assert trial_modules() == ["proofs.phone.smoke", "proofs.phone.desk"]


@pytest.mark.parametrize("module", trial_modules())
def test_the_trials_container_can_run_what_is_mounted_into_it(module: str, tmp_path: Path) -> None:
    """The mounted folder alone is enough: nothing else of the repository, and no package."""
    service = DEPLOY["trial-backend"]
    assert service["environment"]["PYTHONPATH"] == TRIAL
    (mount,) = [volume for volume in service["volumes"] if f":{TRIAL}/" in volume]
    source, target, _mode = mount.split(":")
    copy = tmp_path / "trial" / Path(target).relative_to(TRIAL)
    shutil.copytree(BACKEND / source, copy, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    done = subprocess.run(
        [sys.executable, "-S", "-m", module, "--help"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "trial"), "PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"python -m {module}" in " ".join(done.stdout.split())


# --- make verify-… ------------------------------------------------------------------------------------------------
def verify(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `make verify-NAME` with `words` as ARGS."""
    command = [sys.executable, "-m", f"proofs.verification.{name}", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("name", "known"), [("stack", "rolling"), ("deploy", "rollback"), ("deploy", "setup"), ("workflow", "pull request")]
)
def test_an_unknown_scenario_is_an_error_with_the_list_of_names(name: str, known: str) -> None:
    """Before anything is installed or started."""
    done = verify(name, known.split()[0], "nonsense")
    assert done.returncode == 2
    assert "Unknown: nonsense" in done.stderr
    assert f"\n  {known}\n" in done.stderr
    assert done.stdout == ""


def test_the_rules_that_an_engine_adds_to_the_firewall_are_not_taken_for_the_machines_own() -> None:
    """A second Docker Engine starts while the first one runs. When both have ended, the first one's rules must not be
    restored with the machine's own."""
    engines = [
        ":FORWARD DROP [4:212]", ":DOCKER-USER - [0:0]", "-A FORWARD -j DOCKER-USER",
        "-A FORWARD -i br-305c5c04e05d -o br-305c5c04e05d -j ACCEPT",
        "-A POSTROUTING -s 10.213.6.3/32 -d 10.213.6.3/32 -p tcp -m tcp --dport 8080 -j MASQUERADE",
    ]  # fmt: skip
    own = ["*filter", ":INPUT DROP [0:0]", "-A INPUT -i br-lan -p tcp -m tcp --dport 22 -j ACCEPT", "COMMIT"]
    assert without_docker("\n".join(own[:2] + engines + own[2:])).split("\n") == [
        *own[:2], ":FORWARD ACCEPT [4:212]", *own[2:], "",
    ]  # fmt: skip


def test_a_scenario_that_needs_another_one_says_so_and_runs_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    """After a single deploy there is nothing to roll back to."""
    assert with_needed(["rollback"]) == ["rollback", "second"]
    assert "second is run too: rollback needs it" in capsys.readouterr().out
    assert with_needed(["rollback", "second"]) == ["rollback", "second"]
    assert with_needed(["cut"]) == ["cut"]
    assert capsys.readouterr().out == ""


def test_each_fault_that_verify_workflow_plants_fits_its_file() -> None:
    misfits = [name for name, _story, file, old, _new in FAULTS if old not in (ROOT / file).read_text(encoding="utf-8")]
    assert misfits == []
