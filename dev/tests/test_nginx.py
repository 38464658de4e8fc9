"""nginx's files on a real nginx, if it is installed: where requests go, and which are refused before a backend sees
them. `make verify-stack` uses production's version of nginx."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.core.exceptions import DisallowedHost
from django.test import RequestFactory, override_settings

from backend.checks import HOST
from dev.common import BACKEND

NGINX = shutil.which("nginx") or next((path for path in ["/usr/sbin/nginx"] if os.access(path, os.X_OK)), None)
needs_nginx = pytest.mark.skipif(not NGINX, reason="no nginx here: apt-get install nginx-light")
HOSTS = "box.example.com, .wildcard.example.org,203.0.113.5,BOX-1,[2001:db8::1]"
KNOWN = [
    "box.example.com", "box.example.com:8080", "BOX.example.com", "box.example.com.", "wildcard.example.org",
    "a.b.wildcard.example.org:443", "203.0.113.5", "203.0.113.5:80", "box-1", "[2001:db8::1]", "[2001:db8::1]:8080",
]  # fmt: skip
UNKNOWN = [
    "evil", "box.example.com.evil.com", "xbox.example.com", "boxxexample.com", "sub.box.example.com", "203.0.113.50",
    "evilwildcard.example.org", "box.example.com:80:80", "box.example.com:x", "box.example.com@evil",
    "a" * 7900 + "key", "[::1]", "localhost", "127.0.0.1", "*", "_", "a." * 3000 + "example.org",
]  # fmt: skip


RELEASE_SLOW_REQUESTS = threading.Event()
"""The backend answers requests to /api/slow/ only once this is set."""


class Backend(BaseHTTPRequestHandler):
    """Answers 200 to every request, and records the paths and headers."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.paths.append(self.path)  # type: ignore[attr-defined]
        vars(self.server).setdefault("headers", []).append(dict(self.headers))
        if self.path == "/api/slow/":
            RELEASE_SLOW_REQUESTS.wait(60)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Edge:
    """A running nginx. paths, headers: those of the requests that reached its backend. balanced: the port for
    balancers."""

    def __init__(self, port: int, balanced: int, paths: list[str], headers: list[dict[str, str]]) -> None:
        self.port, self.balanced, self.paths, self.headers = port, balanced, paths, headers

    def send(self, request: bytes) -> tuple[int, bytes]:
        """Send these bytes; returns the response's status and body."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            connection.sendall(request)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            return answer.status, answer.read()

    def get(self, path: str = "/", host: str = "box.example.com", **headers: str) -> tuple[int, bytes]:
        """Send a GET; returns the response's status and body."""
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
        return self.send("\r\n".join([*lines, "Connection: close", "", ""]).encode())


Start = Callable[..., Edge]


