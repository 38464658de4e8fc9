"""Photos at Cloudinary: against a server on this machine that speaks as much of its two APIs as is needed."""

from __future__ import annotations

import hashlib
import io
import json
import runpy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.core.management import call_command
from django.http.multipartparser import MultiPartParser
from django.utils import timezone

from api.models import Product
from api.ops import pruning
from api.tests.calls import Caller, upload
from api.tests.conftest import MakeProduct
from api.tests.photos import plain_jpeg
from api.tests.servers import serving

pytestmark = pytest.mark.any_database

SETTINGS = str(Path(__file__).resolve().parents[2] / "backend" / "settings.py")
SECRET = "secret-of-the-account"
AT_ONCE = 2
"""How many files the fake lists in one answer, whatever it is asked for."""


class Cloud:
    """`files`: content by the picture's name, without suffix. `calls`: of the APIs, the deliveries not."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.created = datetime.now(UTC)
        self.calls: list[str] = []
        self.url = ""

    def signed(self, fields: dict[str, str]) -> bool:
        """Whether the form's signature is right: SHA-1 of the other fields, sorted, and the secret."""
        left_out = {"api_key", "signature", "file", "resource_type", "cloud_name"}
        text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if name not in left_out)
        return hashlib.sha1((text + SECRET).encode()).hexdigest() == fields.get("signature")

    def row(self, name: str) -> dict[str, str]:
        return {"public_id": name, "format": "jpg", "created_at": self.created.strftime("%Y-%m-%dT%H:%M:%SZ")}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    kept = Cloud()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, status: int, content: Any) -> None:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_POST(self) -> None:
            action = urlsplit(self.path).path
            kept.calls.append(action)
            sent = io.BytesIO(self.rfile.read(int(self.headers["Content-Length"])))
            about = {"CONTENT_LENGTH": self.headers["Content-Length"], "CONTENT_TYPE": self.headers["Content-Type"]}
            form, files = MultiPartParser(about, sent, [TemporaryFileUploadHandler()]).parse()
            fields = {name: str(value) for name, value in form.items()}
            if not kept.signed(fields):
                self.answer(401, {"error": {"message": "Invalid Signature"}})
            elif action == "/v1_1/box/image/upload":
                content = files["file"]
                assert isinstance(content, UploadedFile)
                kept.files[fields["public_id"]] = content.read()
                self.answer(200, kept.row(fields["public_id"]))
            elif action == "/v1_1/box/image/destroy":
                known = kept.files.pop(fields["public_id"], None) is not None
                self.answer(200, {"result": "ok" if known else "not found"})
            else:
                self.answer(404, {"error": {"message": "Resource not found"}})

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path, query = unquote(parts.path), parse_qs(parts.query)
            if path.startswith("/box/image/upload/v1/"):
                content = kept.files.get(path.removeprefix("/box/image/upload/v1/").removesuffix(".jpg"))
                return self.answer(404, b"") if content is None else self.answer(200, content)
            kept.calls.append(path)
            if path == "/v1_1/box/resources/image/upload":
                names = sorted(name for name in kept.files if name.startswith(query["prefix"][0]))
                start = int(query.get("next_cursor", ["0"])[0])
                rows = [kept.row(name) for name in names[start : start + AT_ONCE]]
                more = {"next_cursor": str(start + AT_ONCE)} if start + AT_ONCE < len(names) else {}
                return self.answer(200, {"resources": rows, **more})
            return self.answer(200, kept.row(path.removeprefix("/v1_1/box/resources/image/upload/")))

        do_HEAD = do_GET  # noqa: N815

    with serving(Handler) as kept.url:
        yield kept


