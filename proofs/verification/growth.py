"""`make verify-growth`: one server grows to two hosts with one PostgreSQL outside of both, photos in S3 and a balancer
in front, as docs/operations.md says; then each host and the database are killed. Prints times and counts.

    make verify-growth                  everything, on an engine of its own (Debian, as root)
    make verify-growth ARGS="hosts"     only these checks (see CHECKS), after the two hosts are up

A host is a clone of the repository with an .env, ports and a Compose project of its own, deployed by deploy/deploy.sh.
HAProxy with deploy/haproxy.cfg is in front; moto's server stands in for S3. While a check changes something, four
clients make 20 requests a second through HAProxy, half of them writes; no acknowledged write may be lost.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from proofs.phone.app import InventoryRemote, Session
from proofs.phone.dio import Dio, MultipartFile
from proofs.verification.checks import Checked, check_names, crashed, end_by_exception, report
from proofs.verification.client import EMAIL, PASSWORD, App, Load, Server, ask, free_port, jpeg, new_sku
from proofs.verification.deploy import commit_project, git, running, wait_until
from proofs.verification.engine import HAPROXY, ROOT, Engine, engine, provide_images, run, say
from proofs.verification.telegram import Telegram, telegram

BUCKET = "photos"
CLIENTS, A_SECOND, KEPT = 4, 20, 5
TOKEN, CHAT = "123456:" + "AbC-dEf_" * 4, "-100200300"
PRIVATE = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
"""The addresses of Docker's networks, from which requests of a balancer on this machine seem to come in a container."""


@dataclass
class Host:
    """An application host: a clone of the project with settings of its own."""

    name: str
    engine: Engine
    checkout: Path
    programs: Path
    port: int
    settings: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of an operator's shell on this host."""
        return self.engine.environment | {"PATH": f"{self.programs}:{os.environ['PATH']}"}

    @property
    def project(self) -> str:
        """The name of its Compose project."""
        return self.settings["STACK"]

    def script(self, name: str, *arguments: str, stdin: str | None = None) -> str:
        """Run a script of deploy/ on this host; returns its output."""
        command = [str(self.checkout / "deploy" / name), *arguments]
        return run(command, env=self.environment, input=stdin, timeout=500).stdout

    def compose(self, *arguments: str) -> str:
        """Run `docker compose …` as an operator types it; returns its output."""
        folder = self.checkout / "easy_box_backend"
        return self.engine.docker("compose", "-f", "docker-compose.prod.yml", *arguments, cwd=folder, timeout=400)

    def write_env(self) -> None:
        """Pass the settings for the next deploy to write-env.sh, as the workflow does."""
        self.script("write-env.sh", stdin="".join(f"{name}={value}\0" for name, value in self.settings.items()))

    def deploy(self, sha: str) -> float:
        """Run deploy.sh; returns the seconds it took. Raises RuntimeError, with its log, if it fails."""
        began = time.monotonic()
        self.write_env()
        try:
            self.script("deploy.sh", sha)
        except RuntimeError as error:
            logs = sorted((self.checkout / "var/deploy/logs").glob("*.log"))
            raise RuntimeError(f"{error}\n{logs[-1].read_text()[-6000:] if logs else ''}") from None
        return time.monotonic() - began

    def services(self) -> list[str]:
        """The service of each running container, sorted."""
        mine = f"label=com.docker.compose.project={self.project}"
        template = '{{.Label "com.docker.compose.service"}}'
        return sorted(self.engine.docker("ps", "--filter", mine, "--format", template).split())

    def kill(self) -> None:
        """Kill all containers of this host at once. Docker does not start containers again that `docker kill` ended."""
        self.engine.docker("kill", *self.containers())

    def containers(self) -> list[str]:
        """The ids of the running containers."""
        mine = f"label=com.docker.compose.project={self.project}"
        return self.engine.docker("ps", "--quiet", "--filter", mine).split()

    def requests(self) -> list[dict[str, str]]:
        """The requests in the log of this host's nginx, without probes of readiness."""
        output = self.compose("logs", "--no-log-prefix", "nginx").splitlines()
        found = [json.loads(line) for line in output if line.startswith('{"time"')]
        return [entry for entry in found if entry["uri"] != "/readyz"]


