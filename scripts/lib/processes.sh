# Start servers that outlive the script, and end them. Sourced.
# shellcheck shell=bash

# Print the start time of a process, or nothing if it has ended. Another process may get the same pid later, so a
# process is identified by its pid and its start time.
started_at() { { sed 's/.*) //' "/proc/$1/stat" | awk '$1 != "Z" { print $20 }'; } 2>/dev/null; }

# The service user may not be able to enter the current folder.
in_root_folder() { (cd / && exec "$@"); }

# spawn PIDFILE LOG COMMAND...: start a server in a session of its own, so that the terminal's Ctrl-C does not reach it.
spawn() {
  local pidfile=$1 log=$2
  shift 2
  (cd / && exec setsid "$@") >>"$log" 2>&1 </dev/null & # exec: so that $! is the pid of the server, not of a shell
  printf '%s %s\n' "$!" "$(started_at "$!")" >"$pidfile"
  disown "$!"
}

is_alive() { # PIDFILE
  local pid="" start=""
  [ -f "$1" ] && read -r pid start <"$1" && [ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ]
}

# end PIDFILE SIGNAL: send the signal; after 5 s, kill the process group
end() {
  local pid
  [ -f "$1" ] || return 0
  read -r pid _ <"$1"
  if is_alive "$1"; then
    kill "-$2" "$pid" 2>/dev/null || true
    for _ in $(seq 50); do
      is_alive "$1" || break
      sleep 0.1
    done
  fi
  # Kill the whole group, because Splash has an Xvfb in it, also after Splash itself was killed. Do not kill it if another
  # process has the pid now.
  if is_alive "$1" || [ -z "$(started_at "$pid")" ]; then
    kill -KILL -- "-$pid" 2>/dev/null || true
  fi
  rm -f "$1"
}

as_root() { [ "$(id -u)" = 0 ]; }

# Databases and a browser of 2016 must not run as root: scripts that run as root start them as this user.
SERVICE_USER=splashdown-test

# Services start at the same time, and only one of them can create the user.
make_service_user() {
  as_root || return 0
  # shellcheck disable=SC2016  # expanded in the shell that has the lock
  flock data/services/user.lock sh -c 'id "$0" >/dev/null 2>&1 ||
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$0"' "$SERVICE_USER"
}

give_to_service_user() { ! as_root || chown -R "$SERVICE_USER:" "$1"; }

# The words before a command that run it as that user.
as_service_user=()
if as_root; then
  # shellcheck disable=SC2034
  as_service_user=(setpriv "--reuid=$SERVICE_USER" "--regid=$SERVICE_USER" --clear-groups --no-new-privs --)
fi

# Succeed if the service user can enter the folder. It tries as nobody, because the service user may not exist yet.
lets_in() {
  as_root || return 0
  setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$1"
}

free_port() {
  .venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

is_listening() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Write standard input into a file that only this user can read.
secret() { (umask 077 && cat >"$1"); }

random_password() { head -c 18 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
