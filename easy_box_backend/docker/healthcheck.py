"""The container's health check: ends with 0 if the server in it answers. Needs nothing but Python itself.

It names a host that the server allows, or Django would refuse it as it refuses any stranger.
"""

import http.client
import os
import sys

PATH = os.environ.get("HEALTH_PATH", "/api/health/")


def main() -> int:
    """Returns 0 if the answer is 200, else 1 with what it was."""
    hosts = [host.strip().lstrip(".") for host in os.environ.get("ALLOWED_HOSTS", "").split(",")]
    connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=4)
    try:
        connection.request("GET", PATH, headers={"Host": next(filter(None, hosts), "127.0.0.1"), "Connection": "close"})
        answer = connection.getresponse()
    except OSError as error:
        return fail(f"no answer: {error}")
    return 0 if answer.status == http.client.OK else fail(f"{answer.status}: {answer.read(300)!r}")


def fail(text: str) -> int:
    """What `docker inspect` shows; returns 1."""
    sys.stdout.write(text + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
