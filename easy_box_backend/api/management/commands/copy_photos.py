"""Copy the photos from the folder to another storage, before MEDIA_STORAGE is switched to it."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = (
        "Copy the photos of MEDIA_ROOT into the storage that MEDIA_STORAGE names, under the same names. Those that are "
        "there are left alone, so it can be repeated. The database is not asked."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.MEDIA_STORAGE == "folder":
            raise CommandError("MEDIA_STORAGE=folder: that is where the photos are.")
        root = Path(settings.MEDIA_ROOT)
        files = sorted((root / "products").glob("*.jpg"))
        copied = 0
        for file in files:
            name = str(file.relative_to(root))
            if default_storage.exists(name):
                continue
            stored = default_storage.save(name, ContentFile(file.read_bytes()))
            if stored != name:  # somebody else has stored it in between
                default_storage.delete(stored)
            copied += 1
        self.stdout.write(f"photo files: {len(files)}, copied: {copied}, there already: {len(files) - copied}")
