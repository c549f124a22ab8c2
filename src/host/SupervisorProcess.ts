/** Starts the supervisor of an engine host in a session of its own. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as CodexError from "../domain/CodexError.ts"
import * as AppServerProcess from "../engine/app-server/AppServerProcess.ts"
import * as ChildEnvironment from "../engine/app-server/ChildEnvironment.ts"
import type { HostSettings } from "./HostSettings.ts"

/** What the supervisor reports to the program that started it, as one line of JSON. */
export const Report = Schema.Union([
  /** Codex answers. */
  Schema.Struct({ _tag: Schema.tag("Ready") }),
  /** Another supervisor has the directory. */
  Schema.Struct({ _tag: Schema.tag("Other") }),
  Schema.Struct({ _tag: Schema.tag("Failed"), error: CodexError.CodexError })
])
export type Report = typeof Report.Type

/** The descriptor that the supervisor writes its report to. */
export const reportDescriptor = 3

export const encodeReport = Schema.encodeSync(Schema.fromJsonString(Report))
const decodeReport = Schema.decodeUnknownOption(Schema.fromJsonString(Report))

/** The program, as a source or compiled. */
const programs = ["../cli/hostSupervisor.ts", "../cli/hostSupervisor.js"]

const findProgram = (): string | undefined =>
  programs.map((name) => fileURLToPath(new URL(name, import.meta.url))).find((path) => existsSync(path))

/** The variables that the supervisor needs for its telemetry. It does not pass them on to Codex. */
const ownVariables =
  /^(?:CODEX_(?:OTLP|OTEL)_|OTEL_|XDG_STATE_HOME$|NODE_COMPILE_CACHE$|NODE_EXTRA_CA_CERTS$)/

/**
 * Returns the environment of the supervisor: what Codex may inherit, which includes the variables that its configuration names,
 * and the settings of telemetry.
 */
const environmentOf = (configurations: ReadonlyArray<string>): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && ownVariables.test(name) ? [[name, value] as const] : []
    )
  ),
  ...ChildEnvironment.select(process.env, configurations, {})
})

/** Starts a supervisor and waits for its report. The supervisor goes on when this process ends. */
export const start = (settings: HostSettings): Effect.Effect<Report, CodexError.EngineStartFailed> =>
  AppServerProcess.readConfigurations({
    config: settings.config,
    env: Object.fromEntries(Object.entries(settings.env).map(([name, value]) => [name, value ?? undefined]))
  }).pipe(
    Effect.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer)),
    Effect.flatMap((configurations) => spawnAndWait(settings, environmentOf(configurations)))
  )

const spawnAndWait = (
  settings: HostSettings,
  env: Readonly<Record<string, string>>
): Effect.Effect<Report, CodexError.EngineStartFailed> =>
  Effect.callback((resume) => {
    const failed = (detail: string) =>
      Effect.fail(
        new CodexError.EngineStartFailed({ reason: "NotExecutable", path: process.execPath, detail })
      )
    const program = findProgram()
    if (program === undefined)
      return resume(
        failed("the supervisor of the engine host is not there; keep effect-codex out of the bundle")
      )
    const child = spawn(process.execPath, ["--no-warnings", program, settings.dir], {
      cwd: "/",
      detached: true,
      env,
      stdio: ["pipe", "ignore", "ignore", "pipe"]
    })
    child.unref()
    child.once("error", (error) => resume(failed(error.message)))
    child.stdin?.on("error", () => {})
    child.stdin?.end(JSON.stringify(settings))
    const pipe = child.stdio[reportDescriptor]
    let text = ""
    const finish = () =>
      resume(
        Option.match(decodeReport(text), {
          onNone: () => failed("the supervisor of the engine host ended without a report"),
          onSome: (report) => Effect.succeed(report)
        })
      )
    pipe?.on("data", (chunk) => {
      text += String(chunk)
      if (text.endsWith("\n")) finish()
    })
    pipe?.once("error", (error) => resume(failed(error.message)))
    pipe?.once("close", finish)
    return Effect.sync(() => pipe?.destroy())
  })
