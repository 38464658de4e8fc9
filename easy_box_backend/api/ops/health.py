"""What machines ask: `/healthz` (is the process alive?), `/readyz` (can it serve?), `/metrics`.

Answered before everything else, so that a probe needs no right `Host`, leaves no line in the log and is counted
nowhere. `/api/health/` is for people and phones.
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
"""The databases that were seen to have all migrations of this code: that can't become untrue while it runs."""


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Looks at nothing else: what is broken outside of it, a restart would not mend."""
    return _json({"status": "ok", "version": settings.VERSION})


def readyz(request: HttpRequest) -> HttpResponse:
    """Whether requests should be sent here: database, migrations, room for photos. 503 if not, with what is wrong."""
    facts: dict[str, Any] = {"version": settings.VERSION, "database": {"kind": connection.vendor}}
    wrong = _database(facts["database"]) or _migrations() or _disk(facts)
    if wrong:
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return _json({"status": "unavailable", "reason": wrong, **facts}, 503, retry)
    return _json({"status": "ok", **facts})


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
    if not isinstance(storages["default"], FileSystemStorage):
        return ""
    folder = Path(settings.MEDIA_ROOT)
    while not folder.exists():  # made with the first photo
        folder = folder.parent
    facts["disk_free_mb"] = shutil.disk_usage(folder).free // 2**20
    return "disk" if facts["disk_free_mb"] < settings.MIN_FREE_DISK_MB else ""


def metrics_page(request: HttpRequest) -> HttpResponse:
    """Figures, for the one who has METRICS_TOKEN."""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if not secrets.compare_digest(given.encode(), settings.METRICS_TOKEN.encode()):
        return _json({"status": "unauthorized"}, 401, {"WWW-Authenticate": "Bearer"})
    return HttpResponse(metrics.render(), content_type=metrics.CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _json(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    headers = {"Cache-Control": "no-store", **(headers or {})}
    return JsonResponse(body, status=status, headers=headers)
