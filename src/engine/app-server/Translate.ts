/** Maps Codex's wire types to the domain types and back. Pure; the only module that knows both. */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as MediaType from "../../internal/MediaType.ts"
import * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId, TurnId } from "../../domain/Ids.ts"
import type * as Turn from "../../domain/Turn.ts"
import type * as Item from "../../domain/Item.ts"
import type * as Review from "../../domain/Review.ts"
import type * as TurnOptions from "../../domain/TurnOptions.ts"
import type * as Engine from "../Engine.ts"
import * as ErrorMapping from "./ErrorMapping.ts"
import * as Protocol from "./Protocol.ts"
import * as ScriptTools from "./ScriptTools.ts"
import { item, optionalField } from "./TranslateItem.ts"

export { item, optionalField } from "./TranslateItem.ts"

export const usage = (wire: typeof Protocol.TokenUsage.Type): Turn.Usage => ({
  input: wire.inputTokens,
  cachedInput: wire.cachedInputTokens,
  ...optionalField("cacheWrite", wire.cacheWriteInputTokens),
  output: wire.outputTokens,
  reasoning: wire.reasoningOutputTokens
})

/** What a notification means for the turn that it belongs to. */
export type TurnNotification =
  | {
      readonly _tag: "Event"
      readonly threadId: ThreadId
      readonly turnId: TurnId
      readonly event: Turn.EngineEvent
    }
  /** `total` identifies a report of the thread's token usage: Codex repeats reports. */
  | {
      readonly _tag: "UsageReported"
      readonly threadId: ThreadId
      readonly turnId: TurnId
      readonly total: string | undefined
      readonly event: Turn.EngineEvent
    }
  | {
      readonly _tag: "Ended"
      readonly threadId: ThreadId
      readonly turnId: TurnId
      readonly end: TranslatedTurnEnd
    }
  /** The turn will fail with this error; its end should follow. */
  | {
      readonly _tag: "Failing"
      readonly threadId: ThreadId
      readonly turnId: TurnId
      readonly error: CodexError.TurnFailed
    }
  /** The model sent a message. Codex may show another text instead of it, as it does for a code review. */
  | {
      readonly _tag: "ModelMessage"
      readonly threadId: ThreadId
      readonly turnId: TurnId
      readonly content: unknown
    }
  /** The thread has no running turn. */
  | { readonly _tag: "Idle"; readonly threadId: ThreadId }
  /** Codex no longer expects a reply to its request. */
  | { readonly _tag: "RequestResolved"; readonly threadId: ThreadId; readonly requestId: string | number }

export type TranslatedNotification = TurnNotification | { readonly _tag: "Ignored" }

/** How a turn ended: `completed`, or its error. */
export type TranslatedTurnEnd =
  | CodexError.TurnFailed
  | CodexError.TurnInterrupted
  | CodexError.ProtocolError
  | "completed"

type Method = keyof typeof Protocol.notifications
type Params<M extends Method> = (typeof Protocol.notifications)[M]["Type"]

const ignored: TranslatedNotification = { _tag: "Ignored" }

const event = (
  of: { readonly threadId: ThreadId; readonly turnId: TurnId },
  event: Turn.EngineEvent
): TranslatedNotification => ({
  _tag: "Event",
  threadId: of.threadId,
  turnId: of.turnId,
  event
})

const planStatuses = new Map<string, Turn.PlanStatus>([
  ["pending", "pending"],
  ["inProgress", "inProgress"],
  ["completed", "completed"]
])
const idleStatuses = new Set(["idle", "notLoaded", "systemError"])
const rawCalls = new Set(["function_call", "custom_tool_call", "local_shell_call"])
const rawOutputs = new Set(["function_call_output", "custom_tool_call_output"])

/** The maximum length of the reason of a retry, in characters. */
const maxRetryDetail = 2000

/** When a notification arrived, in milliseconds since the epoch, the time zone of Codex, and how to mask secrets in errors. */
export type Received = ErrorMapping.ErrorOrigin

