/** Finds the warnings among Codex's notifications and logs them. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"
import * as LocalLog from "../../internal/LocalLog.ts"
import { printableLine } from "../../internal/VisibleText.ts"
import type { ServerNotifications } from "./generated/Methods.ts"

export interface CodexWarning {
  readonly text: string
  readonly threadId: string | undefined
  /** Whether the text quotes the conversation, so that it must not leave this machine. */
  readonly isContent: boolean
}

const text = Schema.String
const nullish = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))
const threadId = nullish(text)
const notice = { summary: text, details: nullish(text) }

interface NoticeParams {
  readonly summary: string
  readonly details?: string | null
}
const noticeText = ({ details, summary }: NoticeParams) =>
  details === undefined || details === null || details === "" ? summary : `${summary} (${details})`

type Reader = (params: unknown) => CodexWarning | undefined

const reader = <A extends { readonly threadId?: string | null }>(
  schema: Schema.Decoder<A>,
  textOf: (params: A) => string | undefined,
  isContent = false
): Reader => {
  const decode = Schema.decodeUnknownOption(schema)
  return (params) =>
    Option.match(decode(params), {
      onNone: () => undefined,
      onSome: (decoded) => {
        const text = textOf(decoded)
        return text === undefined ? undefined : { text, threadId: decoded.threadId ?? undefined, isContent }
      }
    })
}

const readers: { readonly [M in keyof ServerNotifications]?: Reader } = {
  warning: reader(Schema.Struct({ threadId, message: text }), ({ message }) => message),
  // The message says what the agent was about to do.
  guardianWarning: reader(Schema.Struct({ threadId, message: text }), ({ message }) => message, true),
  configWarning: reader(
    Schema.Struct({ threadId, ...notice, path: nullish(text) }),
    ({ path, ...params }) =>
      `configuration${path === undefined || path === null ? "" : ` ${path}`}: ${noticeText(params)}`
  ),
  deprecationNotice: reader(
    Schema.Struct({ threadId, ...notice }),
    (params) => `deprecated: ${noticeText(params)}`
  ),
  "model/rerouted": reader(
    Schema.Struct({ threadId, fromModel: text, toModel: text, reason: Schema.Unknown }),
    ({ fromModel, reason, toModel }) =>
      `the model ${toModel} runs instead of ${fromModel}${typeof reason === "string" ? ` (${reason})` : ""}`
  ),
  "mcpServer/startupStatus/updated": reader(
    Schema.Struct({ threadId, name: text, status: text, error: nullish(text) }),
    ({ error, name, status }) =>
      status === "failed" ? `the MCP server "${name}" did not start: ${error ?? "no reason"}` : undefined
  ),
  "windows/worldWritableWarning": reader(
    Schema.Struct({ threadId, samplePaths: Schema.Array(text) }),
    ({ samplePaths }) => `everyone may write to ${samplePaths.join(", ")}`
  )
}

/** The methods of the notifications that may be warnings. */
export const methods: ReadonlySet<string> = new Set(Object.keys(readers))

const isRead = (method: string): method is keyof typeof readers => Object.hasOwn(readers, method)

/** Returns the warning of a notification, if it is one. */
export const read = (method: string, params: unknown): CodexWarning | undefined =>
  isRead(method) ? readers[method]?.(params) : undefined

type Fork = (effect: Effect.Effect<void>) => unknown

/**
 * Makes a function that logs the warnings among the notifications of a process. A warning about a thread whose turn runs
 * is logged in the context of that turn, which `turnFork` returns.
 */
export const makeLog = (
  turnFork: (threadId: string) => Fork | undefined
): Effect.Effect<(method: string, params: unknown) => void> =>
  Effect.contextWith((context: Context.Context<never>) => {
    // The process outlives the span and the annotations of the caller that started it.
    const fork = Effect.runForkWith(
      Context.omit(Tracer.ParentSpan)(Context.add(context, References.CurrentLogAnnotations, {}))
    )
    const lineOf = makeLines()
    return Effect.succeed((method, params) => {
      const warning = read(method, params)
      const line = warning === undefined ? undefined : lineOf(warning)
      if (warning === undefined || line === undefined) return
      const { isContent, threadId } = warning
      const log = Effect.logWarning(line)
      const run = (threadId === undefined ? undefined : turnFork(threadId)) ?? fork
      run(isContent ? LocalLog.localOnly(log) : log)
    })
  })

const maxLength = 2000
const maxDistinct = 100

/**
 * Makes a function that returns the log line for a warning. It returns each text once, because every thread repeats the
 * warnings about the configuration, and it returns a bounded number of lines.
 */
export const makeLines = (): ((warning: CodexWarning) => string | undefined) => {
  const known = new Set<string>()
  return ({ text }) => {
    if (known.size > maxDistinct) return undefined
    const line = `codex: ${printableLine(text, maxLength)}`
    if (known.has(line)) return undefined
    known.add(line)
    return known.size > maxDistinct
      ? `codex sent more than ${maxDistinct} different warnings; the log leaves out the others`
      : line
  }
}
