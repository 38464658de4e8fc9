"""`make verify-workflow`: runs the GitHub workflow with act and with stand-ins for everything around it.

    make verify-workflow                    every story (a run of the workflow with its check)
    make verify-workflow ARGS="rollback"    only the stories whose name contains this word

It runs on this machine without containers. Stand-ins for the actions record their inputs; stand-ins for `make` and
`ssh` on PATH record their arguments, standard input and environment; a local server stands in for Telegram. Secrets
are distinctive, with quotes, dollars and line breaks, and act does not mask them, so that a leak is visible. The real
actions, GitHub's environments and its queue of runs are not checked. act sometimes loses the last output of a step
that fails at once, so dev/tests/test_pipeline.py checks what the scripts print.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from proofs.verification.checks import check_names
from proofs.verification.telegram import telegram

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = Path(".github/workflows/backend-deploy.yml")
RUNNER = "ubuntu-24.04"
SECONDS = 60

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA-leak-key\n-----END OPENSSH PRIVATE KEY-----\n"
SECRETS = {
    "DOCKER_USERNAME": "somebody",
    "DOCKER_PASSWORD": "leak-docker'\"$HOME`id`",
    "SERVER_HOST": "203.0.113.5",
    "SERVER_PORT": "2222",
    "SERVER_USER": "deploy",
    "SERVER_HOST_KEY": "203.0.113.5 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIproduction",
    "SSH_PRIVATE_KEY": KEY,
    "SECRET_KEY": "leak-secret-key 'single' \"double\" $HOME ${PATH} `id` \\ # %s",
    "DATABASE_URL": "postgres://easybox:leak-database@db:5432/easybox?sslmode=require&x=$y",
    "POSTGRES_PASSWORD": "leak-postgres-$(id)",
    "TELEGRAM_BOT_TOKEN": "123456:leak-telegram_token",
    "TELEGRAM_CHAT_ID": "-1009876543210",
    "METRICS_TOKEN": "leak-metrics\nsecond-leak-line",
    "EXTRA_ENV": "TIME_ZONE=Europe/Berlin\nEXTRA=leak-extra $1 'x'\n",
}
STAGING = {
    f"STAGING_{name}": value.replace("leak", "leak-staging").replace("203.0.113.5", "198.51.100.7")
    for name, value in SECRETS.items()
    if not name.startswith("DOCKER_")
}
OTHER_NAMES = {
    "DOCKERHUB_USERNAME": "owner",
    "DOCKERHUB_TOKEN": "leak-docker-hub-token",
    "CLOUDINARY_CLOUD_NAME": "box",
    "CLOUDINARY_API_KEY": "leak-cloudinary-key",
    "CLOUDINARY_API_SECRET": "leak-cloudinary-secret",
}
PLAIN = {"DOCKER_USERNAME", "DOCKERHUB_USERNAME", "CLOUDINARY_CLOUD_NAME"}
PLAIN |= {"SERVER_HOST", "SERVER_PORT", "SERVER_USER", "STAGING_SERVER_HOST", "STAGING_SERVER_PORT"}
PLAIN |= {"STAGING_SERVER_USER", "SERVER_HOST_KEY", "STAGING_SERVER_HOST_KEY"}
"""Stored like secrets, but not secret: a host name may appear in ssh's configuration and messages."""
VARIABLES = {"ALLOWED_HOSTS": "box.example.com", "STAGING_ALLOWED_HOSTS": "staging.example.com"}

DIGEST = "sha256:" + "0123456789abcdef" * 4
"""The digest of the image that the stand-in for the build action reports."""