@dataclass
class Growth(Checked):
    """Two hosts, and the services outside of them.

    outside: the address at which the hosts reach those services. port: of the balancer. sent, failed, lost: sums of all
    loads (lost: products with a lost write).
    """

    engine: Engine
    folder: Path
    outside: str
    port: int
    photos_port: int
    telegram: Telegram
    work: Path
    common: dict[str, str]
    one: Host
    two: Host
    ports: dict[str, int]
    sent: int = 0
    failed: int = 0
    lost: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        """The name of the container of the external PostgreSQL."""
        return f"{self.one.project}-postgresql"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement in the external PostgreSQL, as its superuser; returns the output."""
        psql = (
            "psql",
            "--port",
            str(self.ports["database"]),
            "--username",
            "easybox",
            "--dbname",
            database,
            "-AtXqc",
            statement,
        )
        return self.engine.docker("exec", self.database, *psql)

    def release(self, name: str) -> str:
        """Commit and build another release; returns its SHA."""
        (self.work / "RELEASE").write_text(name)
        git(self.work, "add", "--all")
        git(self.work, "commit", "--quiet", "--message", name)
        sha = git(self.work, "rev-parse", "HEAD")
        git(self.work, "push", "--quiet", str(self.folder / "origin.git"), "HEAD:refs/heads/main")
        context = self.folder / "context"
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text(f"FROM base\nENV VERSION={sha}\n")
        self.engine.docker("build", "--quiet", "--tag", f"easybox-backend:{sha}", str(context))
        return sha

    @contextmanager
    def load(self) -> Iterator[Load]:
        """Make requests through the balancer until the end of the block; then add them to the sums."""
        with Load(self, A_SECOND, CLIENTS) as load:
            time.sleep(2)
            yield load
            time.sleep(2)
        self.sent += load.done
        self.failed += load.failed
        self.lost += len(load.lost())

    def counts(self, load: Load) -> str:
        """The figures of a load as text, with its first faults."""
        faults = "".join(f"\n    {fault}" for fault in [*load.faults[:10], *load.lost()])
        return f"{load.done} requests, {load.failed} failed, {len(load.lost())} lost{faults}"


# --- Checks, in order ---------------------------------------------------------------------------------------------
def one_server(growth: Growth) -> None:
    """One server, as everybody begins: with its own database, and photos in a folder."""
    host = growth.one
    seconds = host.deploy(growth.release("first"))
    fill(host)
    growth.note("one server", "db" in host.services(), f"{seconds:.0f} s; {', '.join(host.services())}")


def fill(host: Host) -> None:
    """Create an account, and KEPT products with photos and stock."""
    account = ("createsuperuser", "--no-input", "--email", EMAIL, "--username", "Admin")
    host.compose("exec", "-T", "-e", f"DJANGO_SUPERUSER_PASSWORD={PASSWORD}", "worker", "python", "manage.py", *account)
    app = App(host.url)
    for number in range(KEPT):
        picture = MultipartFile(jpeg(30000 + number), "p.jpg")
        product = app.inventory.create(f"Kept {number}", new_sku(), None, picture)
        app.inventory.add_stock(product.id, number + 1)


def stored_products(url: str) -> dict[str, tuple[str, int, str]]:
    """All products, by id, but those of a load: name, quantity, and the SHA-256 of the photo as phones load it."""
    app = App(url)
    found = {}
    for product in app.inventory.products():
        if not product.name.startswith("Load"):
            photo = hashlib.sha256(app.dio.get(product.image_url).raw).hexdigest() if product.image_url else ""
            found[product.id] = (product.name, product.quantity, photo)
    return found


def is_ready(server: Server) -> bool:
    """Whether the server answers that it is ready (`/readyz`)."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        return ask(server, "GET", "/readyz")[0] == http.client.OK
    return False