const decoders: {
  readonly [M in Method]: (params: Params<M>, at: number, received: Received) => TranslatedNotification
} = {
  "turn/started": ({ threadId, turn }, at) =>
    event(
      { threadId, turnId: turn.id },
      {
        _tag: "TurnStarted",
        threadId,
        turnId: turn.id,
        ...optionalField("rootTurnId", turn.rootTurnId === turn.id ? undefined : turn.rootTurnId),
        at
      }
    ),
  "turn/completed": ({ threadId, turn }, _at, received) => ({
    _tag: "Ended",
    threadId,
    turnId: turn.id,
    end: turnEnd(turn, received)
  }),
  "item/started": (params, at) => event(params, { _tag: "ItemStarted", item: item(params.item), at }),
  "item/completed": (params, at) => event(params, { _tag: "ItemCompleted", item: item(params.item), at }),
  "item/agentMessage/delta": (params, at) =>
    event(params, { _tag: "MessageDelta", itemId: params.itemId, delta: params.delta, at }),
  "item/reasoning/summaryTextDelta": (params, at) =>
    event(params, { _tag: "ReasoningDelta", itemId: params.itemId, delta: params.delta, at }),
  "item/reasoning/textDelta": (params, at) =>
    event(params, { _tag: "ReasoningDelta", itemId: params.itemId, delta: params.delta, at }),
  "item/plan/delta": (params, at) =>
    event(params, { _tag: "PlanDelta", itemId: params.itemId, delta: params.delta, at }),
  "turn/plan/updated": (params, at) =>
    event(params, {
      _tag: "PlanUpdated",
      plan: {
        steps: params.plan.map(({ status, step }) => ({
          step,
          status: planStatuses.get(status) ?? "pending"
        })),
        ...optionalField("explanation", params.explanation)
      },
      at
    }),
  "item/commandExecution/outputDelta": (params, at) =>
    event(params, { _tag: "OutputDelta", itemId: params.itemId, delta: params.delta, at }),
  "turn/diff/updated": (params, at) => event(params, { _tag: "DiffUpdated", diff: params.diff, at }),
  "thread/tokenUsage/updated": (
    { threadId, tokenUsage: { last, modelContextWindow, total }, turnId },
    at
  ) => ({
    _tag: "UsageReported",
    threadId,
    turnId,
    total: total === null || total === undefined ? undefined : JSON.stringify(total),
    event: {
      _tag: "UsageUpdated",
      usage: usage(last),
      // A size that is no count of tokens must not lose the usage.
      ...optionalField("contextWindow", Option.getOrUndefined(decodeNatural(modelContextWindow))),
      at
    }
  }),
  "thread/status/changed": ({ status, threadId }) =>
    idleStatuses.has(status.type) ? { _tag: "Idle", threadId } : ignored,
  "serverRequest/resolved": ({ requestId, threadId }) => ({ _tag: "RequestResolved", threadId, requestId }),
  error: (params, at, received) => {
    const error = ErrorMapping.classify(params.error, received)
    if (!params.willRetry && !ErrorMapping.endsTurn(params.error)) return unknown("error", params, at)
    if (!params.willRetry) return { _tag: "Failing", threadId: params.threadId, turnId: params.turnId, error }
    return event(params, {
      _tag: "Retrying",
      errorType: error.errorType,
      ...optionalField("status", error.status),
      ...(error.detail === "" ? {} : { detail: error.detail.slice(0, maxRetryDetail).toWellFormed() }),
      at
    })
  },
  "rawResponseItem/completed": (params, at) => {
    const { call_id: callId, content, input, name, role, type } = params.item
    if (type === "message" && role === "assistant")
      return { _tag: "ModelMessage", threadId: params.threadId, turnId: params.turnId, content }
    if (callId === null || callId === undefined) return ignored
    if (rawCalls.has(type)) {
      const isScript = type === "custom_tool_call" && name === "exec"
      const nested = isScript ? ScriptTools.namesIn(input ?? "") : undefined
      const tool = name ?? type
      return event(params, { _tag: "ToolRequested", callId, tool, ...optionalField("nested", nested), at })
    }
    return rawOutputs.has(type) ? event(params, { _tag: "ToolReturned", callId, at }) : ignored
  },
  "rawResponse/completed": (params, at) =>
    event(params, {
      _tag: "ModelResponded",
      responseId: params.responseId,
      at,
      ...(params.usage === null || params.usage === undefined ? {} : { usage: usage(params.usage) })
    })
}