MAKE = """\
#!/bin/bash
n=$(date +%s%N)
printf 'make %s%s\\n' "$*" "${DB:+ DB=$DB}" >"$RECORDS/$n-$$.call"
env >"$RECORDS/$n-$$.env"
echo "(faked) make $*"
[ "$*${DB:+ $DB}" != "$(cat "$RECORDS/../failing")" ]
"""
SSH = """\
#!/bin/bash
n=$(date +%s%N)
printf 'ssh %s\\n' "$*" >"$RECORDS/$n-$$.call"
cat "${2%/*}"/config "${2%/*}"/known_hosts >"$RECORDS/$n-$$.ssh"
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' >"$RECORDS/$n-$$.processes"
env >"$RECORDS/$n-$$.env"
cat >"$RECORDS/$n-$$.stdin"
echo "(faked) ssh ${*:4:1}"
case "$*" in *deploy.sh\\ *https*) exit "$(cat "$RECORDS/../code")" ;; esac
"""
SSH_KEYGEN = '#!/bin/bash\nfor last; do :; done\nhead -1 "$last" | grep -q "^-----BEGIN .* PRIVATE KEY-----$"\n'
ACTION = """\
name: stand-in
inputs: {INPUTS}
outputs:
  digest: {value: "DIGEST"}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        INPUTS: ${{ toJSON(inputs) }}
      run: |
        n=$(date +%s%N)
        printf '%s\\n' 'NAME' >"$RECORDS/$n-$$.call"
        printf '%s\\n' "$INPUTS" >"$RECORDS/$n-$$.inputs"
"""


@dataclass
class Played:
    """The record of a run."""

    log: str
    results: dict[str, str]
    """Each job that ran, by its id: success or failure; a matrix has one for all of its jobs."""
    steps: dict[str, list[str]]
    """The steps that ran, by job, in order."""
    calls: list[str]
    """The stand-ins that were called, programs and actions, in order."""
    records: dict[str, str]
    """All records of the stand-ins, by file name."""
    messages: list[str]
    """The texts of the messages to Telegram."""
    head: str
    """The SHA of the newest commit."""
    before: str
    """The SHA of the commit before it."""

    def ssh(self) -> list[str]:
        """The commands that were sent to the server, in order."""
        return [call.split(" server ", 1)[1] for call in self.calls if call.startswith("ssh ")]

    def records_of_kind(self, ending: str) -> list[str]:
        """All records of one kind: stdin, env, inputs, ssh, processes."""
        return [text for name, text in sorted(self.records.items()) if name.endswith(f".{ending}")]


@dataclass
class Story:
    """A run of the workflow, with its event, branch and secrets, and the check of its result."""

    name: str
    event: str
    check: Callable[[Played], None]
    branch: str = "main"
    chosen: str = ""  # the commit chosen by hand; "before": the previous one
    failing: str = ""  # the call of make that fails
    code: int = 0  # the exit code of deploy.sh
    without: tuple[str, ...] = ()  # secrets that are not set
    staging: bool = False
    other: dict[str, str] = field(default_factory=dict)  # further secrets
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        known = SECRETS | (STAGING if self.staging else {}) | self.other
        self.secrets = {name: value for name, value in known.items() if name not in self.without}


# --- The expected results -----------------------------------------------------------------------------------------


def expect(what: str, found: object, wanted: object) -> None:
    """Raises AssertionError if `found` is not `wanted`."""
    assert found == wanted, f"{what}:\n  found  {found}\n  wanted {wanted}"


GOOD = {"release": "success", "checks": "success", "tests": "success"}
CHECKS = ["make lint", "make check-migrations", "make check-schema", "make check-messages", "make check-workflow"]
TESTS = ["make test DB=postgresql", "make test DB=sqlite"]


