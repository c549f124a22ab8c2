/** Drives the real `codex app-server` directly: one JSON message per line, without this library. */
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"

export class RpcError extends Data.TaggedError("RpcError")<{
  readonly code: number
  readonly message: string
}> {}

const Message = Schema.Struct({
  id: Schema.optionalKey(Schema.Union([Schema.Int, Schema.String])),
  method: Schema.optionalKey(Schema.String),
  params: Schema.optionalKey(Schema.JsonObject),
  result: Schema.optionalKey(Schema.JsonObject),
  error: Schema.optionalKey(Schema.Struct({ code: Schema.Int, message: Schema.String }))
})
const decodeLine = Schema.decodeEffect(Schema.fromJsonString(Message))
const Identified = Schema.Struct({ id: Schema.String })
const decodeThread = Schema.decodeUnknownEffect(Schema.Struct({ thread: Identified }))
const decodeTurn = Schema.decodeUnknownEffect(Schema.Struct({ turn: Identified }))
const decodeTurnCompleted = Schema.decodeUnknownEffect(
  Schema.Struct({
    turn: Schema.Struct({ id: Schema.String, status: Schema.String, error: Schema.NullOr(Schema.JsonObject) })
  })
)

export interface Notification {
  readonly method: string
  readonly params: Schema.JsonObject
}

/** How a turn ended, and all messages of Codex during the turn. */
export interface Outcome {
  readonly status: string
  readonly error: Schema.JsonObject | null
  readonly notifications: ReadonlyArray<Notification>
}

/** Handles a request of Codex to its client. Returns the result to reply with. */
export type Answer = (method: string, params: Schema.JsonObject) => Schema.Json

/** Finds Codex in the packages of a module: the native binary, or else the npm launcher with its first arguments. */
export const findBinary = (from: string): readonly [string, ReadonlyArray<string>] => {
  const launcher = Path.join(
    Path.dirname(createRequire(from).resolve("@openai/codex/package.json")),
    "bin/codex.js"
  )
  try {
    const platform = createRequire(launcher).resolve(
      `@openai/codex-${process.platform}-${process.arch}/package.json`
    )
    const vendor = Path.join(Path.dirname(platform), "vendor")
    for (const target of Fs.readdirSync(vendor)) {
      const binary = Path.join(vendor, target, "bin", "codex")
      if (Fs.existsSync(binary)) return [binary, []]
    }
    return [process.execPath, [launcher]]
  } catch {
    return [process.execPath, [launcher]]
  }
}

const named = process.env["CODEX_PATH"]

/** The command and first arguments that start Codex: `CODEX_PATH`, or the codex of package.json. */
export const [command, launcherArgs] = named === undefined ? findBinary(import.meta.url) : [named, []]

/** Returns a hash that changes with the installed Codex: the name of cached directories that this Codex fills. */
export const hash = (): string => {
  const { mtimeMs, size } = Fs.statSync(command)
  return createHash("sha256")
    .update(JSON.stringify([command, launcherArgs, mtimeMs, size]))
    .digest("hex")
    .slice(0, 32)
}

/**
 * Starts Codex with only that environment, PATH, LANG and the certificates; `args` precede `app-server`. When the scope closes, its input
 * ends, and it is killed if it has not exited two seconds later.
 */
