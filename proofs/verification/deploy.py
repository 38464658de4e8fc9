"""`make verify-deploy`: deploys and their failures over a real sshd, from a real registry, on a real Docker Engine. A
local server stands in for Telegram. Prints times and counts.

    make verify-deploy                       everything, on an engine of its own (Debian, as root)
    make verify-deploy ARGS="cut rollback"   only these (see SCENARIOS) and those that they need, after the first deploy
    make verify-deploy ARGS=setup            only setup-server.sh in a bare root file system

During each scenario four clients make 20 requests a second, half of them writes, and note which release answers.
After each: the service answers as the right release, no data is lost, and the right message was sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from proofs.phone.dio import MultipartFile
from proofs.verification.checks import Checked, Result, check_names, crashed, end_by_exception, report
from proofs.verification.client import EMAIL, PASSWORD, App, Load, ask, free_port, jpeg, new_sku
from proofs.verification.engine import ROOT, Engine, copy_project, engine, install, provide_images, run, say
from proofs.verification.setup import setup
from proofs.verification.telegram import Telegram, telegram

PACKAGES = {"sshd": "openssh-server", "docker-registry": "docker-registry"}
BACKEND = "easy_box_backend"
TELEGRAM_TOKEN, TELEGRAM_CHAT = "123456:" + "AbC-dEf_" * 4, "-100200300"
SECRETS = ("SECRET_KEY", "POSTGRES_PASSWORD", "TELEGRAM_BOT_TOKEN")
AUTHOR = {f"GIT_{who}_{what}": f"test@{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
# The files on the server belong to its user, and we are root.
ANY_OWNER = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
USER = f"easybox{os.getpid()}"
BROKEN_MIGRATION = """\
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("api", "{last}")]
    operations = [
        migrations.RunSQL("CREATE TABLE api_half (id integer)", "DROP TABLE api_half"),
        migrations.RunSQL("{sql}", migrations.RunSQL.noop),
    ]
