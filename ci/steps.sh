#!/usr/bin/env bash
# What a CI does with reconcile: `steps.sh install | validate | plan | apply | within | drift`. The GitHub Action and
# the GitLab template call nothing else; tests/stories/test_ci.py plays it from a pull request to an apply. docs/ci.md.
#
#   RECONCILE_EXTRAS    install: extras of the package, with commas between
#   RECONCILE_SPEC      the spec's folder or file, from where the command runs (specs)
#   RECONCILE_PLAN      the plan file to write, or to apply (plan.rplan)
#   RECONCILE_BASE      plan: a commit whose spec's guards hold too; the branch to be merged into
#   RECONCILE_SEAL      plan, within: age recipients, with spaces between, instead of the spec's; none: not insisted on
#   RECONCILE_COMMENT   plan: false to leave the pull request alone
#   RECONCILE_APPROVAL  within: the approval file
#   RECONCILE_ATTEMPTS  apply, within: how often a run that was ended before its plan is gone on with (10)
#   RECONCILE_MINUTES   apply, within: after so many a run is asked to end, before its job is killed (no limit)
#   RECONCILE_ISSUE     drift: false to open no issue
#
# reconcile reads others itself: RECONCILE_ENV, RECONCILE_MEMORY_LIMIT, RECONCILE_AGE_IDENTITY, RECONCILE_WEBHOOK, ...
set -euo pipefail

spec=${RECONCILE_SPEC:-specs}
plan=${RECONCILE_PLAN:-plan.rplan}
base=.reconcile-base
seals=()
read -ra recipients <<<"${RECONCILE_SEAL:-}"
if [ "${RECONCILE_SEAL:-}" != none ]; then
  for recipient in ${recipients[@]+"${recipients[@]}"}; do seals+=(--seal "$recipient"); done
fi

misused() {
  echo "$1" >&2
  exit 64
}

# This checkout, in the versions of its lock: a new version of anything comes in by a commit that people can look at.
install() {
  local root pinned
  root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
  if ! grep -qs '^name = "sailthru-reconcile"' "$root/pyproject.toml"; then
    misused "install works in a checkout of reconcile, and $root is none. Call the script of a checkout, or use the image."
  fi
  pinned=$(mktemp)
  sed -E '/--hash/d; s/ *\\$//' "$root/requirements.lock" >"$pinned"
  python3 -m pip install --quiet --constraint "$pinned" "$root${RECONCILE_EXTRAS:+[$RECONCILE_EXTRAS]}"
}

validate() {
  reconcile fmt "$spec" --check
  reconcile validate "$spec"
  reconcile test "$spec"
}

make_plan() {
  local options=(${seals[@]+"${seals[@]}"}) status=0
  # What lies there, left or committed, must not pass for what this makes: first of all, as the rest may fail.
  rm -f -- "$plan"
  rm -rf -- "$base"
  if [ -n "${RECONCILE_BASE:-}" ]; then take_base; fi
  reconcile plan "$spec" --out "$plan" --enforce ${options[@]+"${options[@]}"} || status=$?
  # A blocked plan (3) is shown like any other: the people who read it decide.
  if [ "$status" = 0 ] || [ "$status" = 3 ]; then
    insist_on_a_seal
    tell
  else
    rm -f -- "$plan"
  fi
  return "$status"
}

# By RECONCILE_SEAL or by the spec: an artefact of CI is read by all who may read the repository.
insist_on_a_seal() {
  if [ -z "${CI:-}" ] || [ "${RECONCILE_SEAL:-}" = none ]; then return; fi
  if python3 -m zipfile -l "$plan" | grep -F .zst.age >/dev/null; then return; fi
  rm -f -- "$plan"
  misused "The plan is not kept: it names people, and is not sealed. Set RECONCILE_SEAL to an age recipient, or to none."
}

