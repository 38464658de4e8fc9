"""The container's health check: ends with 0 if the server in it is ready to be sent requests.

Ready: it reaches its database, whose tables are up to date, and has room for photos. Needs nothing but Python itself.
"""

import http.client
import sys


def main() -> int:
    """Returns 0 if the answer is 200; else 1, and says what it was (`docker inspect` shows it)."""
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