def grow(growth: Growth) -> None:
    """The server moves to an external database and S3, by a backup and a restore; a second host joins."""
    host = growth.one
    host.compose("stop", "nginx")
    began = time.monotonic()
    host.script("backup.sh")
    host.compose("down")
    for one in (growth.one, growth.two):
        one.settings |= outside(growth)
    with (host.checkout / "easy_box_backend/.env").open("a") as env:
        env.writelines(f"{name}={value}\n" for name, value in outside(growth).items())
    output = host.compose("run", "--rm", "--no-deps", "-T", "migrate", "python", "manage.py", "copy_photos")
    output += "\n" + host.script("restore.sh", "latest")
    moved = time.monotonic() - began
    print("\n".join(f"    {line}" for line in output.splitlines() if re.match(r"==>|.*(ledger|photo)", line)))
    seconds = growth.two.deploy(git(growth.work, "rev-parse", "HEAD"))
    found = stored_products(growth.url)
    photos = sum(bool(photo) for _name, _quantity, photo in found.values())
    good = len(found) == photos == KEPT and not any("db" in one.services() for one in (growth.one, growth.two))
    text = f"moved in {moved:.0f} s, the second host after {seconds:.0f} s more; {len(found)} of {KEPT} products, "
    growth.note("two hosts, no db on either", good, text + f"{photos} photos; {', '.join(host.services())}")


def hosts(growth: Growth) -> None:
    """Both hosts serve the same data, new photos are in S3 only, and each host logs the client's own address."""
    app = App(growth.url)
    product = app.inventory.create("New", new_sku(), None, MultipartFile(jpeg(50000), "p.jpg"))
    product = app.inventory.upload_image(product.id, MultipartFile(jpeg(60000), "p.jpg"))
    app.inventory.add_stock(product.id, 3)
    address = product.image_url or ""
    shown = [{one.id: one for one in App(host.url).inventory.products()} for host in (growth.one, growth.two)]
    good = address.startswith(f"http://127.0.0.1:{growth.photos_port}/{BUCKET}/") and app.dio.get(address).status == 200
    files = [host.compose("exec", "-T", "worker", "find", "/srv/media", "-newer", "/etc/hostname", "-type", "f")
             for host in (growth.one, growth.two)]  # fmt: skip
    good = good and shown[0] == shown[1] and product.id in shown[0] and not any("products/" in one for one in files)
    growth.note("the same on both, photos in S3", good, f"{len(shown[0])} products; {address}")
    for _ in range(10):
        ask(growth, "GET", "/api/health/")
    seen = {host.name: {one["client"] for one in host.requests()[-3:]} for host in (growth.one, growth.two)}
    growth.note("clients behind the balancer", seen == {"one": {"127.0.0.1"}, "two": {"127.0.0.1"}}, f"{seen}")
    states = [host.script("status.sh") for host in (growth.one, growth.two)]  # raises if something needs attention
    good = not any(re.search(r"^(ATTENTION|db\b)", output, re.MULTILINE) for output in states)
    ready = re.findall(r"^Ready: *(.*)", "\n".join(states), re.MULTILINE)
    growth.note("status.sh on both", good, " / ".join(ready))


def networks(growth: Growth) -> None:
    """With WEB_INTERNAL=false the services that need other machines reach them; the network `data` has no way out."""
    host = growth.one
    with elsewhere(growth) as (address, port):
        program = f"import socket; socket.create_connection(('{address}', {port}), 5)"
        python = ("python", "-c", program)
        bash = f"timeout 5 bash -c 'exec 3<>/dev/tcp/{address}/{port}'"
        attempts: dict[str, Callable[[], object]] = {
            "backend": lambda: host.compose("exec", "-T", "backend", *python),
            "worker": lambda: host.compose("exec", "-T", "worker", *python),
            "migrate": lambda: host.compose("run", "--rm", "--no-deps", "-T", "migrate", *python),
            "backup": lambda: host.compose(
                "run", "--rm", "--no-deps", "-T", "--entrypoint", "bash", "backup", "-c", bash
            ),
            "on data only": lambda: growth.engine.docker(
                "run", "--rm", "--network", f"{host.project}_data", "base", *python
            ),
        }
        reached = []
        for name, reach in attempts.items():
            with contextlib.suppress(RuntimeError):
                reach()
                reached.append(name)
    good = reached == ["backend", "worker", "migrate", "backup"]
    growth.note("the way out", good, f"{', '.join(reached)}; not of five: on data only" if good else f"{reached}")