# Adds to the `options` of make_plan.
take_base() {
  local there
  case $spec in /*) misused "With RECONCILE_BASE, RECONCILE_SPEC is a path in the repository, not $spec." ;; esac
  there=$base/$(git rev-parse --show-prefix)$spec
  trap 'git worktree remove --force "$base"' EXIT
  git worktree remove --force "$base" 2>/dev/null || true
  git worktree add --quiet --force --detach "$base" "$RECONCILE_BASE"
  if [ -e "$there" ]; then
    options+=(--base "$there")
  else
    echo "The base has no $spec: it is new, and there are no guards but its own." >&2
  fi
}

# The status of the plan is its own: that the code host could not be told is an output (`commented`).
tell() {
  local commented=true
  outputs
  if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then reconcile show "$plan" --spec "$spec" --format markdown >>"$GITHUB_STEP_SUMMARY"; fi
  if [ "${RECONCILE_COMMENT:-true}" = false ]; then return; fi
  reconcile comment "$plan" --spec "$spec" || commented=false
  if [ "$commented" = false ]; then echo "The plan was made, and the pull request has no comment about it." >&2; fi
  output "commented=$commented"
}

output() {
  local to=${GITHUB_OUTPUT:-${RECONCILE_OUTPUTS:-}}
  if [ -n "$to" ]; then echo "$1" >>"$to"; fi
}

outputs() {
  local to=${GITHUB_OUTPUT:-${RECONCILE_OUTPUTS:-}}
  if [ -z "$to" ]; then return; fi
  output "status=$status"
  reconcile show "$plan" --spec "$spec" --format json | python3 -c '
import json, sys
face = json.load(sys.stdin)
counts = face["counts"]
changes = sum(counts[name] for name in ("create", "update", "delete"))
print("plan-id=" + face["plan_id"])
print(f"changes={changes}")
print("blocked=" + str(bool(face["blocked"])).lower())
' >>"$to"
}

# 8: ended before its plan, by a signal or a limit of time; what was done is on record, and the next attempt goes on.
to_the_end() {
  local status attempt left limit=() asked=''
  for attempt in $(seq "${RECONCILE_ATTEMPTS:-10}"); do
    if [ -n "${RECONCILE_MINUTES:-}" ]; then
      left=$((RECONCILE_MINUTES * 60 - SECONDS))
      if [ "$left" -le 0 ]; then break; fi
      limit=(--max-duration "${left}s")
    fi
    status=0
    heeding "$@" ${limit[@]+"${limit[@]}"} || status=$?
    if [ "$status" != 8 ] || [ -n "$asked" ]; then return "$status"; fi
    echo "Attempt $attempt ended before the plan did." >&2
  done
  echo "The plan is not at its end: run this job again, and it goes on." >&2
  return 8
}

# Runs a command that hears of the signals that this shell gets: hosts tell no other process that a job was cancelled.
heeding() {
  local pid status hit=yes
  "$@" &
  pid=$!
  trap 'asked=yes hit=yes; kill -TERM "$pid" 2>/dev/null || true' INT TERM
  while [ -n "$hit" ]; do # a signal ends the waiting, not the command
    hit='' status=0
    wait "$pid" || status=$?
  done
  trap - INT TERM
  return "$status"
}

case "${1:-}" in
install) install ;;
validate) validate ;;
plan) make_plan ;;
apply) to_the_end reconcile apply "$plan" --spec "$spec" --lock-timeout 30m ;;
within)
  if [ -z "${RECONCILE_APPROVAL:-}" ]; then misused "RECONCILE_APPROVAL is empty: within which approval?"; fi
  # Sealed, the plan is kept in the state: what nobody watched can be taken back.
  to_the_end reconcile apply "$spec" --within "$RECONCILE_APPROVAL" --lock-timeout 30m ${seals[@]+"${seals[@]}"}
  ;;
drift)
  if [ "${RECONCILE_ISSUE:-true}" = false ]; then reconcile drift "$spec"; else reconcile drift "$spec" --issue; fi
  ;;
*) misused "steps.sh install | validate | plan | apply | within | drift" ;;
esac
