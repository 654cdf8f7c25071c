# shellcheck shell=bash
# What the scripts of a node share.

said=
say() { # in the journal when it is new, and as the status of the unit
  [[ $1 == "$said" ]] || echo "$1"
  said=$1
  systemd-notify --status="$1" 2>/dev/null || true
}

# retry WHAT COMMAND...: repeats the command until it succeeds, and says what is waited for.
retry() {
  local what=$1 problem
  shift
  until problem=$("$@" 2>&1); do
    say "waiting for $what: $(tr -s '\n' ' ' <<<"$problem")"
    sleep 5
  done
}

reload() { # connections stay; a server that is not running reads everything when it starts
  if systemctl --quiet is-active nats.service; then
    systemctl reload nats.service
  fi
}
