"""`make pin-images`, against a fake registry."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dev import pin_images
from dev.common import BACKEND


def digest(path: str) -> str:
    return f"sha256:{hashlib.sha256(path.encode()).hexdigest()}"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a fake registry: it issues tokens, each for one repository, and gives the digests of a repository only
    to a request with its token."""
    monkeypatch.setenv("no_proxy", "*")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"token": re.findall(r"repository:(.*):pull", self.path)[0]}).encode())

        def do_HEAD(self) -> None:
            repository = self.headers["Authorization"].removeprefix("Bearer ")
            known = self.path.startswith(f"/v2/{repository}/manifests/") and "index" in self.headers["Accept"]
            self.send_response(200 if known else 401)
            self.send_header("Docker-Content-Digest", digest(self.path))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in pin_images.FILES:
        shutil.copy(BACKEND / name, tmp_path)
    return tmp_path


def text_of(folder: Path) -> str:
    return "".join((folder / name).read_text() for name in pin_images.FILES)


def test_every_base_image_gets_the_digest_of_its_tag_and_nothing_else_changes(files: Path, registry: str) -> None:
    before = re.sub(r"@sha256:[0-9a-f]{64}", "", text_of(files))
    for _ in range(2):  # a second time replaces the digests
        assert pin_images.main(files, registry, f"{registry}/token?service=x") == 0
        after = text_of(files)
        assert re.sub(r"@sha256:[0-9a-f]{64}", "", after) == before
        named = re.findall(r"^(?:FROM| +image:) (\S+)", after, re.MULTILINE)
        bare = [name for name in named if "@" not in name and name not in ("build", "trimmed")]
        assert bare == ["${IMAGE:-easybox-backend}:${VERSION}"]
        assert (
            f"FROM python:3.13-slim-trixie@{digest('/v2/library/python/manifests/3.13-slim-trixie')} AS build" in after
        )
        assert "restic/restic:0.18.1@sha256:" in after


def test_nothing_changes_if_an_image_can_not_be_found(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = text_of(files)
    assert pin_images.main(files, "http://127.0.0.1:1", "http://127.0.0.1:1/token?service=x") == 1
    assert "certbot/certbot" in capsys.readouterr().err
    assert text_of(files) == before
