#!/usr/bin/env python3
"""Tells Telegram that a release failed before the server could tell it itself. Standard library only.

From the environment: TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID, TELEGRAM_API_URL (may be empty), SHA, RUN_URL,
RESULTS ("tests=failure image=skipped …"), REPORTED ("lost" if the connection broke while the server was at it),
ADMIN_LANGUAGE_CODE (ru).
The bot's token stands in the address of the call, so no address is ever printed.
"""

import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

OFFICIAL = "https://api.telegram.org"
ATTEMPTS = 3
TIMEOUT_SECONDS = 20
JOBS = {
    "ru": {"release": "выбор версии", "checks": "проверки кода", "tests": "тесты", "image": "сборка образа"},
    "en": {"release": "the choice of a release", "checks": "checks", "tests": "tests", "image": "the image"},
}
TEXTS = {
    "ru": {
        "before": "Версия {release} не развёрнута, не удалось: {jobs}. Сервер не затронут, работает прежняя версия.",
        "deploy": "Версия {release} не развёрнута: нет связи с сервером или не приняты настройки. "
        "Работает прежняя версия.",
        "lost": "Связь с сервером прервалась при развёртывании версии {release}. Сервер продолжает сам: дождитесь его "
        "сообщения или посмотрите там deploy/status.sh.",
    },
    "en": {
        "before": "Release {release} was not deployed, what failed: {jobs}. The server was not touched.",
        "deploy": "Release {release} was not deployed: no connection to the server, or settings that it does not take. "
        "The one before goes on.",
        "lost": "The connection to the server was lost while release {release} was deployed. The server goes on by "
        "itself: wait for its message, or look there with deploy/status.sh.",
    },
}


def main() -> int:
    """Returns 0 if Telegram took the message, or if there is no bot."""
    token, chat = os.environ.get("TELEGRAM_BOT_TOKEN", ""), os.environ.get("TELEGRAM_CHAT_ID", "")
    if not token or not chat:
        print("::warning::Nobody was told: TELEGRAM_BOT_TOKEN or TELEGRAM_CHAT_ID is missing.")
        return 0
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", token):
        print("::error::TELEGRAM_BOT_TOKEN is none: it looks like 123456:ABC… (from @BotFather).")
        return 1
    server = os.environ.get("TELEGRAM_API_URL") or OFFICIAL
    fields = {"chat_id": chat, "text": text(), "disable_web_page_preview": "true"}
    problem = send(f"{server}/bot{token}/sendMessage", fields)
    print(f"::error::Telegram was not told: {problem}." if problem else "Telegram was told.")
    return 1 if problem else 0


def text() -> str:
    """What happened, and where to read more; in Russian, as the server's own messages, if no other language is set."""
    failed = [name for name, _, result in (one.partition("=") for one in words("RESULTS")) if result == "failure"]
    kind = "lost" if os.environ.get("REPORTED") == "lost" else "deploy" if "deploy" in failed else "before"
    language = "ru" if (os.environ.get("ADMIN_LANGUAGE_CODE") or "ru").startswith("ru") else "en"
    jobs = ", ".join(JOBS[language].get(name, name) for name in failed) or "?"
    happened = TEXTS[language][kind].format(release=os.environ.get("SHA", "")[:10], jobs=jobs)
    return f"❌ {happened}\n{os.environ.get('RUN_URL', '')}"


def words(name: str) -> list[str]:
    """The words of a variable."""
    return os.environ.get(name, "").split()


def send(url: str, fields: dict[str, str]) -> str:
    """Send it, again after a passing fault; returns what went wrong, without the address."""
    body = urllib.parse.urlencode(fields).encode()
    problem = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(2**attempt)
        try:
            with urllib.request.urlopen(url, data=body, timeout=TIMEOUT_SECONDS):
                return ""
        except urllib.error.HTTPError as error:
            problem = f"it answered {error.code}"
            if error.code not in (429, 500, 502, 503, 504):
                return problem  # the token or the chat is wrong
        except (OSError, ValueError) as error:
            problem = type(error).__name__
    return problem


if __name__ == "__main__":
    sys.exit(main())