@pytest.fixture
def at_cloudinary(cloud: Cloud, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """The server with MEDIA_STORAGE=cloudinary."""
    variables = {
        "MEDIA_STORAGE": "cloudinary", "CLOUDINARY_CLOUD_NAME": "box", "CLOUDINARY_API_KEY": "1234",
        "CLOUDINARY_API_SECRET": SECRET, "CLOUDINARY_API_URL": cloud.url, "CLOUDINARY_DELIVERY_URL": cloud.url + "/",
        "NO_PROXY": "*", "no_proxy": "*",
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    read = runpy.run_path(SETTINGS)
    assert f"{cloud.url}/box/" in read["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]["img-src"]
    settings.STORAGES = read["STORAGES"]
    return cloud


@pytest.mark.django_db
def test_a_photo_goes_to_cloudinary_and_can_be_loaded_from_its_address(
    at_cloudinary: Cloud, picker: Caller, make_product: MakeProduct, django_capture_on_commit_callbacks: Any
) -> None:
    product = make_product()
    path = f"/api/products/{product.pk}/upload_image/"
    answer = picker.post(path, {"image": upload(plain_jpeg("red"))}, format="multipart")
    assert answer.status_code == 200, answer.content
    public = f"{at_cloudinary.url}/box/image/upload/v1/"
    names = {answer.json()[field].removeprefix(public) for field in ("image_url", "thumbnail_url")}
    assert {f"{name}.jpg" for name in at_cloudinary.files} == names
    assert len(names) == 2
    product.refresh_from_db()
    with product.image.open() as stored:
        assert stored.read().startswith(b"\xff\xd8\xff")
    with django_capture_on_commit_callbacks(execute=True):
        assert picker.post(path, {"image": upload(plain_jpeg("blue"))}, format="multipart").status_code == 200
    assert len(at_cloudinary.files) == 2
    assert not names & {f"{name}.jpg" for name in at_cloudinary.files}, "the old ones are gone"


@pytest.mark.django_db
def test_orphans_are_removed_from_cloudinary_too(
    at_cloudinary: Cloud, picker: Caller, make_product: MakeProduct
) -> None:
    for _ in range(2):
        path = f"/api/products/{make_product().pk}/upload_image/"
        picker.post(path, {"image": upload(plain_jpeg("red"))}, format="multipart")
    named = set(at_cloudinary.files)
    at_cloudinary.files |= {"products/orphan": b"x", "other/not-ours": b"x"}
    assert pruning.orphaned_photos(timezone.now()) == 0, "it is young"
    at_cloudinary.created -= timedelta(days=2)
    assert pruning.orphaned_photos(timezone.now()) == 1
    assert set(at_cloudinary.files) == {*named, "other/not-ours"}


@pytest.mark.django_db
def test_a_missing_photo_is_noticed_and_no_call_is_spent_on_it(at_cloudinary: Cloud, make_product: MakeProduct) -> None:
    at_cloudinary.files["products/there"] = b"x"
    assert default_storage.exists("products/there.jpg")
    Product.objects.filter(pk=make_product().pk).update(image="products/there.jpg", thumbnail="products/there.jpg")
    call_command("begin_epoch", stdout=io.StringIO())
    assert not default_storage.exists("products/gone.jpg")
    assert at_cloudinary.calls == []
    default_storage.delete("products/gone.jpg")  # no error


@pytest.mark.django_db
def test_a_wrong_secret_is_an_error_and_nothing_is_stored(
    at_cloudinary: Cloud, settings: Any, picker: Caller, make_product: MakeProduct
) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            **settings.STORAGES["default"],
            "OPTIONS": {**settings.STORAGES["default"]["OPTIONS"], "api_secret": "another"},
        },
    }
    picker.raise_request_exception = False
    path = f"/api/products/{make_product().pk}/upload_image/"
    answer = picker.post(path, {"image": upload(plain_jpeg("red"))}, format="multipart")
    assert answer.status_code == 500
    assert at_cloudinary.files == {}
    assert Product.objects.get().image.name == ""


def test_what_is_missing_is_named_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIA_STORAGE", "cloudinary")
    monkeypatch.setenv("CLOUDINARY_API_SECRET", SECRET)
    with pytest.raises(ImproperlyConfigured) as raised:
        runpy.run_path(SETTINGS)
    assert str(raised.value) == "MEDIA_STORAGE=cloudinary needs CLOUDINARY_CLOUD_NAME, CLOUDINARY_API_KEY."
