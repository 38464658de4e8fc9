# shellcheck shell=bash
# shellcheck disable=SC2329,SC2154 # called by `step` in setup-server.sh, which sets the variables
# Firewall, log-ins, updates, swap and clock. A part of setup-server.sh.

# Docker's published ports bypass ufw; we publish only nginx's 80, 443, and 8000 for the app's oldest builds, which are
# open anyway.
has_rules() {
  local port
  for port in "$ssh_port" 80 443 8000; do ufw show added 2>/dev/null | grep -x "ufw allow $port/tcp" >/dev/null || return 1; done
}
add_rules() {
  local port
  for port in "$ssh_port" 80 443 8000; do ufw allow "$port/tcp" >/dev/null; done
}
firewall_is_on() { ufw status | grep -x 'Status: active' >/dev/null; }
firewall_on() { ufw --force enable >/dev/null; }

SSHD=/etc/ssh/sshd_config.d/10-easybox.conf
NO_PASSWORDS='PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password'
passwords_are_off() { [ "$(cat "$SSHD" 2>/dev/null)" = "$NO_PASSWORDS" ]; }
passwords_off() {
  local file found=
  for file in /root/.ssh/authorized_keys "$home/.ssh/authorized_keys"; do
    if grep -v '^restrict' "$file" 2>/dev/null | grep -E '(ssh|ecdsa)-' >/dev/null; then found=yes; fi
  done
  [ -n "$found" ] || fail "neither root nor $user has a person's SSH key: without passwords nobody could log in"
  mkdir -p "${SSHD%/*}"
  printf '%s\n' "$NO_PASSWORDS" >"$SSHD"
  ! command -v sshd >/dev/null || sshd -t || { rm -f "$SSHD" && return 1; }
  [ ! -d /run/systemd/system ] || systemctl reload ssh
}

AUTO=/etc/apt/apt.conf.d/20auto-upgrades
updates_are_on() { grep 'Unattended-Upgrade "1"' "$AUTO" >/dev/null 2>&1 && grep 'Update-Package-Lists "1"' "$AUTO" >/dev/null; }
updates_on() { printf 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n' >"$AUTO"; }

has_swap_file() { [ "$swap" = 0 ] || grep -E '^[^#].*\sswap\s' /etc/fstab >/dev/null 2>&1 || [ -n "$(swapon --show --noheadings 2>/dev/null)" ]; }
add_swap_file() {
  fallocate --length "$swap" /swapfile && chmod 600 /swapfile && mkswap --quiet /swapfile || return 1
  printf '/swapfile none swap sw 0 0\n' >>/etc/fstab
}
swap_is_on() { [ "$swap" = 0 ] || [ -n "$(swapon --show --noheadings)" ]; }
swap_on() { swapon --all; }

has_clock() { installed systemd-timesyncd || installed chrony || installed ntpsec; }
add_clock() { install_packages systemd-timesyncd; }
clock_is_on() { timedatectl show --property NTP --value | grep -x yes >/dev/null; }
clock_on() { timedatectl set-ntp true; }
