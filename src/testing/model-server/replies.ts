/** The replies of the model server and their steps. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Http from "node:http"
import type { ModelStep } from "./responses.ts"
import * as Responses from "./responses.ts"

/** The clock of the system, whatever clock a test provides. */
export const realClock = Context.get(Context.empty(), Clock.Clock)
/** Runs an effect on the clock of the system. */
export const inRealTime = Effect.provideService(Clock.Clock, realClock)

/**
 * The reply to one request.
 * @since 0.1.0
 * @category models
 */
export type Reply =
  | { readonly _tag: "Stream"; readonly steps: ReadonlyArray<ModelStep>; readonly bytes: number }
  | {
      readonly _tag: "HttpError"
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
      readonly body: string
    }

interface ItemOptions {
  /** `true` streams the text word by word, an array gives the deltas. Default: the item arrives whole. */
  readonly deltas?: ReadonlyArray<string> | true | undefined
  /** The time between two deltas. */
  readonly every?: Duration.Input | undefined
  readonly itemId?: string | undefined
}

interface CallOptions {
  /** The id of the call. Default: `call_1`, `call_2` and so on for each server. */
  readonly callId?: string | undefined
}

/**
 * Streams the steps in order, then completes unless a step ends the reply.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const answer = ModelServer.reply(
 *   ModelServer.reasoning("The user asks for the time."),
 *   ModelServer.text("It is noon.", { deltas: true }),
 *   ModelServer.usage({ input: 120, output: 12 })
 * )
 * ```
 */
export const reply = (...steps: ReadonlyArray<ModelStep>): Reply => ({
  _tag: "Stream",
  steps,
  bytes: Infinity
})

/**
 * Cuts the connection after this number of bytes of the body; 0 sends no answer at all.
 * @since 0.1.0
 * @category combinators
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const cutOff = ModelServer.truncate(ModelServer.reply(ModelServer.text("It is noon.")), 200)
 * ```
 */
export const truncate = (reply: Reply, bytes: number): Reply =>
  reply._tag === "Stream" ? { ...reply, bytes } : reply

/**
 * Replies with an HTTP error. The default body has OpenAI's error format.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const limited = ModelServer.httpError(429, { code: "rate_limit_exceeded", headers: { "retry-after": "2" } })
 * ```
 */
export const httpError = (
  status: number,
  options: {
    readonly code?: string | undefined
    readonly message?: string | undefined
    readonly type?: string | undefined
    readonly headers?: Readonly<Record<string, string>> | undefined
    readonly body?: string | undefined
  } = {}
): Reply => ({
  _tag: "HttpError",
  status,
  headers: { "content-type": "application/json", ...options.headers },
  body:
    options.body ??
    JSON.stringify({
      error: {
        message: options.message ?? Http.STATUS_CODES[status] ?? "error",
        type: options.type ?? "error",
        param: null,
        code: options.code ?? null
      }
    })
})

/**
 * The assistant sends a message.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const streamed = ModelServer.text("It is noon.", { deltas: ["It is ", "noon."], every: "50 millis" })
 * ```
 */
export const text = (text: string, options: ItemOptions = {}): ModelStep => ({
  _tag: "Item",
  item: { _tag: "Message", id: options.itemId, text },
  deltas: deltasOf(text, options)
})

/**
 * The model sends a summary of its reasoning.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const thinking = ModelServer.reasoning("I should read the file first.", { deltas: true })
 * ```
 */
export const reasoning = (summary: string, options: ItemOptions = {}): ModelStep => ({
  _tag: "Item",
  item: { _tag: "Reasoning", id: options.itemId, text: summary },
  deltas: deltasOf(summary, options)
})

/**
 * The model calls a function tool, such as a dynamic tool.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const lookup = ModelServer.reply(ModelServer.call("lookup_ticket", { id: "T-42" }))
 * ```
 */
export const call = (name: string, args: object, options: CallOptions = {}): ModelStep => ({
  _tag: "Item",
  item: { _tag: "FunctionCall", name, arguments: JSON.stringify(args), callId: options.callId },
  deltas: undefined
})

/**
 * The model runs a shell command. `escalate` is the justification to run it outside the sandbox. After `timeoutMillis`
 * (Codex allows 250 to 30000; default 10000) the model continues while the command still runs.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const asks = ModelServer.reply(ModelServer.shell("npm install", { escalate: "needs the network" }))
 * ```
 */
