"""The parts of deploy/ that need no Docker: settings and Telegram messages. Everything: `make verify-deploy`."""

import json
import random
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from api.tests import bot_api

ROOT = Path(__file__).resolve().parents[2]
NEEDED = {"SECRET_KEY": "k" * 50, "ALLOWED_HOSTS": "box.example.com", "POSTGRES_PASSWORD": "p4ssword"}
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here: apt-get install curl")
LETTERS = "ab1 '\"\\$`#={}\t!%&;|<>()*?~[]éЖ"


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A folder like the checkout on a server."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    (tmp_path / "easy_box_backend").mkdir()
    return tmp_path


def write(server: Path, given: str) -> subprocess.CompletedProcess[str]:
    """Run write-env.sh with `given` as standard input."""
    script = server / "deploy/write-env.sh"
    return subprocess.run([str(script)], input=given, text=True, capture_output=True, check=False)


def records(values: dict[str, str]) -> str:
    """These settings as write-env.sh reads them: each record ends with a NUL byte."""
    return "".join(f"{name}={value}\0" for name, value in values.items())


def put_into_use(server: Path) -> str:
    """Put new settings into use as deploy.sh does; returns the new .env."""
    folder = server / "easy_box_backend"
    (folder / ".env.next").rename(folder / ".env")
    return (folder / ".env").read_text()