"""
BROKEN_SQL = {
    "always": "SELECT 1/0",
    "live": "DO $$ BEGIN IF current_database() <> 'trial' THEN PERFORM 1/0; END IF; END $$",
}
UNHEALTHY = ["timeout", "9999", "python", "-m", "http.server", "8000"]
"""The command of a release that listens but never becomes healthy."""
HEALTHY_IN_TRIAL = (
    'case "$DATABASE_URL" in *@trial-db*) exec gunicorn --config docker/gunicorn_config.py backend.wsgi ;; esac; '
)
"""The beginning of a shell command: during the trial it starts the real server, elsewhere it does what follows."""


@dataclass
class Site(Checked):
    """A server, its git origin, its image registry and its Telegram.

    messages_read: how many of Telegram's messages have been read. outputs: of all commands over SSH. kept: the products
    that must exist after every scenario. current: the SHA of the release that must answer.
    """

    engine: Engine
    folder: Path
    port: int
    registry: int
    ssh_port: int
    telegram: Telegram
    settings: dict[str, str]
    messages_read: int = 0
    outputs: list[str] = field(default_factory=list)
    kept: dict[str, tuple[str, int, str]] = field(default_factory=dict)
    current: str = ""
    home: Path = Path()

    def __post_init__(self) -> None:
        self.home = self.folder / "home"

    @property
    def checkout(self) -> Path:
        return self.home / "easy_box"

    @property
    def image(self) -> str:
        return self.settings["IMAGE"]

    # --- The server, over SSH --------------------------------------------------------------------------------
    def ssh_command(self, command: str) -> list[str]:
        options = ["-F", "/dev/null", "-p", str(self.ssh_port), "-i", str(self.folder / "key"), "-o", "BatchMode=yes"]
        options += ["-o", f"UserKnownHostsFile={self.folder / 'known_hosts'}", "-o", "StrictHostKeyChecking=yes"]
        return ["ssh", *options, f"{USER}@127.0.0.1", f"cd {self.home} && {command}"]

    def ssh(self, command: str, stdin: str = "") -> tuple[int, str]:
        """Run a command on the server. Returns its exit code and its output."""
        done = subprocess.run(
            self.ssh_command(command), check=False, input=stdin, text=True, capture_output=True, timeout=600
        )
        self.outputs.append(done.stdout + done.stderr)
        return done.returncode, done.stdout + done.stderr

    def write_env(self, **changed: str) -> None:
        """Send the settings to write-env.sh, as the workflow's first step does."""
        records = "".join(f"{name}={value}\0" for name, value in (self.settings | changed).items())
        code, output = self.ssh("easy_box/deploy/write-env.sh", records)
        if code:
            raise RuntimeError(f"write-env.sh ended with {code}: {output}")

    def deploy(self, sha: str) -> tuple[int, str, float]:
        """Run deploy.sh, as the workflow's second step does. Returns its exit code, its output, and its seconds."""
        began = time.monotonic()
        code, output = self.ssh(f"easy_box/deploy/deploy.sh {sha} https://example.com/run/{sha[:7]}")
        return code, output, time.monotonic() - began

    def start_deploy(self, sha: str) -> subprocess.Popen[str]:
        """Start a deploy without waiting for it."""
        return subprocess.Popen(
            self.ssh_command(f"easy_box/deploy/deploy.sh {sha} https://example.com/run/{sha[:7]}"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def log(self) -> str:
        """The content of the latest deploy's log so far."""
        logs = sorted((self.checkout / "var/deploy/logs").glob("*.log"), key=lambda path: path.stat().st_mtime)
        return logs[-1].read_text(errors="replace") if logs else ""

    def wait_for_log(self, text: str, seconds: float = 120) -> None:
        """Wait until the latest deploy's log contains `text`. Raises RuntimeError after so many seconds."""
        wait_until(lambda: text in self.log(), seconds, f"{text!r} is in the log")

    def log_count(self) -> int:
        return len(list((self.checkout / "var/deploy/logs").glob("*.log")))

    # --- Releases ----------------------------------------------------------------------------------------------
    def release(self, name: str, steps: str = "", files: dict[str, str] | None = None, push: bool = True) -> str:
        """Push a commit to origin and its image to the registry, as the workflow does. Returns its SHA.

        steps: Dockerfile steps that break the image. files: contents that break the commit. push: the image too.
        """
        work = self.folder / "work"
        git(work, "checkout", "--quiet", "--detach", "first")
        (work / "RELEASE").write_text(name)
        for path, text in (files or {}).items():
            (work / path).write_text(text)
        git(work, "add", "--all")
        git(work, "commit", "--quiet", "--message", name)
        sha = git(work, "rev-parse", "HEAD")
        theirs = "--receive-pack=git -c safe.directory=* receive-pack"
        git(work, "push", "--quiet", "--force", theirs, "origin", f"HEAD:refs/heads/{name}")
        context = self.folder / "context"
        shutil.rmtree(context, ignore_errors=True)
        context.mkdir()
        (context / "Dockerfile").write_text(f"FROM base\nUSER 0\n{steps}\nUSER 10001:10001\nENV VERSION={sha}\n")
        last = max(path.stem for path in (ROOT / BACKEND / "api/migrations").glob("0*.py"))
        for fails, sql in BROKEN_SQL.items():
            (context / f"{fails}.py").write_text(BROKEN_MIGRATION.format(last=last, sql=sql))
        tag = f"{self.image}:{sha}"
        self.engine.docker("build", "--quiet", "--network", "host", "--tag", tag, str(context))
        if push:
            self.engine.docker("push", "--quiet", tag)
        self.engine.docker("image", "rm", tag)
        return sha

    def digest(self, tag: str) -> str:
        """The digest of the image that the registry has under this tag."""
        kinds = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
        url = f"http://127.0.0.1:{self.registry}/v2/easybox-backend/manifests/{tag}"
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": kinds})) as answer:
            return str(answer.headers["Docker-Content-Digest"])

    # --- What must hold afterwards --------------------------------------------------------------------------------
    def app(self) -> App:
        return App(f"http://127.0.0.1:{self.port}")

    def messages(self) -> list[str]:
        """The Telegram messages that have come since the last call."""
        new = self.telegram.texts[self.messages_read :]
        self.messages_read += len(new)
        return new

    def remember(self) -> None:
        """Create products that must exist after every scenario."""
        app = self.app()
        for number in range(3):
            product = app.inventory.create(f"Kept {number}", new_sku(), None, MultipartFile(jpeg(20000), "p.jpg"))
            app.inventory.add_stock(product.id, number + 1)
        self.kept = self.data()

    def data(self) -> dict[str, tuple[str, int, str]]:
        """The products that `remember` made, by id: name, quantity, and the SHA-256 of the photo."""
        app = self.app()
        found = {}
        for product in app.inventory.products():
            if product.name.startswith("Kept"):
                photo = hashlib.sha256(app.dio.get(product.image_url or "").raw).hexdigest()
                found[product.id] = (product.name, product.quantity, photo)
        return found

    def after(
        self, name: str, load: Load, *, expected: list[str], allowed: set[str], extra: str = "", good: bool = True
    ) -> None:
        """Check the state after a scenario, and note the result.

        expected: a pattern for each message that must have been sent, in order. allowed: the releases that may have
        answered. extra: a text for the result. good: whether the scenario's own conditions hold.
        """
        faults = [] if good else ["see the log below"]
        if load.failed:
            faults.append(f"{load.failed} requests failed: {load.faults[:3]}")
        if load.versions - allowed:
            faults.append(f"answered by {load.versions - allowed}")
        if lost := load.lost():
            faults.append(f"lost writes: {lost}")
        serving = {json.loads(ask(self, "GET", "/api/health/")[2])["version"] for _ in range(6)}
        if serving != {self.current}:
            faults.append(f"serves {serving}, not {self.current}")
        if self.data() != self.kept:
            faults.append("data differs")
        messages = self.messages()
        if len(messages) != len(expected) or not all(
            re.search(pattern, text) for pattern, text in zip(expected, messages, strict=False)
        ):
            faults.append(f"messages: {messages}")
        code, status = self.ssh("easy_box/deploy/status.sh")
        if code:
            faults.append(f"status.sh ended with {code}: {status[-1500:]}")
        left = self.engine.docker("ps", "--all", "--format", "{{.Names}}")
        if any(name in left for name in ("trial", "standby", "-run-")):
            faults.append(f"left behind: {left}")
        text = f"{load.done} requests, {load.failed} failed; {extra}; messages: {' / '.join(messages)!r}"
        self.note(name, not faults, "; ".join([text, *faults]))
        if faults:
            print(self.log()[-6000:])


def git(folder: Path, *arguments: str) -> str:
    return run(["git", "-C", str(folder), *arguments], env=os.environ | AUTHOR | ANY_OWNER).stdout.strip()


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until `holds()` is true. Raises RuntimeError after so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)


# --- Scenarios ----------------------------------------------------------------------------------------------------
def first(site: Site) -> None:
    """The first deploys on a prepared server where nothing has run before: one that fails, then a good one."""
    bad = site.release("first-bad", f"CMD {json.dumps(['sh', '-c', HEALTHY_IN_TRIAL + 'exec ' + ' '.join(UNHEALTHY)])}")
    sha = site.release("first-good")
    with Watch(site) as watch:
        site.write_env(HEALTHY_SECONDS="20")
        code, output, seconds = site.deploy(bad)
        messages = site.messages()
        running = site.engine.docker("ps", "--format", "{{.Names}}")
        good = (
            code == 1 and "не развёрнута" in "".join(messages) and "nginx" not in running and "backend" not in running
        )
        site.note("a first deploy that fails", good, f"ended with {code} after {seconds:.0f} s; messages: {messages}")
        site.write_env()
        code, output, seconds = site.deploy(sha)
    if code:
        print(output, site.log()[-8000:])
        raise RuntimeError(f"the first deploy ended with {code}")
    site.current = sha
    manage = "docker compose -f docker-compose.prod.yml exec -T -e DJANGO_SUPERUSER_PASSWORD backend python manage.py"
    code, output = site.ssh(
        f"cd easy_box/{BACKEND} && read -r DJANGO_SUPERUSER_PASSWORD && export DJANGO_SUPERUSER_PASSWORD && "
        f"{manage} createsuperuser --no-input --email {EMAIL} --username Admin",
        f"{PASSWORD}\n",
    )
    site.remember()
    messages = site.messages()
    good = len(messages) == 1 and "развёрнута и работает" in messages[0] and "https://example.com/run/" in messages[0]
    site.note("first deploy", good, f"{seconds:.0f} s with pulling the image; messages: {messages}")
    container = site.engine.docker("ps", "--quiet", "--filter", "label=com.docker.compose.service=backend").split()[0]
    inside = json.loads(site.engine.docker("inspect", container))[0]["Config"]["Env"]
    lost = [name for name in SECRETS if f"{name}={site.settings[name]}" not in inside and name != "POSTGRES_PASSWORD"]
    site.note("secrets arrive as they were given", not lost, ", ".join(lost) or "quotes, $ and backslashes too")
    site.note("no secret in a command line", not watch.found, ", ".join(watch.found) or f"{watch.looks} looks")


def second(site: Site) -> None:
    """Another release under load, whose image is present already; then the same release again."""
    before, sha = site.current, site.release("second")
    site.engine.docker("pull", "--quiet", f"{site.image}:{sha}")
    site.write_env(LOG_LEVEL="WARNING")
    with Load(site, 20) as load:
        time.sleep(2)
        code, output, seconds = site.deploy(sha)
        time.sleep(2)
    site.current = sha
    print("\n".join(f"    {line}" for line in output.splitlines()))
    steps = f"{seconds:.0f} s on the server, image present"
    good = code == 0 and seconds < 60 and load.versions == {before, sha}
    site.after("second deploy under load", load, expected=["✅"], allowed={before, sha}, extra=steps, good=good)
    with Load(site, 20) as load:
        code, output, seconds = site.deploy(sha)
    site.after(
        "the same again",
        load,
        expected=["✅"],
        allowed={sha},
        extra=f"{seconds:.0f} s",
        good=code == 0 and seconds < 60,
    )


def moved_tag(site: Site) -> None:
    """Somebody moves the tag of a release to another image. What the workflow has built is deployed, by its digest."""
    before, sha = site.current, site.release("moved-tag")
    digest = site.digest(sha)
    other = site.folder / "other"
    other.mkdir()
    (other / "Dockerfile").write_text("FROM base\nENV VERSION=another\n")
    tag = f"{site.image}:{sha}"
    site.engine.docker("build", "--quiet", "--tag", tag, str(other))
    site.engine.docker("push", "--quiet", tag)
    is_moved = site.digest(sha) != digest
    site.write_env(IMAGE_DIGEST=f"{sha}@{digest}")  # the other image is even present on this machine
    with Load(site, 20) as load:
        code, output, seconds = site.deploy(sha)
    site.current = sha
    good = code == 0 and is_moved and f"Pulling {site.image}@{digest}" in output
    site.after(
        "a tag that was moved", load, expected=["✅"], allowed={before, sha}, extra=f"{seconds:.0f} s", good=good
    )


def certified(site: Site) -> None:
    """A deploy with a certificate in place, so that the desk is served by HTTPS only."""
    before, sha, folder = site.current, site.release("certified"), Path(site.settings["CERTS_DIR"])
    names = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", *names])
    for name in ("privkey.pem", "fullchain.pem"):
        os.chown(folder / name, 101, 101)
    wait_until(lambda: ask(site, "GET", "/login/", Host="127.0.0.1")[0] == 307, 90, "the desk is by HTTPS")
    site.write_env()
    with Load(site, 20) as load:
        code, _output, seconds = site.deploy(sha)
    site.current = sha
    site.after(
        "a deploy with a certificate",
        load,
        expected=["✅"],
        allowed={before, sha},
        extra=f"{seconds:.0f} s",
        good=code == 0,
    )


def failing(site: Site, name: str, sha: str, reason: str, message: str, **changed: str) -> None:
    """Check a deploy that must fail with `reason` and `message` (both are patterns) and change nothing."""
    kept = (site.checkout / BACKEND / ".env").read_text()
    site.write_env(**changed)
    with Load(site, 20) as load:
        code, output, seconds = site.deploy(sha)
        time.sleep(1)
    good = code == 1 and bool(re.search(f"FAILED: .*{reason}", output))
    good = good and (site.checkout / BACKEND / ".env").read_text() == kept
    good = good and git(site.checkout, "rev-parse", "HEAD") == site.current
    texts = [rf"❌.*{sha[:10]}.*{message}.*\n.*{site.current[:10]}.*данные целы"]
    site.after(
        name, load, expected=texts, allowed={site.current}, extra=f"ended with {code} after {seconds:.0f} s", good=good
    )


def migration(site: Site) -> None:
    """A release whose migration fails; and one whose migration succeeds in the trial only."""
    copy = "COPY {}.py /srv/app/api/migrations/9999_broken.py"
    failing(
        site,
        "migration fails",
        site.release("migration", copy.format("always")),
        "migration fails on a copy",
        "миграция не выполняется на копии",
    )
    sha = site.release("migration-live", copy.format("live"))
    failing(site, "migration fails on the database itself", sha, "not on its copy", "на рабочей базе")


def unhealthy(site: Site) -> None:
    """A release that never becomes healthy; and one that becomes healthy in the trial only."""
    sha = site.release("unhealthy", f"CMD {json.dumps(UNHEALTHY)}")
    failing(site, "never healthy", sha, "does not become healthy", "не запускается на копии", HEALTHY_SECONDS="20")
    sha = site.release("deaf", f"CMD {json.dumps(['sh', '-c', HEALTHY_IN_TRIAL + 'exec ' + ' '.join(UNHEALTHY)])}")
    failing(
        site,
        "healthy in the trial only",
        sha,
        "did not become healthy",
        "не запускается .backend",
        HEALTHY_SECONDS="30",
    )


def smoke(site: Site) -> None:
    """Healthy releases with a broken call of the app, a broken page of the desk, or broken files of nginx."""
    sha = site.release("smoke", "RUN echo 'add_stock = lambda *args, **more: 1 / 0' >>/srv/app/api/rest/hot.py")
    failing(site, "a call of the app is broken", sha, "app's calls fail", "вызовы приложения")
    sha = site.release("desk", "RUN echo '{% nonsense %}' >/srv/app/api/desk/templates/desk/today.html")
    failing(site, "a page of the desk is broken", sha, "desk can't be opened", "страницы рабочего места")
    sha = site.release("desk-file", "RUN rm $(ls /srv/static/desk/desk.*.css)")
    failing(site, "a file of the desk is not there", sha, "desk can't be opened", "страницы рабочего места")
    conf = (ROOT / BACKEND / "nginx/site.conf").read_text()
    sha = site.release("nginx-syntax", files={f"{BACKEND}/nginx/site.conf": conf + "\nnonsense;\n"})
    failing(site, "nginx's files are broken", sha, "does not become healthy", "не запускается на копии")
    small = conf.replace("location /api/ {", "location /api/ {\n    client_max_body_size 10;", 1)
    sha = site.release("nginx-small", files={f"{BACKEND}/nginx/site.conf": small})
    failing(site, "nginx refuses a call of the app", sha, "app's calls fail", "вызовы приложения")


def nginx(site: Site) -> None:
    """A release with changed files of nginx, which are put into use without a failed request."""
    before = site.current
    conf = (ROOT / BACKEND / "nginx/site.conf").read_text()
    sha = site.release("nginx", files={f"{BACKEND}/nginx/site.conf": conf + "\nadd_header X-Test new always;\n"})
    site.write_env()
    with Load(site, 20) as load:
        code, _output, seconds = site.deploy(sha)
        time.sleep(2)
    site.current = sha
    headers = ask(site, "GET", "/api/health/")[1]
    good = code == 0 and headers.get("x-test") == "new"
    site.after(
        "nginx's files change", load, expected=["✅"], allowed={before, sha}, extra=f"{seconds:.0f} s", good=good
    )


def missing(site: Site) -> None:
    """An image that does not exist; a commit that does not exist; a broken setting."""
    failing(site, "no such image", site.release("no-image", push=False), "there is no image", "нет образа")
    failing(site, "no such commit", "0" * 40, "origin has no commit", "такого коммита нет")
    code, output = site.ssh("easy_box/deploy/write-env.sh", "ALLOWED_HOSTS=example.com\nnonsense")
    site.note("write-env.sh refuses", code == 1 and "nonsense" not in output, output.strip())


def disk(site: Site) -> None:
    """A full disk, before the deploy and in the middle of its backup."""
    small = site.folder / "small"
    small.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", str(small)])
    try:
        sha = site.release("disk")
        failing(
            site,
            "disk is full",
            sha,
            "the disk is full",
            "на диске мало места",
            BACKUP_DIR=str(small),
            DEPLOY_FREE_MB="2000",
        )
        failing(
            site,
            "disk is full in the middle",
            sha,
            "the backup failed",
            "не удалась резервная копия",
            BACKUP_DIR=str(small),
            DEPLOY_FREE_MB="0",
        )
    finally:
        run(["umount", "--lazy", str(small)])


def cut(site: Site) -> None:
    """The SSH connection breaks during a deploy; the deploy continues to its end."""
    for moment in ("Trying the release", "Starting another backend"):
        before, sha = site.current, site.release(f"cut-{len(moment)}")
        with Load(site, 20) as load:
            count = site.log_count()
            process = site.start_deploy(sha)
            wait_until(lambda: site.log_count() > count, 30, "it has begun")  # noqa: B023
            site.wait_for_log(moment)
            process.kill()
            process.communicate()
            wait_until(lambda: len(site.telegram.texts) > site.messages_read, 120, "a message came")
            time.sleep(1)
        site.current = sha
        site.after(f"connection cut while {moment!r}", load, expected=["✅"], allowed={before, sha}, extra="it went on")


def killed(site: Site) -> None:
    """A deploy is killed: SIGTERM, kill -9 of its steps, kill -9 of all its processes."""
    for number, what in ((signal.SIGTERM, "guarded.sh"), (signal.SIGKILL, "steps.sh")):
        sha = site.release(f"killed-{number}")
        with Load(site, 20) as load:
            count = site.log_count()
            process = site.start_deploy(sha)
            wait_until(lambda: site.log_count() > count, 30, "it has begun")  # noqa: B023
            site.wait_for_log("Replacing the backends")
            for process_id in processes(f"deploy/{what}", sha):
                os.kill(process_id, number)
            output, _ = process.communicate(timeout=200)
            site.outputs.append(output)
        good = process.returncode == 1
        allowed = {site.current, sha}  # it passed the trial and served beside the other one
        expected = [rf"❌.*{sha[:10]}"]
        site.after(
            f"{number.name} to {what}",
            load,
            expected=expected,
            allowed=allowed,
            extra=f"{process.returncode}",
            good=good,
        )

    sha = site.release("killed-all")
    with Load(site, 20) as load:
        before = site.current
        count = site.log_count()
        process = site.start_deploy(sha)
        wait_until(lambda: site.log_count() > count, 30, "it has begun")
        site.wait_for_log("Replacing the backends")
        for process_id in {*processes("deploy/", sha), *processes(f"{site.checkout}/deploy/", "")}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
        process.communicate(timeout=60)
        lock = ["flock", "--nonblock", str(site.checkout / "var/deploy/lock"), "true"]
        # The commands that they had started run to their end.
        wait_until(lambda: subprocess.run(lock, check=False).returncode == 0, 60, "the lock is free")
        code, output = site.ssh("easy_box/deploy/status.sh")
        site.note("status.sh sees it", code == 1 and "half done" in output, output.splitlines()[2] if output else "")
        code, output, seconds = site.deploy(sha)
    site.current = sha
    good = code == 0 and "killed before it could go back" in output
    site.after(
        "all of it killed, then once more",
        load,
        expected=["✅"],
        allowed={before, sha},
        extra=f"{seconds:.0f} s",
        good=good,
    )


def processes(text: str, more: str) -> list[int]:
    """The ids of shell processes whose command line contains both texts."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if f"{text}" in line and more in line and line.startswith(("bash ", "/bin/bash ", "/usr/bin/bash ")):
                found.append(int(path.parent.name))
    return found


def twice(site: Site) -> None:
    """Two deploys at once: one continues, the other one is refused."""
    before, sha, other = site.current, site.release("one"), site.release("other")
    with Load(site, 20) as load:
        count = site.log_count()
        process = site.start_deploy(sha)
        wait_until(lambda: site.log_count() > count, 30, "it has begun")
        site.wait_for_log("Checking what is needed")
        code, _output, _seconds = site.deploy(other)
        first_output, _ = process.communicate(timeout=300)
        site.outputs.append(first_output)
    site.current = sha
    good = code == 75 and process.returncode == 0
    expected = [rf"⏳.*{other[:10]}", rf"✅.*{sha[:10]}"]
    site.after(
        "two at once",
        load,
        expected=expected,
        allowed={before, sha},
        extra=f"{process.returncode} and {code}",
        good=good,
    )

    images = site.engine.docker("image", "ls", "--format", "{{.Tag}}", site.image).split()
    site.note("old images are removed", len(images) <= 3 and sha in images, f"{len(images)} are left")


def rollback(site: Site) -> None:
    """Go back to the previous release."""
    now = site.current
    before = next(
        line for line in site.ssh("easy_box/deploy/status.sh")[1].splitlines() if "Before it" in line
    ).split()[2]
    with Load(site, 20) as load:
        time.sleep(1)
        began = time.monotonic()
        code, _output = site.ssh("easy_box/deploy/rollback.sh")
        seconds = time.monotonic() - began
        time.sleep(1)
    site.current = before
    gone = load.seen[now] - began
    extra = f"the other release answers nobody after {gone:.1f} s, all is done after {seconds:.1f} s"
    good = code == 0 and gone < 20
    site.after("rollback", load, expected=[rf"↩️.*{before[:10]}"], allowed={now, before}, extra=extra, good=good)


def quiet(site: Site) -> None:
    """No output or log contains a secret, and the ledger is correct."""
    logs = [path.read_text(errors="replace") for path in (site.checkout / "var/deploy/logs").glob("*.log")]
    leaked = [name for name in SECRETS if any(site.settings[name] in text for text in [*logs, *site.outputs])]
    site.note(
        "no secret in output or logs", not leaked, ", ".join(leaked) or f"{len(logs)} logs, {len(site.outputs)} outputs"
    )
    code, output = site.ssh(
        f"cd easy_box/{BACKEND} && docker compose -f docker-compose.prod.yml exec -T backend "
        "python manage.py check_ledger"
    )
    site.note("ledger after all that", code == 0 and "all ledgers are right" in output, output.strip()[-200:])


def move(site: Site) -> None:
    """Move to another server as docs/operations.md describes it; the old one and its data are destroyed."""
    old, new = site.checkout / BACKEND, site.folder / "new"
    compose = "docker compose -f docker-compose.prod.yml"
    app = site.app()
    last = app.inventory.create("Kept last", new_sku(), None, MultipartFile(jpeg(20000), "p.jpg"))
    app.inventory.add_stock(last.id, 7)
    site.kept = site.data()
    token = app.session.token
    site.ssh(f"cd {old} && {compose} stop nginx && ../deploy/backup.sh")
    make_owned_folder(new)
    site.ssh(f"git clone --quiet --branch main {site.folder / 'origin.git'} {new / 'easy_box'}")
    began = time.monotonic()
    newest = '"cd /backups && tar -cf - \\$(ls -d 20*Z | tail -n 1)"'
    tar = f"{compose} run --rm -T --no-deps --entrypoint sh backup -c {newest}"
    for sending, receiving in (
        (f"cat {old}/.env", f"umask 077; cat >{new}/easy_box/{BACKEND}/.env"),
        (f"cd {old} && {tar}", f"mkdir {new}/backups && tar -xf - -C {new}/backups"),
    ):
        pipe = " | ".join(shlex.join(site.ssh_command(command)) for command in (sending, receiving))
        run(["bash", "-o", "pipefail", "-c", pipe])
    stack = site.settings["STACK"]
    site.ssh(f"cd {old} && {compose} down && docker volume rm {stack}_database {stack}_media")
    site.home = new
    version = f"$(sed -n 's/^VERSION=//p' {BACKEND}/.env)"
    restore = f"BACKUP_DIR={new}/backups deploy/restore.sh latest"
    code, output = site.ssh(f'cd easy_box && git checkout -q "{version}" && {restore}')
    seconds = time.monotonic() - began
    site.messages()
    same = code == 0 and site.data() == site.kept
    phone = ask(site, "GET", "/api/users/me/", Authorization=f"Token {token}")[0]
    good = same and phone == 200
    site.note(
        "moved to another server",
        good,
        f"{seconds:.0f} s; restored: {code}; phone: {phone}" + ("" if same else output[-3000:]),
    )
    site.settings["BACKUP_DIR"] = f"{new}/backups"
    sha = site.release("moved")
    site.write_env()
    with Load(site, 20) as load:
        before, site.current = site.current, sha
        code, output, seconds = site.deploy(sha)
    site.after("a deploy there", load, expected=["✅"], allowed={before, sha}, extra=f"{seconds:.0f} s", good=code == 0)


SCENARIOS: list[Callable[[Site], None]] = [
    second, moved_tag, nginx, migration, unhealthy, smoke, missing, disk, cut, killed, twice, rollback, quiet,
    certified, move,
]  # fmt: skip
NEEDED = {"rollback": "second"}
"""scenario -> the scenario that must run before it: a rollback needs a previous release."""


class Watch:
    """A context manager that looks for our secrets in all command lines of this machine, again and again.

    found: the programs with a secret in their command line. looks: how often it looked.
    """

    def __init__(self, site: Site) -> None:
        self.secrets = [site.settings[name].encode() for name in SECRETS]
        self.found: set[str] = set()
        self.looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.05):
            self.looks += 1
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    line = path.read_bytes()
                    if any(secret in line for secret in self.secrets):
                        self.found.add(line.split(b"\0")[0].decode())


# --- All together -------------------------------------------------------------------------------------------------
@contextmanager
def running(command: list[str], log: Path, port: int) -> Iterator[None]:
    """Run a server program until the end of the block. The block begins once it listens on `port`."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        probe = ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"]
        wait_until(lambda: subprocess.run(probe, check=False, capture_output=True).returncode == 0, 20, command[0])
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def deploy_user(folder: Path) -> Iterator[None]:
    """Create the server's deploy user, who is not root, with a home in `folder`; remove it at the end of the block."""
    if os.environ.get("VERIFY_DOCKER") != "existing":
        install()  # creates the group docker
    folder.chmod(0o711)
    home = ["--create-home", "--home-dir", str(folder / "home")]
    run(
        [
            "useradd",
            "--system",
            *home,
            "--shell",
            "/bin/bash",
            "--password",
            "*",
            "--user-group",
            "--groups",
            "docker",
            USER,
        ]
    )
    try:
        yield
    finally:
        run(["userdel", "--force", USER])


