"""gunicorn in the image. WEB_CONCURRENCY says how many processes: two for two cores."""

import os
from typing import Any

bind = "0.0.0.0:8000"
worker_class = "gthread"
# Read here, since a number in this file would win over what gunicorn reads from it itself.
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# Waiting for PostgreSQL is what most of a request's time is, so several of them share a process.
threads = 4
# Loaded before the port is open: nginx sends to the other backend meanwhile, instead of waiting for this one.
preload_app = True
# Longer than nginx keeps an idle connection to us (30 s): the side that sends must be the side that closes, or a
# request can meet a connection that is just being closed, and only harmless ones may be sent twice.
keepalive = 75
# The app asks for a scanned text in the address, and a QR code can hold 18 KB of it, escaped. 0 is no limit: nginx, who
# alone calls us, takes no line of more than 32 KB.
limit_request_line = 0
# A stopped server finishes what it has begun: the longest is a 20 MB photo of an odd format.
graceful_timeout = 30
timeout = 120
# The root file system is read-only, and a heartbeat belongs into memory anyway.
worker_tmp_dir = "/dev/shm"  # noqa: S108 (gunicorn makes an unnamed file)
control_socket_disable = True
# nginx logs requests; the server logs what they did.
accesslog = None
loglevel = "info"


def pre_fork(_server: Any, _worker: Any) -> None:
    """Close what loading has opened: on a shared connection, processes would hear each other's answers."""
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        connection.close()
        if close_pool := getattr(connection, "close_pool", None):  # PostgreSQL's
            close_pool()
