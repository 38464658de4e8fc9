"""The text of an alert: what happened, where, how often, with a link to the desk. It is written in the managers'
language, as HTML for Telegram, at most one message long."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from api.alerts.telegram import MAX_UNITS, escaped, units
from api.discrepancies import kinds
from api.models import Alert, Discrepancy
from api.texts.redact import redact

_TITLES: dict[str, tuple[str, str | Promise]] = {
    "server_error": ("🔴", _("Server error")),
    "client_error": ("📱", _("Error on a phone")),
    "discrepancy": ("⚖️", _("To be settled")),
    "low_stock": ("📦", _("Running low")),
    "ledger_broken": ("🔴", _("The ledger does not add up")),
    "backup_failed": ("💾", _("The backup failed")),
    "condition": ("🩺", _("State of the server")),
    "job_failed": ("⚙️", _("A regular job failed")),
    "test": ("✅", _("A test message: alerts work.")),
}
_PAGES = {
    "discrepancy": "desk:questions",
    "low_stock": "desk:products",
    "client_error": "desk:phone_errors",
}
_ROOM_FOR_THE_END = 400
"""Units of a message that are kept free for its last line."""
_MOST_IN_FULL = 40
"""How many discrepancies of a message are described."""
_MOST_OF_STORIES = 400
"""The most units of the stories of a discrepancy. Longer ones are left out."""


def compose(batch: list[Alert]) -> str:
    """One message for alerts of one kind (at least one)."""
    with translation.override(settings.ADMIN_LANGUAGE_CODE):
        kind = batch[0].kind
        icon, title = _TITLES.get(kind, ("🔔", kind))
        head = f"{icon} <b>{escaped(title)}</b>" + (f" · {len(batch)}" if len(batch) > 1 else "")
        described = _described(batch) if kind == "discrepancy" else {}
        lines = [line for line in (_line(alert, described) for alert in batch) if line]
        return _fit(head, lines, _end(kind, batch[0].created_at))


def _fit(head: str, lines: list[str], end: str) -> str:
    """The message with as many lines as fit, and the number of the others."""
    text, left = head, MAX_UNITS - units(head) - _ROOM_FOR_THE_END
    for shown, line in enumerate(lines):
        left -= units(line) + 3
        if left < 0:
            more = len(lines) - shown
            text += "\n" + escaped(ngettext("… and %(more)d more", "… and %(more)d more", more) % {"more": more})
            break
        text += f"\n{'• ' if len(lines) > 1 else ''}{line}"
    return f"{text}\n{end}"


def _end(kind: str, since: datetime) -> str:
    """The last line: when the first of the alerts was saved, and a link to the page about them."""
    when = timezone.localtime(since).strftime("%d.%m.%Y %H:%M")
    page = _address(_PAGES[kind]) if kind in _PAGES else ""
    return f'{when} · <a href="{page}">{escaped(gettext("Open"))}</a>' if page else when


def _address(view: str, *args: object) -> str:
    """The absolute address of a page of the desk; "" if PUBLIC_BASE_URL is not set."""
    if not settings.PUBLIC_BASE_URL:
        return ""
    return escaped(f"{settings.PUBLIC_BASE_URL}{reverse(view, args=args)}", 600).replace('"', "%22")


def _described(batch: list[Alert]) -> dict[int, kinds.Told]:
    """By id, the described discrepancies of the first alerts, as many as a message can have room for."""
    wanted = [alert.facts.get("discrepancy") for alert in batch[:_MOST_IN_FULL]]
    rows = Discrepancy.objects.filter(id__in=[key for key in wanted if key])
    return {described.row.pk: described for described in kinds.describe(list(rows))}


def _line(alert: Alert, described: Mapping[int, kinds.Told]) -> str:
    found = described.get(alert.facts.get("discrepancy") or 0)
    if found is not None:
        label = _linked(escaped(found.label, 100), "desk:question", found.row.pk)
        return f"{label} · {escaped(found.sentence, 500)}{_stories(found)}"
    line = (
        _LINES.get(alert.kind, _all_facts)(alert.facts)
        if alert.facts
        else gettext("other errors, not listed one by one")
    )
    return f"{line} <b>×{alert.count}</b>" if alert.count > 1 else line


def _stories(found: kinds.Told) -> str:
    """The two stories of a discrepancy, what the server believes and what else may be true; "" if they are long."""
    if found.stories is None or units("".join(found.stories)) > _MOST_OF_STORIES:
        return ""
    labels = gettext("the server believes"), gettext("but perhaps")
    pairs = zip(labels, found.stories, strict=True)
    return "".join(f"\n<i>{escaped(label)}</i>: {escaped(text, _MOST_OF_STORIES)}" for label, text in pairs)


def _linked(text: str, view: str, key: object) -> str:
    page = _address(view, key) if key else ""
    return f'<a href="{page}">{text}</a>' if page else text


def _server_error(facts: dict[str, Any]) -> str:
    lines = [f"<b>{escaped(facts.get('error', '?'), 100)}</b> {escaped(facts.get('route', ''), 200)}"]
    if text := facts.get("text"):
        lines.append(f"<code>{escaped(redact(str(text)), 400)}</code>")
    if place := facts.get("place"):
        lines.append(escaped(place, 200))
    if request := facts.get("request_id"):
        lines.append(f"{escaped(gettext('request'))} <code>{escaped(request, 100)}</code>")
    return "\n".join(lines)


def _client_error(facts: dict[str, Any]) -> str:
    text = escaped(redact(str(facts.get("text", ""))).split("\n")[0], 300)
    return _linked(text or "?", "desk:phone_error", facts.get("error"))


def _discrepancy(facts: dict[str, Any]) -> str:
    """A discrepancy that is not described (`_described`): its kind and SKU, without its sentence."""
    what = str(facts.get("what", ""))
    label = Discrepancy.Kind(what).label if what in Discrepancy.Kind.values else what
    line = _linked(escaped(label, 100), "desk:question", facts.get("discrepancy"))
    return f"{line} · {escaped(facts['sku'], 120)}" if facts.get("sku") else line


def _low_stock(facts: dict[str, Any]) -> str:
    if number := facts.get("products"):
        text = ngettext("%(count)s product is below its minimum", "%(count)s products are below their minimum", number)
        return escaped(text % {"count": number})
    name = f"{escaped(facts.get('sku', ''), 120)} · {escaped(facts.get('name', ''), 120)}"
    says = gettext("%(on_hand)s left, the minimum is %(minimum)s") % {
        "on_hand": facts.get("on_hand"), "minimum": facts.get("minimum"),
    }  # fmt: skip
    return f"{_linked(name, 'desk:product', facts.get('product'))}: {escaped(says)}"


def _ledger_broken(facts: dict[str, Any]) -> str:
    return "\n".join(escaped(line, 200) for line in [*facts.get("products", [])[:10], "manage.py check_ledger"])


def _job_and_text(facts: dict[str, Any]) -> str:
    name = f"<b>{escaped(facts['job'], 60)}</b> " if facts.get("job") else ""
    return name + escaped(redact(str(facts.get("text", ""))), 600)


_ICONS = {"well": "🟢", "low": "🟡", "critical": "🔴"}


def _condition(facts: dict[str, Any]) -> str:
    """A condition of `ops/conditions.py` that has another level now."""
    name, _, host = str(facts.get("condition")).partition(" @")
    level = str(facts.get("level"))
    prefix = f"<b>{escaped(host, 40)}</b>: " if host else ""
    return f"{_ICONS.get(level, '')} {prefix}{escaped(_CONDITIONS[name.split()[0]](name, level, facts), 600)}"


def _disk(name: str, level: str, facts: dict[str, Any]) -> str:
    where = gettext("backups") if name.endswith("backups") else gettext("data")
    text = {
        "well": gettext("The disk of the %(where)s has room again: %(percent)s %% free, %(megabytes)s MB"),
        "low": gettext("The disk of the %(where)s is getting full: %(percent)s %% free, %(megabytes)s MB"),
        "critical": gettext("The disk of the %(where)s is nearly full: %(percent)s %% free, %(megabytes)s MB"),
    }[level]
    return text % {"where": where, "percent": facts.get("percent"), "megabytes": facts.get("megabytes")}


def _certificate(name: str, level: str, facts: dict[str, Any]) -> str:
    days = int(facts.get("days") or 0)
    if level == "critical":
        return gettext("The certificate has expired: HTTPS does not work")
    if level == "low":
        text = ngettext("The certificate ends in %(days)s day", "The certificate ends in %(days)s days", days)
    else:
        text = ngettext("The certificate is valid for %(days)s day", "The certificate is valid for %(days)s days", days)
    return text % {"days": days}


def _backup(name: str, level: str, facts: dict[str, Any]) -> str:
    if level == "well":
        return gettext("Backups are made again")
    return gettext("The backup failed: %(text)s") % {"text": redact(str(facts.get("text", "")))}


def _offsite(name: str, level: str, facts: dict[str, Any]) -> str:
    if level == "well":
        return gettext("Backups are copied off-site again")
    return gettext("The backup was not copied off-site: %(text)s") % {"text": redact(str(facts.get("text", "")))}


def _alerts(name: str, level: str, facts: dict[str, Any]) -> str:
    if level == "well":
        return gettext("Messages are sent again")
    count = int(facts.get("waiting") or 0)
    text = ngettext("%(count)s message was not sent in time", "%(count)s messages were not sent in time", count)
    return text % {"count": count}


_CONDITIONS: dict[str, Callable[[str, str, dict[str, Any]], str]] = {
    "disk": _disk,
    "certificate": _certificate,
    "backup": _backup,
    "offsite": _offsite,
    "alerts": _alerts,
}


def _all_facts(facts: dict[str, Any]) -> str:
    return escaped(redact(", ".join(f"{name}: {value}" for name, value in facts.items())), 600)


_LINES: dict[str, Callable[[dict[str, Any]], str]] = {
    "server_error": _server_error,
    "client_error": _client_error,
    "discrepancy": _discrepancy,
    "low_stock": _low_stock,
    "ledger_broken": _ledger_broken,
    "backup_failed": _job_and_text,
    "condition": _condition,
    "job_failed": _job_and_text,
}