const decodeNatural = Schema.decodeUnknownOption(Schema.Natural)
const decodeTurnIds = Schema.decodeUnknownOption(Protocol.TurnIds)
const decodeTurnRef = Schema.decodeUnknownOption(Protocol.TurnRef)

const unknown = (method: string, params: unknown, at: number): TranslatedNotification =>
  Option.match(decodeTurnIds(params), {
    onNone: () => ignored,
    onSome: ({ threadId, turnId }) =>
      turnId === null || turnId === undefined
        ? ignored
        : event({ threadId, turnId }, { _tag: "Unknown", method, payload: params, at })
  })

/** Passes a notification that cannot be decoded on as `Unknown`. The end of a turn must not be lost, so it fails the turn. */
const unreadable = (method: string, params: unknown, at: number): TranslatedNotification => {
  const ended = method === "turn/completed" ? decodeTurnRef(params) : Option.none()
  if (Option.isNone(ended)) return unknown(method, params, at)
  const { threadId, turn } = ended.value
  const end = new CodexError.ProtocolError({
    detail: "the turn ended, but its turn/completed notification cannot be decoded"
  })
  return { _tag: "Ended", threadId, turnId: turn.id, end }
}

const decoderFor = <M extends Method>(
  method: M
): ((params: unknown, received: Received) => TranslatedNotification) => {
  const decode = Schema.decodeUnknownOption<Schema.ConstraintDecoder<unknown> & { readonly Type: Params<M> }>(
    Protocol.notifications[method]
  )
  return (params, received) =>
    Option.match(decode(params), {
      onNone: () => unreadable(method, params, received.at),
      onSome: (decoded) => decoders[method](decoded, received.at, received)
    })
}

const notifications: {
  readonly [M in Method]: (params: unknown, received: Received) => TranslatedNotification
} = {
  "turn/started": decoderFor("turn/started"),
  "turn/completed": decoderFor("turn/completed"),
  "item/started": decoderFor("item/started"),
  "item/completed": decoderFor("item/completed"),
  "item/agentMessage/delta": decoderFor("item/agentMessage/delta"),
  "item/reasoning/summaryTextDelta": decoderFor("item/reasoning/summaryTextDelta"),
  "item/reasoning/textDelta": decoderFor("item/reasoning/textDelta"),
  "item/plan/delta": decoderFor("item/plan/delta"),
  "turn/plan/updated": decoderFor("turn/plan/updated"),
  "item/commandExecution/outputDelta": decoderFor("item/commandExecution/outputDelta"),
  "turn/diff/updated": decoderFor("turn/diff/updated"),
  "thread/tokenUsage/updated": decoderFor("thread/tokenUsage/updated"),
  "thread/status/changed": decoderFor("thread/status/changed"),
  "serverRequest/resolved": decoderFor("serverRequest/resolved"),
  error: decoderFor("error"),
  "rawResponseItem/completed": decoderFor("rawResponseItem/completed"),
  "rawResponse/completed": decoderFor("rawResponse/completed")
}

const isKnown = (method: string): method is Method => Object.hasOwn(notifications, method)

const ignoredMethods: ReadonlySet<string> = new Set(Protocol.ignoredNotifications)

/** Maps a notification. A notification with an unknown method becomes an `Unknown` event if it names a turn. */
export const notification = (
  method: string,
  params: unknown,
  at: number,
  source: Omit<Received, "at"> = {}
): TranslatedNotification => {
  if (isKnown(method)) return notifications[method](params, { ...source, at })
  return ignoredMethods.has(method) ? ignored : unknown(method, params, at)
}

/**
 * Whether the history has no end of a turn that does not run: its process died, or it ended while Codex made the reply. Codex
 * reads the history before it looks whether the turn runs, so in the second case the next reply has the end.
 */
export const lacksEnd = (turn: {
  readonly status: string
  readonly completedAt?: number | null | undefined
}): boolean => turn.status === "interrupted" && typeof turn.completedAt !== "number"

/** Returns how a stored turn ended. */
export const turnEnd = (
  turn: { readonly status: string; readonly error?: typeof Protocol.TurnError.Type | null },
  received?: Received
): TranslatedTurnEnd => {
  switch (turn.status) {
    case "completed":
      return "completed"
    case "interrupted":
      return new CodexError.TurnInterrupted({ by: "codex" })
    default:
      return ErrorMapping.classify(
        turn.error ?? { message: `the turn ended with status ${turn.status}` },
        received
      )
  }
}

