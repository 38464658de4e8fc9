"""nginx in front of the server to measure, with the compression and the buffers of production."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.common import BACKEND
from proofs.benchmarks.server import TICK, free_port, wait_for

CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000;
    {settings}
    proxy_set_header Host $http_host;
    proxy_set_header Connection "";
    upstream backend {{ server 127.0.0.1:{backend}; keepalive 32; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://backend; }}
    }}
}}
"""
COPIED = re.compile(r"^ *((?:gzip|gzip_\w+|proxy_buffers|proxy_buffer_size|proxy_http_version) [^;]+;)", re.MULTILINE)
"""The lines that are copied from the configuration of production."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A running nginx, which has one process."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """User and system time that it has used so far."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / TICK


@contextmanager
def edge(backend: int, folder: Path) -> Iterator[Edge]:
    """Run nginx in front of the server on the port `backend` of 127.0.0.1, until the end of the block."""
    files = [BACKEND / "nginx" / name for name in ("nginx.conf", "site.conf")]
    # `gzip_static` is for a folder of files.
    settings = [line for file in files for line in COPIED.findall(file.read_text()) if "gzip_static" not in line]
    port, config = free_port(), folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, settings="\n    ".join(settings), backend=backend, port=port))
    server = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(config)], env=dict(os.environ))
    try:
        wait_for(port, server)
        yield Edge(port, server.pid)
    finally:
        server.terminate()
        server.wait(15)