def a_push_to_main(run: Played) -> None:
    """Tests, image and deploy run in this order, each with exactly the inputs that it needs."""
    expect("jobs", run.results, GOOD | {"image": "success", "deploy": "success"})
    calls = [re.sub(r"^ssh .* server ", "ssh ", call) for call in run.calls]
    built = calls.index("docker/setup-buildx-action")
    expect("before", sorted(call for call in calls[:built] if "/" not in call), sorted([*CHECKS, *TESTS]))
    url = "https://github.com/somebody/easy_box/actions/runs/1"
    expect(
        "after the tests",
        calls[built:],
        [
            "docker/setup-buildx-action",
            "docker/login-action",
            "docker/build-push-action",
            "anchore/scan-action",
            "ssh test -x easy_box/deploy/deploy.sh",
            "ssh easy_box/deploy/write-env.sh",
            f"ssh easy_box/deploy/deploy.sh {run.head} {url}",
        ],
    )
    expect("steps of deploy", run.steps["deploy"], ["Check out", "Connect", "Write .env", "Deploy", "Forget the key"])
    build = inputs(run, "docker/build-push-action")
    expect("tags", build["tags"].split(), [f"somebody/easybox-backend:{run.head}", "somebody/easybox-backend:latest"])
    expect("version", build["build-args"].split(), [f"VERSION={run.head}", "REQUIREMENTS=requirements.txt"])
    expect("provenance, push", (build["provenance"], build["push"]), ("mode=max", "true"))
    expect(
        "log-in", inputs(run, "docker/login-action"), {"username": "somebody", "password": SECRETS["DOCKER_PASSWORD"]}
    )
    scan = inputs(run, "anchore/scan-action")
    expect("scanned", scan["image"], f"somebody/easybox-backend@{DIGEST}")
    limits = (scan["severity-cutoff"], scan["only-fixed"], scan["fail-build"])
    expect("fails on high with a fix", limits, ("high", "true", "true"))
    records = next(text for text in run.records_of_kind("stdin") if text).split("\0")
    expect("the image by its digest", records.pop(0), f"IMAGE_DIGEST={run.head}@{DIGEST}")
    names = ["DOCKER_USERNAME", "SECRET_KEY", "DATABASE_URL", "POSTGRES_PASSWORD", "TELEGRAM_BOT_TOKEN"]
    wanted = [f"{name}={SECRETS[name]}" for name in [*names, "TELEGRAM_CHAT_ID"]]
    telegram = [record for record in records if record.startswith("TELEGRAM_API_URL=")]
    wanted += [*telegram, f"METRICS_TOKEN={SECRETS['METRICS_TOKEN']}", f"ALLOWED_HOSTS={VARIABLES['ALLOWED_HOSTS']}"]
    expect("settings", records, [*wanted, *SECRETS["EXTRA_ENV"].splitlines(), ""])
    for text in run.records_of_kind("ssh"):
        assert "StrictHostKeyChecking yes" in text, text
        assert "server ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIproduction\n" in text, text
    expect("Telegram (the server tells it itself)", run.messages, [])


def the_owners_names(run: Played) -> None:
    """Docker Hub's secrets have their other names, the image its earlier name, and photos are at Cloudinary."""
    expect("jobs", run.results, GOOD | {"image": "success", "deploy": "success"})
    build = inputs(run, "docker/build-push-action")
    expect("tags", build["tags"].split(), [f"owner/box:{run.head}", "owner/box:latest"])
    expect("packages", build["build-args"].split()[1], "REQUIREMENTS=requirements-cloudinary.txt")
    log_in = {"username": "owner", "password": OTHER_NAMES["DOCKERHUB_TOKEN"]}
    expect("log-in", inputs(run, "docker/login-action"), log_in)
    records = next(text for text in run.records_of_kind("stdin") if text).split("\0")
    digest = f"IMAGE_DIGEST={run.head}@{DIGEST}"
    expect("image on the server", records[:3], ["IMAGE=owner/box", digest, "DOCKER_USERNAME=owner"])
    sent = [f"{name}={value}" for name, value in OTHER_NAMES.items() if name.startswith("CLOUDINARY")]
    expect("Cloudinary", [record for record in records if record.startswith("CLOUDINARY")], sent)


def a_failed_test(run: Played) -> None:
    """Nothing is built or deployed, and a message is sent."""
    expect("jobs", run.results, GOOD | {"tests": "failure", "report": "success"})
    expect("image and server", [call for call in run.calls if "docker/" in call or "ssh" in call], [])
    expect_message(run, "не удалось: тесты", run.head[:10], "/actions/runs/1")


def a_failed_check(run: Played) -> None:
    """Nothing is built or deployed, and a message is sent."""
    expect("jobs", run.results, GOOD | {"checks": "failure", "report": "success"})
    expect("image and server", [call for call in run.calls if "docker/" in call or "ssh" in call], [])
    expect_message(run, "не удалось: проверки кода")


