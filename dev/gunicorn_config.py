"""gunicorn for `make run`: one process because of SQLite, several threads so that phones do not wait."""

import os
from typing import Any

worker_class = "gthread"
workers = 1
threads = 8
# Phones keep idle connections for 15 seconds. If the server closed them sooner, their next request would fail.
keepalive = 75
# gunicorn's largest limit (0 would mean none). In production nginx has a limit of its own.
limit_request_line = 8190
graceful_timeout = 5
control_socket_disable = True
loglevel = "warning"


def when_ready(_server: Any) -> None:
    """Print the banner once the server listens."""
    print(os.environ.pop("EASYBOX_BANNER", ""), flush=True)
