/** `effect-codex trace check`: checks telemetry in files against the conventions. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { jsonLine, printable } from "../../internal/VisibleText.ts"
import * as Check from "../../trace/Check.ts"
import * as OtlpDocument from "../../trace/check/OtlpDocument.ts"
import { code, ExitWith, UsageError } from "../ExitCode.ts"
import * as Options from "../Options.ts"

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

const read = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.mapError(
    fs.readFileString(file),
    () => new UsageError({ text: `cannot read "${file}"; pass a file of OTLP JSON lines` })
  )
})

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

export const check = Command.make(
  "check",
  { files, json, semconv, content },
  Effect.fnUntraced(function* ({ content, files, json, semconv }) {
    const texts = yield* Effect.forEach(files, read)
    const parts = texts.map((text) => OtlpDocument.fromLines(text.split("\n")))
    const emitted = {
      spans: parts.flatMap(({ emitted }) => emitted.spans),
      metrics: parts.flatMap(({ emitted }) => emitted.metrics),
      logs: parts.flatMap(({ emitted }) => emitted.logs)
    }
    const findings = Check.checkTelemetry(emitted, { content, revision: Option.getOrUndefined(semconv) })
    const lines = json ? findings.map((finding) => jsonLine(finding)) : Check.lines(findings).map(printable)
    for (const line of lines) yield* Console.log(line)
    const invalid = parts.flatMap(({ invalidLines }, at) =>
      invalidLines.map((line) => `${files[at]}:${line}`)
    )
    for (const place of invalid) yield* Console.error(`${place}: not a line of OTLP JSON`)
    const violations = Check.filterByLevel(findings, "violation").length
    const { logs, metrics, spans } = emitted
    yield* Console.error(
      `${plural(spans.length, "span")}, ${metrics.length} metric series, ` +
        `${plural(logs.length, "record")}: ${plural(violations, "violation")}`
    )
    if (violations > 0 || invalid.length > 0) return yield* new ExitWith({ code: code.failed })
  })
).pipe(
  Command.withDescription("Check telemetry in files against the conventions; exit code 1 means violations")
)