export const start = Effect.fnUntraced(function* (options: {
  readonly env: Readonly<Record<string, string>>
  readonly args?: ReadonlyArray<string> | undefined
  readonly answer?: Answer | undefined
}) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const child = yield* spawner.spawn(
    ChildProcess.make(command, [...launcherArgs, ...(options.args ?? []), "app-server"], {
      env: {
        PATH: process.env["PATH"],
        SSL_CERT_FILE: process.env["SSL_CERT_FILE"],
        LANG: "C.UTF-8",
        ...options.env
      },
      extendEnv: false,
      stderr: "ignore"
    })
  )
  const outgoing = yield* Queue.unbounded<string>()
  const pending = new Map<number | string, Deferred.Deferred<Schema.JsonObject, RpcError>>()
  const log: Array<Notification> = []
  const watchers = new Map<Deferred.Deferred<Notification>, (notification: Notification) => boolean>()
  let lastId = 0

  const send = (message: object) => Queue.offer(outgoing, `${JSON.stringify(message)}\n`)

  const request = Effect.fnUntraced(function* (method: string, params: object) {
    const id = ++lastId
    const reply = yield* Deferred.make<Schema.JsonObject, RpcError>()
    pending.set(id, reply)
    yield* send({ id, method, params })
    return yield* Deferred.await(reply)
  })

  const receive = Effect.fnUntraced(function* (line: string) {
    const { error, id, method, params = {}, result = {} } = yield* decodeLine(line)
    if (method === undefined) {
      const reply = id === undefined ? undefined : pending.get(id)
      if (reply !== undefined)
        yield* error === undefined
          ? Deferred.succeed(reply, result)
          : Deferred.fail(reply, new RpcError(error))
    } else if (id === undefined) {
      const notification = { method, params }
      log.push(notification)
      // Iterate over a copy: a waiter may register again at once and must not receive the same notification twice.
      for (const [found, matches] of Array.from(watchers))
        if (matches(notification)) yield* Deferred.succeed(found, notification)
    } else {
      yield* send(
        options.answer === undefined
          ? { id, error: { code: -32601, message: "no answer" } }
          : { id, result: options.answer(method, params) }
      )
    }
  })

  /** Registers at once. The returned effect waits for the first notification that matches. */
  const watch = (
    matches: (notification: Notification) => boolean
  ): Effect.Effect<Effect.Effect<Notification>, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.tap(Deferred.make<Notification>(), (found) => Effect.sync(() => watchers.set(found, matches))),
      (found) => Effect.sync(() => watchers.delete(found))
    ).pipe(Effect.map(Deferred.await))

  const of = (threadId: string, method: string) => (notification: Notification) =>
    notification.method === method && notification.params["threadId"] === threadId

  const startThread = (params: object) =>
    request("thread/start", params).pipe(
      Effect.flatMap(decodeThread),
      Effect.map(({ thread }) => thread.id)
    )

  /** Starts a turn. The returned `ended` waits for its end. */
  const startTurn = Effect.fnUntraced(function* (threadId: string, text: string) {
    const from = log.length
    const completed = yield* watch(of(threadId, "turn/completed"))
    const started = yield* watch(of(threadId, "turn/started"))
    const { turn } = yield* request("turn/start", {
      threadId,
      input: [{ type: "text", text, text_elements: [] }]
    }).pipe(Effect.flatMap(decodeTurn))
    yield* started
    const ended: Effect.Effect<Outcome, Schema.SchemaError> = completed.pipe(
      Effect.flatMap(({ params }) => decodeTurnCompleted(params)),
      Effect.map(({ turn }) => ({ status: turn.status, error: turn.error, notifications: log.slice(from) }))
    )
    return { id: turn.id, ended }
  })

  const runTurn = (threadId: string, text: string) =>
    startTurn(threadId, text).pipe(
      Effect.flatMap((turn) => turn.ended),
      Effect.scoped
    )

  yield* child.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.runForEach(receive),
    Effect.ensuring(
      Effect.suspend(() =>
        Effect.forEach(pending.values(), Deferred.fail(new RpcError({ code: 0, message: "Codex has ended" })))
      )
    ),
    Effect.forkScoped
  )
  yield* Stream.fromQueue(outgoing).pipe(Stream.encodeText, Stream.run(child.stdin), Effect.forkScoped)
  yield* Effect.addFinalizer(() =>
    Queue.shutdown(outgoing).pipe(
      Effect.andThen(child.exitCode),
      Effect.timeout("30 seconds"),
      Effect.catch(() => child.kill({ killSignal: "SIGKILL" })),
      Effect.ignore
    )
  )
  yield* request("initialize", {
    clientInfo: { name: "effect-codex-test", title: "test", version: "0" },
    capabilities: { experimentalApi: true, requestAttestation: false }
  })
  yield* send({ method: "initialized" })
  return { pid: child.pid, request, watch, startThread, startTurn, runTurn }
})
