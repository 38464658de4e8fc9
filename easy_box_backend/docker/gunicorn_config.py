"""gunicorn in the image. WEB_CONCURRENCY is the number of processes: two for two cores."""

import os
from typing import Any

bind = "0.0.0.0:8000"
worker_class = "gthread"
# Read here, since a number in this file would override the variable that gunicorn reads itself.
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# Most of a request's time is waiting for PostgreSQL, so several requests share a process.
threads = 4
# Loaded before the port opens: meanwhile nginx sends requests to the other backend instead of waiting for this one.
preload_app = True
# Longer than nginx keeps an idle connection (30 s): the side that sends must be the one that closes. Otherwise a
# request can reach a connection that is being closed, and only idempotent requests may be retried.
keepalive = 75
# The app sends a scanned text in the URL, and a QR code can hold 18 KB of it, escaped. 0 means no limit: nginx, the
# only client, accepts lines of up to 32 KB.
limit_request_line = 0
# A stopping server finishes its requests; the longest is a 20 MB photo in a rare format.
graceful_timeout = 30
timeout = 120
# The root file system is read-only, and the heartbeat file should be in memory.
worker_tmp_dir = "/dev/shm"  # noqa: S108 (gunicorn makes an unnamed file)
control_socket_disable = True
# nginx logs requests; the server logs their effects.
accesslog = None
loglevel = "info"


def pre_fork(_server: Any, _worker: Any) -> None:
    """Close the connections that loading has opened: processes that share one would get each other's answers."""
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        connection.close()
        if close_pool := getattr(connection, "close_pool", None):  # PostgreSQL's
            close_pool()
