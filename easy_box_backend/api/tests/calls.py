"""Helpers for tests of the API: a client that is logged in, requests with each kind of body, a check of errors."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from api.models import Device, User

PASSWORD = "correct horse battery"
BODY_KINDS = ["json", "multipart", "urlencoded"]


class Caller(APIClient):
    """A client that is logged in, with its user, device and token."""

    def __init__(self, *, user: User, device: Device, token: str) -> None:
        super().__init__(headers={"User-Agent": "tests/1.0"})
        self.user, self.device, self.token = user, device, token

    def generic(self, *args: Any, **kwargs: Any) -> Any:
        """As in the base class, but with a type that allows bodies of bytes, which the stubs forget."""
        return super().generic(*args, **kwargs)


def send(client: APIClient, method: str, path: str, data: dict[str, Any], kind: str = "json", **extra: Any) -> Any:
    """Send `data` as a body of `kind`, one of BODY_KINDS. In forms, a list or object is sent as JSON text, as the API
    documents, and fields that are None are left out."""
    if kind == "json":
        return client.generic(method, path, json.dumps(data), content_type="application/json", **extra)
    flat = {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in data.items()}
    flat = {name: value for name, value in flat.items() if value is not None}
    if kind == "multipart":
        return getattr(client, method.lower())(path, flat, format="multipart", **extra)
    form = "application/x-www-form-urlencoded"
    return client.generic(method, path, urlencode(flat), content_type=form, **extra)


def upload(content: bytes, name: str = "photo.jpg", kind: str = "application/octet-stream") -> SimpleUploadedFile:
    """A file of a form. kind: its declared media type; the app declares every file as octet-stream."""
    return SimpleUploadedFile(name, content, content_type=kind)


def check_error(response: Any, status: int, code: str | None = None) -> dict[str, Any]:
    """Assert that the response has this status, the body that all errors of the API have, and this code if one is
    given; returns the body."""
    assert response.status_code == status, response.content[:500]
    assert response["Content-Type"].startswith("application/json")
    body = json.loads(response.content)
    assert isinstance(body["code"], str)
    assert body["code"]
    assert isinstance(body["detail"], str)
    assert body["detail"]
    assert isinstance(body["facts"], dict)
    assert isinstance(body["retryable"], bool)
    for field, messages in body.items():
        if field not in ("code", "detail", "facts", "retryable"):
            assert messages, field
    if code:
        assert body["code"] == code
    return dict(body)
