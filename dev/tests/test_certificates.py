"""nginx/certbot.sh and our nginx against an ACME server (Pebble): the first certificate, its renewal, and a failure."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.common import BACKEND
from dev.tests.test_nginx import Start, free_port, start  # noqa: F401 (a fixture)

PROGRAMS = ("certbot", "pebble", "pebble-challtestsrv", "openssl")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0
        or not all(map(shutil.which, PROGRAMS))
        or not shutil.which("nginx", path="/usr/sbin:/usr/bin"),
        reason="needs root, and: apt-get install certbot pebble nginx-light",
    ),
]
DOMAIN = "box.example.com"
SECONDS = 90


class Authority:
    """Pebble, an ACME server for tests, and a name server that resolves every name to this machine.

    challenged: the port where Pebble looks for the proof that a domain is ours (HTTP-01).
    """

    def __init__(self, folder: Path, challenged: int) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[bytes]] = []
        self.port, names = free_port(), free_port()
        openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
        openssl += [
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            str(folder / "key"),
            "-out",
            str(folder / "ca"),
        ]
        subprocess.run(openssl, check=True, capture_output=True)
        about = {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{free_port()}",
            "certificate": str(folder / "ca"), "privateKey": str(folder / "key"), "httpPort": challenged,
            "tlsPort": free_port(), "ocspResponderURL": "", "externalAccountBindingRequired": False,
        }  # fmt: skip
        (folder / "pebble.json").write_text(json.dumps({"pebble": about}))
        self.names = ["pebble-challtestsrv", "-defaultIPv6", "", "-dns01", f"127.0.0.1:{names}"]
        self.names += ["-http01", "", "-https01", "", "-tlsalpn01", "", "-management", f"127.0.0.1:{free_port()}"]
        self.pebble = ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{names}"]

    def start(self) -> None:
        environment = os.environ | {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        for command in (self.names, self.pebble):
            with (self.folder / command[0]).open("ab") as log:
                self.running.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        deadline = time.monotonic() + SECONDS
        while socket.socket().connect_ex(("127.0.0.1", self.port)):
            assert time.monotonic() < deadline, (self.folder / "pebble").read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        for process in self.running:
            process.terminate()
            process.wait(SECONDS)
        self.running.clear()


class Server:
    """Runs certbot.sh with folders of its own for certificates, challenges, settings and logs."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self.folder, self.certificates = folder, folder / "certs"
        settings = folder / "xdg" / "letsencrypt"
        for path in (self.certificates, folder / "acme", settings):
            path.mkdir(parents=True)
        places = "\n".join(f"{name}-dir = {folder / name}" for name in ("config", "work", "logs"))
        (settings / "cli.ini").write_text(f"{places}\nserver = https://localhost:{authority.port}/dir\n")
        self.environment = os.environ | {
            "XDG_CONFIG_HOME": str(folder / "xdg"), "REQUESTS_CA_BUNDLE": str(folder / "ca"), "DOMAIN": DOMAIN,
            "ACME_EMAIL": "owner@example.com", "CERTS": str(self.certificates), "ACME": str(folder / "acme"),
            "no_proxy": "*",
        }  # fmt: skip

    def run(self, until: str) -> None:
        """Start certbot.sh, wait until its output contains `until`, and terminate it."""
        log = self.folder / f"output-{time.monotonic_ns()}"
        command = ["sh", str(BACKEND / "nginx/certbot.sh")]
        with log.open("wb") as file:
            process = subprocess.Popen(command, env=self.environment, stdout=file, stderr=file)
        try:
            deadline = time.monotonic() + SECONDS
            while until not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
        finally:
            process.terminate()
            process.wait(SECONDS)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.certificates.iterdir()}

    def serial(self) -> str:
        """The serial number and the names of the certificate that nginx would use."""
        command = [
            "openssl",
            "x509",
            "-in",
            str(self.certificates / "fullchain.pem"),
            "-noout",
            "-serial",
            "-ext",
            "subjectAltName",
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def served(tmp_path: Path, start: Start) -> Iterator[tuple[Server, Authority]]:  # noqa: F811
    """nginx with our files, and an ACME server that is not started yet and looks for its proofs there. There is no
    certificate yet."""
    folder = tmp_path / "certificates"
    folder.mkdir()
    edge = start(DOMAIN, acme=str(folder / "acme"))
    authority = Authority(folder, edge.port)
    server = Server(folder, authority)
    yield server, authority
    authority.stop()


def test_a_certificate_is_obtained_renewed_and_kept_if_it_can_not_be_renewed(served: tuple[Server, Authority]) -> None:
    server, authority = served
    server.run(until="no certificate yet")  # the ACME server does not run yet
    assert server.files() == {}

    authority.start()
    server.run(until="Successfully received certificate")
    assert f"DNS:{DOMAIN}" in server.serial()
    for name in ("fullchain.pem", "privkey.pem"):
        about = (server.certificates / name).stat()
        assert (about.st_uid, about.st_gid, about.st_mode & 0o777) == (101, 101, 0o600), name
    first = server.serial()

    server.run(until="Certificate not yet due for renewal")
    assert server.serial() == first

    lineage = server.folder / "config" / "renewal" / f"{DOMAIN}.conf"
    lineage.write_text(
        lineage.read_text().replace("[renewalparams]", "renew_before_expiry = 9000 days\n[renewalparams]")
    )
    server.run(until="Successfully received certificate")
    assert server.serial() != first
    renewed = server.files()

    authority.stop()
    server.run(until="no certificate yet")
    assert server.files() == renewed, "the old one stays in use, and the worker warns 21 days before its end"
