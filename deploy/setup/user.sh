# shellcheck shell=bash
# shellcheck disable=SC2329,SC2154 # called by `step` in setup-server.sh, which sets the variables
# The deploy user, SSH keys, and the project in the user's home. A part of setup-server.sh.

# docs.github.com: GitHub's SSH key fingerprints
GITHUB_KEY='github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'

as_user() { runuser --user "$user" -- env HOME="$home" "$@"; }

has_user() { id "$user" >/dev/null 2>&1 && id -nG "$user" | tr ' ' '\n' | grep -x docker >/dev/null; }
add_user() {
  id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --password '*' "$user"
  usermod --append --groups docker "$user"
}
has_keys() {
  local key
  for key in "${keys[@]}"; do grep -Fx "$key" "$home/.ssh/authorized_keys" >/dev/null 2>&1 || return 1; done
}
add_keys() {
  local key
  install --directory --mode 700 --owner "$user" --group "$user" "$home/.ssh"
  for key in "${keys[@]}"; do
    grep -Fx "$key" "$home/.ssh/authorized_keys" >/dev/null 2>&1 || printf '%s\n' "$key" >>"$home/.ssh/authorized_keys"
  done
  chown "$user:" "$home/.ssh/authorized_keys"
  chmod 600 "$home/.ssh/authorized_keys"
}
# An earlier release added the workflow's key without restrictions. Such a line of the same key is removed.
limited() { printf 'restrict,command="%s/easy_box/deploy/ssh-command.sh" %s' "$home" "$ci_key"; }
has_ci_key() {
  local file=$home/.ssh/authorized_keys
  grep -Fx "$(limited)" "$file" >/dev/null 2>&1 && ! grep -Fx "$ci_key" "$file" >/dev/null
}
add_ci_key() {
  local rest
  install --directory --mode 700 --owner "$user" --group "$user" "$home/.ssh"
  rest=$(grep -vF "$(cut -d ' ' -f 2 <<<"$ci_key")" "$home/.ssh/authorized_keys" 2>/dev/null || true)
  printf '%s\n' ${rest:+"$rest"} "$(limited)" >"$home/.ssh/authorized_keys"
  chown "$user:" "$home/.ssh/authorized_keys"
  chmod 600 "$home/.ssh/authorized_keys"
}
has_deploy_key() { [ -f "$home/.ssh/id_ed25519" ]; }
add_deploy_key() {
  install --directory --mode 700 --owner "$user" --group "$user" "$home/.ssh"
  as_user ssh-keygen -q -t ed25519 -N '' -C "$user@$(hostname), read only" -f "$home/.ssh/id_ed25519"
}
knows_github() { grep -F "$GITHUB_KEY" "$home/.ssh/known_hosts" >/dev/null 2>&1; }
# shellcheck disable=SC2016 # expanded there
add_github() { as_user sh -c 'printf "%s\n" "$1" >>"$HOME/.ssh/known_hosts"' - "$GITHUB_KEY"; }

has_clone() { [ -d "$home/easy_box/.git" ]; }
clone() {
  as_user git clone --quiet --branch "$branch" "$repository" "$home/easy_box" && return
  if [ -f "$home/.ssh/id_ed25519.pub" ]; then
    printf '\n%s can not be read yet. Add this key to it as a deploy key (GitHub: Settings, Deploy keys, Add; without\n' "$repository"
    printf 'write access), then run this again:\n\n%s\n\n' "$(cat "$home/.ssh/id_ed25519.pub")"
  fi
  return 1
}
# Created by this script, since Docker would create them as root.
FOLDERS=(backups certs secrets)
has_folders() {
  local name
  for name in "${FOLDERS[@]}"; do [ -d "$home/easy_box/easy_box_backend/$name" ] || return 1; done
}
add_folders() { as_user mkdir -p "${FOLDERS[@]/#/$home/easy_box/easy_box_backend/}"; }
