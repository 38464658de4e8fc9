"""The scripts of the workflow, with a fake ssh and a local Bot API. The whole workflow: `make verify-workflow`."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPTS = ROOT / ".github" / "scripts"
SHA = "0123456789abcdef0123456789abcdef01234567"
RUN_URL = "https://github.com/somebody/easy_box/actions/runs/7"
TOKEN = "123456:AA-token_of_the_bot"
CONNECTION = {
    "SERVER_HOST": "203.0.113.5",
    "SERVER_PORT": "2222",
    "SERVER_USER": "deploy",
    "SERVER_HOST_KEY": "# 203.0.113.5:22 SSH-2.0\n[203.0.113.5]:2222 ssh-ed25519 AAAAC3key1+/=\n",
    "SSH_PRIVATE_KEY": "-----BEGIN OPENSSH PRIVATE KEY-----\r\nsecret line\r\n-----END OPENSSH PRIVATE KEY-----",
}
FAKES = {
    # Records its arguments and standard input, and exits with the code in a file.
    "ssh": 'printf "%s\\n" "$@" >"$RECORD/arguments"; cat >"$RECORD/stdin"; exit "$(cat "$RECORD/code" || echo 0)"',
    "ssh-keygen": 'for last; do :; done; head -1 "$last" | grep -q "^-----BEGIN .* PRIVATE KEY-----$"',
}


class Desk:
    """The environment of a workflow step: a folder, fake programs, and the file for the step's outputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "output"
        programs = folder / "programs"
        programs.mkdir()
        for name, body in FAKES.items():
            (programs / name).write_text(f"#!/bin/bash\n{body}\n")
            (programs / name).chmod(0o755)
        (folder / "code").write_text("0")
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "RECORD": str(folder),
            "RUNNER_TEMP": str(folder),
            "GITHUB_OUTPUT": str(self.output),
        }

    def run(self, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script of .github/scripts/ with these variables and no others."""
        command = [str(SCRIPTS / script), *arguments]
        environment = self.environment | variables
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def sent(self, name: str) -> str:
        """What ssh received: its `arguments` or its `stdin`."""
        return (self.folder / name).read_text()

    def outputs(self) -> str:
        """The outputs of the step."""
        return self.output.read_text() if self.output.exists() else ""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """The environment of a workflow step."""
    return Desk(tmp_path)


# --- The connection -----------------------------------------------------------------------------------------------


def test_the_connection_is_pinned_to_the_servers_key_and_only_the_owner_can_read_our_key(desk: Desk) -> None:
    """The host name in the secret does not matter, nor do Windows line ends."""
    result = desk.run("server.sh", "connect", **CONNECTION)
    assert result.returncode == 0, result.stdout
    ssh = desk.folder / "easybox-ssh"
    assert (ssh / "known_hosts").read_text() == "server ssh-ed25519 AAAAC3key1+/=\n"
    assert (ssh / "key").stat().st_mode & 0o777 == 0o600
    assert "\r" not in (ssh / "key").read_text()
    config = (ssh / "config").read_text()
    for line in ("StrictHostKeyChecking yes", "HostName 203.0.113.5", "Port 2222", "User deploy", "BatchMode yes"):
        assert f"  {line}\n" in config
    assert "secret line" not in result.stdout + result.stderr
    assert desk.run("server.sh", "disconnect").returncode == 0
    assert not ssh.exists()


@pytest.mark.parametrize("name", ["SERVER_HOST", "SERVER_USER", "SERVER_HOST_KEY", "SSH_PRIVATE_KEY"])
def test_if_a_secret_is_missing_it_is_named_and_nothing_is_connected(desk: Desk, name: str) -> None:
    """Without a host key, another server could answer in place of ours."""
    result = desk.run("server.sh", "connect", **(CONNECTION | {name: ""}))
    assert result.returncode == 1
    assert f"Missing secrets: {name} (" in result.stdout
    assert not (desk.folder / "arguments").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVER_HOST", "-oProxyCommand=id"),
        ("SERVER_HOST", "host\n  ProxyCommand id"),
        ("SERVER_USER", "deploy\n  ProxyCommand id"),
        ("SERVER_PORT", "22; id"),
        ("SERVER_HOST_KEY", "@cert-authority * nothing"),
        ("SSH_PRIVATE_KEY", "my password"),
    ],
)
def test_an_invalid_secret_is_refused_and_not_shown(desk: Desk, name: str, value: str) -> None:
    """It could become a line of ssh's configuration."""
    result = desk.run("server.sh", "connect", **(CONNECTION | {name: value}))
    assert result.returncode == 1
    assert name in result.stdout
    assert value not in result.stdout + result.stderr
    assert not (desk.folder / "arguments").exists()


# --- .env ---------------------------------------------------------------------------------------------------------


def test_settings_are_sent_unchanged_and_by_standard_input_only(desk: Desk) -> None:
    """Values may contain quotes, dollars and line breaks, since each record ends with a NUL."""
    nasty = "a'b\"c $HOME `id` \\ # ü\nsecond line"
    extra = "# a comment\nTIME_ZONE=Europe/Berlin\r\n\nDOMAIN=a=b c\n"
    result = desk.run("server.sh", "write-env", DOCKER_USERNAME="somebody", SECRET_KEY=nasty, EXTRA_ENV=extra)
    assert result.returncode == 0, result.stdout
    records = desk.sent("stdin").split("\0")
    assert records == [
        "DOCKER_USERNAME=somebody",
        f"SECRET_KEY={nasty}",
        "TIME_ZONE=Europe/Berlin",
        "DOMAIN=a=b c",
        "",
    ]
    assert desk.sent("arguments").splitlines()[-2:] == ["server", "easy_box/deploy/write-env.sh"]
    assert "$HOME" not in result.stdout + result.stderr + desk.sent("arguments")


def test_an_empty_setting_is_not_sent(desk: Desk) -> None:
    """The server then uses its default."""
    assert desk.run("server.sh", "write-env", DOCKER_USERNAME="somebody", SECRET_KEY="").returncode == 0
    assert desk.sent("stdin") == "DOCKER_USERNAME=somebody\0"


def test_a_line_that_is_no_setting_is_refused_and_not_shown(desk: Desk) -> None:
    """It may be a part of a secret."""
    result = desk.run("server.sh", "write-env", DOCKER_USERNAME="somebody", EXTRA_ENV="A=1\npassw0rd")
    assert result.returncode == 1
    assert "EXTRA_ENV" in result.stdout
    assert "passw0rd" not in result.stdout + result.stderr


def test_a_server_that_refuses_the_settings_stops_the_deploy(desk: Desk) -> None:
    """The server's message says what is missing."""
    (desk.folder / "code").write_text("1")
    assert desk.run("server.sh", "write-env", DOCKER_USERNAME="somebody").returncode == 1


# --- The deploy ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "good", "output"),
    [
        (0, True, "reported=true\n"),
        (1, False, "reported=true\n"),
        (3, False, "reported=true\n"),
        (75, False, "reported=true\n"),
        (2, False, ""),
        (127, False, ""),
        (255, False, "reported=lost\n"),
    ],
)
def test_the_deploy_succeeds_only_with_the_servers_exit_code_0(desk: Desk, code: int, good: bool, output: str) -> None:
    """`reported` says whether the server has sent the Telegram message (deploy/README.md)."""
    (desk.folder / "code").write_text(str(code))
    result = desk.run("server.sh", "deploy", SHA=SHA, RUN_URL=RUN_URL)
    assert (result.returncode == 0) == good
    assert desk.outputs() == output
    assert desk.sent("arguments").splitlines()[-3:] == ["easy_box/deploy/deploy.sh", SHA, RUN_URL]


