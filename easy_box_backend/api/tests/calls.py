"""What tests of the API share: a client that knows who it is, kinds of bodies, the error shape."""

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
    """A client that is logged in."""

    def __init__(self, *, user: User, device: Device, token: str) -> None:
        super().__init__(headers={"User-Agent": "tests/1.0"})
        self.user, self.device, self.token = user, device, token

    def generic(self, *args: Any, **kwargs: Any) -> Any:
        """Any method with any body, also one that is no text (which its type in the stubs forgets)."""
        return super().generic(*args, **kwargs)


def send(client: APIClient, method: str, path: str, data: dict[str, Any], kind: str = "json", **extra: Any) -> Any:
    """Send `data` as this kind of body. In forms a list or an object goes as JSON text, as the API says."""
    if kind == "json":
        return client.generic(method, path, json.dumps(data), content_type="application/json", **extra)
    flat = {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in data.items()}
    flat = {name: value for name, value in flat.items() if value is not None}
    if kind == "multipart":
        return getattr(client, method.lower())(path, flat, format="multipart", **extra)
    form = "application/x-www-form-urlencoded"
    return client.generic(method, path, urlencode(flat), content_type=form, **extra)


def upload(content: bytes, name: str = "photo.jpg", kind: str = "application/octet-stream") -> SimpleUploadedFile:
    """A file as a form sends it; the app declares every file as octet-stream."""
    return SimpleUploadedFile(name, content, content_type=kind)


def check_error(response: Any, status: int, code: str | None = None) -> dict[str, Any]:
    """Assert that the answer is a refusal in the one error shape; returns its body."""
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
