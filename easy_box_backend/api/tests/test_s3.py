"""Photos in a bucket: against a server on this machine that speaks as much S3 as is needed."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.utils import timezone

from api.ops import pruning
from api.tests.calls import Caller, upload
from api.tests.conftest import MakeProduct
from api.tests.photos import plain_jpeg
from api.tests.servers import serving

pytestmark = pytest.mark.any_database

pytest.importorskip("storages")
BACKEND = Path(__file__).resolve().parents[2]


class Bucket:
    """`files`: content by name. `is_down`: every answer is a 500."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.modified = datetime.now(UTC)
        self.is_down = False
        self.url = ""


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    kept = Bucket()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, status: int, content: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Last-Modified", kept.modified.strftime("%a, %d %b %Y %H:%M:%S GMT"))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def handle_any(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            name = unquote(urlsplit(self.path).path).removeprefix("/photos").lstrip("/")
            if kept.is_down:
                self.answer(500)
            elif self.command == "PUT":
                kept.files[name], kept.headers[name] = sent, dict(self.headers)
                self.answer(200)
            elif self.command == "DELETE":
                kept.files.pop(name, None)
                self.answer(204)
            elif not name:
                keys = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in kept.files)
                self.answer(
                    200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{keys}</ListBucketResult>".encode()
                )
            elif name in kept.files:
                self.answer(200, kept.files[name])
            else:
                self.answer(404)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = handle_any  # noqa: N815

    with serving(Handler) as kept.url:
        yield kept


@pytest.fixture
def in_bucket(bucket: Bucket, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The server with MEDIA_STORAGE=s3."""
    variables = {
        "MEDIA_STORAGE": "s3", "S3_BUCKET": "photos", "S3_PUBLIC_URL": "https://photos.example.com/box/",
        "S3_ENDPOINT_URL": bucket.url, "S3_ACCESS_KEY_ID": "key", "S3_SECRET_ACCESS_KEY": "secret", "NO_PROXY": "*",
        "no_proxy": "*",
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings.STORAGES = runpy.run_path(str(BACKEND / "backend" / "settings.py"))["STORAGES"]
    return bucket


@pytest.mark.parametrize("public", ["https://photos.example.com/box", "https://photos.example.com/box/"])
def test_the_desk_may_show_all_that_is_below_the_public_address(
    in_bucket: Bucket, monkeypatch: pytest.MonkeyPatch, public: str
) -> None:
    monkeypatch.setenv("S3_PUBLIC_URL", public)
    policy = runpy.run_path(str(BACKEND / "backend" / "settings.py"))["CONTENT_SECURITY_POLICY"]
    assert "https://photos.example.com/box/" in policy["DIRECTIVES"]["img-src"]


@pytest.mark.django_db
def test_a_photo_goes_to_the_bucket_and_its_address_is_the_public_one(
    in_bucket: Bucket, picker: Caller, make_product: MakeProduct, django_capture_on_commit_callbacks: Any
) -> None:
    path = f"/api/products/{make_product().pk}/upload_image/"
    answer = picker.post(path, {"image": upload(plain_jpeg("red"))}, format="multipart")
    assert answer.status_code == 200
    public = "https://photos.example.com/box/"
    names = {answer.json()[field].removeprefix(public) for field in ("image_url", "thumbnail_url")}
    assert names == set(in_bucket.files)
    assert len(names) == 2
    for headers in in_bucket.headers.values():
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert headers["Content-Type"] == "image/jpeg"
    with django_capture_on_commit_callbacks(execute=True):
        picker.post(path, {"image": upload(plain_jpeg("blue"))}, format="multipart")
    assert len(in_bucket.files) == 2
    assert not names & set(in_bucket.files), "the old ones are gone"


@pytest.mark.django_db
def test_orphans_are_removed_from_the_bucket_too(in_bucket: Bucket, picker: Caller, make_product: MakeProduct) -> None:
    path = f"/api/products/{make_product().pk}/upload_image/"
    picker.post(path, {"image": upload(plain_jpeg("red"))}, format="multipart")
    named = set(in_bucket.files)
    in_bucket.files["products/orphan.jpg"] = b"x"
    assert pruning.orphaned_photos(timezone.now()) == 0, "it is young"
    in_bucket.modified -= timedelta(days=2)
    assert pruning.orphaned_photos(timezone.now()) == 1
    assert set(in_bucket.files) == named


def test_photos_of_a_folder_are_copied_once_under_their_names(in_bucket: Bucket, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "products").mkdir()
    for number in range(3):
        (tmp_path / f"products/{number}.jpg").write_bytes(b"photo %d" % number)
    (tmp_path / "products/photo.lock").touch()
    settings.MEDIA_ROOT, settings.MEDIA_STORAGE = str(tmp_path), "s3"
    in_bucket.files["products/1.jpg"] = b"there before"
    said = StringIO()
    call_command("copy_photos", stdout=said)
    call_command("copy_photos", stdout=said)
    assert in_bucket.files == {
        "products/0.jpg": b"photo 0", "products/1.jpg": b"there before", "products/2.jpg": b"photo 2",
    }  # fmt: skip
    assert in_bucket.headers["products/0.jpg"]["Cache-Control"] == "public, max-age=31536000, immutable"
    assert [line.partition(", ")[2] for line in said.getvalue().splitlines()] == [
        "copied: 2, there already: 1", "copied: 0, there already: 3",
    ]  # fmt: skip


def test_copying_photos_into_their_own_folder_is_refused(settings: Any) -> None:
    settings.MEDIA_STORAGE = "folder"
    with pytest.raises(CommandError, match="MEDIA_STORAGE=folder"):
        call_command("copy_photos")


def test_s3_without_a_bucket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIA_STORAGE", "s3")
    with pytest.raises(ImproperlyConfigured, match="S3_BUCKET"):
        runpy.run_path(str(BACKEND / "backend" / "settings.py"))
