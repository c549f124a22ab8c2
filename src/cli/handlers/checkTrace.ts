/** `effect-codex trace check`: checks telemetry in files against the conventions. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import { jsonLine, printable } from "../../internal/VisibleText.ts"
import * as Check from "../../trace/Check.ts"
import * as OtlpDocument from "../../trace/check/OtlpDocument.ts"
import type { CheckInput } from "../commands/traceCommand.ts"
import { ExitWith, UsageError } from "../CommandEnd.ts"
import { code } from "../ExitCode.ts"

const read = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* Effect.mapError(
    fs.readFileString(file),
    () => new UsageError({ text: `cannot read "${file}"; pass a file of OTLP JSON lines` })
  )
})

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`

export const handle = Effect.fnUntraced(function* ({ content, files, json, semconv }: CheckInput) {
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
  const invalid = parts.flatMap(({ invalidLines }, at) => invalidLines.map((line) => `${files[at]}:${line}`))
  for (const place of invalid) yield* Console.error(`${place}: not a line of OTLP JSON`)
  const violations = Check.filterByLevel(findings, "violation").length
  const { logs, metrics, spans } = emitted
  yield* Console.error(
    `${plural(spans.length, "span")}, ${metrics.length} metric series, ` +
      `${plural(logs.length, "record")}: ${plural(violations, "violation")}`
  )
  if (violations > 0 || invalid.length > 0) return yield* new ExitWith({ code: code.failed })
})
