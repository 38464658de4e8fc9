"""The container's health check: exit code 0 if its server is ready for requests.

Ready: the database is reachable, its tables are up to date, and there is room for photos. Standard library only.
"""

import http.client
import sys


def main() -> int:
    """Returns 0 if the answer is 200. Else prints the answer, which `docker inspect` shows, and returns 1."""
    connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=4)
    try:
        connection.request("GET", "/readyz", headers={"Connection": "close"})
        answer = connection.getresponse()
        if answer.status == http.client.OK:
            return 0
        said = f"{answer.status}: {answer.read(300)!r}"
    except OSError as error:
        said = f"no answer: {error}"
    sys.stdout.write(said + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