def make_owned_folder(path: Path) -> None:
    """Create a folder that belongs to the deploy user."""
    path.mkdir()
    shutil.chown(path, USER, USER)


@contextmanager
def server(folder: Path, ours: Engine) -> Iterator[int]:
    """Run a real sshd on this machine, whose sessions use our engine. Yields its port."""
    port = free_port()
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("key", "host_key"):
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)])
    host = " ".join((folder / "host_key.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}\n")
    (folder / "bin").mkdir()
    (folder / "bin" / "docker").symlink_to(shutil.which(ours.client) or ours.client)
    (folder / "bin" / "docker-compose").symlink_to(folder / "config/cli-plugins/docker-compose")
    variables: dict[str, str] = {}
    for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
        if name in ours.environment:
            variables[name] = ours.environment[name]
    variables["PATH"] = f"{folder / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host_key'}\nPidFile {folder / 'sshd.pid'}\n"
        f"AuthorizedKeysFile {folder / 'key.pub'}\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"
        f"StrictModes no\nUsePAM no\nSetEnv {' '.join(f'{name}={value}' for name, value in variables.items())}\n"
    )
    with running(["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")], folder / "sshd.log", port):
        yield port


@contextmanager
def registry(folder: Path) -> Iterator[int]:
    """Run an image registry. Yields its port."""
    port = free_port()
    (folder / "registry.yml").write_text(
        f"version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {folder / 'registry'}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with running(["docker-registry", "serve", str(folder / "registry.yml")], folder / "registry.log", port):
        yield port


@contextmanager
def site_in(folder: Path) -> Iterator[Site]:
    """Start everything that a deploy needs. Yields a server that is ready for its first deploy."""
    origin, work = folder / "origin.git", folder / "work"
    commit_project(work)
    run(["git", "init", "--quiet", "--bare", str(origin)])
    git(work, "remote", "add", "origin", str(origin))
    git(work, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    with (
        deploy_user(folder),
        engine(folder) as ours,
        telegram(TELEGRAM_TOKEN, TELEGRAM_CHAT) as bot,
        registry(folder) as images,
        server(folder, ours) as ssh_port,
    ):
        run(["chown", "--recursive", f"{USER}:", str(origin)])
        for name in ("backups", "certs", "secrets"):
            make_owned_folder(folder / name)
        port = free_port()
        settings = {
            "STACK": f"easybox-deploy-{os.getpid()}",
            "IMAGE": f"127.0.0.1:{images}/easybox-backend",
            "SECRET_KEY": secrets.token_urlsafe(50) + "'$x \"\\",
            "POSTGRES_PASSWORD": secrets.token_hex(24),
            "ALLOWED_HOSTS": "127.0.0.1",
            "HTTP_BIND": "127.0.0.1",
            "HTTP_PORT": str(port),
            "OLD_APP_PORT": str(free_port()),
            "HTTPS_PORT": str(free_port()),
            "BACKUP_DIR": str(folder / "backups"),
            "CERTS_DIR": str(folder / "certs"),
            "SECRETS_DIR": str(folder / "secrets"),
            "TELEGRAM_BOT_TOKEN": TELEGRAM_TOKEN,
            "TELEGRAM_CHAT_ID": TELEGRAM_CHAT,
            "TELEGRAM_API_URL": bot.url,
        }
        site = Site(ours, folder, port, images, ssh_port, bot, settings)
        site.ssh(f"git clone --quiet --branch main {origin} easy_box")
        try:
            provide_images(ours, folder)
            say("Building the image")
            ours.docker("build", "--quiet", "--network", "host", "--tag", "base", str(work / BACKEND))
            yield site
        finally:
            names = f"label=com.docker.compose.project={settings['STACK']}"
            for container in ours.docker("ps", "--all", "--quiet", "--filter", names).split():
                ours.docker("rm", "--force", "--volumes", container)


def commit_project(target: Path) -> None:
    """Copy the project, with uncommitted changes, into a repository with one commit."""
    copy_project(target)
    run(["git", "init", "--quiet", str(target)])
    git(target, "add", "--all")
    git(target, "commit", "--quiet", "--message", "everything")
    git(target, "tag", "first")


SETUP = "setup"


def with_needed(chosen: list[str]) -> list[str]:
    """The chosen names, and those of the scenarios that they need (see NEEDED)."""
    added = [other for name, other in NEEDED.items() if name in chosen and other not in chosen]
    for other in added:
        say(f"{other} is run too: {', '.join(name for name in chosen if NEEDED.get(name) == other)} needs it")
    return [*chosen, *added]


def main(chosen: list[str]) -> int:
    """Run the scenarios named in `chosen` and those that they need, or all.

    Returns 1 if something failed. Exits with 2 for an unknown name.
    """
    check_names(chosen, [SETUP, *(scenario.__name__ for scenario in SCENARIOS)])
    chosen = with_needed(chosen)
    end_by_exception()
    began = time.monotonic()
    results: list[Result] = []
    if not chosen or SETUP in chosen:
        say("--- setup-server.sh, twice, in a bare root file system")
        results += setup()
    if set(chosen) != {SETUP}:
        results += deploys(chosen)
    return report(results, began)


def deploys(chosen: list[str]) -> list[Result]:
    """Run the scenarios named in `chosen`, or all. Returns the results."""
    lacking = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if lacking:
        install()
        say(f"Installing {', '.join(lacking)}")
        run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *lacking])
    folder = Path(tempfile.mkdtemp(prefix="easybox-deploy-"))
    site = None
    try:
        with site_in(folder) as site:
            wanted = [first, *(one for one in SCENARIOS if not chosen or one.__name__ in chosen)]
            for scenario in crashed(site, wanted):
                site.messages()
                if scenario is first:
                    break
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return site.results if site else [("the machine", False, "did not come up")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
