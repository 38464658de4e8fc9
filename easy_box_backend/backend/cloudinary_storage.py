"""Storage of photos at Cloudinary (MEDIA_STORAGE=cloudinary), by its SDK. It has only what this server needs: names are
never reused, a file is never changed, and its address needs no signature."""

import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from cloudinary import api, uploader
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage

SECONDS = 20
"""The timeout of a call to Cloudinary. A request waits for it."""
PAGE = 500
"""The most files that Cloudinary lists at once."""


class CloudinaryStorage(Storage):
    """cloud_name, api_key, api_secret: of the account. api_url, delivery_url: Cloudinary's servers, without a slash.

    Cloudinary names a picture without its suffix: `products/a.jpg` is the picture `products/a` of the format `jpg`.
    """

    def __init__(self, cloud_name: str, api_key: str, api_secret: str, api_url: str, delivery_url: str) -> None:
        self._account = {
            "cloud_name": cloud_name, "api_key": api_key, "api_secret": api_secret, "upload_prefix": api_url,
            "timeout": SECONDS,
        }  # fmt: skip
        self._base = f"{delivery_url}/{cloud_name}/image/upload/v1/"

    def url(self, name: str | None) -> str:
        """The public address, which is the same for ever."""
        return self._base + urllib.parse.quote(name or "")

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name itself, since it has a random part. Asking whether it exists would use up the account's calls."""
        return name

    def _save(self, name: str, content: File) -> str:
        uploader.upload(content.read(), public_id=_picture(name), filename=name, overwrite=False, **self._account)
        return name

    def _open(self, name: str, mode: str = "rb") -> File:
        with urllib.request.urlopen(self.url(name), timeout=SECONDS) as answer:  # noqa: S310 (settings.py: http or https)
            return ContentFile(answer.read(), name)

    def delete(self, name: str) -> None:
        """Delete a file, also from Cloudinary's caches. It is no error if it does not exist."""
        uploader.destroy(_picture(name), invalidate=True, **self._account)

    def exists(self, name: str) -> bool:
        """Whether the file can be loaded. The request goes to the address from which phones load it: that is no call of
        the account."""
        request = urllib.request.Request(self.url(name), method="HEAD")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310
                return True
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return False

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """An empty list of folders, and the names of the files in the folder `path`."""
        names: list[str] = []
        more: dict[str, Any] = {}
        while True:
            found = api.resources(type="upload", prefix=f"{path}/", max_results=PAGE, **more, **self._account)
            names += [f"{one['public_id']}.{one['format']}".removeprefix(f"{path}/") for one in found["resources"]]
            if not found.get("next_cursor"):
                return [], names
            more = {"next_cursor": found["next_cursor"]}

    def get_modified_time(self, name: str) -> datetime:
        """When it was uploaded; no file changes after that."""
        return datetime.fromisoformat(api.resource(_picture(name), **self._account)["created_at"])


def _picture(name: str) -> str:
    """Cloudinary's name for a file: without the suffix."""
    return str(PurePosixPath(name).with_suffix(""))
