# Services in containers, where a Docker engine answers. Sourced.
# shellcheck shell=bash

docker_answers() { command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; }

# A refusal is remembered for a while, for we ask more than once.
image_was_refused() { [ -n "$(find "data/services/$1/image-refused" -mmin -15 2>/dev/null)" ]; }

image_is_here() { docker image inspect "$1" >/dev/null 2>&1; }

# image NAME IMAGE: it is here, or can be pulled
image() {
  image_is_here "$2" && return
  if ! image_was_refused "$1"; then
    timeout 300 docker pull -q "$2" && return
    touch "data/services/$1/image-refused"
  fi
  echo "the image $2 cannot be pulled"
  return 1
}

# One name for each service and checkout: a container is found again whatever was interrupted.
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

# The port on this machine's loopback that leads to the container's.
published_port() { docker port "$(container_name "$1")" "$2/tcp" | sed -n 's/^127.0.0.1://p'; }
