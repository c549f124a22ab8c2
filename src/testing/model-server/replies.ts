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

/** The reply to one request. */
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

/** Streams the steps in order, then completes unless a step ends the reply. */
export const reply = (...steps: ReadonlyArray<ModelStep>): Reply => ({
  _tag: "Stream",
  steps,
  bytes: Infinity
})

/** Cuts the connection after this number of bytes of the body; 0 sends no answer at all. */
export const truncate = (reply: Reply, bytes: number): Reply =>
  reply._tag === "Stream" ? { ...reply, bytes } : reply

/** Replies with an HTTP error. The default body has OpenAI's error format. */
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

/** The assistant sends a message. */
export const text = (text: string, options: ItemOptions = {}): ModelStep => ({
  _tag: "Item",
  item: { _tag: "Message", id: options.itemId, text },
  deltas: deltasOf(text, options)
})

/** The model sends a summary of its reasoning. */
export const reasoning = (summary: string, options: ItemOptions = {}): ModelStep => ({
  _tag: "Item",
  item: { _tag: "Reasoning", id: options.itemId, text: summary },
  deltas: deltasOf(summary, options)
})

/** The model calls a function tool, such as a dynamic tool. */
export const call = (name: string, args: object, options: CallOptions = {}): ModelStep => ({
  _tag: "Item",
  item: { _tag: "FunctionCall", name, arguments: JSON.stringify(args), callId: options.callId },
  deltas: undefined
})

/**
 * The model runs a shell command. `escalate` is the justification to run it outside the sandbox. After `timeoutMs`
 * milliseconds (Codex allows 250 to 30000; default 10000) the model continues while the command still runs.
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

/** The model edits files, in Codex's patch format: `*** Begin Patch`, `*** Add File: a.txt`, `+line`, `*** End Patch`. */
export const patch = (patchText: string, options: CallOptions = {}): ModelStep => ({
  _tag: "Item",
  item: { _tag: "CustomToolCall", name: "apply_patch", input: patchText, callId: options.callId },
  deltas: undefined
})

/** Sends a raw output item. */
export const item = (rawItem: Schema.JsonObject): ModelStep => ({
  _tag: "Item",
  item: { _tag: "Raw", item: rawItem },
  deltas: undefined
})

/** Sends a raw event. An event that ends a response ends the reply. */
export const event = (rawEvent: Responses.ResponseEvent): ModelStep => ({ _tag: "Event", event: rawEvent })

/** The token usage of the response: `input` includes `cachedInput`, `output` includes `reasoning`. */
export const usage = (usage: Responses.TokenCount): ModelStep => ({ _tag: "Usage", usage })

/** Waits for the effect before the next step. */
export const until = (effect: Effect.Effect<unknown>): ModelStep => ({ _tag: "Wait", until: effect })

/** Waits before the next step, in real time even under a test clock. */
export const delay = (duration: Duration.Input): ModelStep => until(inRealTime(Effect.sleep(duration)))

/** Closes the connection in the middle of the reply. */
export const cut: ModelStep = { _tag: "Cut" }

/** Sends nothing more until the client disconnects or the server closes. */
export const never: ModelStep = { _tag: "Never" }

/** The response fails with an OpenAI error code, such as `server_is_overloaded`. */
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
