# Services in containers of a Docker engine. Sourced.
# shellcheck shell=bash

docker_answers() { command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; }

# A failed pull counts for 15 minutes, because scripts/services asks more than once.
image_was_refused() { [ -n "$(find "data/services/$1/image-refused" -mmin -15 2>/dev/null)" ]; }

image_is_here() { docker image inspect "$1" >/dev/null 2>&1; }

# image NAME IMAGE: pull the image if it is not here
image() {
  image_is_here "$2" && return
  if ! image_was_refused "$1"; then
    timeout 300 docker pull -q "$2" && return
    touch "data/services/$1/image-refused"
  fi
  echo "docker cannot pull the image $2"
  return 1
}

# One name for each service and checkout, so that the scripts find a container again after an interruption.
container_name() { printf 'splashdown-%s-%s' "$1" "$(pwd -P | cksum | cut -d ' ' -f 1)"; }

# run_container NAME DOCKER-RUN-ARGUMENTS...
run_container() {
  local name
  name=$(container_name "$1")
  shift
  docker rm -f -v "$name" >/dev/null 2>&1 || true
  docker run -d --name "$name" "$@"
}

end_container() { docker rm -f -v "$(container_name "$1")" >/dev/null 2>&1 || true; }

container_runs() { [ "$(docker inspect -f '{{.State.Running}}' "$(container_name "$1")" 2>/dev/null)" = true ]; }

# Print the port on this machine's loopback that is connected to the container's port.
published_port() { docker port "$(container_name "$1")" "$2/tcp" | sed -n 's/^127.0.0.1://p'; }
