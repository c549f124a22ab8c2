#!/bin/sh
# Every command of effect-codex, in the git repository of the current directory. Each command is one that a script can use:
# no question, an exit code, and results on stdout.
set -eu

# Works without a login: a scripted model answers Codex.
echo "== demo"
effect-codex demo 2>demo.txt || { cat demo.txt >&2; exit 1; }
trace=$(sed -n 's/^Trace (OTLP JSON lines): //p' demo.txt)

echo "== doctor"
effect-codex doctor || echo "the set-up is incomplete"

echo "== trace check, trace flush"
effect-codex trace check "$trace"
effect-codex trace flush --dir "$PWD/spool" --timeout 5s

echo "== trace list, show, stats, diff, html"
effect-codex trace list "$trace"
effect-codex trace show "$trace"
effect-codex trace stats "$trace"
effect-codex trace diff "$trace" "$trace"
effect-codex trace html "$trace" --out page.html

echo "== exec"
effect-codex exec --sandbox read-only -- git --version
effect-codex limits --json || echo "no login"

echo "== run"
effect-codex run --sandbox read-only --approve never "What does this repository do?"
effect-codex run --json --attach README.md --max-tokens 500000 --timeout 10m "And this file?" | tail -n 1

echo "== review, goal"
effect-codex review --uncommitted --json | tail -n 1
effect-codex goal --sandbox read-only --token-budget 500000 "Every module has a test"

echo "== threads"
effect-codex threads list --limit 3
effect-codex threads show last
copy=$(effect-codex threads fork last)
effect-codex run --resume "$copy" "Go on in the copy"
effect-codex threads archive "$copy"
effect-codex threads list --archived
effect-codex threads archive "$copy" --undo
effect-codex threads delete "$copy" --yes

echo "== attachments"
effect-codex attachments list
effect-codex attachments clean

# A directory that only this user can enter, and that no agent may write.
state=$(mktemp -d /var/tmp/effect-codex-example-XXXXXX)
db="sqlite:$state/turns.db"

echo "== serve token"
effect-codex serve token add phone --role approve --state "$state/serve" >"$state/token"
effect-codex serve token list --state "$state/serve"
effect-codex serve token revoke phone --state "$state/serve"

echo "== host, attach"
effect-codex host start --dir "$state/host"
effect-codex host status --dir "$state/host"
effect-codex run --host "$state/host" --sandbox read-only --approve never "What do the tests test?"
effect-codex attach --host "$state/host" last || echo "nothing to attach to"

echo "== submit, worker, turns, approvals, db"
effect-codex submit --db "$db" --key job-1 --sandbox read-only "Which files are there?"
effect-codex worker --db "$db" --host "$state/host" --approve never &
worker=$!
effect-codex turns watch job-1 --db "$db"
effect-codex turns list --db "$db"
effect-codex turns interrupt job-1 --db "$db" || echo "it has ended"
effect-codex approvals list --db "$db"
effect-codex approvals show none --db "$db" || echo "no such request"
effect-codex approvals answer none decline --db "$db" || echo "nothing to answer"
kill "$worker"
wait "$worker" || echo "the worker has ended"
effect-codex db prune --db "$db" --older-than 30d
effect-codex host drain --dir "$state/host"
effect-codex host stop --dir "$state/host"
effect-codex host serve --dir "$state/served" --drain-deadline 1s &
served=$!
sleep 3
kill -TERM "$served"
wait "$served" || echo "the served host has ended"
rm -r "$state"
