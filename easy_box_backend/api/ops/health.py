"""The probes: `/healthz` (is the process alive?), `/readyz` (can it serve?), `/metrics`.

They are answered before all other middleware, so a probe needs no valid `Host`, and is neither logged nor counted.
`/api/health/` is for people and phones.
"""

import secrets
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from api.ops import metrics

RETRY_AFTER_SECONDS = 5
_migrated: set[str] = set()
"""Names of databases that have all migrations of this code. That can't change while the process runs."""


def healthz(request: HttpRequest) -> HttpResponse:
    """The process is alive. Checks nothing else: a restart would not repair anything outside the process."""
    return answer({"status": "ok", "version": settings.VERSION})


def readyz(request: HttpRequest) -> HttpResponse:
    """Readiness: database, migrations, and disk space for photos. 503 with the reason if requests would fail."""
    facts: dict[str, Any] = {"version": settings.VERSION, "database": {"kind": connection.vendor}}
    reason = problem(facts)
    if reason:
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return answer({"status": "unavailable", "reason": reason, **facts}, 503, retry)
    return answer({"status": "ok", **facts})


def problem(facts: dict[str, Any] | None = None) -> str:
    """Why requests would fail: "database", "migrations" or "disk"; "" if they would not. Adds what it finds to
    `facts`."""
    facts = {} if facts is None else facts
    return _database(facts.setdefault("database", {})) or _migrations() or _disk(facts)


def _database(facts: dict[str, Any]) -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT value FROM api_revision WHERE id = 1")
            cursor.fetchone()
        facts["version"] = ".".join(map(str, connection.get_database_version()))
    except DatabaseError:
        return "database"
    return ""


def _migrations() -> str:
    name = str(connection.settings_dict["NAME"])
    if name in _migrated:
        return ""
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "migrations"
    except DatabaseError:
        return "database"
    _migrated.add(name)
    return ""


def _disk(facts: dict[str, Any]) -> str:
    free = free_disk_mb()
    if free is None:
        return ""
    facts["disk_free_mb"] = free
    return "disk" if free < settings.MIN_FREE_DISK_MB else ""


def free_disk_mb() -> int | None:
    """The free space of the disk with the photos, in MB; None if photos are not stored on a disk of this host. In the
    Docker stack the database is on the same disk."""
    if not isinstance(storages["default"], FileSystemStorage):
        return None
    try:
        return shutil.disk_usage(settings.MEDIA_ROOT).free // 2**20
    except FileNotFoundError:  # the first photo creates it
        folder = next(folder for folder in Path(settings.MEDIA_ROOT).parents if folder.exists())
        return shutil.disk_usage(folder).free // 2**20


def metrics_page(request: HttpRequest) -> HttpResponse:
    """Metrics, for requests with METRICS_TOKEN."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if not secrets.compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
        return answer({"status": "unauthorized"}, 401, {"WWW-Authenticate": "Bearer"})
    return HttpResponse(metrics.render(), content_type=metrics.CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def answer(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """A probe's answer: JSON that no cache stores."""
    headers = {"Cache-Control": "no-store", **(headers or {})}
    return JsonResponse(body, status=status, headers=headers)