def bash(server: Path, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a piece of bash after common.sh and report.sh, with these arguments and environment variables."""
    command = ["bash", "-c", f". {server}/deploy/common.sh; . {server}/deploy/report.sh; {script}", "test", *arguments]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", **variables}
    return subprocess.run(command, env=environment, text=True, capture_output=True, check=False)


# --- Settings -----------------------------------------------------------------------------------------------------
def test_a_value_may_hold_any_character(server: Path) -> None:
    chosen = random.Random(5)
    values = {f"X{number}": "".join(chosen.choices(LETTERS, k=12)) for number in range(150)}
    done = write(server, records(NEEDED | values))
    assert done.returncode == 0, done.stderr
    put_into_use(server)
    script = 'for name in "$@"; do printf "%s\\0" "$(setting "$name")"; done'
    read = bash(server, script, *values).stdout.split("\0")[:-1]
    assert dict(zip(values, read, strict=True)) == values


def test_settings_may_be_given_as_lines_with_comments_between(server: Path) -> None:
    lines = [f"{name}={value}" for name, value in NEEDED.items()]
    assert write(server, "\n".join(["# mine", "", *lines, "LOG_LEVEL=INFO\r"])).returncode == 0
    assert "LOG_LEVEL='INFO'\n" in put_into_use(server)


def test_a_key_of_several_lines_stays_whole(server: Path) -> None:
    write(server, records(NEEDED | {"KEY": "first\nVERSION=second\nthird"}))
    assert "KEY='first\nVERSION=second\nthird'\n" in put_into_use(server)


def test_only_the_owner_may_read_the_settings(server: Path) -> None:
    write(server, records(NEEDED))
    assert stat.S_IMODE((server / "easy_box_backend/.env.next").stat().st_mode) == 0o600


def test_nothing_changes_before_the_deploy(server: Path) -> None:
    (server / "easy_box_backend/.env").write_text("LOG_LEVEL=INFO\n")
    write(server, records(NEEDED))
    assert (server / "easy_box_backend/.env").read_text() == "LOG_LEVEL=INFO\n"


def test_the_operators_own_lines_stay_and_lines_written_earlier_by_the_script_are_replaced(server: Path) -> None:
    (server / "easy_box_backend/.env").write_text("VERSION=abc\n# mine\nWEB_PROCESSES=4\n")
    write(server, records(NEEDED | {"METRICS_TOKEN": "old"}))
    put_into_use(server)
    write(server, records(NEEDED | {"LOG_LEVEL": "INFO"}))
    text = put_into_use(server)
    assert text.startswith("VERSION=abc\n# mine\nWEB_PROCESSES=4\n# --- Written by")
    assert "METRICS_TOKEN" not in text
    assert text.count("SECRET_KEY") == 1


def test_a_setting_in_the_operators_own_lines_need_not_be_given(server: Path) -> None:
    (server / "easy_box_backend/.env").write_text("SECRET_KEY_FILE=/run/secrets/secret_key\n")
    given = {name: value for name, value in NEEDED.items() if name != "SECRET_KEY"}
    assert write(server, records(given)).returncode == 0


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_setting_is_named_and_nothing_is_written(server: Path, name: str) -> None:
    done = write(server, records(NEEDED | {name: ""}))
    assert done.returncode == 1
    assert f"missing: {name}" in done.stderr
    assert not list((server / "easy_box_backend").iterdir())


@pytest.mark.parametrize(
    "given", ["s3cret-without-a-name", "2=s3cret", "SECRET_KEY=s3cret", "POSTGRES_PASSWORD=s3cret@host/"]
)
def test_a_wrong_setting_is_refused_without_showing_its_value(server: Path, given: str) -> None:
    done = write(server, records(NEEDED) + given + "\0")
    assert done.returncode == 1
    assert "s3cret" not in done.stdout + done.stderr


def test_the_image_is_named_after_the_account_that_pushes_it(server: Path) -> None:
    write(server, records(NEEDED | {"DOCKER_USERNAME": "shop"}))
    text = put_into_use(server)
    assert "IMAGE='shop/easybox-backend'\n" in text
    assert "DOCKER_USERNAME" not in text


# --- The release that runs ----------------------------------------------------------------------------------------
def test_the_release_is_written_once_and_all_else_stays(server: Path) -> None:
    path = server / "easy_box_backend/.env"
    path.write_text("# mine\nVERSION=old\nKEY='a\nb'\n")
    bash(server, "write_release new")
    assert path.read_text() == "VERSION=new\n# mine\nKEY='a\nb'\n"
    assert bash(server, "VERSION=other running_release").stdout == "new"


def test_each_release_is_listed_once_the_latest_first(server: Path) -> None:
    folder = server / "var/deploy"
    folder.mkdir(parents=True)
    (folder / "releases").write_text("a 1\nb 2\nb 3\nc 4\n")
    assert bash(server, "releases").stdout.split() == ["c", "b", "a"]


@pytest.mark.parametrize(("served", "back_to", "left"), [("abc", "b", "ba"), ("abac", "a", "ab"), ("ab", "x", "xba")])
def test_a_rollback_removes_the_later_releases(server: Path, served: str, back_to: str, left: str) -> None:
    """They are bad. Those from before the rollback's release stay, also if that one served twice."""
    (server / "var/deploy").mkdir(parents=True)
    for name in served:
        bash(server, f"remember deploy {name}")
    bash(server, f"remember rollback {back_to}")
    assert bash(server, "releases").stdout.split() == list(left)


# --- The workflow's key -------------------------------------------------------------------------------------------
def run_by_ssh(server: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run `command` as sshd does for the workflow's key. Fakes of deploy/'s scripts print their arguments."""
    for name in ("deploy.sh", "write-env.sh", "status.sh"):
        (server / "deploy" / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
    script, environment = (
        str(server / "deploy/ssh-command.sh"),
        {"PATH": "/usr/bin:/bin", "SSH_ORIGINAL_COMMAND": command},
    )
    return subprocess.run([script], env=environment, text=True, capture_output=True, check=False)


def test_the_workflows_key_can_do_what_the_workflow_does(server: Path) -> None:
    link = "https://github.com/somebody/easy_box/actions/runs/7"
    assert run_by_ssh(server, "test -x easy_box/deploy/deploy.sh").returncode == 0
    assert run_by_ssh(server, "easy_box/deploy/write-env.sh").stdout == "write-env.sh\n"
    assert run_by_ssh(server, f"easy_box/deploy/deploy.sh {'a' * 40} {link}").stdout == f"deploy.sh {'a' * 40} {link}\n"


@pytest.mark.parametrize(
    "command",
    ["", "bash", "id", "easy_box/deploy/deploy.sh", "easy_box/deploy/deploy.sh main https://x", "scp -t .",
     f"easy_box/deploy/deploy.sh {'a' * 40} https://x; id", f"easy_box/deploy/deploy.sh {'a' * 40} $(id)",
     f"easy_box/deploy/deploy.sh {'a' * 40} https://x\nid", "easy_box/deploy/write-env.sh; id", "../deploy/status.sh",
     "easy_box/deploy/rollback.sh", "test -x easy_box/deploy/deploy.sh && id"],
)  # fmt: skip
def test_the_workflows_key_can_do_nothing_else(server: Path, command: str) -> None:
    done = run_by_ssh(server, command)
    assert (done.returncode, done.stdout) == (126, "")


# --- The image ----------------------------------------------------------------------------------------------------
IMAGES = """#!/bin/bash
echo "$*" >>"$RECORD"
case "$*" in
  "image inspect --format"*) [ "$HERE" = "${!#}" ] && echo "shop/box@sha256:good" ;;
  "image inspect"*) [ "$HERE" = "$3" ] ;;
  "pull --quiet "*) [ "$3" != shop/box@sha256:gone ] ;;
