# shellcheck shell=bash
# The Telegram messages about a deploy. Sourced by guarded.sh after common.sh; LINK may be set.

# Reads the bot and the chat once, early: the settings may be replaced before the message is sent.
token='' chat='' api='' language=''
learn_whom_to_tell() {
  [ -z "$token" ] || return 0
  token=$(secret TELEGRAM_BOT_TOKEN)
  chat=$(setting TELEGRAM_CHAT_ID)
  api=$(setting TELEGRAM_API_URL https://api.telegram.org)
  language=$(setting ADMIN_LANGUAGE_CODE ru)
}

# report WHAT SHA [...]: sends a message. Never fails: a lost message must not stop a deploy.
report() {
  local text
  learn_whom_to_tell
  case $language in
    ru*) text=$(in_russian "$@") ;;
    *) text=$(in_english "$@") ;;
  esac
  [ -z "${LINK:-}" ] || text+=$'\n'"$(escape "$LINK")"
  tell "$text" || say "The Telegram message could not be sent."
}

in_russian() { # WHAT SHA [...]
  case $1 in
    deploy) printf '✅ Версия <code>%s</code> развёрнута и работает (%s с).' "${2:0:10}" "$3" ;;
    rollback) printf '↩️ Возвращена версия <code>%s</code>, она работает (%s с).' "${2:0:10}" "$3" ;;
    busy) printf '⏳ Версия <code>%s</code> не развёрнута: идёт другое развёртывание. Повторите, когда оно закончится.' "${2:0:10}" ;;
    failed)
      printf '❌ Версия <code>%s</code> не развёрнута: %s.\n' "${2:0:10}" "$(escape "$(reason_in_russian "$4")")"
      if [ -n "$3" ]; then
        printf 'По-прежнему работает <code>%s</code>, данные целы.' "${3:0:10}"
      else
        printf 'До этого ничего не работало, данных ещё нет.'
      fi
      ;;
    stuck)
      printf '🆘 Версия <code>%s</code> не развёрнута: %s.\nВернуть <code>%s</code> не удалось. ' "${2:0:10}" "$(escape "$(reason_in_russian "$4")")" "${3:0:10}"
      printf 'Данные целы, но нужен человек: <code>easy_box/deploy/status.sh</code>'
      ;;
  esac
}

# The text of `fail` in Russian. Unknown texts stay in English.
reason_in_russian() {
  case $1 in
    *"was ended by a signal"*) echo "его прервали" ;;
    *"without saying why"*) echo "причина в журнале на сервере" ;;
    *"git can't fetch"*) echo "не удалось получить изменения из репозитория" ;;
    *"origin has no commit"*) echo "такого коммита нет в репозитории" ;;
    *"changed by hand"*) echo "файлы на сервере изменены вручную (git status)" ;;
    *"settings are missing or wrong"*) echo "не хватает настроек или они неверны${1#*wrong.}" ;;
    *"the disk is full"*) echo "на диске мало места: ${1#*full: }" ;;
    *"there is no image"*) echo "нет образа, или его не удалось скачать" ;;
    *"image of the stack can't be pulled"*) echo "не удалось скачать образ базы данных или nginx" ;;
    *"the backup failed"*) echo "не удалась резервная копия, ничего не изменено" ;;
    *"can't be restored"*) echo "резервная копия не восстанавливается на пробной базе" ;;
    *"migration fails on a copy"*) echo "миграция не выполняется на копии данных" ;;
    *"become healthy on a copy"*) echo "не запускается на копии данных" ;;
    *"calls fail on a copy"*) echo "вызовы приложения не проходят на копии данных" ;;
    *"desk can't be opened on a copy"*) echo "страницы рабочего места не открываются на копии данных" ;;
    *"migration failed on the database itself"*) echo "миграция не выполнилась на рабочей базе, хотя на копии прошла" ;;
    "the backends did not become healthy") echo "не запускается" ;;
    "a service did not become healthy") echo "одна из служб не запускается" ;;
    *"did not become healthy"* | *"does not start"* | *"is not healthy"*) echo "не запускается (${1%% *})" ;;
    *"nginx refuses its files"*) echo "nginx не принимает свои файлы" ;;
    *"the server does not answer as"*) echo "сервер отвечает не той версией" ;;
    *) echo "$1" ;;
  esac
}

in_english() { # WHAT SHA [...]
  case $1 in
    deploy) printf '✅ Release <code>%s</code> is deployed and serves (%s s).' "${2:0:10}" "$3" ;;
    rollback) printf '↩️ Release <code>%s</code> is back and serves (%s s).' "${2:0:10}" "$3" ;;
    busy) printf '⏳ Release <code>%s</code> is not deployed: another deploy is running. Try again when it has ended.' "${2:0:10}" ;;
    failed)
      printf '❌ Release <code>%s</code> is not deployed: %s.\n' "${2:0:10}" "$(escape "$4")"
      if [ -n "$3" ]; then
        printf '<code>%s</code> serves as before, data is untouched.' "${3:0:10}"
      else
        printf 'Nothing ran before, and there is no data yet.'
      fi
      ;;
    stuck)
      printf '🆘 Release <code>%s</code> is not deployed: %s.\nGoing back to <code>%s</code> failed too. ' "${2:0:10}" "$(escape "$4")" "${3:0:10}"
      printf 'Data is untouched, but a person is needed: <code>easy_box/deploy/status.sh</code>'
      ;;
  esac
}

# Escapes HTML. Telegram refuses long messages, and JSON allows no other control characters.
escape() {
  local text
  text=$(printf '%s' "${1:0:1000}" | tr -d '\000-\010\013-\037')
  text=${text//&/'&amp;'} text=${text//</'&lt;'}
  printf '%s' "${text//>/'&gt;'}"
}

in_json() {
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"} text=${text//$'\n'/\\n}
  printf '"%s"' "${text//$'\t'/ }"
}

# The URL contains the token, so it goes to curl by standard input, and curl's error messages are not shown.
tell() { # HTML
  if [ -z "$token" ] || [ -z "$chat" ]; then
    say "TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID are not set, so no message is sent."
    return 0
  fi
  curl --config - --silent --output /dev/null --fail --max-time 10 --retry 2 --retry-delay 2 --retry-connrefused \
    --header 'Content-Type: application/json' --data-binary @/dev/fd/3 2>/dev/null \
    3< <(printf '{"chat_id":%s,"text":%s,"parse_mode":"HTML","link_preview_options":{"is_disabled":true}}' \
      "$(in_json "$chat")" "$(in_json "$1")") \
    < <(printf 'url = "%s/bot%s/sendMessage"\n' "$api" "$token")
}
