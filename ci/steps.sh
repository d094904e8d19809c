#!/usr/bin/env bash
# What a CI does with reconcile: `steps.sh validate | plan | apply | within | drift`. The GitHub Action and the GitLab
# template call nothing else, and tests/stories/test_ci.py plays it from a pull request to an apply. See docs/ci.md.
#
#   RECONCILE_SPEC      the spec's folder or file (specs)
#   RECONCILE_PLAN      the plan file to write, or to apply (plan.rplan)
#   RECONCILE_BASE      plan: a commit whose spec's guards hold too; the branch to be merged into
#   RECONCILE_SEAL      plan: age recipients, with spaces between
#   RECONCILE_COMMENT   plan: false to leave the pull request alone
#   RECONCILE_APPROVAL  within: the approval file
#   RECONCILE_ATTEMPTS  apply, within: how often a run that was ended before its plan is gone on with (10)
#   RECONCILE_ISSUE     drift: false to open no issue
#
# Other variables of reconcile (RECONCILE_ENV, RECONCILE_MEMORY_LIMIT, RECONCILE_AGE_IDENTITY, ...) are read by it itself.
set -euo pipefail

spec=${RECONCILE_SPEC:-specs}
plan=${RECONCILE_PLAN:-plan.rplan}

validate() {
  reconcile fmt "$spec" --check
  reconcile validate "$spec"
  reconcile test "$spec"
}

make_plan() {
  local options=() recipient base=.reconcile-base
  for recipient in ${RECONCILE_SEAL:-}; do options+=(--seal "$recipient"); done
  if [ -n "${RECONCILE_BASE:-}" ]; then
    git worktree add --quiet --force --detach "$base" "$RECONCILE_BASE"
    # A spec that is new has no guards to hold yet.
    if [ -e "$base/$spec" ]; then options+=(--base "$base/$spec"); fi
  fi
  local status=0
  reconcile plan "$spec" --out "$plan" --enforce ${options[@]+"${options[@]}"} || status=$?
  if [ -n "${RECONCILE_BASE:-}" ]; then git worktree remove --force "$base"; fi
  # A blocked plan (3) is shown like any other: the people who read it decide.
  if [ "$status" = 0 ] || [ "$status" = 3 ]; then
    outputs
    if [ "${RECONCILE_COMMENT:-true}" != false ]; then reconcile comment "$plan"; fi
    if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then reconcile show "$plan" --format markdown >>"$GITHUB_STEP_SUMMARY"; fi
  fi
  return "$status"
}

outputs() {
  local to=${GITHUB_OUTPUT:-${RECONCILE_OUTPUTS:-}}
  if [ -z "$to" ]; then return; fi
  reconcile show "$plan" --format json | python3 -c '
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
  local status attempt
  for attempt in $(seq "${RECONCILE_ATTEMPTS:-10}"); do
    status=0
    "$@" || status=$?
    if [ "$status" != 8 ]; then return "$status"; fi
    echo "Attempt $attempt ended before the plan did; going on." >&2
  done
  return 8
}

case "${1:-}" in
validate) validate ;;
plan) make_plan ;;
apply) to_the_end reconcile apply "$plan" --spec "$spec" --lock-timeout 30m ;;
within) to_the_end reconcile apply "$spec" --within "$RECONCILE_APPROVAL" --lock-timeout 30m ;;
drift)
  if [ "${RECONCILE_ISSUE:-true}" = false ]; then reconcile drift "$spec"; else reconcile drift "$spec" --issue; fi
  ;;
*)
  echo "steps.sh validate | plan | apply | within | drift" >&2
  exit 64
  ;;
esac