def configure(
    folder: Path,
    port: int,
    balanced: int,
    backend: int,
    hosts: str,
    names: dict[str, str],
    acme: str = "",
    standby: int = 0,
) -> Path:
    """Copy our nginx files with other folders and ports, and without directives that an older nginx does not know.

    port, balanced: where nginx listens, for phones and people, and for balancers. backend, standby: the ports of the
    backends. hosts: ALLOWED_HOSTS; names: other variables of hosts.sh. Returns the path of nginx.conf.
    """
    own = folder / "easybox"
    shutil.copytree(BACKEND / "nginx", own)
    (folder / "run").mkdir()
    (folder / "run/boot.conf").write_text('map "" $boot { default 1; }\n')
    environment = {"PATH": os.environ["PATH"], "ALLOWED_HOSTS": hosts, **names}
    listed = subprocess.run(["sh", str(own / "hosts.sh")], env=environment, capture_output=True, check=True).stdout
    (folder / "run/hosts.conf").write_bytes(listed)
    changes = {
        r"/srv/acme": acme or "/srv/acme",
        r"/etc/easybox": str(own), r"/tmp/easybox": str(folder / "run"), r"/var/cache/nginx": str(folder),
        r"listen 8080": f"listen 127.0.0.1:{port}", r"listen 8082": f"listen 127.0.0.1:{balanced}",
        r"listen 127\.0\.0\.1:8081": f"listen unix:{folder / 'health'}",
        r"backend:8000 resolve": f"127.0.0.1:{backend}", r"standby:8000": f"127.0.0.1:{standby or backend}",
        r"keepalive_min_timeout[^;]*;": "", r"resolver(_timeout)? [^;]*;": "",
        r"/tmp/nginx\.pid": str(folder / "pid"), r"worker_processes auto": "worker_processes 1",
        r"/dev/std(err|out)": str(folder / "log"), r"worker_connections 2048": "worker_connections 64",
        r"worker_rlimit_nofile[^;]*;": "", r"max_conns=100": "max_conns=3",
    }  # fmt: skip
    for path in (own / "nginx.conf", own / "site.conf"):
        # In production Docker resolves this name to the addresses of two containers.
        text = re.sub(r"server backend:8000 [^;]*;", r"\g<0> \g<0>", path.read_text())
        for before, after in changes.items():
            text = re.sub(before, lambda _, after=after: after, text)  # type: ignore[misc]
        path.write_text(text)
    return own / "nginx.conf"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that starts nginx with ALLOWED_HOSTS and perhaps other variables. It is stopped after the test."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    server.paths, server.headers = [], []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    running: list[subprocess.Popen[bytes]] = []

    def begin(
        hosts: str = HOSTS,
        acme: str = "",
        certified: bool = False,
        backend: int = 0,
        standby: int = 0,
        balancer: str = "",
        **names: str,
    ) -> Edge:
        port, balanced = free_port(), free_port()
        path = configure(tmp_path, port, balanced, backend or server.server_address[1], hosts, names, acme, standby)
        if certified:  # as nginx/start.sh does
            (tmp_path / "run/desk.conf").write_text("http 1;\n")
            (tmp_path / "run/name.conf").write_text("http desk.example.com:8443;\n")
        if balancer:  # as nginx/start.sh does
            (tmp_path / "run/balancer.conf").write_text(f"set_real_ip_from {balancer};\n")
        user = "user root; " if os.geteuid() == 0 else ""
        command = [str(NGINX), "-c", str(path), "-e", str(tmp_path / "log"), "-g", f"{user}daemon off;"]
        running.append(subprocess.Popen(command))
        deadline = time.monotonic() + 120
        while socket.socket().connect_ex(("127.0.0.1", port)) and time.monotonic() < deadline:
            assert running[-1].poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.05)
        return Edge(port, balanced, server.paths, server.headers)  # type: ignore[attr-defined]

    yield begin
    for process in running:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    server.shutdown()
    server.server_close()


@needs_nginx
@pytest.mark.parametrize(
    "request_line",
    [b"nonsense", b"\x16\x03\x01\x02", b"GET", b"GET nowhere HTTP/1.1", b"GET / HTTP/9.9", b"G\0T / HTTP/1.1"],
)
def test_an_invalid_request_line_is_refused_and_reaches_no_backend(start: Start, request_line: bytes) -> None:
    edge = start()
    status, _body = edge.send(request_line + b"\r\nHost: box.example.com\r\n\r\n")
    assert status in (400, 505)
    assert edge.paths == []


def is_our_error(status: int, body: bytes, number: int = 400) -> bool:
    """Whether a response has the status `number` and the JSON body of our API's errors."""
    return status == number and {"code", "detail", "facts", "retryable"} <= json.loads(body).keys()


@needs_nginx
def test_a_request_for_a_host_that_is_not_ours_reaches_no_backend(start: Start) -> None:
    edge = start()
    for host in KNOWN:
        assert edge.get("/api/products/", host)[0] == 200, host
    assert len(edge.paths) == len(KNOWN)
    for host in UNKNOWN:
        for path in ("/", "/api/products/", "/api/auth/token/", "/media/a.jpg", "/static/a.css", "/healthz/"):
            assert is_our_error(*edge.get(path, host)), (path, host)
    assert len(edge.paths) == len(KNOWN)