esac
"""
RELEASE = "a" * 40


def take_image(server: Path, digest: str, here: str = "") -> tuple[int, list[str]]:
    """Run `take_image` of steps.sh with a fake docker; returns its exit code and docker's arguments, without `inspect`.

    digest: the setting IMAGE_DIGEST. here: the image that is on the server already.
    """
    programs = server / "programs"
    programs.mkdir()
    (programs / "docker").write_text(IMAGES)
    (programs / "docker").chmod(0o755)
    text = (server / "deploy/steps.sh").read_text()
    function = "take_image() {" + text.partition("take_image() {")[2].partition("\n}\n")[0] + "\n}\n"
    record = server / "record"
    record.touch()
    done = bash(
        server, f"{function}\ntake_image", PATH=f"{programs}:/usr/bin:/bin", RECORD=str(record), HERE=here,
        VERSION=RELEASE, IMAGE="shop/box", IMAGE_DIGEST=digest,
    )  # fmt: skip
    return done.returncode, [line for line in record.read_text().splitlines() if "inspect" not in line]


def test_the_image_is_pulled_by_the_digest_that_the_workflow_has_built(server: Path) -> None:
    taken = ["pull --quiet shop/box@sha256:good", f"tag shop/box@sha256:good shop/box:{RELEASE}"]
    assert take_image(server, f"{RELEASE}@sha256:good") == (0, taken)


def test_another_image_under_the_tag_is_not_taken(server: Path) -> None:
    assert take_image(server, f"{RELEASE}@sha256:gone", here=f"shop/box:{RELEASE}")[0] == 1


def test_the_right_image_is_not_pulled_again(server: Path) -> None:
    assert take_image(server, f"{RELEASE}@sha256:good", here=f"shop/box:{RELEASE}") == (0, [])


def test_the_digest_of_another_release_says_nothing_about_this_one(server: Path) -> None:
    assert take_image(server, f"{'b' * 40}@sha256:good") == (0, [f"pull --quiet shop/box:{RELEASE}"])


# --- A lost server ------------------------------------------------------------------------------------------------
DOCKER = """#!/bin/bash
echo "$*" >>"$RECORD"
[ "$1" = run ] || exit 0
for word; do case $word in *:/target) new=${word%:/target} ;; esac; done
mkdir -p "$new"/backups/2026-01-31T023000Z "$new"/secrets "$new"/certs
printf 'VERSION=%s\nIMAGE=shop/box\n' "$RELEASE" >"$new/.env"
echo set >"$new/backups/2026-01-31T023000Z/SHA256SUMS"
echo there >"$new/secrets/bot"
echo key >"$new/certs/privkey.pem"
"""


def fetch(server: Path) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run fetch-offsite.sh on a bare server with a fake docker that fetches a copy. Returns the ended process, and the
    arguments of docker."""
    backend, programs = server / "easy_box_backend", server / "programs"
    shutil.copy(ROOT / "easy_box_backend/docker-compose.optional.yml", backend)
    programs.mkdir()
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-C", str(server)]
    for words in (
        ["init", "-q"],
        ["add", "deploy"],
        ["commit", "-qm", "one"],
        ["commit", "-q", "--allow-empty", "-m", "2"],
    ):
        subprocess.run([*git, *words], check=True, capture_output=True)
    release = subprocess.run([*git, "rev-parse", "HEAD~1"], check=True, capture_output=True, text=True).stdout.strip()
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "RECORD": str(server / "record"), "RELEASE": release}
    script = str(server / "deploy/fetch-offsite.sh")
    done = subprocess.run([script], env=environment, text=True, capture_output=True, check=False)
    if done.returncode == 0:
        head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        assert head == release
    return done, (server / "record").read_text() if (server / "record").exists() else ""