@contextmanager
def elsewhere(growth: Growth) -> Iterator[tuple[str, int]]:
    """Run a server in a network namespace, which to containers is another machine behind this one.

    Yields its address and port. With this machine's own Docker, the storage of the photos is used instead.
    """
    if os.environ.get("VERIFY_DOCKER") == "existing":
        yield growth.outside, growth.photos_port
        return
    name, link = f"easybox-{os.getpid()}", f"easybox{os.getpid()}"[:15]
    run(["ip", "netns", "add", name])
    try:
        run(["ip", "link", "add", link, "type", "veth", "peer", "name", "away", "netns", name])
        run(["ip", "address", "add", "10.214.0.1/30", "dev", link])
        run(["ip", "link", "set", link, "up"])
        run(["ip", "-n", name, "address", "add", "10.214.0.2/30", "dev", "away"])
        run(["ip", "-n", name, "link", "set", "away", "up"])
        run(["ip", "-n", name, "route", "add", "default", "via", "10.214.0.1"])
        command = ["ip", "netns", "exec", name, sys.executable, "-m", "http.server", "--bind", "10.214.0.2", "8000"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                wait_until(lambda: ":8000" in run(["ip", "netns", "exec", name, "ss", "-ltn"]).stdout, 20, "it listens")
                yield "10.214.0.2", 8000
            finally:
                server.terminate()
    finally:
        run(["ip", "netns", "del", name])


def workers(growth: Growth) -> None:
    """Both hosts have a worker: each alert is sent once, common jobs have one row, and each host has its own checks."""
    texts = plant(growth.one, 20)
    with contextlib.suppress(RuntimeError):
        wait_until(lambda: all(times_sent(growth, texts)), 60, "every alert was sent")
    time.sleep(5)
    times = times_sent(growth, texts)
    growth.note("alerts of two workers", times == [1] * len(texts), f"{times.count(1)} of {len(texts)} sent once")
    jobs = growth.sql("select name from api_job order by name", "easybox").split("\n")
    common = [name for name in jobs if name.startswith(("check_ledger", "prune"))]
    own = [name for name in jobs if name.startswith(("check_disks", "check_backup", "heartbeat"))]
    good = common == ["check_ledger", "prune"]
    good = good and own == sorted(f"{job} @{host}" for job in ("check_disks", "check_backup", "heartbeat")
                                  for host in ("one", "two"))  # fmt: skip
    growth.note("jobs of two workers", good, ", ".join(jobs))


PLANT = """
import time
from django.utils import timezone
from api.alerts import outbox
for text in {texts}:
    outbox.tell("job_failed", at=timezone.now(), job="growth", text=text)
    time.sleep(0.5)
"""


def plant(host: Host, number: int) -> list[str]:
    """Save `number` alerts in the outbox, half a second apart. Returns their texts."""
    texts = [f"planted {secrets.token_hex(3)};" for _ in range(number)]
    host.compose(
        "exec", "-T", "worker", "python", "manage.py", "shell", "--no-imports", "-c", PLANT.format(texts=texts)
    )
    return texts


def times_sent(growth: Growth, texts: list[str]) -> list[int]:
    """For each text, how many messages contained it."""
    return [sum(message.count(text) for message in growth.telegram.texts) for text in texts]


def rolling(growth: Growth) -> None:
    """Another release on one host after the other, under load."""
    sha = growth.release("second")
    with growth.load() as load:
        seconds = [host.deploy(sha) for host in (growth.one, growth.two)]
    serving = {json.loads(ask(growth, "GET", "/api/health/")[2])["version"] for _ in range(8)}
    good = not load.failed and not load.lost() and serving == {sha} and len(load.versions) == 2
    text = f"{growth.counts(load)}; {seconds[0]:.0f} and {seconds[1]:.0f} s, with backup and trial each"
    growth.note("rolling deploy over both", good, text)


def dead_host(growth: Growth) -> None:
    """Each host in turn is killed under load with all its containers, and comes back."""
    for host, other in ((growth.two, growth.one), (growth.one, growth.two)):
        with growth.load() as load:
            time.sleep(5)
            killed = time.monotonic()
            host.kill()
            time.sleep(15)
        late = [moment - killed for moment in load.failed_at]
        gap = load.longest_gap(killed)
        # At most one request of each client fails, the one in flight, and only until the balancer notices the failure.
        good = load.failed <= CLIENTS and all(0 <= moment < 5 for moment in late) and not load.lost() and gap < 5
        growth.note(f"host {host.name} dies", good, f"{growth.counts(load)}; longest gap between writes {gap:.1f} s")
        texts = plant(other, 1)
        wait_until(lambda texts=texts: all(times_sent(growth, texts)), 60, "an alert was sent")  # type: ignore[misc]
        began = time.monotonic()
        with growth.load() as load:
            host.compose("up", "--detach", "--wait", "--wait-timeout", "300")
            back = time.monotonic() - began
            time.sleep(5)
        good = not load.failed and not load.lost() and bool(host.requests()[-1:])
        text = f"{growth.counts(load)}; after {back:.0f} s; meanwhile the worker of {other.name} sent an alert"
        growth.note(f"host {host.name} is back", good, text)


def frozen_host(growth: Growth) -> None:
    """A host hangs, as after a power cut: it accepts connections, answers nothing, and is taken out of use."""
    host = growth.two
    mine = host.containers()
    try:
        with growth.load() as load:
            time.sleep(3)
            frozen = time.monotonic()
            growth.engine.docker("pause", *mine)
            time.sleep(80)
    finally:
        growth.engine.docker("unpause", *mine)
    late = max((moment - frozen for moment in load.failed_at), default=0.0)
    gap = load.longest_gap(frozen)
    # The third failed probe takes the host out of use. If it hangs in the middle of a change, its locks make the other
    # host wait until PostgreSQL ends its transaction, after a minute (DB_LIMITS).
    good = late < 75 and not load.lost() and gap < 75
    growth.note("a host hangs", good, f"{growth.counts(load)}; the last {late:.1f} s after it; longest gap {gap:.1f} s")
    wait_until(lambda: is_ready(host), 60, "it is ready again")


def dead_database(growth: Growth) -> None:
    """The external PostgreSQL is killed under load and starts again. Nothing acknowledged is lost."""
    with growth.load() as load:
        time.sleep(3)
        growth.engine.docker("kill", growth.database)
        time.sleep(5)
        growth.engine.docker("start", growth.database)
        began = time.monotonic()
        time.sleep(15)
    gap = load.longest_gap(began - 6)
    good = not load.lost() and gap < 30
    growth.note("the database dies", good, f"{load.done} requests, {load.failed} failed, {len(load.lost())} lost; "
                f"longest gap between writes {gap:.1f} s, of which it was down 5 s")  # fmt: skip
    output = growth.one.compose("exec", "-T", "worker", "python", "manage.py", "check_ledger")
    growth.note("ledger after all that", "all ledgers are right" in output, output.splitlines()[-1])


def restore(growth: Growth) -> None:
    """The external database is lost, and a host restores it from the latest set. Photos have stayed in S3."""
    before = stored_products(growth.url)
    session = Session(App(growth.url).session.token)
    growth.one.script("backup.sh")
    growth.one.script("backup.sh", "verify", "latest")
    growth.two.compose("stop")
    growth.one.compose("down")
    growth.sql("drop database easybox with (force)")
    growth.sql("create database easybox")
    began = time.monotonic()
    output = growth.one.script("restore.sh", "latest")
    growth.two.compose("up", "--detach", "--wait", "--wait-timeout", "300")
    seconds = time.monotonic() - began
    wait_until(lambda: is_ready(growth), 60, "the balancer has a host again")
    phone = InventoryRemote(Dio(f"{growth.url}/api"), session).products()
    good = stored_products(growth.url) == before and len(phone) >= len(before)
    photos = "; ".join(re.findall(r".*photo.*", output))
    text = f"{seconds:.0f} s: {len(before)} products with their photos as before; {photos}"
    growth.note("restore into the external database", good, text)


def lost_server(growth: Growth) -> None:
    """A server with off-site copies is lost; a bare one that has only offsite.env restores everything."""
    host = make_host("lost", growth.engine, growth.folder, growth.common)
    host.settings["COMPOSE_PROFILES"] = "offsite"
    kept = (
        f"RESTIC_REPOSITORY=s3:http://{growth.outside}:{growth.photos_port}/offsite\nRESTIC_PASSWORD=kept elsewhere\n"
        "AWS_ACCESS_KEY_ID=key\nAWS_SECRET_ACCESS_KEY=secret\n"
    )
    keys = host.checkout / "easy_box_backend/offsite.env"
    keys.write_text(kept)
    try:
        host.deploy(git(growth.work, "rev-parse", "HEAD"))
        fill(host)
        token = App(host.url).session.token
        before = stored_products(host.url)
        host.script("backup.sh")
        host.script("backup.sh", "offsite")
        host.kill()
        host.compose("down", "--volumes")
        shutil.rmtree(growth.folder / host.name)
        began = time.monotonic()
        bare = make_host("lost", growth.engine, growth.folder, {})
        keys.write_text(kept)
        run(["make", "restore", "FROM=offsite"], cwd=bare.checkout, env=bare.environment, timeout=500)
        seconds = time.monotonic() - began
        phone = ask(host, "GET", "/api/users/me/", Authorization=f"Token {token}")[0]
        good = stored_products(host.url) == before and len(before) == KEPT and phone == 200
        text = f"back in {seconds:.0f} s: {len(before)} products and photos as before, the phone's token: {phone}"
        growth.note("make restore FROM=offsite on a bare server", good, f"{text}; {', '.join(host.services())}")
    finally:
        with contextlib.suppress(RuntimeError):
            host.compose("down", "--volumes", "--timeout", "5", "--remove-orphans")


CHECKS: list[Callable[[Growth], None]] = [
    hosts, networks, workers, rolling, dead_host, frozen_host, dead_database, restore, lost_server,
]  # fmt: skip


# --- All together -------------------------------------------------------------------------------------------------
def outside(growth: Growth) -> dict[str, str]:
    """The settings that docs/operations.md names for two hosts; they are equal on both."""
    return {
        "OWN_DB": "0",
        "POSTGRES_HOST": growth.outside,
        "POSTGRES_PORT": str(growth.ports["database"]),
        "WEB_INTERNAL": "false",
        "MEDIA_STORAGE": "s3",
        "S3_BUCKET": BUCKET,
        "S3_ENDPOINT_URL": f"http://{growth.outside}:{growth.photos_port}",
        "S3_PUBLIC_URL": f"http://127.0.0.1:{growth.photos_port}/{BUCKET}",
        "S3_ACCESS_KEY_ID": "key",
        "S3_SECRET_ACCESS_KEY": "secret",
        "BALANCER": PRIVATE,
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_CHAT_ID": CHAT,
        "TELEGRAM_API_URL": growth.telegram.url,
    }


@contextmanager
def network(ours: Engine) -> Iterator[str]:
    """Create a network until the end of the block. Yields an address of this machine that containers can reach from
    networks with a way out, but not from internal ones."""
    name = f"easybox-growth-{os.getpid()}"
    ours.docker("network", "create", name)
    try:
        yield ours.docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", name)
    finally:
        ours.docker("network", "rm", name)


def start_database(growth: Growth) -> None:
    """Start PostgreSQL in a container that belongs to neither host, on the address `growth.outside`."""
    growth.engine.docker(
        *("run", "--detach", "--name", growth.database, "--network", "host", "--user", "999:999"),
        *("--tmpfs", "/run/postgresql:uid=999,gid=999,mode=0775", "--env", "POSTGRES_USER=easybox"),
        *("--env", "POSTGRES_DB=easybox", "--env", f"POSTGRES_PASSWORD={growth.one.settings['POSTGRES_PASSWORD']}"),
        *("postgres:17-trixie", "postgres", "-c", f"listen_addresses={growth.outside}"),
        *("-c", f"port={growth.ports['database']}", "-c", "unix_socket_directories=/run/postgresql"),
    )


def start_balancer(growth: Growth) -> None:
    """Start HAProxy with deploy/haproxy.cfg on 127.0.0.1. It also gives hosts and phones access to the photos."""
    text = (ROOT / "deploy/haproxy.cfg").read_text()
    for host, address in ((growth.one, "10.0.0.11:8082"), (growth.two, "10.0.0.12:8082")):
        assert address in text
        text = text.replace(address, host.settings["BALANCED_AT"])
    text = text.replace("bind :80", f"bind 127.0.0.1:{growth.port}")
    text += (
        f"\nlisten photos\n    bind 127.0.0.1:{growth.photos_port}\n    bind {growth.outside}:{growth.photos_port}\n"
    )
    text += f"    server s3 127.0.0.1:{growth.ports['s3']}\n"
    file = growth.folder / "haproxy.cfg"
    file.write_text(text)
    growth.engine.docker(
        *("run", "--detach", "--name", f"{growth.one.project}-haproxy", "--network", "host"),
        *("--volume", f"{file}:/usr/local/etc/haproxy/haproxy.cfg:ro", HAPROXY.tag),
    )


def make_host(name: str, ours: Engine, folder: Path, common: dict[str, str]) -> Host:
    """Make a host: a clone with settings. Nothing is started yet. common: settings of both hosts."""
    port = free_port()
    run(["git", "clone", "--quiet", "--branch", "main", str(folder / "origin.git"), str(folder / name / "easy_box")])
    for kind in ("backups", "certs", "secrets"):
        (folder / name / kind).mkdir()
    settings = common | {
        "STACK": f"easybox-growth-{os.getpid()}-{name}",
        "HOST_NAME": name,
        "HTTP_BIND": "127.0.0.1",
        "HTTP_PORT": str(port),
        "OLD_APP_PORT": str(free_port()),
        "HTTPS_PORT": str(free_port()),
        "HEALTHY_SECONDS": "240",
        "BALANCED_AT": f"127.0.0.1:{free_port()}",
        "BACKUP_DIR": str(folder / name / "backups"),
        "CERTS_DIR": str(folder / name / "certs"),
        "SECRETS_DIR": str(folder / name / "secrets"),
    }
    return Host(name, ours, folder / name / "easy_box", folder / "bin", port, settings)


@contextmanager
def grown(folder: Path) -> Iterator[Growth]:
    """Make two hosts, not started yet, and start everything around them. All is removed at the end of the block."""
    work, origin = folder / "work", folder / "origin.git"
    commit_project(work)
    run(["git", "clone", "--quiet", "--bare", str(work), str(origin)])
    run(["git", "-C", str(origin), "branch", "--force", "main", "HEAD"])
    common = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "ALLOWED_HOSTS": "127.0.0.1",
    }
    with engine(folder) as ours, network(ours) as address, telegram(TOKEN, CHAT, address) as bot:
        (folder / "bin").mkdir()
        (folder / "bin/docker").symlink_to(shutil.which(ours.client) or ours.client)
        one, two = (make_host(name, ours, folder, common) for name in ("one", "two"))
        ports = {"database": free_port(), "s3": free_port()}
        growth = Growth(ours, folder, address, free_port(), free_port(), bot, work, common, one, two, ports)
        storage = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(ports["s3"])]
        with running(storage, folder / "s3.log", ports["s3"]):
            try:
                provide_images(ours, folder, HAPROXY)
                say("Building the image with the packages for S3")
                packages = ("--build-arg", "REQUIREMENTS=requirements-s3.txt")
                backend = str(work / "easy_box_backend")
                ours.docker("build", "--quiet", "--network", "host", *packages, "--tag", "base", backend)
                make_buckets(ports["s3"])
                start_database(growth)
                start_balancer(growth)
                yield growth
            finally:
                for name in (growth.database, f"{one.project}-haproxy"):
                    with contextlib.suppress(RuntimeError):
                        ours.docker("rm", "--force", "--volumes", name)
                for host in (one, two):
                    with contextlib.suppress(RuntimeError):
                        host.compose("down", "--volumes", "--timeout", "5", "--remove-orphans")


def make_buckets(port: int) -> None:
    """Create the bucket of the photos, which everybody may read, and that of the off-site copies."""
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    for path, body in ((f"/{BUCKET}", ""), (f"/{BUCKET}?policy", policy), ("/offsite", "")):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("PUT", path, body.encode(), {"Content-Type": "application/json"})
        if (status := connection.getresponse().status) >= http.client.BAD_REQUEST:
            raise RuntimeError(f"the storage answers {status} to {path}")
        connection.close()


def main(chosen: list[str]) -> int:
    """Run the checks named in `chosen`, or all; returns 1 if one failed, and exits with 2 for an unknown name."""
    check_names(chosen, [check.__name__ for check in CHECKS])
    end_by_exception()
    folder = Path(tempfile.mkdtemp(prefix="easybox-growth-"))
    began = time.monotonic()
    growth = None
    try:
        with grown(folder) as growth:
            wanted = [one_server, grow, *(check for check in CHECKS if not chosen or check.__name__ in chosen)]
            for check in crashed(growth, wanted):
                if check in (one_server, grow):
                    break
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    load = f"Under load {growth.sent} requests were sent; {growth.failed} failed, {growth.lost} products lost a write"
    return report(growth.results, began, load)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