@needs_nginx
def test_a_request_that_names_its_host_twice_or_not_at_all_reaches_no_backend(start: Start) -> None:
    edge = start()
    for request in (
        b"GET http://box.example.com/ HTTP/1.1\r\nHost: evil\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: box.example.com\r\nHost: evil\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ):
        assert edge.send(request)[0] == 400, request
    assert edge.paths == []


def redirect(edge: Edge, path: str, **headers: str) -> str:
    """The URL that nginx redirects a request to, or "" if it does not."""
    with socket.create_connection(("127.0.0.1", edge.port), 10) as connection:
        lines = [
            f"GET {path} HTTP/1.1",
            "Host: box.example.com",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status in (200, 307, 404), answer.status
        return answer.getheader("Location", "") or ""


@needs_nginx
def test_with_a_certificate_people_are_redirected_to_https_and_the_app_is_not(start: Start) -> None:
    edge = start(certified=True)
    for path in ("/", "/login/", "/orders/?q=a%20b", "/admin/", "/apix"):
        assert redirect(edge, path) == f"https://desk.example.com:8443{path}"
    for path in ("/api/products/?sku=a", "/api/docs/", "/media/a.jpg", "/static/a.css", "/healthz", "/readyz",
                 "/.well-known/acme-challenge/x"):  # fmt: skip
        assert redirect(edge, path) == "", path
    dart = {"User-Agent": "Dart/3.4 (dart:io)"}
    assert redirect(edge, "/data/user/0/x.jpg", **dart) == ""
    assert (
        edge.send(b"POST /log-client-error HTTP/1.1\r\nHost: box.example.com\r\nContent-Length: 2\r\n\r\n{}")[0] == 200
    )


@needs_nginx
def test_without_a_certificate_nobody_is_redirected(start: Start) -> None:
    edge = start()
    assert {redirect(edge, path) for path in ("/", "/login/", "/api/products/")} == {""}


@pytest.mark.slow
@needs_nginx
def test_if_the_backends_accept_no_connection_the_response_is_our_503(start: Start) -> None:
    """The first requests time out; then nginx regards the backends as down."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf:
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        edge = start(backend=deaf.getsockname()[1])
        for _ in range(4):
            request = b"GET /api/products/ HTTP/1.1\r\nHost: box.example.com\r\n\r\n"
            with socket.create_connection(("127.0.0.1", edge.port), 20) as connection:
                connection.sendall(request)
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                assert is_our_error(answer.status, answer.read(), 503)
                assert answer.getheader("Retry-After") == "5"
                assert answer.getheader("Connection") == "close"
        for one in waiting:
            one.close()


@needs_nginx
def test_while_the_backends_are_replaced_standby_gets_the_requests(start: Start, tmp_path: Path) -> None:
    """nginx switches from one request to the next, without a reload, by the marker file run/standby."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Backend) as standby:
        standby.paths = []  # type: ignore[attr-defined]
        threading.Thread(target=standby.serve_forever, daemon=True).start()
        edge = start(standby=standby.server_address[1])
        for number, path in enumerate(("/", "/api/products/", "/api/auth/token/", "/log-client-error", "/login/")):
            (tmp_path / "run/standby").touch()
            assert edge.get(path)[0] == 200
            (tmp_path / "run/standby").unlink()
            assert edge.get(path)[0] == 200
            assert len(edge.paths) == len(standby.paths) == number + 1  # type: ignore[attr-defined]
        standby.shutdown()


@needs_nginx
@pytest.mark.parametrize(("balancer", "client"), [("127.0.0.1", "198.51.100.7"), ("203.0.113.66", "127.0.0.1")])
def test_only_a_balancer_may_say_from_which_client_a_connection_comes(start: Start, balancer: str, client: str) -> None:
    edge = start(balancer=balancer)
    lines = ["PROXY TCP4 198.51.100.7 192.0.2.1 40000 80", "GET /api/ HTTP/1.1", "Host: box.example.com"]
    with socket.create_connection(("127.0.0.1", edge.balanced), 10) as connection:
        for _ in range(2):
            connection.sendall("\r\n".join([*lines, "X-Forwarded-For: 203.0.113.9", "", ""]).encode())
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert (answer.status, answer.read()) == (200, b"")
            lines = lines[-2:]
    first, second = edge.headers
    assert first["X-Forwarded-For"] == second["X-Forwarded-For"] == client
    assert first["X-Connection"] == second["X-Connection"] != ""


@needs_nginx
def test_a_health_probe_may_name_any_host(start: Start) -> None:
    edge = start()
    assert [edge.get(path, "10.0.0.7")[0] for path in ("/healthz", "/readyz", "/readyz?x", "/readyz/x")] == [
        200, 200, 200, 400,
    ]  # fmt: skip


@needs_nginx
def test_a_line_that_is_too_long_reaches_no_backend_and_one_as_long_as_an_app_may_send_does(start: Start) -> None:
    edge = start()
    assert edge.get("/api/products/?sku=" + "%D0%96" * 255)[0] == 200
    assert edge.get("/", Authorization="Token " + "a" * 64, Cookie="a" * 4000)[0] == 200
    assert len(edge.paths) == 2
    assert is_our_error(*edge.get("/" + "a" * 33_000 + "key"))
    assert is_our_error(*edge.get("/api/products/?" + "a=1&" * 9000))
    for name in ("Cookie", "Authorization", "Accept-Language", "User-Agent", "X-Anything"):
        assert is_our_error(*edge.get("/", **{name: "a" * 33_000})), name
    assert is_our_error(*edge.get("/", **{f"X-{number}": "a" * 20_000 for number in range(9)}))
    assert len(edge.paths) == 2


@needs_nginx
@pytest.mark.parametrize("hosts", ["*", "box.example.com,*", ""])
def test_every_host_is_accepted_if_allowed_hosts_allows_any(start: Start, hosts: str) -> None:
    edge = start(hosts)
    for host in ("evil", "203.0.113.77:8080", "[::1]", "a.b.c"):
        assert edge.get("/", host)[0] == 200
    assert is_our_error(*edge.get("/", "a" * 7900 + "key"))


@needs_nginx
def test_the_names_of_the_certificate_and_of_the_photos_url_are_accepted_too(start: Start) -> None:
    edge = start("203.0.113.5", DOMAIN="a.example.com,b.example.com", PUBLIC_BASE_URL="https://photos.example.com:8443")
    for host in ("a.example.com", "b.example.com", "photos.example.com", "photos.example.com:8443", "203.0.113.5"):
        assert edge.get("/", host)[0] == 200
    assert edge.get("/", "example.com")[0] == 400


def hosts_map(hosts: str) -> str:
    """The lines for nginx that hosts.sh makes of ALLOWED_HOSTS: a pattern for each host."""
    command = ["sh", str(BACKEND / "nginx/hosts.sh")]
    return subprocess.run(
        command, env={"PATH": os.environ["PATH"], "ALLOWED_HOSTS": hosts}, capture_output=True, text=True, check=True
    ).stdout


def test_nginx_accepts_the_same_hosts_as_django() -> None:
    patterns = re.findall(r'"~\*(.*)" 0;', hosts_map(HOSTS))
    allowed = [host.strip() for host in HOSTS.split(",")]
    assert len(patterns) == len(allowed)
    assert all(HOST.fullmatch(host) for host in allowed)
    with override_settings(ALLOWED_HOSTS=allowed):
        for host in KNOWN + UNKNOWN:
            try:
                is_known = bool(RequestFactory(headers={"host": host}).get("/").get_host())
            except DisallowedHost:
                is_known = False
            assert any(re.match(pattern, host, re.IGNORECASE) for pattern in patterns) is is_known, host


@pytest.mark.parametrize("host", ["http://x", "x/", 'a";}', "a b;", "x:80", "a$host", "~x", "\n", "a..b", "."])
def test_an_invalid_host_name_is_not_written_into_nginxs_configuration(host: str) -> None:
    assert hosts_map(host) == "default 1;\n"


@needs_nginx
def test_a_phones_error_report_is_never_refused(start: Start) -> None:
    """The app reports a refusal as another error. Too many or too large reports are dropped with a 204."""
    edge = start()
    head = "POST /log-client-error HTTP/1.1\r\nHost: box.example.com\r\nConnection: close\r\nContent-Length: "
    codes = [edge.send(f"{head}2\r\n\r\n{{}}".encode())[0] for _ in range(300)]
    assert set(codes) == {200, 204}, set(codes)
    assert edge.send(f"{head}3000000\r\n\r\n".encode())[0] == 204


@needs_nginx
def test_requests_beyond_the_backends_connection_limit_get_a_503_at_once(start: Start) -> None:
    edge, answers = start(), list[int]()
    RELEASE_SLOW_REQUESTS.clear()
    waiting = [threading.Thread(target=lambda: answers.append(edge.get("/api/slow/")[0])) for _ in range(6)]
    try:
        for thread in waiting:
            thread.start()
        deadline = time.monotonic() + 60
        while len(edge.paths) < 6 and time.monotonic() < deadline:
            time.sleep(0.02)
        status, body = edge.get("/api/products/")
        assert is_our_error(status, body, 503)
        assert json.loads(body)["facts"]["retry_after_seconds"] == 5
    finally:
        RELEASE_SLOW_REQUESTS.set()
        for thread in waiting:
            thread.join()
    assert answers == [200] * 6
    assert edge.get("/api/products/")[0] == 200
