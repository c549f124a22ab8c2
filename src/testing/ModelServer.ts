/**
 * A loopback server for OpenAI's Responses API. It plays a script with one reply per request, and records the requests.
 * Use it to test with the real Codex but without a real model.
 *
 * ```ts
 * const server = yield* ModelServer.make([
 *   ModelServer.reply(ModelServer.shell("ls")),
 *   ModelServer.reply(ModelServer.text("It is empty.", { deltas: true }), ModelServer.usage({ input: 90, output: 4 }))
 * ])
 * const env = yield* ModelServer.home(server)
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import * as HostHeader from "../internal/HostHeader.ts"
import * as CodexConfig from "./model-server/codexConfig.ts"
import * as Requests from "./model-server/requests.ts"
import type { RecordedRequest } from "./model-server/requests.ts"
import * as Responses from "./model-server/responses.ts"
import { httpError, inRealTime, realClock, type Reply } from "./model-server/replies.ts"

export type { RecordedRequest } from "./model-server/requests.ts"
export type { ModelStep } from "./model-server/responses.ts"
export {
  call,
  cut,
  delay,
  event,
  failed,
  httpError,
  item,
  never,
  patch,
  reasoning,
  reply,
  shell,
  text,
  truncate,
  until,
  usage,
  type Reply
} from "./model-server/replies.ts"

/**
 * Chooses the reply to a request; `index` counts the requests from 0.
 * @since 0.1.0
 * @category models
 */
export type Respond = (request: RecordedRequest, index: number) => Reply | Effect.Effect<Reply>

/**
 * One entry per request in order of arrival, or a function that answers all requests.
 * @since 0.1.0
 * @category models
 */
export type Script = ReadonlyArray<Reply | Respond> | Respond

/**
 * Options of a model server.
 * @since 0.1.0
 * @category models
 */
export interface ModelServerOptions {
  /** The reply to requests after the end of the script. Without it the server rejects them and reports them in `unexpected`. */
  readonly otherwise?: Reply | Respond | undefined
  /** The number of latest requests to keep; default all. */
  readonly keep?: number | undefined
}

/**
 * A loopback server for OpenAI's Responses API that plays a script, for tests with the real Codex.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { assert } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { ModelServer } from "effect-codex/testing"
 *
 * const wasAsked = Effect.gen(function* () {
 *   const server = yield* ModelServer.ModelServer
 *   const [first] = yield* server.requests
 *   assert.include(first?.lastUserText, "Fix the build")
 *   assert.deepStrictEqual(yield* server.unexpected, [])
 * })
 * ```
 */
export class ModelServer extends Context.Service<
  ModelServer,
  {
    /** `http://127.0.0.1:PORT`; the API is below `/v1`. */
    readonly url: string
    readonly requests: Effect.Effect<ReadonlyArray<RecordedRequest>>
    /** One message for each request without a reply in the script. Empty in a correct test. */
    readonly unexpected: Effect.Effect<ReadonlyArray<string>>
    /**
     * Returns a config.toml with which Codex uses only this server. `extra` is TOML too and overrides the same keys:
     * `model_providers.mock.request_max_retries = 0`.
     */
    readonly config: (extra?: string) => string
    /** The settings as `-c key=value` arguments, for a Codex without that file. */
    readonly args: ReadonlyArray<string>
  }
>()("effect-codex/testing/ModelServer") {}

/**
 * The environment variables that Codex needs to use the server: the API key that `config` names.
 * @since 0.1.0
 * @category accessors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ModelServer } from "effect-codex/testing"
 * import { spawnSync } from "node:child_process"
 *
 * const runCodex = ModelServer.ModelServer.use(({ args }) =>
 *   Effect.sync(() => spawnSync("codex", ["exec", ...args, "Hello"], { env: { ...process.env, ...ModelServer.environment } }))
 * )
 * ```
 */
export const environment = { MOCK_API_KEY: "dummy" }

/**
 * Starts a server on a free port of 127.0.0.1. Closes the server and its connections with the scope.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ModelServer } from "effect-codex/testing"
 *
 * const answers = Effect.gen(function* () {
 *   const server = yield* ModelServer.make([
 *     ModelServer.reply(ModelServer.shell("ls")),
 *     ModelServer.reply(ModelServer.text("It is empty."), ModelServer.usage({ input: 90, output: 4 }))
 *   ])
 *   return yield* ModelServer.home(server)
 * })
 * ```
 */
