/** `effect-codex trace`: the flags and descriptions of its commands. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Options from "../Options.ts"

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

export const trace = Command.make("trace").pipe(Command.withDescription("Send or check stored telemetry"))