const decodeMessageContent = Schema.decodeUnknownOption(Protocol.MessageContent)

/** Returns the text of a `ModelMessage`. */
export const messageText = (content: unknown): string =>
  Option.match(decodeMessageContent(content), {
    onNone: () => "",
    onSome: (parts) => parts.map(({ text }) => text ?? "").join("")
  })

const decodeThreadRead = Schema.decodeUnknownOption(Protocol.ThreadRead)

/** Returns how a turn ended according to a `thread/read` reply, if the reply holds the turn. */
export const endOf = (
  read: unknown,
  turnId: TurnId,
  mask: (text: string) => string
): Option.Option<TranslatedTurnEnd | "inProgress"> =>
  Option.flatMap(decodeThreadRead(read), ({ thread }) => {
    const turn = thread.turns?.find((turn) => turn.id === turnId)
    return turn === undefined
      ? Option.none()
      : Option.some(turn.status === "inProgress" ? turn.status : turnEnd(turn, { at: 0, mask }))
  })

/** Whether a `thread/read` reply holds the turn without its end, although it does not run. */
export const readLacksEnd = (read: unknown, turnId: TurnId): boolean =>
  Option.exists(decodeThreadRead(read), ({ thread }) =>
    (thread.turns ?? []).some((turn) => turn.id === turnId && lacksEnd(turn))
  )

/** Whether a `thread/read` reply reports a running turn. */
export const isActive = (read: unknown): boolean =>
  Option.exists(decodeThreadRead(read), ({ thread }) => thread.status?.type === "active")

/** Whether a `thread/read` reply reports that no turn is running. */
export const isIdle = (read: unknown): boolean =>
  Option.exists(
    decodeThreadRead(read),
    ({ thread }) => thread.status !== undefined && idleStatuses.has(thread.status.type)
  )

const toolContent = (part: Item.ToolContent): object => {
  switch (part._tag) {
    case "Text":
      return { type: "inputText", text: part.text }
    case "Image":
      return { type: "inputImage", imageUrl: part.url }
    case "Audio":
      return { type: "inputAudio", audioUrl: part.url }
  }
}

/** Encodes the result of a tool call. */
export const toolOutput = ({ content, success, text }: Engine.EngineToolOutput): unknown => ({
  contentItems: content?.map(toolContent) ?? [{ type: "inputText", text }],
  success
})

const text = (text: string) => ({ type: "text", text, text_elements: [] })

const inputPart = (part: TurnOptions.InputPart): ReadonlyArray<unknown> => {
  switch (part._tag) {
    case "Text":
      return [text(part.text)]
    case "Image":
      return [{ type: "image", url: part.url, ...optionalField("detail", part.detail) }]
    case "LocalImage":
      return [{ type: "localImage", path: part.path, ...optionalField("detail", part.detail) }]
    case "Audio":
      return [{ type: "audio", url: part.url }]
    case "LocalAudio":
      return [{ type: "localAudio", path: part.path }]
    case "Skill":
      return [{ type: "skill", name: part.name, path: part.path }]
    case "Mention":
      return [{ type: "mention", name: part.name, path: part.path }]
    case "Attachment": {
      const { mediaType, name, path } = part.attachment
      // Codex accepts only images. For any other file the model receives the path.
      return MediaType.isImage(mediaType)
        ? [{ type: "localImage", path }]
        : [text(`Attached file ${JSON.stringify(name)} (${mediaType}): ${path}`)]
    }
  }
}

/** Encodes the input of a turn. */
export const input = (input: TurnOptions.TurnInput): ReadonlyArray<unknown> =>
  typeof input === "string" ? [text(input)] : input.flatMap(inputPart)

/** Encodes what a review looks at. */
export const reviewTarget = (target: Review.ReviewTarget): Readonly<Record<string, unknown>> => {
  switch (target._tag) {
    case "Uncommitted":
      return { type: "uncommittedChanges" }
    case "Branch":
      return { type: "baseBranch", branch: target.branch }
    case "Commit":
      return { type: "commit", sha: target.sha, title: target.title ?? null }
    case "Custom":
      return { type: "custom", instructions: target.instructions }
  }
}
