/** The telemetry setups that `telemetry.ts` and `scripted.ts` compare. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type * as Scope from "effect/Scope"
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { File, OtlpLayer } from "../src/index.ts"
import { Stderr } from "../src/telemetry/delivery/Stderr.ts"
import * as Settings from "../src/telemetry/config/Settings.ts"
import * as Collector from "./collector.ts"

export interface Subject {
  readonly name: string
  /** Runs an effect with this telemetry. */
  readonly run: <A, E>(effect: Effect.Effect<A, E>) => Promise<A>
  /** The number of turn spans that arrived; read after all turns. */
  readonly turns: Effect.Effect<number>
  /** Closes the layer, which exports what is queued. */
  readonly close: Effect.Effect<void>
}

/** The baseline, twice: the difference between the two is the noise of the machine. */
export const off = "off"
export const control = "off again"

/** The time until the last batch of a turn is exported: the batch delay of a second, twice if an export is running. */
export const settling = 1250

/** Makes all subjects; their files are removed when the scope closes. */
export const make: Effect.Effect<ReadonlyArray<Subject>, never, Scope.Scope> = Effect.gen(function* () {
  const json = yield* Collector.start
  const protobuf = yield* Collector.start
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-codex-bench-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
  )
  const lines = join(directory, "lines")
  const descriptor = yield* Effect.acquireRelease(
    Effect.sync(() => openSync(lines, "a")),
    (descriptor) => Effect.sync(() => closeSync(descriptor))
  )
  const traces = join(directory, "traces.json")
  const none = Effect.succeed(0)
  const inFile = (file: string) =>
    Effect.sync(() => readFileSync(file, "utf8").split("invoke_agent codex").length - 1)
  const sentTo = (collector: Collector.Collector) =>
    Effect.map(collector.arrived, (arrived) => arrived["/v1/traces"]?.turns ?? 0)

  const subject = (
    name: string,
    environment: Settings.Environment,
    turns: Effect.Effect<number>,
    layer = OtlpLayer
  ) => {
    const runtime = ManagedRuntime.make(
      layer.pipe(
        Layer.provideMerge(Logger.layer([])),
        Layer.provide(Layer.succeed(Settings.Environment, { HOME: directory, ...environment })),
        Layer.provide(Layer.succeed(Stderr, (text: string) => void writeSync(descriptor, text)))
      )
    )
    return Effect.acquireRelease(
      Effect.succeed<Subject>({
        name,
        run: (effect) => runtime.runPromise(effect),
        turns,
        close: runtime.disposeEffect
      }),
      () => runtime.disposeEffect
    )
  }
  const otlp = (collector: Collector.Collector, protocol: Settings.Protocol) => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol
  })
  return [
    yield* subject(off, {}, none),
    yield* subject(control, {}, none),
    yield* subject("OTLP JSON", otlp(json, "http/json"), sentTo(json)),
    yield* subject("OTLP protobuf", otlp(protobuf, "http/protobuf"), sentTo(protobuf)),
    yield* subject("console", { CODEX_OTEL_EXPORTER: "console" }, inFile(lines)),
    yield* subject("file", {}, inFile(traces), File.layer({ path: traces }))
  ]
})

/** Closes all subjects and dies if an exporting subject lost a turn, because lost data would look cheap. */
export const check = Effect.fnUntraced(function* (subjects: ReadonlyArray<Subject>, turns: number) {
  for (const { close, name, turns: arrived } of subjects) {
    yield* close
    const expected = name === off || name === control ? 0 : turns
    const found = yield* arrived
    if (found !== expected)
      return yield* Effect.die(new Error(`${name}: ${found} of ${expected} turns arrived`))
  }
})
