# The real Splash 3.5 for the tests: a running server, a container, or built on Debian 12's QtWebKit. Sourced.
# shellcheck shell=bash disable=SC2034,SC2154

splash_title="Splash 3.5"
splash_variable=TEST_SPLASH_URL
splash_port=8050
splash_image=scrapinghub/splash:3.5
splash_packages=(python3-pyqt5.qtwebkit python3-pyqt5.qtwebengine xvfb fonts-dejavu-core
  python3-venv python3-dev gcc libc6-dev pkg-config liblua5.2-dev)
splash_end_with=TERM
splash_options=(--ip 127.0.0.1 --max-timeout 90 --slots 4)

splash_candidates() { echo http://127.0.0.1:8050; }

splash_check() { .venv/bin/python scripts/splash/check.py "$1"; }

# The container uses the machine's network, because the pages of the tests are on the machine's loopback.
splash_in_docker() { # FOLDER
  local port
  port=$(free_port)
  run_container splash --network host "$splash_image" "${splash_options[@]}" --port "$port"
  echo "http://127.0.0.1:$port" | secret "$1/url"
}

splash_suits() {
  grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release && return
  echo "Splash can be built only on Debian 12 (bookworm), which has Python 3.11 and QtWebKit"
  return 1
}

splash_build() { scripts/splash/build "$1"; } # ROOM

splash_from_debian() { # FOLDER ROOM
  local port
  port=$(free_port)
  mkdir -p "$2/home"
  give_to_service_user "$2/home"
  # Only root can create this folder; Xvfb runs as the service user.
  [ -d /tmp/.X11-unix ] || ! as_root || mkdir -m 1777 /tmp/.X11-unix
  spawn "$1/pid" data/logs/services-splash-server.log "${as_service_user[@]}" \
    env HOME="$2/home" QTWEBENGINE_DISABLE_SANDBOX=1 PYTHONDONTWRITEBYTECODE=1 \
    "$2/venv/bin/python" "$2/start.py" "${splash_options[@]}" --port "$port"
  echo "http://127.0.0.1:$port" | secret "$1/url"
}
