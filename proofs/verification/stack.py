"""`make verify-stack`: checks the production stack on a real Docker Engine, from the build to a restored backup.

    make verify-stack                  everything, on an engine of its own (Debian, as root)
    make verify-stack ARGS="kill"      only these checks (see CHECKS), after the stack is up
    VERIFY_DOCKER=existing make verify-stack    on this machine's Docker, with the official images

All data is in a temporary folder and in volumes of its own, and is removed at the end. Prints times and counts.
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
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from proofs.phone.app import AuthRepository, InventoryRemote, Session
from proofs.phone.desk import Browser, desk_pages
from proofs.phone.dio import Dio, DioException, FormData, MultipartFile
from proofs.phone.smoke import app_calls
from proofs.verification.checks import Checked, check_names, crashed, end_by_exception, report
from proofs.verification.client import EMAIL, PASSWORD, App, Load, ask, free_port, jpeg, new_sku
from proofs.verification.engine import ROOT, Engine, copy_project, engine, provide_images, run

PLAIN_HTTP = {"security.W004", "security.W008", "security.W012", "security.W016"}
"""The warnings of `check --deploy` about plain HTTP, which the app needs."""
SERVICES = ("backend", "nginx", "db", "worker", "backup")


@dataclass
class Stack(Checked):
    """The stack under test."""

    engine: Engine
    folder: Path
    port: int
    variables: dict[str, str]
    ids: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**9)))

    @property
    def root(self) -> Path:
        """A copy of the project, so that the project itself can be changed during the checks."""
        return self.folder / "project"

    @property
    def backend(self) -> Path:
        return self.root / "easy_box_backend"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return self.engine.environment | self.variables

    def compose(self, *arguments: str, seconds: float = 300) -> str:
        """Run `docker compose …` with the production file; returns its output."""
        files = ["--project-directory", str(self.backend), "-f", str(self.backend / "docker-compose.prod.yml")]
        return self.engine.docker("compose", *files, *arguments, environment=self.variables, timeout=seconds)

    def script(self, name: str, *arguments: str, **variables: str) -> str:
        """Run a script of deploy/ with these variables; returns its output."""
        programs = self.folder / "bin"
        programs.mkdir(exist_ok=True)
        if not (programs / "docker").exists():
            (programs / "docker").symlink_to(shutil.which(self.engine.client) or self.engine.client)
        environment = self.environment | variables | {"PATH": f"{programs}:{os.environ['PATH']}"}
        return run([str(self.root / "deploy" / name), *arguments], env=environment, timeout=400).stdout

    def manage(self, *arguments: str) -> str:
        """Run a manage.py command in a running backend; returns its output."""
        return self.compose("exec", "-T", "backend", "python", "manage.py", *arguments)

    def manage_worker(self, *arguments: str) -> str:
        """Run a manage.py command in the running worker; returns its output."""
        return self.compose("exec", "-T", "worker", "python", "manage.py", *arguments)

    def container(self, service: str) -> str:
        """The id of a service's container, or of its first one."""
        return self.compose("ps", "--all", "--quiet", service).split()[0]

    def app(self) -> App:
        """A phone with the app, logged in."""
        return App(self.url)


# --- Checks, in order ---------------------------------------------------------------------------------------------
def build(stack: Stack) -> None:
    """Build the image twice: from nothing, and with all layers cached."""
    tag = f"{stack.variables['IMAGE']}:"
    for version in ("release-1", "release-2"):
        began = time.monotonic()
        stack.engine.docker(
            *(
                "build",
                "--network",
                "host",
                "--build-arg",
                f"VERSION={version}",
                "--tag",
                tag + version,
                str(stack.backend),
            )
        )
        seconds = time.monotonic() - began
        stack.note(f"build of {version}", version == "release-1" or seconds < 60, f"{seconds:.1f} s")
    size = int(stack.engine.docker("image", "inspect", "--format", "{{.Size}}", tag + "release-1"))
    base = int(stack.engine.docker("image", "inspect", "--format", "{{.Size}}", "python:3.13-slim-trixie"))
    stack.note("image", True, f"{size / 1e6:.0f} MB, of which the base is {base / 1e6:.0f} MB")