export const make = Effect.fnUntraced(function* (
  script: Script,
  options: ModelServerOptions = {}
): Effect.fn.Return<ModelServer["Service"], never, Scope.Scope> {
  const requests: Array<RecordedRequest> = []
  const unexpected: Array<string> = []
  let received = 0
  let calls = 0
  let responses = 0

  const refuse = (status: number, problem: string) => {
    unexpected.push(problem)
    return httpError(status, { message: problem, code: "unexpected_request" })
  }

  const record = (headers: Http.IncomingHttpHeaders, body: Schema.JsonObject) => {
    const request = Requests.make(received++, realClock.currentTimeMillisUnsafe(), headers, body)
    requests.push(request)
    if (requests.length > (options.keep ?? Infinity)) requests.shift()
    return request
  }

  const respond = (request: RecordedRequest): Effect.Effect<Reply> =>
    Effect.suspend(() => {
      const entry = typeof script === "function" ? script : (script[request.index] ?? options.otherwise)
      if (entry === undefined) {
        const name = `request ${request.index + 1} ("${request.lastUserText.slice(0, 80)}")`
        return Effect.succeed(
          refuse(400, `${name} comes after the end of the script, which has ${script.length} replies`)
        )
      }
      const chosen = typeof entry === "function" ? entry(request, request.index) : entry
      return isReply(chosen) ? Effect.succeed(chosen) : chosen
    }).pipe(
      Effect.catchDefect((defect) =>
        Effect.sync(() => refuse(400, `the script failed on request ${request.index + 1}: ${String(defect)}`))
      )
    )

  const answer = Effect.fnUntraced(function* (incoming: Http.IncomingMessage) {
    // A page in a browser, under a name that leads to loopback. Its requests are not the agent's.
    if (!HostHeader.accepts(incoming))
      return httpError(HostHeader.status, { message: "this host is not allowed" })
    const content = yield* Effect.promise(() => readText(incoming, maxBody))
    if (content === undefined) return refuse(413, `a request has more than ${maxBody} bytes`)
    const target = `${incoming.method} ${incoming.url}`
    // Codex with an exporter of logs asks the provider what its turns cost, and continues without an answer.
    if (target === "POST /v1/analytics/codex/turn-costs") return httpError(404, { message: "no costs here" })
    if (target !== "POST /v1/responses") return refuse(404, `there is no ${target}`)
    const body = Requests.decodeBody(content)
    if (Option.isNone(body)) return refuse(400, `the body of ${target} is not a JSON object`)
    return yield* respond(record(incoming.headers, body.value))
  })

  const handle = Effect.fnUntraced(function* (incoming: Http.IncomingMessage, outgoing: Http.ServerResponse) {
    const reply = yield* answer(incoming)
    if (reply._tag === "HttpError") return yield* sendError(outgoing, reply)
    const frames = Responses.encode(reply.steps, {
      response: ++responses,
      nextCall: () => `call_${++calls}`
    })
    yield* sendFrames(outgoing, Responses.truncate(frames, reply.bytes))
  })

  const run = yield* FiberSet.makeRuntime()
  const url = yield* listen((incoming, outgoing) => {
    const fiber = run(handle(incoming, outgoing))
    outgoing.once("close", () => fiber.interruptUnsafe())
  })

  return ModelServer.of({
    url,
    requests: Effect.sync(() => requests.slice()),
    unexpected: Effect.sync(() => unexpected.slice()),
    config: (extra = "") => CodexConfig.file(url, extra),
    args: CodexConfig.args(url)
  })
})

/**
 * Provides a server that plays this script.
 * @since 0.1.0
 * @category layers
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const Model = ModelServer.layer([ModelServer.reply(ModelServer.text("Done."))])
 * ```
 */
export const layer = (script: Script, options?: ModelServerOptions): Layer.Layer<ModelServer> =>
  Layer.effect(ModelServer, make(script, options))

/**
 * Creates a private home for Codex in a temporary directory, and returns the environment that selects this home and the
 * server. `CODEX_HOME` (mode 0700) is `HOME/.codex` and contains the server's `config` (mode 0600). The directory is
 * removed with the scope.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import * as NodeServices from "@effect/platform-node/NodeServices"
 * import { Effect, Layer } from "effect"
 * import { AppServer, Codex } from "effect-codex"
 * import { ModelServer } from "effect-codex/testing"
 *
 * const RealCodex = Layer.unwrap(
 *   Effect.gen(function* () {
 *     const server = yield* ModelServer.make([ModelServer.reply(ModelServer.text("Done."))])
 *     const env = yield* ModelServer.home(server)
 *     return Codex.layer.pipe(Layer.provide(AppServer.layerOptions({ env })))
 *   })
 * ).pipe(Layer.provide(NodeServices.layer))
 * ```
 */
