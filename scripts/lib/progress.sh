# Progress lines and background jobs of the scripts. Sourced, in the project's folder.
# shellcheck shell=bash

mkdir -p data/logs

say() { printf '%s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }
fail() { complain "$*"; exit 1; }

# step TITLE LOG COMMAND...: write the command's output to the log; after a failure, show its last lines.
# The command must be a program or a chain of &&: bash does not stop at errors inside a function in a condition.
step() {
  local title=$1 log=$2 started=$SECONDS
  shift 2
  say "$title ..."
  if "$@" >"$log" 2>&1 </dev/null; then
    say "$title: done in $((SECONDS - started)) s"
  else
    complain "$title: failed after $((SECONDS - started)) s; the end of $log:"
    tail -n 12 "$log" | sed 's/^/    /' >&2
    return 1
  fi
}

# background COMMAND...: run the command in a process group of its own (its pid: $!), so that end_jobs can end the whole
# group. Without a group, Ctrl-C would end this script and not the processes that the command started.
jobs_running=()
background() {
  set -m
  "$@" </dev/null &
  set +m
  jobs_running+=("$!")
}

end_jobs() {
  local job
  for job in ${jobs_running[@]+"${jobs_running[@]}"}; do
    kill -TERM -- "-$job" 2>/dev/null || true
  done
  for job in ${jobs_running[@]+"${jobs_running[@]}"}; do
    wait "$job" 2>/dev/null || true
    # Processes that the job started may end later.
    for _ in $(seq 50); do
      kill -0 -- "-$job" 2>/dev/null || break
      sleep 0.1
    done
  done
}
trap end_jobs EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
