"""Downloads the pictures of a former backend from where it kept them, and stores them as photos of products here."""

import io
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from api import images
from api.actions import products
from api.actor import Actor

SECONDS = 20
"""The timeout of a download."""
CLOUDINARY = "image/upload/"
"""The beginning of a picture's name as the former backend stored it for Cloudinary."""


class NoPicture(Exception):
    """The picture can't be loaded, or the file is not a picture. The text says why."""


def address(picture: str, base: str) -> str:
    """The address from which a picture is loaded. base: what comes before a name that is not an address itself. Raises
    NoPicture."""
    if urlsplit(picture).scheme in ("http", "https"):
        return picture
    if not base and picture.startswith(CLOUDINARY) and settings.CLOUDINARY_CLOUD_NAME:
        base = f"{settings.CLOUDINARY_DELIVERY_URL}/{settings.CLOUDINARY_CLOUD_NAME}"
    if not base:
        raise NoPicture("it is a name without an address: say by --pictures what comes before it")
    return f"{base.rstrip('/')}/{picture.lstrip('/')}"


def take_over(product_id: int, picture: str, base: str, *, by: Actor) -> None:
    """Load a picture and make it the photo of a product. Raises NoPicture."""
    try:
        with urllib.request.urlopen(address(picture, base), timeout=SECONDS) as answer:  # noqa: S310 (see `address`)
            content = answer.read(images.MAX_BYTES + 1)
        photo = images.prepare(io.BytesIO(content), lock_folder=Path(settings.MEDIA_ROOT))
    except OSError as error:
        raise NoPicture(f"it can't be loaded ({error})") from error
    except images.BadImage as error:
        raise NoPicture(error.detail) from error
    except images.DecoderBusy as error:
        raise NoPicture(str(error.detail)) from error
    try:
        products.update(product_id, {}, photo=photo, by=by)
    except products.NoSuchProduct as error:
        raise NoPicture("the product has been archived meanwhile") from error
