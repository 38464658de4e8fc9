"""gunicorn reads a body in chunks, without a Content-Length (RFC 9112, section 7.1)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from api.tests.calls import Caller, check_error

BACKEND = Path(__file__).resolve().parents[2]
TABLES = """# As they are now. The way there, by all migrations, takes 2 s.
from django import apps, db, setup
setup()
with db.connection.schema_editor() as editor:
    for model in apps.apps.get_models():
        editor.create_model(model)
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a gunicorn with the project's own settings, on a database with all tables and no account."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("gunicorn")
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(BACKEND), "ENV_FILE": os.devnull, "MEDIA_ROOT": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'box.sqlite3'}", "DJANGO_SETTINGS_MODULE": "backend.settings",
    }  # fmt: skip
    subprocess.run([sys.executable, "-c", TABLES], cwd=BACKEND, env=environment, check=True, timeout=200)
    command = [
        "-m",
        "gunicorn",
        "--bind",
        f"127.0.0.1:{port}",
        "--threads",
        "2",
        "--log-level",
        "error",
        "backend.wsgi",
    ]
    with subprocess.Popen([sys.executable, *command], cwd=BACKEND, env=environment) as server:
        for _try in range(1200):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
        server.terminate()


def chunks(body: bytes, size: int = 7) -> bytes:
    parts = [body[n : n + size] for n in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def head(path: str, kind: str = "application/json") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: box", f"Content-Type: {kind}", "Transfer-Encoding: chunked"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answers(port: int, sent: bytes, count: int = 1) -> list[tuple[int, dict[str, Any]]]:
    """Send these bytes on one connection; returns the status and body of `count` responses."""
    found = []
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        stream = connection.makefile("rb")
        for _n in range(count):
            status = int(stream.readline().split()[1])
            headers = {}
            while line := stream.readline().strip():
                name, _colon, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            text = stream.read(int(headers.get("content-length", 0)))
            found.append((status, json.loads(text) if text else {}))
    return found


def test_a_body_in_chunks_is_read(port: int) -> None:
    login = chunks(json.dumps({"email": "nobody@example.com", "password": "x"}).encode())
    ((status, body),) = answers(port, head("/api/auth/token/") + login)
    assert (status, body["code"]) == (401, "invalid_credentials"), "an empty body would be a 400"
    report = chunks(json.dumps({"message": "boom"}).encode(), size=3)
    assert answers(port, head("/log-client-error") + report)[0][0] == 201


def test_a_form_in_chunks_is_read(port: int) -> None:
    form = chunks(b"email=nobody%40example.com&password=x")
    ((status, _body),) = answers(port, head("/api/auth/token/", "application/x-www-form-urlencoded") + form)
    assert status == 401
    parts = [b'--B\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name, value)
             for name, value in ((b"email", b"nobody@example.com"), (b"password", b"x"))]  # fmt: skip
    multipart = chunks(b"".join(parts) + b"--B--\r\n")
    ((status, _body),) = answers(port, head("/api/auth/token/", "multipart/form-data; boundary=B") + multipart)
    assert status == 401


def test_the_next_request_on_the_connection_gets_its_own_answer(port: int) -> None:
    wrong, report = chunks(b'{"email": 1}'), chunks(b'{"message": "boom"}')
    sent = head("/api/auth/token/") + wrong + head("/nowhere/") + report + head("/log-client-error") + report
    assert [status for status, _body in answers(port, sent, 3)] == [400, 404, 201]


def test_a_body_without_an_end_and_one_that_is_too_large_are_refused(port: int) -> None:
    for broken in (b"zz\r\nabc", chunks(b'{"message": "boom"}')[:-5], b"5\r\nab"):
        ((status, body),) = answers(port, head("/log-client-error") + broken)
        assert (status, body["code"]) == (400, "parse_error")
    large = chunks(b'{"message": "' + b"x" * (33 * 2**20) + b'"}', size=2**20)
    ((status, body),) = answers(port, head("/log-client-error") + large)
    assert (status, body["code"]) == (413, "too_large")


@pytest.mark.django_db
def test_under_a_server_that_does_not_decode_chunks_the_response_is_411_and_nothing_changes(
    owner: Caller, guest: APIClient
) -> None:
    for client, path in ((owner, "/api/products/"), (guest, "/api/auth/token/"), (guest, "/log-client-error")):
        answer = client.generic("POST", path, "", HTTP_TRANSFER_ENCODING="chunked")
        check_error(answer, 411, "length_required")