def test_a_bare_server_gets_the_settings_secrets_backup_set_and_release_of_the_lost_server(server: Path) -> None:
    backend = server / "easy_box_backend"
    (backend / "offsite.env").write_text("RESTIC_PASSWORD=s3cret\n")
    done, arguments = fetch(server)
    assert done.returncode == 0, done.stderr
    assert "IMAGE=shop/box" in (backend / ".env").read_text()
    assert stat.S_IMODE((backend / ".env").stat().st_mode) & 0o077 == 0
    assert (backend / "secrets/bot").read_text() == "there\n"
    assert (backend / "certs/privkey.pem").exists()
    assert (backend / "backups/2026-01-31T023000Z/SHA256SUMS").exists()
    assert f"--env-file {backend}/offsite.env" in arguments
    assert re.search(r"restic/restic:\d+\.\d+\.\d+", arguments)
    assert "s3cret" not in arguments + done.stdout + done.stderr
    assert not list((server / "var/deploy").glob("offsite.*"))


def test_a_file_that_the_server_already_has_is_not_overwritten(server: Path) -> None:
    backend = server / "easy_box_backend"
    (backend / "secrets").mkdir()
    (backend / "secrets/bot").write_text("here\n")
    (backend / "offsite.env").write_text("RESTIC_PASSWORD=s3cret\n")
    assert fetch(server)[0].returncode == 0
    assert (backend / "secrets/bot").read_text() == "here\n"


def test_without_the_keys_nothing_is_fetched(server: Path) -> None:
    done, arguments = fetch(server)
    assert done.returncode == 1
    assert "offsite.env" in done.stderr
    assert arguments == ""


# --- Telegram -----------------------------------------------------------------------------------------------------
def send_report(
    server: Path, *report: str, **variables: str
) -> tuple[subprocess.CompletedProcess[str], list[dict[str, object]]]:
    """Call `report` of report.sh with a fake Bot API; returns the ended process and the messages that were sent."""
    with bot_api.serve() as api:
        settings = {"TELEGRAM_BOT_TOKEN": bot_api.TOKEN, "TELEGRAM_CHAT_ID": "-100", "TELEGRAM_API_URL": api.url}
        done = bash(server, 'report "$@"', *report, **(settings | variables))
        assert all(path == f"/bot{bot_api.TOKEN}/sendMessage" for path, _ in api.requests)
        return done, api.messages


@needs_curl
def test_the_message_about_a_failure_has_its_reason_and_the_link(server: Path) -> None:
    done, messages = send_report(
        server, "failed", "a" * 40, "b" * 40, "на диске мало места: 5 МБ", LINK="https://example.com/1?a&b"
    )
    assert done.returncode == 0
    assert messages == [
        {
            "chat_id": "-100",
            "text": "❌ Версия <code>aaaaaaaaaa</code> не развёрнута: на диске мало места: 5 МБ.\n"
            "По-прежнему работает <code>bbbbbbbbbb</code>, данные целы.\nhttps://example.com/1?a&amp;b",
            "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": True},
        }
    ]