export const shell = (
  cmd: string,
  options: CallOptions & {
    readonly escalate?: string | undefined
    readonly timeoutMillis?: number | undefined
    readonly workdir?: string | undefined
  } = {}
): ModelStep =>
  call(
    "exec_command",
    {
      cmd,
      workdir: options.workdir,
      yield_time_ms: options.timeoutMillis,
      ...(options.escalate === undefined
        ? {}
        : { sandbox_permissions: "require_escalated", justification: options.escalate })
    },
    options
  )

/**
 * The model edits files, in Codex's patch format: `*** Begin Patch`, `*** Add File: a.txt`, `+line`, `*** End Patch`.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const addsFile = ModelServer.patch("*** Begin Patch\n*** Add File: a.txt\n+hello\n*** End Patch")
 * ```
 */
export const patch = (patchText: string, options: CallOptions = {}): ModelStep => ({
  _tag: "Item",
  item: { _tag: "CustomToolCall", name: "apply_patch", input: patchText, callId: options.callId },
  deltas: undefined
})

/**
 * Sends a raw output item.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const search = ModelServer.item({ type: "web_search_call", id: "ws_1", status: "completed" })
 * ```
 */
export const item = (rawItem: Schema.JsonObject): ModelStep => ({
  _tag: "Item",
  item: { _tag: "Raw", item: rawItem },
  deltas: undefined
})

/**
 * Sends a raw event. An event that ends a response ends the reply.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const incomplete = ModelServer.event({
 *   type: "response.incomplete",
 *   response: { id: "resp_1", incomplete_details: { reason: "max_output_tokens" } }
 * })
 * ```
 */
export const event = (rawEvent: Responses.ResponseEvent): ModelStep => ({ _tag: "Event", event: rawEvent })

/**
 * The token usage of the response: `input` includes `cachedInput`, `output` includes `reasoning`.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const tokens = ModelServer.usage({ input: 1_200, cachedInput: 1_000, output: 80, reasoning: 30 })
 * ```
 */
export const usage = (usage: Responses.TokenCount): ModelStep => ({ _tag: "Usage", usage })

/**
 * Waits for the effect before the next step.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Deferred, Effect } from "effect"
 * import { ModelServer } from "effect-codex/testing"
 *
 * // The model answers when the test says so.
 * const held = Effect.map(Deferred.make<void>(), (gate) => ({
 *   release: Deferred.succeed(gate, undefined),
 *   reply: ModelServer.reply(ModelServer.until(Deferred.await(gate)), ModelServer.text("Now."))
 * }))
 * ```
 */
export const until = (effect: Effect.Effect<unknown>): ModelStep => ({ _tag: "Wait", until: effect })

/**
 * Waits before the next step, in real time even under a test clock.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const slow = ModelServer.reply(ModelServer.delay("200 millis"), ModelServer.text("Sorry for the wait."))
 * ```
 */
export const delay = (duration: Duration.Input): ModelStep => until(inRealTime(Effect.sleep(duration)))

/**
 * Closes the connection in the middle of the reply.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const broken = ModelServer.reply(ModelServer.text("It is"), ModelServer.cut)
 * ```
 */
export const cut: ModelStep = { _tag: "Cut" }

/**
 * Sends nothing more until the client disconnects or the server closes.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const stalled = ModelServer.reply(ModelServer.reasoning("Let me think."), ModelServer.never)
 * ```
 */
export const never: ModelStep = { _tag: "Never" }

/**
 * The response fails with an OpenAI error code, such as `server_is_overloaded`.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { ModelServer } from "effect-codex/testing"
 *
 * const overloaded = ModelServer.reply(
 *   ModelServer.failed({ code: "server_is_overloaded", message: "The server is overloaded" })
 * )
 * ```
 */
export const failed = (options: { readonly code: string; readonly message: string }): ModelStep => ({
  _tag: "Failed",
  ...options
})

const deltasOf = (text: string, options: ItemOptions): Responses.Deltas | undefined =>
  options.deltas === undefined
    ? undefined
    : {
        parts: options.deltas === true ? Responses.words(text) : options.deltas,
        between: options.every === undefined ? undefined : inRealTime(Effect.sleep(options.every))
      }
