# MariaDB for the tests: a running server, a container, or Debian's package. Sourced.
# shellcheck shell=bash disable=SC2034,SC2154

mariadb_title=MariaDB
mariadb_variable=TEST_MARIADB_URL
mariadb_port=3306
mariadb_image=mariadb:11.4
# Only the programs: the package mariadb-server would start a server for the whole machine.
mariadb_packages=(mariadb-server-core mariadb-client-core)
mariadb_end_with=TERM

mariadb_candidates() { echo "mysql+pymysql://root@127.0.0.1:3306/$DATABASE"; }

mariadb_check() { .venv/bin/python scripts/lib/database.py "${2:-create}" "$1"; }

mariadb_in_docker() { # FOLDER
  local password port
  password=$(random_password)
  echo "MARIADB_ROOT_PASSWORD=$password" | secret "$1/container.env"
  run_container mariadb --env-file "$1/container.env" -p 127.0.0.1::3306 "$mariadb_image" \
    --skip-log-bin --innodb-flush-log-at-trx-commit=0
  port=$(published_port mariadb 3306)
  echo "mysql+pymysql://root:$password@127.0.0.1:$port/$DATABASE" | secret "$1/url"
}

mariadb_from_debian() { # FOLDER ROOM
  local password port
  password=$(random_password)
  port=$(free_port)
  secret "$2/init.sql" <<SQL
CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '$password';
GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
DELETE FROM mysql.global_priv WHERE User IN ('', 'root') AND Host <> '127.0.0.1';
FLUSH PRIVILEGES;
SQL
  give_to_service_user "$2"
  in_root_folder "${as_service_user[@]}" mariadb-install-db --no-defaults --datadir="$2/data" --skip-test-db \
    --auth-root-authentication-method=normal --innodb-log-file-size=16M
  # Nothing is flushed to disk, because the data ends with the tests. The socket has a relative path in the data folder,
  # because a full path may be too long for a socket.
  spawn "$1/pid" data/logs/services-mariadb-server.log "${as_service_user[@]}" \
    mariadbd --no-defaults --datadir="$2/data" --socket=server.sock --pid-file=server.pid \
    --bind-address=127.0.0.1 --port="$port" --init-file="$2/init.sql" --skip-name-resolve --skip-log-bin \
    --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-buffer-pool-size=64M \
    --innodb-log-file-size=16M --key-buffer-size=4M --performance-schema=0
  echo "mysql+pymysql://root:$password@127.0.0.1:$port/$DATABASE" | secret "$1/url"
}
