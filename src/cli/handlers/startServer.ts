/** `effect-codex serve`: serves the page and its API in front of the real Codex. */
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as HttpServer from "effect/http/HttpServer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Nodepath from "node:path"
import { createSecureContext } from "node:tls"
import * as Approval from "../../Approval.ts"
import { Codex, type ThreadOptions } from "../../Codex.ts"
import { Conversations } from "../../conversations/Conversations.ts"
import * as Prices from "../../domain/Prices.ts"
import { Durable } from "../../durable/Durable.ts"
import type { DurableThreadOptions } from "../../durable/DurableInput.ts"
import * as AppServer from "../../engine/AppServer.ts"
import { ThreadOwners } from "../../http/ThreadOwners.ts"
import * as TurnTelemetry from "../../instrumentation/TurnTelemetry.ts"
import * as HostDirectories from "../../internal/HostDirectories.ts"
import * as HostHeader from "../../internal/HostHeader.ts"
import * as PageFiles from "../../serve/PageFiles.ts"
import * as Server from "../../serve/Server.ts"
import * as Sessions from "../../serve/Sessions.ts"
import * as TokenStore from "../../serve/TokenStore.ts"
import * as TurnTraces from "../../serve/TurnTraces.ts"
import { OtlpLayer } from "../../telemetry/Otlp.ts"
import * as Tracer from "../../telemetry/tracer/Tracer.ts"
import * as RecentTurns from "../../trace/reader/RecentTurns.ts"
import type { ServeInput } from "../commands/serveCommand.ts"
import { ExitWith, UsageError } from "../CommandEnd.ts"
import * as DatabaseUrl from "../DatabaseUrl.ts"
import { code } from "../ExitCode.ts"
import * as Inputs from "../Inputs.ts"
import * as Output from "../Output.ts"
import * as PriceFlags from "../PriceFlags.ts"
import * as ProtectedFile from "../ProtectedFile.ts"
import * as RulesFile from "../RulesFile.ts"
import { checkDirectory } from "../ThreadRequest.ts"
import * as WithDurable from "../WithDurable.ts"

const readTls = Effect.fnUntraced(function* ({ tlsCert, tlsKey }: ServeInput) {
  if (Option.isNone(tlsCert) && Option.isNone(tlsKey)) return undefined
  if (Option.isNone(tlsCert) || Option.isNone(tlsKey))
    return yield* new UsageError({ text: "--tls-cert and --tls-key belong together" })
  const tls = {
    cert: yield* ProtectedFile.readText(tlsCert.value, `--tls-cert: cannot read "${tlsCert.value}"`),
    key: yield* ProtectedFile.readText(tlsKey.value, `--tls-key: cannot read "${tlsKey.value}"`)
  }
  yield* Effect.try({
    try: () => createSecureContext(tls),
    catch: (error) =>
      new UsageError({
        text: `--tls-cert and --tls-key: not a certificate with its private key, as PEM (${error instanceof Error ? error.message : String(error)})`
      })
  })
  return tls
})

/** Returns the database that `--db` names. The agent must not be able to write it, or it could answer its own requests. */
const readDatabase = Effect.fnUntraced(function* ({ db }: ServeInput, target: ProtectedFile.FileTarget) {
  if (Option.isNone(db)) return undefined
  const database = yield* DatabaseUrl.parse(db.value)
  const exposed =
    database._tag === "Sqlite"
      ? ProtectedFile.exposure(Nodepath.resolve(database.path), ProtectedFile.writableRoots(target))
      : undefined
  if (exposed !== undefined)
    return yield* new UsageError({
      text: `--db: ${exposed}, so it could answer its own requests; keep the database where it cannot write`
    })
  return yield* WithDurable.layerOf(database)
})

