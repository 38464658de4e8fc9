#!/usr/bin/env python3
"""Sends the Telegram message about a release that failed before the server could send one. Standard library only.

From the environment: TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID, TELEGRAM_API_URL (may be empty), SHA, RUN_URL,
RESULTS ("tests=failure image=skipped …"), REPORTED ("lost" if the connection broke during the deploy),
ADMIN_LANGUAGE_CODE (ru).
The URL of the call contains the bot's token, so no URL is printed.
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
        "before": "Release {release} was not deployed, what failed: {jobs}. The server is unchanged.",
        "deploy": "Release {release} was not deployed: no connection to the server, or settings that it does not "
        "accept. The previous release still serves.",
        "lost": "The connection to the server was lost while release {release} was deployed. The server "
        "continues by itself: wait for its message, or run deploy/status.sh there.",
    },
}


def main() -> int:
    """Returns 0 if Telegram accepted the message or no bot is set, else 1."""
    token, chat = os.environ.get("TELEGRAM_BOT_TOKEN", ""), os.environ.get("TELEGRAM_CHAT_ID", "")
    if not token or not chat:
        print("::warning::No message was sent: TELEGRAM_BOT_TOKEN or TELEGRAM_CHAT_ID is missing.")
        return 0
    if not re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", token):
        print("::error::TELEGRAM_BOT_TOKEN is not a bot token, which looks like 123456:ABC… (from @BotFather).")
        return 1
    server = os.environ.get("TELEGRAM_API_URL") or OFFICIAL
    fields = {"chat_id": chat, "text": text(), "disable_web_page_preview": "true"}
    problem = send(f"{server}/bot{token}/sendMessage", fields)
    print(f"::error::The message could not be sent: {problem}." if problem else "The message was sent.")
    return 1 if problem else 0


def text() -> str:
    """What happened and the address of the run; in Russian, like the server's messages, if no language is set."""
    failed = [name for name, _, result in (one.partition("=") for one in words("RESULTS")) if result == "failure"]
    kind = "lost" if os.environ.get("REPORTED") == "lost" else "deploy" if "deploy" in failed else "before"
    language = "ru" if (os.environ.get("ADMIN_LANGUAGE_CODE") or "ru").startswith("ru") else "en"
    jobs = ", ".join(JOBS[language].get(name, name) for name in failed) or "?"
    happened = TEXTS[language][kind].format(release=os.environ.get("SHA", "")[:10], jobs=jobs)
    return f"❌ {happened}\n{os.environ.get('RUN_URL', '')}"


def words(name: str) -> list[str]:
    """The words of an environment variable."""
    return os.environ.get(name, "").split()


def send(url: str, fields: dict[str, str]) -> str:
    """POST `fields` to `url`, and retry after a temporary error. Returns what went wrong, without the URL, or ""."""
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
                return problem  # a wrong token or chat: a retry does not help
        except (OSError, ValueError) as error:
            problem = type(error).__name__
    return problem


if __name__ == "__main__":
    sys.exit(main())
