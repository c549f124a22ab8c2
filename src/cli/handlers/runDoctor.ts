/** `effect-codex doctor`: checks what turns need, and says what to do about each problem. */
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as References from "effect/References"
import { Codex } from "../../Codex.ts"
import * as AppServer from "../../engine/AppServer.ts"
import { jsonLine, printableLine } from "../../internal/VisibleText.ts"
import * as Settings from "../../telemetry/config/Settings.ts"
import { ExitWith } from "../CommandEnd.ts"
import type { DoctorInput } from "../commands/doctorCommand.ts"
import * as CodexChecks from "../doctor/CodexChecks.ts"
import * as DoctorReport from "../doctor/DoctorReport.ts"
import * as MachineChecks from "../doctor/MachineChecks.ts"
import * as TelemetryChecks from "../doctor/TelemetryChecks.ts"
import { code } from "../ExitCode.ts"
import * as Inputs from "../Inputs.ts"
import * as TerminalStyle from "../TerminalStyle.ts"

/** Longer than the engine may take to start. */
const limit = Duration.seconds(20)

type Results = ReadonlyArray<DoctorReport.CheckResult>

/** Shows which checks still run, on a terminal that can rewrite a line. */
const withProgress = <A, E, R>(
  names: ReadonlyArray<string>,
  use: (done: (name: string) => Effect.Effect<void>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  if (!process.stderr.isTTY || process.env["TERM"] === "dumb") return use(() => Effect.void)
  const write = (text: string) => Effect.sync(() => void process.stderr.write(text))
  const clear = "\r\u001b[2K"
  return Effect.gen(function* () {
    const pending = yield* Ref.make(names)
    const show = Effect.flatMap(Ref.get(pending), (left) => {
      const text =
        left.length === 0
          ? ""
          : printableLine(`checking ${left.join(", ")}`, TerminalStyle.of(process.stderr).width - 1)
      return write(`${clear}${text}`)
    })
    yield* show
    return yield* Effect.ensuring(
      use((name) =>
        Effect.andThen(
          Ref.update(pending, (left) => left.filter((each) => each !== name)),
          show
        )
      ),
      write(clear)
    )
  })
}

/** Runs all checks at the same time, each with a limit, and returns their results in a fixed order. */
const diagnose = Effect.fnUntraced(function* () {
  const engine = yield* Codex
  const account = yield* Effect.cached(CodexChecks.account(engine))
  const configuration = yield* Effect.cached(Effect.andThen(account, CodexChecks.configuration(engine)))
  const telemetry = yield* Effect.cached(
    Effect.provideService(Settings.read, Settings.Environment, process.env)
  )
  const one = <R>(check: Effect.Effect<DoctorReport.CheckResult, never, R>) =>
    Effect.map(check, (result): Results => [result])
  const checks = {
    node: one(Effect.sync(() => MachineChecks.node(process.versions.node))),
    codex: one(CodexChecks.codex(account)),
    home: one(
      Effect.flatMap(account, (reply) => {
        const found = CodexChecks.home(reply)
        return found === undefined ? MachineChecks.home : Effect.succeed(found)
      })
    ),
    config: one(Effect.map(configuration, CodexChecks.config)),
    login: one(Effect.zipWith(account, configuration, CodexChecks.login)),
    sandbox: one(Effect.flatMap(configuration, (reply) => CodexChecks.sandbox(engine, reply))),
    telemetry: Effect.map(telemetry, ({ warnings }) => TelemetryChecks.settings(warnings)),
    collector: Effect.flatMap(telemetry, ({ settings }) => TelemetryChecks.collectors(settings)),
    state: one(MachineChecks.state),
    disk: one(MachineChecks.disk)
  }
  const all = yield* withProgress(Object.keys(checks), (done) =>
    Effect.forEach(
      Object.entries(checks),
      ([name, check]) =>
        Effect.timeoutOrElse(check, {
          duration: limit,
          orElse: () =>
            Effect.succeed<Results>([
              DoctorReport.problem(
                name,
                `no answer within ${Duration.format(limit)}`,
                "run it again on a machine that is less busy"
              )
            ])
        }).pipe(Effect.tap(() => done(name))),
      { concurrency: "unbounded" }
    )
  )
  return DoctorReport.make(all.flat())
})

export const handle = Effect.fnUntraced(function* ({ config, json }: DoctorInput) {
  yield* Inputs.validateOverrides(config)
  const report = yield* diagnose().pipe(
    // The results say what is wrong. A log line would break the line of progress.
    Effect.provideService(References.MinimumLogLevel, "Error"),
    Effect.provide(Codex.layer.pipe(Layer.provide(AppServer.layerOptions({ config }))))
  )
  if (json) yield* Console.log(jsonLine(report))
  else {
    const style = TerminalStyle.of(process.stdout)
    for (const check of report.checks) {
      const safe = {
        ...check,
        message: printableLine(check.message, 2000),
        nextStep: check.nextStep === null ? null : printableLine(check.nextStep, 2000)
      }
      for (const line of DoctorReport.lines(safe, style)) yield* Console.log(line)
    }
    const problems = report.checks.filter(({ status }) => status === "problem").length
    yield* Console.error(
      problems === 0
        ? "Everything that turns need works."
        : `${problems} ${problems === 1 ? "problem" : "problems"}.`
    )
  }
  if (!report.ok) return yield* new ExitWith({ code: code.failed })
})
