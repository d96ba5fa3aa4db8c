# What the scripts print, and the jobs they run at the same time. Sourced by them, in the project's folder.
# shellcheck shell=bash

mkdir -p data/logs

say() { printf '%s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }
fail() { complain "$*"; exit 1; }

# step TITLE LOG COMMAND...: the command's output goes to the log; on failure its last lines are shown.
# The command is a program or a chain of &&: bash does not stop at errors inside a function that is asked about.
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

# background COMMAND...: as a process group of its own (its pid: $!), so that all of it can be ended at once.
# Without a group a Ctrl-C would end this script and leave what the command had started.
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
    # What it had started may take a moment longer.
    for _ in $(seq 50); do
      kill -0 -- "-$job" 2>/dev/null || break
      sleep 0.1
    done
  done
}
trap end_jobs EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