/** Checks the flags, and returns what the server needs. Starts nothing. */
const prepare = Effect.fnUntraced(function* (input: ServeInput) {
  const { addDir, cd, config, host, port, sandbox, tokens } = input
  yield* Inputs.validateOverrides(config)
  if (port < 0 || port > 65_535) return yield* new UsageError({ text: "--port must be between 0 and 65535" })
  if (Option.exists(tokens, (tokens) => tokens < 1))
    return yield* new UsageError({ text: "--max-tokens must be 1 or more" })
  if (Option.isSome(cd)) yield* checkDirectory("--cd", cd.value)
  yield* Effect.forEach(addDir, (directory) => checkDirectory("--add-dir", directory), { discard: true })
  const tls = yield* readTls(input)
  if (!HostHeader.isLoopback(host) && tls === undefined)
    return yield* new UsageError({
      text:
        `--host ${host}: other machines would send their tokens without encryption; pass --tls-cert and --tls-key, ` +
        "or listen on loopback behind a proxy or a tunnel, with --allow-host"
    })
  const directory = Nodepath.resolve(Option.getOrElse(cd, () => "."))
  const target = { cwd: directory, sandbox, additionalDirectories: addDir, overrides: config }
  const state = yield* Effect.mapError(
    TokenStore.openState(Option.getOrUndefined(input.state)),
    ({ text }) => new UsageError({ text })
  )
  const exposed = ProtectedFile.exposure(state, ProtectedFile.writableRoots(target))
  if (exposed !== undefined)
    return yield* new UsageError({
      text: `--state: ${exposed}, so it could make tokens of its own; choose a directory that it cannot write`
    })
  const prices = yield* PriceFlags.read(input, target)
  const rules = Option.isNone(input.rules)
    ? undefined
    : yield* RulesFile.policy(input.rules.value, { ...target, trust: input.trust, flag: "--rules" })
  const approvalTimeout = Duration.millis(Option.getOrElse(input.approvalTimeout, () => 600_000))
  const asked = Approval.timeout(Approval.queue, approvalTimeout)
  const thread: ThreadOptions & DurableThreadOptions = {
    cwd: directory,
    ...Option.match(input.model, { onNone: () => ({}), onSome: (model) => ({ model }) }),
    ...Option.match(input.effort, { onNone: () => ({}), onSome: (effort) => ({ effort }) }),
    sandbox,
    ...(input.network ? { network: true } : {}),
    ...(addDir.length === 0 ? {} : { additionalDirectories: addDir }),
    approvalMode: "on-request"
  }
  return {
    database: yield* readDatabase(input, target),
    tls,
    directory,
    state,
    prices,
    approvalTimeout,
    thread,
    policy: rules === undefined ? asked : Approval.firstOf(rules, asked),
    turn: {
      timeout: Option.getOrElse(input.timeout, () => 1_800_000),
      budget: { tokens: Option.getOrUndefined(tokens), usd: Option.getOrUndefined(input.usd) }
    }
  }
})

/** Prints the address on stdout. A terminal also gets the address that logs its user in, once. */
const announce = (sessions: Sessions.Sessions, scheme: string, listening: string) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      if (address._tag === "UnixPathAddress") return
      const host = listening.includes(":") ? `[${listening}]` : listening
      const url = `${scheme}://${host}:${address.port}`
      yield* Console.log(url)
      // A file or a journal that gets this output can be readable to the agent.
      if (!(yield* (yield* Stdio.Stdio).stderrIsTerminal))
        return yield* Console.error("Log in with a token: effect-codex serve token add NAME --role …")
      const code = yield* sessions.makeCode
      yield* Console.error(`Open this address to log in with all roles; it works once and for 10 minutes:`)
      yield* Console.error(`${url}/#code=${code}`)
    })
  )

export const handle = Effect.fnUntraced(function* (input: ServeInput) {
  const { database, policy, prices, state, tls, ...rest } = yield* prepare(input)
  const store = yield* Effect.mapError(TokenStore.make(state), ({ text }) => new UsageError({ text }))
  const sessions = yield* Sessions.make(store)
  const protection = Layer.effectDiscard(
    Effect.flatMap(HostDirectories.Current, ({ add }) =>
      add({ path: state, content: "the tokens of effect-codex serve", setting: "--state", isTree: true })
    )
  )
  const recent = RecentTurns.make()
  const options: Server.ServerOptions = {
    ...rest,
    tls,
    sessions,
    page: yield* Effect.orDie(PageFiles.load),
    traces: yield* TurnTraces.make({ recent, files: input.traces, prices: Prices.make(prices) }),
    host: input.host,
    port: input.port,
    allowedHosts: input.allowHost
  }
  const server =
    database === undefined
      ? Server.layer(options)
      : Layer.unwrap(
          Durable.useSync((client) =>
            Server.layer({ ...options, durable: { client, submit: { ...rest.thread, ...rest.turn } } })
          )
        ).pipe(Layer.provide(database))
  const main = announce(sessions, tls === undefined ? "http" : "https", input.host).pipe(
    Layer.provideMerge(server),
    Layer.provide(
      Layer.merge(
        ThreadOwners.layerStore.pipe(
          Layer.provide(KeyValueStore.layerFileSystem(Nodepath.join(state, "owners")))
        ),
        Conversations.layerOptions({ maxPerOwner: 100, shutdownTimeout: "20 seconds" })
      )
    ),
    Layer.provide(Codex.layer),
    Layer.provide(
      Layer.provideMerge(
        Layer.merge(Approval.layer(policy), Prices.layer(prices)),
        Approval.ApprovalQueue.layer
      )
    ),
    Layer.provide(AppServer.layerOptions({ config: input.config })),
    Layer.provide(
      Layer.mergeAll(
        protection,
        OtlpLayer,
        // The page shows spans without a collector, and shows the spans that sampling drops. What the user exports does not change.
        Tracer.layerProcessor(Effect.succeed(recent.processor), { everything: true })
      )
    )
  )
  return yield* Layer.launch(main).pipe(
    Effect.provideService(TurnTelemetry.Originator, "cli"),
    Effect.catchTag("ServeError", (error) =>
      Effect.andThen(
        Output.printError(`cannot listen on ${input.host}:${input.port}: ${String(error.cause)}`),
        Effect.fail(new ExitWith({ code: code.failed }))
      )
    ),
    Effect.catchTag("StorageUnavailable", WithDurable.report)
  )
})
