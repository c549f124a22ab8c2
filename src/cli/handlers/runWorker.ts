/** `effect-codex worker`: runs durable turns until it is interrupted. */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { resolve } from "node:path"
import type * as Approval from "../../Approval.ts"
import { Codex } from "../../Codex.ts"
import type * as CodexError from "../../domain/CodexError.ts"
import { DurableRunner, type RunnerEvent } from "../../durable/runner/DurableRunner.ts"
import * as AppServer from "../../engine/AppServer.ts"
import type * as Engine from "../../engine/Engine.ts"
import * as EngineHost from "../../host/EngineHost.ts"
import * as TurnTelemetry from "../../instrumentation/TurnTelemetry.ts"
import { jsonLine, printableLine } from "../../internal/VisibleText.ts"
import { OtlpLayer } from "../../telemetry/Otlp.ts"
import { ServiceName } from "../../telemetry/tracer/Tracer.ts"
import { ExitWith, UsageError } from "../CommandEnd.ts"
import type { WorkerInput } from "../commands/workerCommand.ts"
import * as ExitCodes from "../ExitCode.ts"
import * as Inputs from "../Inputs.ts"
import * as Output from "../Output.ts"
import * as Postgres from "../Postgres.ts"

const socketOf = (engine: string, token: Option.Option<Redacted.Redacted>) => {
  if (/^wss?:\/\//.test(engine))
    return AppServer.layerSocket({ url: engine, ...(Option.isSome(token) ? { token: token.value } : {}) })
  const path = /^unix:(?:\/\/)?(?<path>.+)$/.exec(engine)?.groups?.["path"]
  return path === undefined ? undefined : AppServer.layerSocket({ path: resolve(path) })
}

/** Returns the engine that `--engine` names, or one that ends with the worker. */
const engineOf = Effect.fnUntraced(function* ({
  config,
  engine,
  host
}: WorkerInput): Effect.fn.Return<Layer.Layer<Engine.Engine>, UsageError> {
  yield* Inputs.validateOverrides(config)
  if (Option.isSome(host)) {
    if (Option.isSome(engine)) return yield* new UsageError({ text: "pass --host or --engine, not both" })
    if (config.length > 0)
      return yield* new UsageError({
        text: "-c has no effect on an engine host; pass it to `effect-codex host start`"
      })
    return EngineHost.layer({ dir: resolve(host.value) })
  }
  if (Option.isNone(engine)) return AppServer.layerOptions({ config })
  if (config.length > 0)
    return yield* new UsageError({
      text: "-c has no effect on a Codex that runs already; leave out --engine"
    })
  const token = yield* Effect.orElseSucceed(Config.option(Config.Redacted("CODEX_TOKEN")), Option.none)
  const socket = socketOf(engine.value, token)
  return (
    socket ??
    (yield* new UsageError({
      text: `--engine: "${engine.value}" is no socket; pass unix:PATH, ws://HOST:PORT or wss://HOST:PORT`
    }))
  )
})

const policyOf = Effect.fnUntraced(function* ({ approve, trust }: WorkerInput) {
  if (Option.isNone(approve)) return undefined
  if (approve.value === "ask")
    return yield* new UsageError({
      text: "--approve ask: a worker does not ask on its terminal; leave the flag out, and answer with `effect-codex approvals`"
    })
  return yield* Inputs.policy(approve, { trust })
})

/** Returns the layer of the worker. */
const workerOf = Effect.fnUntraced(function* (
  input: WorkerInput,
  approvals: Approval.Policy<Approval.PromptServices> | undefined
): Effect.fn.Return<
  Layer.Layer<DurableRunner, CodexError.CodexError, Codex | Approval.PromptServices>,
  UsageError
> {
  const options = {
    approvals,
    approvalExpiry: Option.getOrUndefined(input.expiry),
    concurrency: Option.getOrUndefined(input.concurrency),
    programVersion: Option.getOrUndefined(input.programVersion),
    engine: Option.getOrUndefined(input.engine)
  }
  if (Option.exists(input.concurrency, (count) => count < 1))
    return yield* new UsageError({ text: "--concurrency must be 1 or more" })
  const path = /^sqlite:(?<path>.+)$/.exec(input.db)?.groups?.["path"]
  if (path !== undefined) return DurableRunner.layerSqlite({ path: resolve(path), ...options })
  if (Postgres.isUrl(input.db)) {
    const { DurableRunnerPostgres } = yield* Postgres.load
    return DurableRunnerPostgres.layer({ url: Redacted.make(input.db), ...options })
  }
  // The value may hold a password, so the error does not repeat it.
  return yield* new UsageError({ text: "--db takes sqlite:PATH or postgres://USER@HOST/DATABASE" })
})

const texts: { readonly [Tag in RunnerEvent["_tag"]]: string } = {
  Claimed: "taken",
  Started: "runs",
  Waiting: "waits for an approval or an answer",
  Retrying: "waits for the engine",
  Recovering: "continues: the engine had died",
  Left: "left for the next worker",
  Ended: "ended"
}

const lineOf = (event: RunnerEvent): string => {
  const { _tag, at, key } = event
  const time = new Date(at).toISOString().slice(11, 19)
  const more =
    event._tag === "Ended"
      ? ` ${event.status}${event.errorType === undefined ? "" : `: ${event.errorType}`}`
      : event._tag === "Retrying"
        ? `: ${event.errorType}`
        : ""
  return `${time} ${printableLine(key, 80)} ${texts[_tag]}${more}`
}

const jsonOf = ({ _tag, ...rest }: RunnerEvent): object => ({ type: `worker.${_tag.toLowerCase()}`, ...rest })

export const handle = Effect.fnUntraced(function* (input: WorkerInput) {
  const approvals = yield* policyOf(input)
  const engine = yield* engineOf(input)
  const worker = yield* workerOf(input, approvals)
  const print = (event: RunnerEvent) =>
    input.json ? Console.log(jsonLine(jsonOf(event))) : Output.printError(lineOf(event))
  return yield* DurableRunner.use((runner) =>
    Effect.gen(function* () {
      const at = yield* Clock.currentTimeMillis
      yield* input.json
        ? Console.log(jsonLine({ type: "worker.ready", worker: runner.id, at }))
        : Output.printError(`Worker ${runner.id} is ready. Ctrl-C leaves its turns to the next one.`)
      yield* Effect.forkScoped(Stream.runForEach(runner.events, print), { startImmediately: true })
      return yield* Effect.never.pipe(
        // Prints which turns it leaves, too.
        Effect.onInterrupt(() => Effect.andThen(runner.drain, Effect.repeat(Effect.yieldNow, { times: 20 })))
      )
    })
  ).pipe(
    Effect.scoped,
    Effect.provide(
      worker.pipe(Layer.provide(Codex.layer), Layer.provide(engine), Layer.provideMerge(OtlpLayer))
    ),
    Effect.catch((error: CodexError.CodexError) =>
      Effect.andThen(
        Output.printError(`${error._tag}: ${error.message}`),
        Effect.fail(new ExitWith({ code: ExitCodes.code.failed }))
      )
    ),
    Effect.provideService(ServiceName, "codex-cli"),
    Effect.provideService(TurnTelemetry.Originator, "cli")
  )
})