def a_pull_request(run: Played) -> None:
    """A pull request is tested only, and no program sees a secret."""
    expect("jobs", run.results, GOOD)
    expect("calls", sorted(call for call in run.calls if "/" not in call), sorted([*CHECKS, *TESTS]))
    expect("actions", {call for call in run.calls if "/" in call}, {"actions/setup-python"})
    for name, value in SECRETS.items():
        for record, text in run.records.items():
            assert not any(part in text for part in parts(name, value)), f"{name} is seen in {record}"
    expect("Telegram", run.messages, [])


def a_rollback(run: Played) -> None:
    """The chosen release is deployed again, without tests and build."""
    expect("jobs", run.results, {"release": "success", "deploy": "success"})
    assert "IMAGE_DIGEST" not in "".join(run.records_of_kind("stdin")), "the digest of another build"
    expect("last on the server", run.ssh()[-1].split()[:2], ["easy_box/deploy/deploy.sh", run.before])


def a_run_by_hand(run: Played) -> None:
    """A run by hand without a commit does the same as a push."""
    expect("jobs", run.results, GOOD | {"image": "success", "deploy": "success"})
    expect("last on the server", run.ssh()[-1].split()[:2], ["easy_box/deploy/deploy.sh", run.head])


def a_strange_commit(run: Played) -> None:
    """An unknown commit is refused before anything else."""
    expect("jobs", run.results, {"release": "failure", "report": "success"})
    expect_message(run, "не удалось: выбор версии")


def no_host_key(run: Played) -> None:
    """Without a host key no connection is made."""
    expect("jobs", run.results, GOOD | {"image": "success", "deploy": "failure", "report": "success"})
    expect("server", run.ssh(), [])
    expect_message(run, "нет связи с сервером или не приняты настройки")


def no_docker_account(run: Played) -> None:
    """The run fails with a message, and nothing is deployed."""
    expect("jobs", run.results, GOOD | {"image": "failure", "report": "success"})
    expect_message(run, "не удалось: сборка образа")


def a_release_that_the_server_refuses(run: Played) -> None:
    """The run fails. The server has sent the message, so the workflow sends none."""
    expect("jobs", run.results, GOOD | {"image": "success", "deploy": "failure"})
    expect("Telegram", run.messages, [])
    expect("steps of deploy", run.steps["deploy"][-1], "Forget the key")


def a_lost_connection(run: Played) -> None:
    """The message says that the deploy may still succeed."""
    expect("jobs", run.results, GOOD | {"image": "success", "deploy": "failure", "report": "success"})
    expect_message(run, "Связь с сервером прервалась", "deploy/status.sh")


def develop_alone(run: Played) -> None:
    """A push to develop is built without the tag `latest`. Production is not changed, although its secrets are set."""
    expect("jobs", run.results, GOOD | {"image": "success", "staging": "success"})
    build = inputs(run, "docker/build-push-action")
    expect("tags", build["tags"].split(), [f"somebody/easybox-backend:{run.head}"])
    expect("server", run.ssh(), [])


def develop_with_staging(run: Played) -> None:
    """A push to develop is deployed to the staging server with only that server's secrets."""
    expect("jobs", run.results, GOOD | {"image": "success", "staging": "success"})
    expect("last on the server", run.ssh()[-1].split()[:2], ["easy_box/deploy/deploy.sh", run.head])
    for text in run.records_of_kind("ssh"):
        assert "HostName 198.51.100.7\n" in text, text
    sent = "".join(run.records_of_kind("stdin"))
    assert f"SECRET_KEY={STAGING['STAGING_SECRET_KEY']}\0" in sent
    assert "leak-secret-key" not in sent


def develop_without_docker(run: Played) -> None:
    """In a fork without secrets only the tests run."""
    expect("jobs", run.results, GOOD | {"image": "success"})
    expect("calls", [call for call in run.calls if "docker/" in call or "ssh" in call], [])