export const home = Effect.fnUntraced(function* (
  server: ModelServer["Service"],
  options: {
    readonly config?: string | undefined
    /**
     * The directory in which the home is created. Default: the temporary directory, which the sandbox `workspace-write` lets
     * the agent write, so the host must keep no files there.
     */
    readonly directory?: string | undefined
  } = {}
): Effect.fn.Return<
  {
    readonly HOME: string
    readonly CODEX_HOME: string
    readonly TMPDIR: string
    readonly MOCK_API_KEY: string
  },
  PlatformError.PlatformError,
  FileSystem.FileSystem | Path.Path | Scope.Scope
> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const HOME = yield* Effect.acquireRelease(
    fs.makeTempDirectory({ prefix: "effect-codex-", directory: options.directory }),
    (directory) =>
      // Retry, because a Codex that is still exiting may write here, which makes the removal fail.
      fs
        .remove(directory, { recursive: true, force: true })
        .pipe(
          Effect.retry({ times: 100, schedule: Schedule.spaced("20 millis") }),
          inRealTime,
          Effect.ignore({ log: "Warn" })
        )
  )
  const CODEX_HOME = path.join(HOME, ".codex")
  yield* fs.makeDirectory(CODEX_HOME, { mode: 0o700 })
  yield* fs.writeFileString(path.join(CODEX_HOME, "config.toml"), server.config(options.config), {
    mode: 0o600
  })
  // Codex leaves lock files in the temporary directory.
  const TMPDIR = path.join(HOME, "tmp")
  yield* fs.makeDirectory(TMPDIR, { mode: 0o700 })
  return { HOME, CODEX_HOME, TMPDIR, ...environment }
})

/**
 * Returns the `CODEX_HOME` of a new `home`. Its parent directory is private too and can be used as `HOME`.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ModelServer } from "effect-codex/testing"
 *
 * const variables = Effect.gen(function* () {
 *   const server = yield* ModelServer.ModelServer
 *   return { CODEX_HOME: yield* ModelServer.codexHome(server), ...ModelServer.environment }
 * })
 * ```
 */
export const codexHome = (
  server: ModelServer["Service"],
  options?: { readonly config?: string | undefined }
): Effect.Effect<string, PlatformError.PlatformError, FileSystem.FileSystem | Path.Path | Scope.Scope> =>
  Effect.map(home(server, options), (home) => home.CODEX_HOME)

const isReply = (chosen: Reply | Effect.Effect<Reply>): chosen is Reply => !Effect.isEffect(chosen)

/** The maximum size of a request in bytes: far more than a conversation with images has. */
const maxBody = 256 * 1024 * 1024

/** Reads a request, or returns `undefined` if it is too large. */
const readText = (incoming: Http.IncomingMessage, limit: number): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    let chunks: Array<Buffer> = []
    let length = 0
    incoming.on("data", (chunk: Buffer) => {
      length += chunk.length
      if (length <= limit) chunks.push(chunk)
      else chunks = []
    })
    incoming.on("end", () => resolve(length > limit ? undefined : Buffer.concat(chunks).toString("utf8")))
    incoming.on("error", reject)
  })

const listen = (onRequest: Http.RequestListener): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Http.Server>((resume) => {
      // Keep idle connections open: closing one just before Codex reuses it would look like a network error.
      const server = Http.createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, onRequest)
      server.once("error", (error) => resume(Effect.die(error)))
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(
    Effect.map((server) => {
      const address = server.address()
      return `http://127.0.0.1:${Predicate.isObject(address) ? address.port : ""}`
    })
  )

const sendError = (outgoing: Http.ServerResponse, error: Extract<Reply, { readonly _tag: "HttpError" }>) =>
  Effect.callback<void>((resume) => {
    outgoing.writeHead(error.status, error.headers)
    outgoing.end(error.body, () => resume(Effect.void))
  })

const sendFrames = Effect.fnUntraced(function* (
  outgoing: Http.ServerResponse,
  frames: ReadonlyArray<Responses.Frame>
) {
  const last = frames.at(-1)
  const tail = last?._tag === "Write" ? last.data : undefined
  outgoing.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" })
  yield* Effect.forEach(
    tail === undefined ? frames : frames.slice(0, -1),
    (frame) => sendFrame(outgoing, frame),
    { discard: true }
  )
  outgoing.end(tail)
})

const sendFrame = (outgoing: Http.ServerResponse, frame: Responses.Frame): Effect.Effect<unknown> => {
  switch (frame._tag) {
    case "Write":
      return Effect.callback<void>((resume) => {
        outgoing.write(frame.data, () => resume(Effect.void))
      })
    case "Wait":
      return frame.until
    case "Cut":
      return Effect.andThen(
        Effect.sync(() => outgoing.destroy()),
        Effect.never
      )
    case "Never":
      return Effect.never
  }
}
