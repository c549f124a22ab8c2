/** `effect-codex worker`: runs durable turns until it is interrupted. */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { hostname } from "node:os"
import { resolve } from "node:path"
import type * as Approval from "../../Approval.ts"
import type { Codex } from "../../Codex.ts"
import type * as CodexError from "../../domain/CodexError.ts"
import { DurableRunner, type RunnerEvent } from "../../durable/runner/DurableRunner.ts"
import { Engines, type EngineOptions } from "../../durable/runner/Engines.ts"
import * as AppServer from "../../engine/AppServer.ts"
import * as SocketLink from "../../engine/app-server/SocketLink.ts"
import * as EngineHost from "../../host/EngineHost.ts"
import * as TurnTelemetry from "../../instrumentation/TurnTelemetry.ts"
import { jsonLine, printableLine } from "../../internal/VisibleText.ts"
import { OtlpLayer } from "../../telemetry/Otlp.ts"
import { ServiceName } from "../../telemetry/tracer/Tracer.ts"
import { ExitWith, UsageError } from "../CommandEnd.ts"
import type { WorkerInput } from "../commands/workerCommand.ts"
import * as DatabaseUrl from "../DatabaseUrl.ts"
import * as ExitCodes from "../ExitCode.ts"
import * as Inputs from "../Inputs.ts"
import * as Output from "../Output.ts"

/** An engine by its address. The name says where the threads are: a socket file is another one on each machine. */
const socketOf = (address: string, token: Option.Option<Redacted.Redacted>): EngineOptions | undefined => {
  if (/^wss?:\/\//.test(address)) {
    return {
      name: SocketLink.isLocal({ url: address }) ? `${hostname()}:${address}` : address,
      engine: AppServer.layerSocket({ url: address, ...(Option.isSome(token) ? { token: token.value } : {}) })
    }
  }
  const path = /^unix:(?:\/\/)?(?<path>.+)$/.exec(address)?.groups?.["path"]
  if (path === undefined) return undefined
  return {
    name: `${hostname()}:${resolve(path)}`,
    engine: AppServer.layerSocket({ path: resolve(path) })
  }
}

/** Returns the engines that `--engine` names. */
const socketsOf = Effect.fnUntraced(function* (
  addresses: ReadonlyArray<string>
): Effect.fn.Return<ReadonlyArray<EngineOptions>, UsageError> {
  const token = yield* Effect.orElseSucceed(Config.option(Config.Redacted("CODEX_TOKEN")), Option.none)
  const engines: Array<EngineOptions> = []
  for (const address of addresses) {
    const engine = socketOf(address, token)
    if (engine === undefined)
      return yield* new UsageError({
        text: `--engine: "${address}" is no socket; pass unix:PATH, ws://HOST:PORT or wss://HOST:PORT`
      })
    if (engines.some(({ name }) => name === engine.name))
      return yield* new UsageError({ text: `--engine: "${address}" is named twice` })
    engines.push(engine)
  }
  return engines
})

/** Returns the engines that the flags name, or one that ends with the worker. */
const enginesOf = Effect.fnUntraced(function* ({
  config,
  engine,
  host
}: WorkerInput): Effect.fn.Return<ReadonlyArray<EngineOptions>, UsageError> {
  yield* Inputs.validateOverrides(config)
  if (Option.isSome(host)) {
    if (engine.length > 0) return yield* new UsageError({ text: "pass --host or --engine, not both" })
    if (config.length > 0)
      return yield* new UsageError({
        text: "-c has no effect on an engine host; pass it to `effect-codex host start`"
      })
    return [{ name: hostname(), engine: EngineHost.layer({ dir: resolve(host.value) }) }]
  }
  if (engine.length === 0) return [{ name: hostname(), engine: AppServer.layerOptions({ config }) }]
  if (config.length > 0)
    return yield* new UsageError({
      text: "-c has no effect on a Codex that runs already; leave out --engine"
    })
  return yield* socketsOf(engine)
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
    takeOverAfter: Option.getOrUndefined(input.takeOverAfter)
  }
  if (Option.exists(input.concurrency, (count) => count < 1))
    return yield* new UsageError({ text: "--concurrency must be 1 or more" })
  const database = yield* DatabaseUrl.parse(input.db)
  if (database._tag === "Sqlite")
    return DurableRunner.layerSqlite({ path: resolve(database.path), ...options })
  const { layer } = yield* DatabaseUrl.withDriver(
    () => import("../../durable-postgres/DurableRunnerPostgres.ts")
  )
  return layer({ url: database.url, ...options })
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
  const engines = yield* enginesOf(input)
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
    Effect.provide(worker.pipe(Layer.provide(Engines.layer(engines)), Layer.provideMerge(OtlpLayer))),
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
