/**
 * The JSON of events: the lines of `--json`, and the data of Server-Sent Events. Pure. `EventLine` is the schema, and
 * docs/events.md documents the format.
 */
import * as Schema from "effect/Schema"
import * as ApprovalDecision from "./ApprovalDecision.ts"
import * as ApprovalRequest from "./ApprovalRequest.ts"
import * as CodexError from "./CodexError.ts"
import type * as Item from "./Item.ts"
import { Permissions } from "./Permissions.ts"
import type * as ThreadInfo from "./ThreadInfo.ts"
import * as Turn from "./Turn.ts"

export * from "./EventLine.ts"

const snake = (tag: string): string => tag.replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase()

const dotted = (tag: string): string => snake(tag).replaceAll("_", ".")

/** Removes the unit from the name of a duration. A transformation by the schema would also reorder the keys. */
const renameDuration = <A extends object>(value: A): object => {
  if (!("durationMillis" in value)) return value
  const { durationMillis: duration, ...rest } = value
  return { ...rest, duration }
}

/** Names the variant of a value by its `type` instead of its `_tag`. */
const typed = <A extends { readonly _tag: string }>({ _tag, ...rest }: A) => ({ type: snake(_tag), ...rest })

/**
 * Converts an item.
 * @since 0.1.0
 * @category encoding
 * @example
 * ```ts
 * import { EventJson, Turn } from "effect-codex"
 *
 * const lines = (turn: Turn.Turn) => turn.items.map((item) => JSON.stringify(EventJson.item(item)))
 * ```
 */
export const item = (item: Item.Item): object => {
  const { _tag, ...rest } = item
  const json = { type: snake(_tag), ...renameDuration(rest) }
  if ("content" in item && item._tag !== "Reasoning" && item.content !== undefined)
    return { ...json, content: item.content.map(typed) }
  return item._tag === "WebSearch" && item.action !== undefined
    ? { ...json, action: typed(item.action) }
    : json
}

/**
 * Converts a stored thread, for `threads show --json`.
 * @since 0.1.0
 * @category encoding
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codex, EventJson, ThreadId } from "effect-codex"
 *
 * const exported = (id: string) =>
 *   Codex.use(({ readThread }) => readThread(ThreadId.make(id))).pipe(
 *     Effect.map((history) => JSON.stringify(EventJson.history(history)))
 *   )
 * ```
 */
export const history = ({ turns, ...thread }: ThreadInfo.ThreadHistory): object => ({
  ...thread,
  turns: turns.map((turn) => renameDuration({ ...turn, items: turn.items.map(renameDuration) }))
})

const permissions = Schema.encodeSync(Permissions)
const answer = Schema.encodeSync(ApprovalDecision.ApprovalAnswer)

/**
 * Converts an approval request. Permissions are in their encoded form, which keeps the order of the keys.
 * @since 0.1.0
 * @category encoding
 * @example
 * ```ts
 * import { Approval, EventJson } from "effect-codex"
 *
 * const pending = ({ hash, id, request }: Approval.Pending) => ({ id, hash, request: EventJson.request(request) })
 * ```
 */
export const request = (request: ApprovalRequest.ApprovalRequest): object => {
  const { _tag, ...rest } = request
  const json = { kind: ApprovalRequest.requestKind(request), ...rest }
  if (request._tag === "Permissions") return { ...json, permissions: permissions(request.permissions) }
  if (request._tag !== "Command" || request.wants?.permissions === undefined) return json
  return { ...json, wants: { ...request.wants, permissions: permissions(request.wants.permissions) } }
}

/** The fields of a decision. `rememberedLocally` is called `kept` in JSON. */
const decisionDetails = (decision: ApprovalDecision.ApprovalDecision): object => {
  const { _tag, ...details } = decision
  const encoded =
    "given" in details && details.given !== undefined ? { ...details, given: answer(details.given) } : details
  if (!("rememberedLocally" in encoded)) return encoded
  const { rememberedLocally: kept, ...rest } = encoded
  return kept === undefined ? rest : { ...rest, kept }
}