@pytest.mark.parametrize(("sha", "url"), [("main", RUN_URL), (f"{SHA};id", RUN_URL), (SHA, "https://x/$(id)")])
def test_an_invalid_commit_or_url_is_not_passed_to_the_server(desk: Desk, sha: str, url: str) -> None:
    """ssh passes its arguments to a shell there."""
    assert desk.run("server.sh", "deploy", SHA=sha, RUN_URL=url).returncode == 1
    assert not (desk.folder / "arguments").exists()


# --- Which commit -------------------------------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> str:
    """Run git without the person's own settings."""
    clean = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "HOME": str(folder)}
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | clean
    command = ["git", *who, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits on main, and one more on the branch `beside`."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for branch, message in [("main", "one"), ("main", "two"), ("beside", "three")]:
        if branch != "main":
            git(folder, "switch", "--quiet", "--create", branch)
        git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    git(folder, "switch", "--quiet", "main")
    return folder


def choose(desk: Desk, repository: Path, chosen: str) -> subprocess.CompletedProcess[str]:
    """Run release.sh, as the workflow's first job does. chosen: the commit that a person has entered, or ""."""
    newest = git(repository, "rev-parse", "main").strip()
    return subprocess.run(
        [str(SCRIPTS / "release.sh")],
        cwd=repository,
        env=desk.environment | {"GITHUB_SHA": newest, "GITHUB_REF_NAME": "main", "CHOSEN": chosen},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_push_builds_its_own_commit(desk: Desk, repository: Path) -> None:
    """So does a run by hand that chooses no commit."""
    assert choose(desk, repository, "").returncode == 0
    assert desk.outputs() == f"sha={git(repository, 'rev-parse', 'main').strip()}\nbuild=true\n"


def test_an_earlier_commit_can_be_chosen_by_a_short_hash_and_is_not_built(desk: Desk, repository: Path) -> None:
    """That is a rollback: its image exists."""
    earlier = git(repository, "rev-parse", "main~1").strip()
    assert choose(desk, repository, earlier[:8]).returncode == 0
    assert desk.outputs() == f"sha={earlier}\nbuild=false\n"


@pytest.mark.parametrize("chosen", ["beside", "main", "0000000", "HEAD~1", "--help", "$(id)"])
def test_anything_but_a_commit_of_this_branch_is_refused(desk: Desk, repository: Path, chosen: str) -> None:
    """The name of a branch is refused too: it may point to another commit tomorrow."""
    if chosen == "beside":
        chosen = git(repository, "rev-parse", "beside").strip()
    assert choose(desk, repository, chosen).returncode == 1
    assert desk.outputs() == ""


# --- Are there secrets --------------------------------------------------------------------------------------------


def test_if_secrets_are_missing_the_job_is_skipped_or_fails_and_names_them(desk: Desk) -> None:
    assert desk.run("has-secrets.sh", "A", "B", A="1", B="2").returncode == 0
    assert desk.outputs() == "present=true\n"
    result = desk.run("has-secrets.sh", "A", "B", A="value", B="")
    assert (result.returncode, result.stdout) == (0, "Not set, so there is nothing to do: B\n")
    assert desk.outputs() == "present=true\npresent=false\n"
    result = desk.run("has-secrets.sh", "A", "B", A="value", REQUIRED="true")
    assert result.returncode == 1
    assert "Missing secrets: B" in result.stdout


# --- Telegram -----------------------------------------------------------------------------------------------------


class BotApi(HTTPServer):
    """A fake Bot API that records messages. answer: the status of its responses."""

    answer = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.messages: list[tuple[str, dict[str, list[str]]]] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One message."""

    server: BotApi

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.messages.append((self.path, parse_qs(body)))
        self.send_response(self.server.answer)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Write no log."""


@pytest.fixture
def telegram() -> Iterator[BotApi]:
    """A running fake Bot API."""
    with BotApi() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def report(desk: Desk, telegram: BotApi, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run report_failure.py, as the workflow's last job does."""
    settings = {
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_CHAT_ID": "-100200",
        "TELEGRAM_API_URL": telegram.url,
        "SHA": SHA,
        "RUN_URL": RUN_URL,
        "RESULTS": "release=success checks=success tests=failure image=skipped deploy=skipped",
    }
    return desk.run("report_failure.py", **(settings | variables))


def test_one_message_names_the_failed_jobs_and_the_runs_address(desk: Desk, telegram: BotApi) -> None:
    result = report(desk, telegram)
    assert result.returncode == 0, result.stdout + result.stderr
    ((path, message),) = telegram.messages
    assert path == f"/bot{TOKEN}/sendMessage"
    assert message["chat_id"] == ["-100200"]
    (text,) = message["text"]
    assert "тесты" in text
    assert "образ" not in text
    assert RUN_URL in text
    assert SHA[:10] in text
    assert TOKEN not in result.stdout + result.stderr


def test_the_message_is_in_english_if_that_is_the_managers_language(desk: Desk, telegram: BotApi) -> None:
    """The server's own messages are too."""
    report(desk, telegram, ADMIN_LANGUAGE_CODE="en")
    (text,) = telegram.messages[0][1]["text"]
    assert "was not deployed, what failed: tests" in text


def test_a_lost_connection_is_not_reported_as_a_failed_release(desk: Desk, telegram: BotApi) -> None:
    """The deploy continues on the server."""
    report(desk, telegram, REPORTED="lost", RESULTS="release=success deploy=failure")
    (text,) = telegram.messages[0][1]["text"]
    assert "deploy/status.sh" in text


@pytest.mark.parametrize("answer", [401, 404])
def test_a_refused_message_fails_without_showing_the_token(desk: Desk, telegram: BotApi, answer: int) -> None:
    """The workflow run must show that no message was sent."""
    telegram.answer = answer
    result = report(desk, telegram)
    assert result.returncode == 1
    assert "message could not be sent" in result.stdout
    assert TOKEN not in result.stdout + result.stderr


@pytest.mark.parametrize("token", ["", 'x"\noutput = /etc/passwd'])
def test_without_a_valid_token_nothing_is_sent(desk: Desk, telegram: BotApi, token: str) -> None:
    """A missing token is no error; an invalid one is."""
    result = report(desk, telegram, TELEGRAM_BOT_TOKEN=token)
    assert (result.returncode == 0) == (token == "")
    assert telegram.messages == []


# --- make gitflow -------------------------------------------------------------------------------------------------


def gitflow(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `make gitflow` in `folder` with these variables."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "HOME": str(folder)}
    return subprocess.run(
        [str(ROOT / "dev" / "gitflow.sh")],
        cwd=folder,
        env={"PATH": os.environ["PATH"]} | settings | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def branches(folder: Path) -> dict[str, str]:
    """Each branch with its commit."""
    lines = git(folder, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads").splitlines()
    return dict(line.split() for line in lines)


def test_gitflow_makes_develop_and_a_feature_from_main(repository: Path) -> None:
    """There need not be a remote."""
    before = branches(repository)
    result = gitflow(repository, NAME="stock-report")
    assert result.returncode == 0, result.stderr
    after = branches(repository)
    assert after == before | {"develop": before["main"], "feature/stock-report": before["main"]}
    assert git(repository, "branch", "--show-current").strip() == "feature/stock-report"


def test_gitflow_twice_changes_nothing(repository: Path) -> None:
    """It does not move a branch that has new commits."""
    gitflow(repository, NAME="stock-report")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "work")
    before = branches(repository)
    result = gitflow(repository, NAME="feature/stock-report")
    assert result.returncode == 0, result.stderr
    assert branches(repository) == before


def test_gitflow_takes_the_remotes_branches_and_publishes_its_own_with_push(repository: Path, tmp_path: Path) -> None:
    """Two people who both call it end up on the same develop."""
    shared, second = tmp_path / "shared.git", tmp_path / "second"
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), str(shared))
    git(repository, "remote", "add", "origin", str(shared))
    assert gitflow(repository, NAME="one", PUSH="1").returncode == 0
    git(repository, "switch", "--quiet", "develop")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "on develop")
    git(repository, "push", "--quiet", "origin", "develop")
    git(tmp_path, "clone", "--quiet", str(shared), str(second))
    result = gitflow(second, NAME="two")
    assert result.returncode == 0, result.stderr
    there, here = branches(second), branches(repository)
    assert there["feature/two"] == there["develop"] == here["develop"] != here["main"]
    assert set(branches(shared)) == {"main", "develop", "beside", "feature/one"}


@pytest.mark.parametrize("name", ["two words", "..", "x.lock", "a~b"])
def test_gitflow_refuses_an_invalid_branch_name_and_creates_nothing(repository: Path, name: str) -> None:
    before = branches(repository)
    assert gitflow(repository, NAME=name).returncode == 1
    assert branches(repository) == before
