/** `effect-codex trace`: the flags and descriptions of its commands. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Options from "../Options.ts"
import * as TurnFilter from "../TurnFilter.ts"

const flushFlags = {
  dir: Options.text("dir", "DIR", "The spool directory; default: CODEX_OTLP_SPOOL_DIR"),
  timeout: Options.timeout("How long to keep sending: 500ms, 90s, 5m; default: 30s"),
  json: Options.json("Print one JSON object on stdout")
}

export type FlushInput = Command.Command.Config.Infer<typeof flushFlags>

export const flush = Command.make("flush", flushFlags).pipe(
  Command.withDescription("Send the telemetry that ended processes left in a spool"),
  Command.withExamples([
    {
      command: "effect-codex trace flush --dir /var/spool/effect-codex",
      description: "Send what a spool contains"
    }
  ])
)

const files = Argument.String("FILE").pipe(
  Argument.withDescription(
    "OTLP JSON lines, as the `file` exporter writes them; pass all files of one run together"
  ),
  Argument.atLeast(1)
)
const json = Options.json("Print each finding as a line of JSON on stdout")
const semconv = Flag.Literals("semconv", ["latest", "1.41"]).pipe(
  Flag.withDescription("The revision of the semantic conventions to check; default: accept both"),
  Flag.optional
)
const content = Options.boolean(
  "content",
  "Content capture is on: accept prompts, outputs, commands and paths"
)

const checkFlags = { files, json, semconv, content }

export type CheckInput = Command.Command.Config.Infer<typeof checkFlags>

export const check = Command.make("check", checkFlags).pipe(
  Command.withDescription("Check telemetry in files against the conventions; exit code 1 means violations"),
  Command.withExamples([
    {
      command: "effect-codex trace check traces.jsonl metrics.jsonl logs.jsonl",
      description: "Check all files of one run together"
    }
  ])
)

const turnFiles = Argument.String("FILE").pipe(
  Argument.withDescription("OTLP JSON lines, rotated and gzipped ones too"),
  Argument.atLeast(1)
)

const limit = Flag.Int("limit").pipe(
  Flag.withMetavar("N"),
  Flag.withDescription("The maximum number of turns; default: 20, 0 for all"),
  Flag.withDefault(20)
)

const listFlags = {
  files: turnFiles,
  sort: Flag.Literals("sort", TurnFilter.sortNames).pipe(
    Flag.withDescription("What to sort by, the newest or largest first; default: start"),
    Flag.withDefault("start")
  ),
  filter: Flag.String("filter").pipe(
    Flag.withMetavar("name=value"),
    Flag.withDescription(
      `Show only turns such as status=failed, error=*Timeout, time>5s or cost>=0.1; can be repeated. Names: ${TurnFilter.filterNames.join(", ")}`
    ),
    Flag.atLeast(0)
  ),
  limit,
  json: Options.json("Print JSON on stdout, one line per turn")
}

export type ListTurnsInput = Command.Command.Config.Infer<typeof listFlags>

export const list = Command.make("list", listFlags).pipe(
  Command.withDescription("List the turns in files of telemetry"),
  Command.withExamples([
    {
      command: "effect-codex trace list traces.jsonl* --filter status=failed --sort cost",
      description: "The most expensive turns that failed"
    }
  ])
)

const showFlags = {
  files: turnFiles,
  turn: Options.text(
    "turn",
    "ID",
    "The turn, as `trace list` prints it, or the beginning or end of its id; default: the last one"
  ),
  json: Options.json("Print one JSON object on stdout")
}

export type ShowTurnInput = Command.Command.Config.Infer<typeof showFlags>

export const show = Command.make("show", showFlags).pipe(
  Command.withDescription("Show a turn: its waterfall, where its time went, what failed"),
  Command.withExamples([
    { command: "effect-codex trace show traces.jsonl", description: "The last turn of a file" }
  ])
)

const statsFlags = { files: turnFiles, json: Options.json("Print one JSON object on stdout") }

export type StatsInput = Command.Command.Config.Infer<typeof statsFlags>

export const stats = Command.make("stats", statsFlags).pipe(
  Command.withDescription(
    "Count turns, calls, commands, approvals and errors, with their times and success rates"
  ),
  Command.withExamples([
    { command: "effect-codex trace stats traces.jsonl*", description: "All files of a rotation together" }
  ])
)

const sideFlag = (name: "before" | "after", description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("FILE"), Flag.withDescription(description), Flag.atLeast(0))

const diffFlags = {
  files: Argument.String("FILE").pipe(
    Argument.withDescription("Two files of telemetry, BEFORE and AFTER; or none, with --before and --after"),
    Argument.atLeast(0)
  ),
  before: sideFlag("before", "A file of the first side; can be repeated, also for rotated and gzipped files"),
  after: sideFlag("after", "A file of the second side; can be repeated"),
  all: Options.boolean("all", "Show what did not change too"),
  json: Options.json("Print one JSON object on stdout")
}

export type DiffInput = Command.Command.Config.Infer<typeof diffFlags>

export const diff = Command.make("diff", diffFlags).pipe(
  Command.withDescription("Compare the telemetry of two times: what got slower, failed or was called more"),
  Command.withExamples([
    {
      command: "effect-codex trace diff monday.jsonl tuesday.jsonl",
      description: "What changed from one day to the next"
    },
    {
      command:
        "effect-codex trace diff --before monday.jsonl --before monday.jsonl.1.gz --after tuesday.jsonl",
      description: "Several files on one side"
    }
  ])
)

export const trace = Command.make("trace").pipe(
  Command.withDescription("List, show, compare, check and send stored telemetry")
)