/**
 * Converts an event of a running turn. An event of a sub-agent's turn is nested in an event of the parent turn.
 * @since 0.1.0
 * @category encoding
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Codex, EventJson } from "effect-codex"
 *
 * const lines = Effect.gen(function* () {
 *   const thread = yield* Codex.use(({ startThread }) => startThread())
 *   return thread.stream("Fix the build").pipe(
 *     Stream.filter((event) => event._tag !== "TurnCompleted"),
 *     Stream.map((event) => `${JSON.stringify(EventJson.event(event))}\n`)
 *   )
 * })
 * ```
 */
export const event = (event: Exclude<Turn.TurnEvent, { readonly _tag: "TurnCompleted" }>): object => {
  if (event._tag === "AgentEvent") {
    const { at, threadId, turnId } = event
    return { type: "agent.event", threadId, turnId, event: ofTurn(event.event), at }
  }
  if (event._tag === "EventsOmitted") {
    const { at, deltas, events } = event
    return { type: "events.omitted", deltas, events, at }
  }
  return ofTurn(event)
}

const ofTurn = (event: Turn.EngineEvent): object => {
  const { _tag, ...rest } = event
  const type = dotted(_tag)
  switch (event._tag) {
    case "ItemStarted":
    case "ItemCompleted":
      return { type, item: item(event.item), at: event.at }
    case "ApprovalRequested":
      return { type, request: request(event.request), at: event.at }
    case "ApprovalDecided": {
      const { at, decision, itemId, requestId, source } = event
      return {
        type,
        requestId,
        itemId,
        decision: ApprovalDecision.decisionName(decision),
        ...decisionDetails(decision),
        source,
        at
      }
    }
    default:
      return { type, ...rest }
  }
}

/**
 * Why a turn did not complete.
 * @since 0.1.0
 * @category models
 */
export type FailureJson = CodexError.CodexError | "interrupted"

/**
 * Converts the error of a last line. `describe` returns its message.
 * @since 0.1.0
 * @category encoding
 * @example
 * ```ts
 * import { CodexError, EventJson } from "effect-codex"
 *
 * EventJson.error(new CodexError.TurnInterrupted({ by: "caller" }))
 * // { _tag: "TurnInterrupted", reason: null, class: "aborted", retryable: false, message: "…" }
 * ```
 */
export const error = (
  failure: FailureJson,
  describe: (error: CodexError.CodexError) => string = ({ message }) => message
): object => {
  const known = failure === "interrupted" ? new CodexError.TurnInterrupted({ by: "caller" }) : failure
  return {
    _tag: known._tag,
    reason: "reason" in known ? known.reason : null,
    class: known.class,
    retryable: known.retryable,
    message: describe(known)
  }
}

/**
 * The last line of every run: `turn.completed`, `turn.failed` or `turn.interrupted`. `describe` returns
 * the message of an error; the default has the reason that Codex gave.
 * @since 0.1.0
 * @category encoding
 * @example
 * ```ts
 * import { EventJson, Turn } from "effect-codex"
 *
 * const lastLine = (turn: Turn.Turn) =>
 *   JSON.stringify(EventJson.last(turn, undefined, { threadId: turn.threadId, turnId: turn.id }))
 * ```
 */
export const last = (
  turn: Turn.Turn | undefined,
  failure: FailureJson | undefined,
  ids: { readonly threadId: string | undefined; readonly turnId: string | undefined },
  describe: (error: CodexError.CodexError) => string = ({ message }) => message
): object => ({
  type:
    failure === undefined
      ? "turn.completed"
      : failure === "interrupted" || failure._tag === "TurnInterrupted"
        ? "turn.interrupted"
        : "turn.failed",
  threadId: ids.threadId ?? turn?.threadId ?? null,
  turnId: ids.turnId ?? (turn === undefined || turn.id === "" ? null : turn.id),
  message: turn?.message ?? null,
  usage: turn?.usage ?? null,
  ...(turn?.cost === undefined ? {} : { cost: turn.cost }),
  ...(turn?.review === undefined ? {} : { review: turn.review }),
  time: turn === undefined ? null : Schema.encodeSync(Turn.TurnTime)(turn.time),
  error: failure === undefined ? null : error(failure, describe)
})