@pytest.mark.parametrize(
    ("language", "log", "reason"),
    [
        ("ru", "FAILED: the disk is full\nНЕУДАЧА: на диске мало места\n", "на диске мало места"),
        ("en", "FAILED: one\nНЕУДАЧА: раз\nFAILED: two\nНЕУДАЧА: два\n==> Going back", "two"),
        ("ru", "FAILED: said by an earlier release\n", "said by an earlier release"),
        ("ru", "nothing", "причина в журнале на сервере"),
        ("en", "", "it ended without saying why"),
    ],
)
def test_the_reason_is_the_logs_last_failure_in_the_managers_language(
    server: Path, language: str, log: str, reason: str
) -> None:
    (server / "log").write_text(log)
    found = bash(server, "ended=; language=$1; why", language, LOG=str(server / "log"))
    assert found.stdout == reason


def test_after_a_signal_the_signal_is_the_reason_whatever_the_log_has(server: Path) -> None:
    (server / "log").write_text("FAILED: x\n")
    assert bash(server, "ended=yes; language=ru; why", LOG=str(server / "log")).stdout == "его прервали"


@pytest.mark.parametrize("script", ["guarded", "steps", "trial", "serve", "replace-backends"])
def test_every_failure_of_a_deploy_has_a_text_in_both_languages(script: str) -> None:
    """Each call is `fail "English" "Russian"`, or calls a function of the script that adds the Russian text."""
    text = (ROOT / f"deploy/{script}.sh").read_text().replace("\\\n", " ")
    calls = re.findall(r'\b(?:fail|lost) +("[^$#\n][^#\n]*)', text)
    assert calls
    for call in calls:
        texts = re.findall(r'"([^"]*(?:\$\([^)]*\)[^"]*)*)"', call)
        assert len(texts) >= 2, call
        assert re.search("[а-яё]", texts[1]), call


@needs_curl
def test_the_reason_is_escaped_in_the_message(server: Path) -> None:
    _done, messages = send_report(server, "failed", "a" * 40, "", 'odd <b>"text"\\n & more', ADMIN_LANGUAGE_CODE="en")
    assert 'is not deployed: odd &lt;b&gt;"text"\\n &amp; more.' in str(messages[0]["text"])


@needs_curl
@pytest.mark.parametrize("what", ["deploy", "rollback", "busy", "stuck"])
@pytest.mark.parametrize("language", ["ru", "en", "de"])
def test_there_is_a_message_for_every_outcome_in_every_language(server: Path, what: str, language: str) -> None:
    _done, messages = send_report(server, what, "a" * 40, "12", "x", ADMIN_LANGUAGE_CODE=language)
    assert "aaaaaaaaaa" in str(messages[0]["text"])


@needs_curl
def test_the_token_may_come_from_a_file(server: Path) -> None:
    (server / "easy_box_backend/secrets").mkdir()
    (server / "easy_box_backend/secrets/bot").write_text(f"{bot_api.TOKEN}\n")
    _done, messages = send_report(
        server, "deploy", "a" * 40, "12", TELEGRAM_BOT_TOKEN="", TELEGRAM_BOT_TOKEN_FILE="/run/secrets/bot"
    )
    assert len(messages) == 1


@needs_curl
def test_a_message_that_is_refused_stops_nothing_and_shows_no_token(server: Path) -> None:
    with bot_api.serve() as api:
        api.script = [bot_api.error(401, "Unauthorized")]
        settings = {"TELEGRAM_BOT_TOKEN": bot_api.TOKEN, "TELEGRAM_CHAT_ID": "1", "TELEGRAM_API_URL": api.url}
        done = bash(server, "report deploy abc 1", **settings)
    assert done.returncode == 0
    assert "message could not be sent" in done.stdout
    assert bot_api.TOKEN not in done.stdout + done.stderr


def test_without_a_bot_no_message_is_sent(server: Path) -> None:
    done = bash(server, "report deploy abc 1")
    assert done.returncode == 0
    assert "no message is sent" in done.stdout


def test_a_text_is_quoted_correctly_for_json(server: Path) -> None:
    text = 'a "b" \\ c\nd\te'
    assert json.loads(bash(server, 'in_json "$1"', text).stdout) == text.replace("\t", " ")
