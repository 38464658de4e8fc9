# shellcheck shell=bash
# The Telegram messages about a deploy. Sourced by guarded.sh after common.sh; LINK may be set.

# Reads the settings of the bot and the chat. Once and early, since they may be replaced before the message is sent.
token='' chat='' api='' language=''
learn_whom_to_tell() {
  [ -z "$token" ] || return 0
  token=$(secret TELEGRAM_BOT_TOKEN)
  chat=$(setting TELEGRAM_CHAT_ID)
  api=$(setting TELEGRAM_API_URL https://api.telegram.org)
  language=$(setting ADMIN_LANGUAGE_CODE ru)
}

either() { # text in English, in Russian
  case $language in
    ru*) printf '%s' "$2" ;;
    *) printf '%s' "$1" ;;
  esac
}

# The reason of a failure, for the message: the last text that `fail` has written to the log, in the manager's language.
why() {
  local said
  if [ -n "$ended" ]; then
    either "it was ended by a signal" "его прервали"
    return
  fi
  said=$(sed -nE "s/^$(either FAILED НЕУДАЧА): //p" "$LOG" | tail -n 1)
  [ -n "$said" ] || said=$(sed -n 's/^FAILED: //p' "$LOG" | tail -n 1)
  printf '%s' "${said:-$(either "it ended without saying why" "причина в журнале на сервере")}"
}

# report WHAT SHA [...]: sends a message. Never fails: a lost message must not stop a deploy.
#   deploy|rollback SHA SECONDS    busy SHA    failed|stuck SHA RELEASE_BEFORE REASON
report() {
  local text
  learn_whom_to_tell
  text=$(message "$@")
  [ -z "${LINK:-}" ] || text+=$'\n'"$(escape "$LINK")"
  tell "$text" || say "The Telegram message could not be sent."
}

message() {
  local release="<code>${2:0:10}</code>" before=${3:-} reason
  before="<code>${before:0:10}</code>"
  reason=$(escape "${4:-}")
  case $1 in
    deploy)
      either "✅ Release $release is deployed and serves ($3 s)." \
        "✅ Версия $release развёрнута и работает ($3 с)."
      ;;
    rollback)
      either "↩️ Release $release is back and serves ($3 s)." \
        "↩️ Возвращена версия $release, она работает ($3 с)."
      ;;
    busy)
      either "⏳ Release $release is not deployed: another deploy is running. Try again when it has ended." \
        "⏳ Версия $release не развёрнута: идёт другое развёртывание. Повторите, когда оно закончится."
      ;;
    failed | stuck)
      either "$(sign "$1") Release $release is not deployed: $reason." "$(sign "$1") Версия $release не развёрнута: $reason."
      printf '\n'
      ;;&
    failed)
      if [ -n "$3" ]; then
        either "$before serves as before, data is untouched." "По-прежнему работает $before, данные целы."
      else
        either "Nothing ran before, and there is no data yet." "До этого ничего не работало, данных ещё нет."
      fi
      ;;
    stuck)
      either "Going back to $before failed too. Data is untouched, but a person is needed: " \
        "Вернуть $before не удалось. Данные целы, но нужен человек: "
      printf '<code>easy_box/deploy/status.sh</code>'
      ;;
  esac
}
sign() { if [ "$1" = stuck ]; then printf '🆘'; else printf '❌'; fi; }

# Escapes HTML. Cuts the text, since Telegram refuses long messages, and removes control characters that JSON forbids.
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