STORIES = [
    Story("push to main", "push", a_push_to_main),
    Story("a test fails", "push", a_failed_test, failing="test postgresql"),
    Story("a check fails", "push", a_failed_check, failing="check-migrations"),
    Story("pull request", "pull_request", a_pull_request),
    Story("rollback by hand", "workflow_dispatch", a_rollback, chosen="before"),
    Story("by hand, newest", "workflow_dispatch", a_run_by_hand),
    Story("by hand, unknown commit", "workflow_dispatch", a_strange_commit, chosen="0123456789"),
    Story("no host key", "push", no_host_key, without=("SERVER_HOST_KEY",)),
    Story(
        "the owner's names",
        "push",
        the_owners_names,
        without=("DOCKER_USERNAME", "DOCKER_PASSWORD"),
        other=OTHER_NAMES,
        variables={"IMAGE": "owner/box", "MEDIA_STORAGE": "cloudinary"},
    ),
    Story("no Docker Hub account", "push", no_docker_account, without=("DOCKER_USERNAME", "DOCKER_PASSWORD")),
    Story("the server refuses", "push", a_release_that_the_server_refuses, code=1),
    Story("the connection is lost", "push", a_lost_connection, code=255),
    Story("develop, no staging", "push", develop_alone, branch="develop"),
    Story("develop, staging", "push", develop_with_staging, branch="develop", staging=True),
    Story("develop, nothing set", "push", develop_without_docker, branch="develop", without=tuple(SECRETS)),
]


# Faults to plant, each with the story that must notice it, the file, the text and its replacement.
SERVER, CONNECTION, FILE = ".github/scripts/server.sh", ".github/scripts/connection.sh", str(WORKFLOW)
FAULTS = [
    ("a trace is on", "push to main", SERVER, "set -euo pipefail", "set -euxo pipefail"),
    ("settings go by arguments", "push to main", SERVER, "write-env.sh", 'write-env.sh "$SECRET_KEY"'),
    ("a setting loses its dollars", "push to main", SERVER, '"${!name}"', '"${!name//$/}"'),
    ("any host key is taken", "push to main", CONNECTION, "HostKeyChecking yes", "HostKeyChecking accept-new"),
    ("a refusal is not the end", "no host key", CONNECTION, "  exit 1\n", "  return 0\n"),
    (
        "the build does not wait for tests",
        "a test fails",
        FILE,
        "needs: [release, checks, tests]",
        "needs: [release, checks]",
    ),
    ("pull requests are built", "pull request", FILE, "if: github.event_name != 'pull_request'", "if: true"),
    ("tests get a secret", "pull request", FILE, "DB: ${{", "LEAK: ${{ secrets.SECRET_KEY }}\n          DB: ${{"),
    ("a rollback takes the newest", "rollback by hand", FILE, "${{ needs.release.outputs.sha }}", "${{ github.sha }}"),
    ("staging takes production's key", "develop, staging", FILE, "secrets.STAGING_SECRET_KEY", "secrets.SECRET_KEY"),
    ("develop is tagged latest", "develop, no staging", FILE, "github.ref == 'refs/heads/main' && format", "format"),
    ("nobody is told", "a check fails", FILE, "contains(needs.*.result, 'failure')", "false"),
]


def expect_message(run: Played, *words: str) -> None:
    """Exactly one message was sent, and it contains these words. Raises AssertionError."""
    assert len(run.messages) == 1, f"messages: {run.messages}"
    for word in words:
        assert word in run.messages[0], f"{word!r} is not in {run.messages[0]!r}"


def inputs(run: Played, action: str) -> dict[str, str]:
    """The inputs of an action that are not empty."""
    (name,) = [name for name, text in run.records.items() if name.endswith(".call") and text.strip() == action]
    given: dict[str, str] = json.loads(run.records[name.replace(".call", ".inputs")])
    return {key: value for key, value in given.items() if value}


def parts(name: str, value: str) -> list[str]:
    """The texts that would reveal a secret: its lines, plain, encoded, and their beginnings."""
    if name in PLAIN:
        return []
    lines = [line for line in value.splitlines() if "leak" in line] or [value]
    return [
        form
        for line in lines
        for form in (line, urllib.parse.quote(line), base64.b64encode(line.encode()).decode()[:-4], line[:16])
    ]


def nothing_leaked(story: Story, run: Played) -> None:
    """Check that no secret is in the log or in an argument, nor in the environment of tests and checks."""
    arguments = run.records_of_kind("call") + run.records_of_kind("processes")
    environments = [
        text
        for name, text in run.records.items()
        if name.endswith(".env") and run.records[name[:-4] + ".call"][:4] == "make"
    ]
    for name, value in story.secrets.items():
        for part in parts(name, value):
            assert part not in run.log, f"{name} is in the log"
            assert not any(part in text for text in arguments), f"{name} is an argument of a program"
            assert not any(part in text for text in environments), f"{name} is in the environment of make"


