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
