"""gunicorn for `make run`: one process for SQLite's sake, several threads so that phones don't wait."""

import os
from typing import Any

worker_class = "gthread"
workers = 1
threads = 8
# Phones keep connections for 15 seconds; a server that closes sooner makes their next request fail.
keepalive = 75
# The most that gunicorn can be given, short of no limit at all (in production nginx has one).
limit_request_line = 8190
graceful_timeout = 5
control_socket_disable = True
loglevel = "warning"


def when_ready(_server: Any) -> None:
    """Say where the server is, now that it is there."""
    print(os.environ.pop("EASYBOX_BANNER", ""), flush=True)