# --- The machinery ------------------------------------------------------------------------------------------------


class Stage:
    """A repository and stand-ins for programs and actions, in a temporary folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = folder / "easy_box"
        self.records = folder / "records"
        self.programs = folder / "programs"
        self.programs.mkdir()
        for name, text in (("make", MAKE), ("ssh", SSH), ("ssh-keygen", SSH_KEYGEN)):
            (self.programs / name).write_text(text)
            (self.programs / name).chmod(0o755)
        self.stand_ins = [f"{action}={self.make_action(action)}" for action in self.used_actions()]
        shutil.copytree(ROOT / ".github", self.repository / ".github")
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("remote", "add", "origin", "https://github.com/somebody/easy_box.git")
        self.git("add", "--all")
        for message in ("one", "two"):
            self.git("commit", "--quiet", "--allow-empty", "--message", message)
        self.git("branch", "develop")
        self.head, self.before = self.git("rev-parse", "HEAD"), self.git("rev-parse", "HEAD~1")

    def git(self, *arguments: str) -> str:
        """Run git in the repository, without the person's settings."""
        clean = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}
        command = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.com", *arguments]
        done = subprocess.run(command, cwd=self.repository, env=clean, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    @staticmethod
    def used_actions() -> list[str]:
        """The actions that the workflow uses, each with its commit."""
        return sorted(set(re.findall(r"uses: (\S+@\S+)", (ROOT / WORKFLOW).read_text(encoding="utf-8"))))

    def make_action(self, action: str) -> Path:
        """Create a stand-in for an action, which records its inputs. Returns its folder."""
        name = action.partition("@")[0]
        folder = self.folder / "actions" / name
        folder.mkdir(parents=True)
        text = (ROOT / WORKFLOW).read_text(encoding="utf-8")
        blocks = re.findall(rf"uses: {re.escape(action)}[^\n]*\n\s+with:\n((?: {{10,}}.*\n)+)", text)
        names = {match for block in blocks for match in re.findall(r"^ {10}([a-z-]+):", block, re.MULTILINE)}
        given = "".join(f"\n  {one}: {{required: false}}" for one in sorted(names)) or " {}"
        (folder / "action.yml").write_text(
            ACTION.replace(" {INPUTS}", given).replace("NAME", name).replace("DIGEST", DIGEST)
        )
        return folder

    def play(self, story: Story) -> Played:
        """Run act for a story. Returns the record of the run."""
        shutil.rmtree(self.records, ignore_errors=True)
        self.records.mkdir()
        (self.folder / "failing").write_text(story.failing)
        (self.folder / "code").write_text(str(story.code))
        self.git("switch", "--quiet", story.branch)
        event: dict[str, object] = {"ref": f"refs/heads/{story.branch}"}
        if story.event == "pull_request":
            event = {"number": 7, "pull_request": {"number": 7, "head": {"ref": "feature"}, "base": {"ref": "main"}}}
        if story.chosen:
            event["inputs"] = {"sha": self.before if story.chosen == "before" else story.chosen}
        (self.folder / "event.json").write_text(json.dumps(event))
        (self.folder / "secrets.yml").write_text(json.dumps(story.secrets))  # JSON is YAML
        with telegram(SECRETS["TELEGRAM_BOT_TOKEN"], SECRETS["TELEGRAM_CHAT_ID"]) as bot:
            variables = VARIABLES | story.variables | {"TELEGRAM_API_URL": bot.url}
            command = [str(Path(sys.executable).parent / "act"), story.event, "--workflows", str(WORKFLOW)]
            command += ["--json", "--insecure-secrets", "--no-cache-server", "--concurrent-jobs", "2"]
            command += ["--platform", f"{RUNNER}=-self-hosted", "--action-cache-path", str(self.folder / "cache")]
            command += ["--eventpath", str(self.folder / "event.json"), "--env-file", os.devnull]
            command += ["--secret-file", str(self.folder / "secrets.yml"), "--env", f"RECORDS={self.records}"]
            for name, value in variables.items():
                command += ["--var", f"{name}={value}"]
            for stand_in in self.stand_ins:
                command += ["--local-repository", stand_in]
            done = subprocess.run(
                command,
                cwd=self.repository,
                env={"PATH": f"{self.programs}:{os.environ['PATH']}", "HOME": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            return self.read(done.stdout, bot.texts)

    def read(self, log: str, texts: list[str]) -> Played:
        """The record of a run, from act's log, the stand-ins' records and Telegram's messages."""
        results: dict[str, str] = {}
        steps: dict[str, list[str]] = {}
        for line in log.splitlines():
            entry = json.loads(line) if line.startswith("{") else {}
            job = entry.get("jobID", "")
            if result := entry.get("jobResult"):
                results[job] = "failure" if "failure" in (result, results.get(job)) else result
            if entry.get("stepResult") and entry.get("stage") == "Main" and entry["stepResult"] != "skipped":
                steps.setdefault(job, []).append(entry["step"].removeprefix("Main "))
        results = {job: result for job, result in results.items() if result != "skipped"}
        records = {path.name: path.read_text() for path in self.records.iterdir()}
        ordered = sorted((name for name in records if name.endswith(".call")), key=lambda name: int(name.split("-")[0]))
        calls = [records[name].strip() for name in ordered]
        return Played(log, results, steps, calls, records, texts, self.head, self.before)


def main() -> int:
    """Run the chosen stories; without words also plant the faults. Returns 0 if all went as expected, else 1.

    Exits with 2 if a word is in no story's name.
    """
    words = sys.argv[1:]
    names = [story.name for story in STORIES]
    check_names([word for word in words if not any(word in name for name in names)], names)
    stories = [story for story in STORIES if not words or any(word in story.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="easybox-workflow-") as folder:
        stage = Stage(Path(folder))
        bad = sum(not play_and_print(stage, story) for story in stories)
        print(f"\n{len(stories) - bad} of {len(stories)} stories as expected; no secret in a log or an argument.\n")
        if not words:
            missed = sum(not is_noticed(stage, *fault) for fault in FAULTS)
            print(f"\n{len(FAULTS) - missed} of {len(FAULTS)} planted faults noticed.")
            bad += missed
    return 1 if bad else 0


def play_and_print(stage: Stage, story: Story) -> bool:
    """Play one story and print the result. Returns whether it is as expected."""
    began = time.monotonic()
    run = stage.play(story)
    problem = problem_of(story, run)
    jobs = ", ".join(f"{job}{'' if how == 'success' else ' FAILS'}" for job, how in run.results.items())
    print(f"{story.name:24} {time.monotonic() - began:4.1f} s  {'FAILED' if problem else 'ok':6}  {jobs}")
    for text in run.messages:
        print(f"{'':40} Telegram: {text.splitlines()[0]}")
    if problem:
        print(f"{readable(run.log)}\n{problem}")
    return not problem


def problem_of(story: Story, run: Played) -> str:
    """What is not as expected in a run, as text; "" if nothing."""
    try:
        story.check(run)
        nothing_leaked(story, run)
    except (AssertionError, IndexError, KeyError, StopIteration, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def is_noticed(stage: Stage, name: str, story_name: str, file: str, old: str, new: str) -> bool:
    """Plant a fault, play its story, and remove the fault. Returns whether the story noticed it."""
    path = stage.repository / file
    right = path.read_text(encoding="utf-8")
    assert old in right, f"{file} has no {old!r} any more: the fault {name!r} must be planted otherwise"
    path.write_text(right.replace(old, new), encoding="utf-8")
    (story,) = [story for story in STORIES if story.name == story_name]
    problem = problem_of(story, stage.play(story))
    path.write_text(right, encoding="utf-8")
    print(f"{name:36} {'noticed: ' + problem.splitlines()[0][:90] if problem else 'NOT NOTICED'}")
    return bool(problem)


def readable(log: str) -> str:
    """The messages of act's log, as text."""
    return "\n".join(
        str(json.loads(line).get("msg", "")).rstrip() if line[:1] == "{" else line for line in log.splitlines()
    )


if __name__ == "__main__":
    sys.exit(main())
