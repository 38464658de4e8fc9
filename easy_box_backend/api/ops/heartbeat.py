"""The heartbeat: a request once a minute to a service outside (healthchecks.io, Uptime Kuma, a script), as long as this
server is well. If the server is not well, or does not run at all, the requests stop, and the service tells people.

The address is a secret: anybody who knows it can make the service believe that all is well. No log and no error shows
it.
"""

import http.client
import logging
import urllib.error
import urllib.request
from datetime import datetime
from typing import Any

from django.conf import settings

from api.ops import conditions, health

log = logging.getLogger(__name__)
SECONDS = 10
"""The timeout of a request."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the address is for this host only."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def send(at: datetime) -> dict[str, Any]:
    """Request HEARTBEAT_URL if the server is well. Returns the report: whether it was sent, or why not."""
    if not settings.HEARTBEAT_URL:
        return {}
    if reason := unwell():
        log.warning("No heartbeat is sent: %s", reason)
        return {"sent": False, "reason": reason}
    failure = _request(settings.HEARTBEAT_URL)
    if failure:
        log.warning("The heartbeat could not be sent: %s", failure)
    return {"sent": not failure, "reason": failure}


def unwell() -> str:
    """Why this server is not well, "" if it is: HEARTBEAT_CHECK does not answer, or a condition is critical."""
    reason = _request(settings.HEARTBEAT_CHECK) if settings.HEARTBEAT_CHECK else health.problem()
    return f"not ready ({reason})" if reason else ", ".join(conditions.critical())


def _request(url: str) -> str:
    """Send a GET request. Returns what went wrong, without the address; "" if the answer was a 2xx."""
    try:
        with urllib.request.build_opener(_NoRedirect).open(url, timeout=SECONDS) as answer:
            answer.read(1000)
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered {error.code}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return type(getattr(error, "reason", error)).__name__.replace("str", "URLError")
    return ""