def start(stack: Stack) -> None:
    """Start the stack, make the app's calls and open the desk's pages through nginx."""
    began = time.monotonic()
    stack.compose("up", "--detach", "--wait", "--wait-timeout", "180")
    up = time.monotonic() - began
    person = ["--email", EMAIL, "--username", "Admin"]
    stack.compose(
        *("exec", "-T", "-e", f"DJANGO_SUPERUSER_PASSWORD={PASSWORD}", "backend", "python", "manage.py"),
        *("createsuperuser", "--no-input", *person),
    )
    app_calls(Dio(f"{stack.url}/api"), EMAIL, PASSWORD, MultipartFile(jpeg(2000), "photo.jpg"))
    seconds = time.monotonic() - began
    stack.note("up --wait, an account, the app's calls", seconds < 60, f"{seconds:.1f} s, up after {up:.1f} s")
    found = desk_pages(Browser(f"127.0.0.1:{stack.port}"), EMAIL, PASSWORD)
    stack.note("the desk", len(found.pages) > 15, f"{len(found.pages)} pages and {len(found.files)} files open")


def development(stack: Stack) -> None:
    """docker-compose.yml: demo data on SQLite, with the code mounted."""
    stack.engine.docker(
        *("build", "--network", "host", "--target", "build", "--tag", "easybox-backend:development", str(stack.backend))
    )
    variables = {"HOST": "127.0.0.1", "PORT": str(free_port()), "COMPOSE_PROJECT_NAME": f"easybox-dev-{os.getpid()}"}
    began = time.monotonic()
    try:
        stack.engine.docker(
            "compose", "up", "--detach", "--wait", "--no-build", cwd=stack.backend, environment=variables
        )
        dio, session = Dio(f"http://127.0.0.1:{variables['PORT']}/api"), Session()
        AuthRepository(dio, session).login("admin@example.com", "password")
        products = InventoryRemote(dio, session).products()
        stack.note("docker-compose.yml", bool(products), f"{len(products)} products, {time.monotonic() - began:.0f} s")
    finally:
        stack.engine.docker("compose", "down", "--volumes", "--timeout", "3", cwd=stack.backend, environment=variables)


def contract(stack: Stack) -> None:
    """The contract tests through nginx; meanwhile `idle` checks idle connections."""
    idling = threading.Thread(target=idle, args=(stack,))
    idling.start()
    environment = os.environ | {"EASYBOX_URL": stack.url, "EASYBOX_EMAIL": EMAIL, "EASYBOX_PASSWORD": PASSWORD}
    command = [sys.executable, "-m", "pytest", "-p", "no:django", "-p", "no:cacheprovider", "-o", "addopts="]
    done = subprocess.run(
        [*command, "--import-mode=importlib", "-q", "-x", "--no-header", "proofs/contract"],
        cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-300:]
    stack.note("contract tests", done.returncode == 0, last.strip("= "))
    if done.returncode:
        print(done.stdout[-5000:])
    idling.join()


def photo(stack: Stack) -> None:
    """A photo of 20 MB is accepted; the backend refuses 21 MB and names the field, nginx refuses 26 MB."""
    app = stack.app()
    product = app.inventory.create("Photo", new_sku())
    began = time.monotonic()
    changed = app.inventory.upload_image(product.id, MultipartFile(jpeg(20 * 1024 * 1024), "photo.jpg"))
    seconds = time.monotonic() - began
    assert changed.image_url is not None
    raw = app.dio.get(changed.image_url)
    headers = raw.headers
    good = raw.status == 200 and "immutable" in headers.get("cache-control", "")
    good = good and headers.get("x-content-type-options") == "nosniff" and headers["content-type"] == "image/jpeg"
    stack.note("20 MB photo", good, f"taken in {seconds:.1f} s, served as {headers.get('content-type')}")
    answers = []
    for size in (21, 26):
        try:
            app.send(
                "POST",
                f"/products/{product.id}/upload_image/",
                FormData({"image": MultipartFile(jpeg(size * 2**20), "p.jpg")}),
            )
            answers.append("taken")
        except DioException as error:
            data = error.response.data if error.response else str(error)
            answers.append(f"{error.status} {data.get('code') if isinstance(data, dict) else data}")
    stack.note("21 and 26 MB", answers[0].startswith("400") and answers[1] == "413 too_large", ", ".join(answers))


