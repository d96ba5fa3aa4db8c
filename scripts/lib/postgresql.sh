# PostgreSQL for the tests: a running server, a container, or Debian's package. Sourced.
# shellcheck shell=bash disable=SC2034,SC2154

postgresql_title=PostgreSQL
postgresql_variable=TEST_POSTGRESQL_URL
postgresql_port=5432
postgresql_image=postgres:17
postgresql_packages=(postgresql)
postgresql_end_with=INT # after TERM the server would wait until all clients disconnect

postgresql_candidates() {
  echo "postgresql+psycopg://$(id -un)@127.0.0.1:5432/$DATABASE"
  echo "postgresql+psycopg://postgres@127.0.0.1:5432/$DATABASE"
}

postgresql_check() { .venv/bin/python scripts/lib/database.py "${2:-create}" "$1"; }

postgresql_in_docker() { # FOLDER
  local password port
  password=$(random_password)
  echo "POSTGRES_PASSWORD=$password" | secret "$1/container.env"
  run_container postgresql --env-file "$1/container.env" -p 127.0.0.1::5432 "$postgresql_image" \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off
  port=$(published_port postgresql 5432)
  echo "postgresql+psycopg://postgres:$password@127.0.0.1:$port/$DATABASE" | secret "$1/url"
}

postgresql_from_debian() { # FOLDER ROOM
  local programs password port
  # Debian may have several versions of PostgreSQL: use the newest.
  programs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  password=$(random_password)
  port=$(free_port)
  echo "$password" | secret "$2/password"
  give_to_service_user "$2"
  in_root_folder "${as_service_user[@]}" "$programs/initdb" -D "$2/data" -U postgres --pwfile="$2/password" \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync
  rm "$2/password"
  # Nothing is flushed to disk, because the data ends with the tests.
  spawn "$1/pid" data/logs/services-postgresql-server.log "${as_service_user[@]}" \
    "$programs/postgres" -D "$2/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=32MB -c max_connections=60
  echo "postgresql+psycopg://postgres:$password@127.0.0.1:$port/$DATABASE" | secret "$1/url"
}