def idle(stack: Stack) -> None:
    """Connections that were idle for 15 and 70 seconds still work."""
    results = []
    for seconds in (15, 70):
        connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
        connection.connect()
        before = connection.sock.getsockname()
        connection.request("GET", "/api/health/")
        connection.getresponse().read()
        time.sleep(seconds)
        try:
            connection.request("POST", "/log-client-error", b'{"message":"idle"}', {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            same = connection.sock is not None and connection.sock.getsockname() == before
            results.append((answer.status == 201 and same, f"{seconds} s: {answer.status}"))
        except (OSError, http.client.HTTPException) as error:
            results.append((False, f"{seconds} s: {type(error).__name__} {error}"))
        connection.close()
    stack.note("idle connections used again", all(good for good, _ in results), ", ".join(text for _, text in results))


def edge(stack: Stack) -> None:
    """Security headers, nginx's own error answers, paths that are not public, and the confinement of containers."""
    status, headers, _ = ask(stack, "GET", "/login/", Host="127.0.0.1")
    wanted = {"x-frame-options": "DENY", "x-content-type-options": "nosniff", "referrer-policy": "same-origin"}
    missing = [name for name, value in wanted.items() if headers.get(name) != value]
    leaked = "version" if re.search(r"\d", headers.get("server", "")) else ""
    stack.note(
        "security headers", status == 200 and not missing and not leaked, f"{status} {missing or 'all there'} {leaked}"
    )

    wrong = []
    for path, host, number in (
        ("/metrics", "127.0.0.1", 404),
        ("/media/none.jpg", "127.0.0.1", 404),
        ("/media/x.html", "127.0.0.1", 404),
        ("/api/products", "127.0.0.1", 404),
        ("/", "evil.example.com", 400),
        ("/", "a" * 7900 + "key", 400),
        ("/" + "a" * 33_000, "127.0.0.1", 400),
    ):
        status, _, body = ask(stack, "GET", path, Host=host)
        try:
            right = status == number and {"code", "detail", "facts", "retryable"} <= json.loads(body).keys()
        except ValueError:
            right = False
        wrong += [] if right else [f"{path[:40]} as {host[:40]}: {status} {body[:80]!r}"]
    stack.note("what is not there or not ours is a JSON error", not wrong, "; ".join(wrong) or "7 of 7")

    status, headers, body = ask(stack, "GET", "/api/schema/", Accept_Encoding="gzip", Host="127.0.0.1")
    stack.note("gzip", headers.get("content-encoding") == "gzip", f"/api/schema/ {status}, {len(body)} bytes")

    oldest = http.client.HTTPConnection("127.0.0.1", int(stack.variables["OLD_APP_PORT"]), timeout=30)
    oldest.request("GET", "/api/health/")
    status = oldest.getresponse().status
    oldest.close()
    stack.note("the oldest builds' port", status == 200, str(status))

    # Thirty phones behind one address log in at once.
    headers = {"Content_Type": "application/json", "X_Forwarded_For": "203.0.113.9"}
    body = json.dumps({"email": EMAIL, "password": PASSWORD}).encode()
    with ThreadPoolExecutor(30) as phones:
        codes = list(phones.map(lambda _: ask(stack, "POST", "/api/auth/token/", body, **headers)[0], range(30)))
    stack.note("30 log-ins at once from one address", set(codes) == {200}, f"{codes.count(200)} of 30 answered 200")

    loose = []
    for service in SERVICES:
        found = json.loads(stack.engine.docker("inspect", stack.container(service)))[0]
        host = found["HostConfig"]
        if not (
            host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and "no-new-privileges:true" in host["SecurityOpt"]
        ):
            loose.append(f"{service}: not hardened")
        if not host["Memory"] or host["LogConfig"]["Config"].get("max-size") is None:
            loose.append(f"{service}: without limits")
        if service not in ("backup",) and found["Config"]["User"] in ("", "root", "0", "0:0"):
            loose.append(f"{service}: runs as root")
        if host["PortBindings"] and service != "nginx":
            loose.append(f"{service}: publishes a port")
    stack.note("containers are confined", not loose, "; ".join(loose) or f"{len(SERVICES)} of {len(SERVICES)}")


def deploy_check(stack: Stack) -> None:
    """`manage.py check --deploy`."""
    output = stack.manage("check", "--deploy")
    found = set(re.findall(r"security\.W\d+", output))
    stack.note("check --deploy", found <= PLAIN_HTTP, f"{sorted(found) or 'clean'} (plain HTTP is meant to work)")


def https(stack: Stack) -> None:
    """HTTPS beside HTTP once there is a certificate, and with the renewed one once there is that; without a restart."""
    port, certificates = int(stack.variables["HTTPS_PORT"]), Path(stack.variables["CERTS_DIR"])
    names = ["-keyout", str(certificates / "privkey.pem"), "-out", str(certificates / "fullchain.pem")]
    seen: set[bytes] = set()
    waits = []
    for number in (1, 2):
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", *names])
        for file in ("privkey.pem", "fullchain.pem"):
            os.chown(certificates / file, 101, 101)
        began = time.monotonic()
        while len(seen) < number and time.monotonic() < began + 30:
            time.sleep(0.5)
            with contextlib.suppress(OSError):
                seen.add(certificate(port))
        waits.append(f"{time.monotonic() - began:.0f} s")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
    connection.request("GET", "/api/health/")
    status, plain = connection.getresponse().status, ask(stack, "GET", "/api/health/")[0]
    connection.close()
    good = len(seen) == 2 and status == plain == 200
    code, headers, _ = ask(stack, "GET", "/login/", Host="127.0.0.1")
    is_sent = (code, headers.get("location")) == (307, f"https://127.0.0.1:{port}/login/")
    stack.note("with a certificate the desk is by HTTPS", is_sent, f"{code} {headers.get('location')}")
    stack.note(
        "HTTPS beside HTTP, renewed", good, f"{len(seen)} of 2 certificates in use after {waits}, {status}, {plain}"
    )


def certificate(port: int) -> bytes:
    """The certificate that the server on this port presents. Raises OSError."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain) as secure:
        return secure.getpeercert(binary_form=True) or b""


def rolling(stack: Stack) -> None:
    """Another release replaces the running one under 20 requests per second, half of them writes."""
    with Load(stack, 20) as load:
        time.sleep(3)
        began = time.monotonic()
        stack.variables["VERSION"] = "release-2"
        stack.script("replace-backends.sh")
        seconds = time.monotonic() - began
        time.sleep(3)
    running = {json.loads(ask(stack, "GET", "/api/health/")[2])["version"] for _ in range(6)}
    lost = load.lost()
    good = not load.failed and running == {"release-2"} and not lost
    text = f"{load.done} requests, {load.failed} failed, replaced in {seconds:.0f} s, now {running} {lost}"
    stack.note("rolling replacement", good, text + "".join(f"\n    {fault}" for fault in load.faults[:10]))


def bad_release(stack: Stack) -> None:
    """A release that never becomes healthy gets no request, and the backends are not touched."""
    image = stack.variables["IMAGE"]
    context = stack.folder / "bad"
    context.mkdir(exist_ok=True)
    # It listens and gives wrong answers, so nginx alone would take it for a good one.
    (context / "Dockerfile").write_text(f'FROM {image}:release-1\nCMD ["python", "-m", "http.server", "8000"]\n')
    stack.engine.docker("build", "--quiet", "--tag", f"{image}:release-bad", str(context))
    good_version = stack.variables["VERSION"]
    failure = ""
    with Load(stack, 20) as load:
        stack.variables["VERSION"] = "release-bad"
        try:
            stack.script("replace-backends.sh")
        except RuntimeError as error:
            failure = next((line for line in str(error).splitlines() if line.startswith("FAILED")), str(error)[-300:])
        stack.variables["VERSION"] = good_version
        began = time.monotonic()
        stack.script("replace-backends.sh")
        back = time.monotonic() - began
    good = "did not become healthy" in failure and not load.failed and not load.lost()
    text = f"{failure!r}; {load.done} requests, {load.failed} failed; the good one answers after {back:.0f} s more"
    stack.note("a bad release", good, text + "".join(f"\n    {fault}" for fault in load.faults[:5]))


def kill(stack: Stack) -> None:
    """kill -9 of each container's main process, under writes."""
    for service in SERVICES:
        with Load(stack, 10, writes=1) as load:
            time.sleep(2)
            process = int(stack.engine.docker("inspect", "--format", "{{.State.Pid}}", stack.container(service)))
            assert process, f"{service} does not run"
            killed = time.monotonic()
            os.kill(process, signal.SIGKILL)
            time.sleep(15)
        gap = load.longest_gap(killed)
        wrong = load.lost()
        state = stack.engine.docker(
            "inspect", "--format", "{{.State.Running}} {{.State.Health.Status}}", stack.container(service)
        )
        good = gap < 15 and not wrong and state.startswith("true")
        text = f"{len(load.moments)} writes acknowledged, {load.failed} failed, longest gap {gap:.1f} s, then: {state}"
        stack.note(f"kill -9 of {service}", good, text + "".join(f"\n    {line}" for line in wrong))
        time.sleep(8)  # Docker restarts a container sooner if it has run longer
    output = stack.manage("check_ledger")
    stack.note("ledger after all that", "all ledgers are right" in output, output.splitlines()[-1])


def unavailable(stack: Stack) -> None:
    """Without a database or without backends, clients get a JSON error on a connection that is then closed
    (nginx/site.conf says why), and the stack recovers by itself."""
    stack.compose("stop", "db")
    status, headers, body = ask(stack, "GET", "/api/health/", Accept_Language="de")
    answer = json.loads(body)
    good = (status, answer["code"], headers.get("connection")) == (503, "unavailable", "close")
    good = good and answer["retryable"] is True and bool(answer["facts"]["request_id"])
    stack.note("no database", good, f"{status}, connection: {headers.get('connection')}, {answer['detail']}")
    stack.compose("start", "db")
    stack.compose("stop", "backend")
    status, headers, body = ask(stack, "GET", "/api/products/", Accept_Language="ru")
    good = status == 503 and "retry-after" in headers and json.loads(body)["retryable"] is True
    good = good and headers.get("connection") == "close"
    stack.note("no backend", good, f"{status}, Retry-After {headers.get('retry-after')}, {json.loads(body)['detail']}")
    began = time.monotonic()
    stack.compose("start", "backend")
    while ask(stack, "GET", "/api/health/")[0] != 200 and time.monotonic() < began + 60:
        time.sleep(0.5)
    stack.note("back", time.monotonic() - began < 30, f"after {time.monotonic() - began:.1f} s")


CHECK_OFFSITE = (
    "from django.utils import timezone as t; from api.ops import conditions as c; print(c.check_offsite(t.now()))"
)


def offsite(stack: Stack) -> None:
    """The service `offsite` sends a set with .env, and the worker sees its status. Its volume holds the repository."""
    keys, settings = stack.backend / "offsite.env", stack.backend / ".env"
    assert not keys.exists(), f"{keys} exists already"
    made_env = not settings.exists()
    try:
        settings.touch()
        keys.write_text("RESTIC_REPOSITORY=/offsite/repository\nRESTIC_PASSWORD=kept elsewhere\n")
        stack.script("backup.sh")
        stack.script("backup.sh", "offsite")
        listed = stack.compose("run", "--rm", "--no-deps", "-T", "offsite", "list")
        offsite_state = stack.manage_worker("shell", "--no-imports", "-c", CHECK_OFFSITE)
        good = "/project/.env" in listed and "{'failed': False}" in offsite_state
        stack.note("off-site copy", good, f"the worker: {offsite_state.splitlines()[-1]}")
        others = stack.compose("exec", "-T", "worker", "env")
        others += stack.compose("run", "--rm", "--no-deps", "-T", "--entrypoint", "env", "backup")
        stack.note("its password is in its container only", "kept elsewhere" not in others, "worker, backup")
    finally:
        keys.unlink(missing_ok=True)
        if made_env:
            settings.unlink()


def restore(stack: Stack) -> None:
    """The stack and its volumes are destroyed and restored from the latest set."""
    app = stack.app()
    for number in range(5):
        product = app.inventory.create(f"Kept {number}", new_sku(), None, MultipartFile(jpeg(30000 + number), "p.jpg"))
        app.inventory.add_stock(product.id, number + 1)
    before = {one.id: one for one in app.inventory.products()}
    photos = {
        url: hashlib.sha256(app.dio.get(url).raw).hexdigest() for one in before.values() if (url := one.image_url)
    }
    began = time.monotonic()
    stack.script("backup.sh")
    made = time.monotonic() - began
    stack.script("backup.sh", "verify", "latest")
    status_file = Path(stack.variables["BACKUP_DIR"]) / "status.json"
    with contextlib.suppress(RuntimeError):
        nowhere = "DATABASE_URL=postgres://easybox:x@nowhere/easybox"
        stack.compose("run", "--rm", "--no-deps", "-T", "-e", nowhere, "backup", "now")
    status = json.loads(status_file.read_text())
    stack.note("a failed backup says so", status["ok"] is False and "nowhere" in status["text"], status["text"][:90])
    stack.compose("down", "--volumes")
    began = time.monotonic()
    report = stack.script("restore.sh", "latest")
    seconds = time.monotonic() - began
    print("\n".join(f"    {line}" for line in report.splitlines() if re.match(r"==>|.*(epoch|ledger|photo)", line)))
    fresh = Dio(f"{stack.url}/api")
    session = Session(app.session.token)  # the old token must still work
    after = {one.id: one for one in InventoryRemote(fresh, session).products()}
    same = sum(hashlib.sha256(fresh.get(url).raw).hexdigest() == digest for url, digest in photos.items())
    good = after == before and same == len(photos) > 0
    text = f"set made in {made:.1f} s, back in {seconds:.0f} s: {len(after)} products of {len(before)}"
    stack.note("restore drill", good, f"{text}, {same} of {len(photos)} photos byte-identical")
    try:
        stack.script("restore.sh", "latest")
        stack.note("a stack with data is not overwritten", False, "it was")
    except RuntimeError as error:
        stack.note("a stack with data is not overwritten", "empty one only" in str(error), "refused")


CHECKS: list[Callable[[Stack], None]] = [
    photo, edge, https, deploy_check, rolling, bad_release, offsite, restore, kill, unavailable, development, contract,
]  # fmt: skip


# --- All together -------------------------------------------------------------------------------------------------
@contextmanager
def temporary_stack(folder: Path) -> Iterator[Stack]:
    """Prepare a stack, not started yet, on an engine. Everything is removed at the end of the block."""
    for name in ("backups", "certs", "secrets"):
        (folder / name).mkdir()
    copy_project(folder / "project")
    with engine(folder) as ours:
        stack = Stack(ours, folder, free_port(), {})
        stack.variables |= {
            "STACK": f"easybox-verify-{os.getpid()}",
            "IMAGE": "easybox-backend",
            "VERSION": "release-1",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "POSTGRES_PASSWORD": secrets.token_hex(24),
            "ALLOWED_HOSTS": "127.0.0.1",
            "HTTP_BIND": "127.0.0.1",
            "HTTP_PORT": str(stack.port),
            "OLD_APP_PORT": str(free_port()),
            "HTTPS_PORT": str(free_port()),
            "BACKUP_DIR": str(folder / "backups"),
            "CERTS_DIR": str(folder / "certs"),
            "SECRETS_DIR": str(folder / "secrets"),
            "CERTIFICATE_CHECK_SECONDS": "2",
        }
        try:
            provide_images(ours, folder)
            yield stack
        finally:
            stack.compose("down", "--volumes", "--timeout", "10", "--remove-orphans")


def main(chosen: list[str]) -> int:
    """Run the checks named in `chosen`, or all; returns 1 if one failed, and exits with 2 for an unknown name."""
    check_names(chosen, [check.__name__ for check in CHECKS])
    end_by_exception()
    folder = Path(tempfile.mkdtemp(prefix="easybox-verify-"))
    began = time.monotonic()
    stack = None
    try:
        with temporary_stack(folder) as stack:
            wanted = [build, start, *(check for check in CHECKS if not chosen or check.__name__ in chosen)]
            for check in crashed(stack, wanted):
                if check in (build, start):
                    print(stack.compose("logs", "--tail", "20") if check is start else "")
                    break
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    stand_in = [] if os.environ.get("VERIFY_DOCKER") == "existing" else ["The base images are stand-ins."]
    return report(stack.results, began, *stand_in)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
