/**
 * A JSON-RPC peer over lines of text, in the dialect of `codex app-server`. It knows messages and nothing of what they
 * mean: replies go to whoever asked, everything else to its host.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as TraceContext from "../../internal/TraceContext.ts"
import * as LineSplitter from "./LineSplitter.ts"

/** The peer answered with an error. */
export class RpcError extends Data.TaggedError("RpcError")<{
  readonly method: string
  readonly code: number
  readonly text: string
  readonly inputTooLarge: boolean
}> {}

/** The peer did not answer in time. */
export class RequestTimeout extends Data.TaggedError("RequestTimeout")<{ readonly method: string }> {}

/** The peer is gone; what is known of why is the host's to tell. */
export class ConnectionClosed extends Data.TaggedError("ConnectionClosed") {}

export type RpcRequestError = RpcError | RequestTimeout | ConnectionClosed

/** A request of the peer. The first answer is sent, any other is not. */
export interface IncomingRequest {
  readonly id: string | number
  readonly reply: (result: unknown) => void
  readonly refuse: (code: number, message: string) => void
}

/** What the peer's owner does with what comes unasked. Called synchronously, in the order of arrival. */
export interface Host {
  readonly onNotification: (method: string, params: unknown, emittedAtMs: number | undefined) => void
  readonly onRequest: (request: IncomingRequest, method: string, params: unknown) => void
  /** So many malformed lines in a row that it makes no sense to go on. */
  readonly onUnparsable: () => void
}

export interface RequestOptions {
  /** Sees the result when it arrives, before any message that follows it. */
  readonly onResult?: (result: unknown) => void
  readonly timeout?: Duration.Input
}

export interface Counters {
  malformed: number
  skipped: number
  unknownReplies: number
}

export interface Connection {
  readonly request: (
    method: string,
    params: unknown,
    options?: RequestOptions
  ) => Effect.Effect<unknown, RpcRequestError>
  readonly notify: (method: string) => void
  readonly receive: (chunk: Uint8Array) => void
  /** Fails what is waiting, and everything from now on. */
  readonly close: () => void
  readonly counters: () => Readonly<Counters>
}

// Only what a message cannot do without has a type here: one odd field must not lose the message it stands in.
const Message = Schema.Struct({
  id: Schema.optionalKey(Schema.NullOr(Schema.Union([Schema.String, Schema.Finite]))),
  method: Schema.optionalKey(Schema.String),
  params: Schema.optionalKey(Schema.Unknown),
  result: Schema.optionalKey(Schema.Unknown),
  error: Schema.optionalKey(Schema.Unknown),
  emittedAtMs: Schema.optionalKey(Schema.Unknown)
})
const decodeMessage = Schema.decodeUnknownOption(Message)
const decodeError = Schema.decodeUnknownOption(
  Schema.Struct({ code: Schema.Finite, message: Schema.String, data: Schema.optionalKey(Schema.Unknown) })
)
const decodeTooLarge = Schema.decodeUnknownOption(
  Schema.Struct({ input_error_code: Schema.Literal("input_too_large") })
)

const parse = (line: string): Option.Option<typeof Message.Type> => {
  try {
    return decodeMessage(JSON.parse(line))
  } catch {
    return Option.none()
  }
}

interface Pending {
  readonly method: string
  readonly onResult: ((result: unknown) => void) | undefined
  readonly resume: (effect: Effect.Effect<unknown, RpcRequestError>) => void
}

/** Says what was passed over, if anything was: the peer speaks of something that we do not understand. */
export const warnSkipped = ({
  malformed,
  skipped,
  unknownReplies
}: Readonly<Counters>): Effect.Effect<void> => {
  const counts = [
    [malformed, "lines that are no message"],
    [skipped, "lines that are too long"],
    [unknownReplies, "answers that nobody asked for"]
  ] as const
  const descriptions = counts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : []))
  return descriptions.length === 0
    ? Effect.void
    : Effect.logWarning(`codex said ${descriptions.join(", ")}; they were passed by`)
}

const maxLineBytes = 64 * 1024 * 1024
const maxInFlight = 64
const maxConsecutiveMalformed = 100
const overloaded = -32001
const badParams = -32602
const internalError = -32603

/** A connection that sends whole lines by `send`, which must not fail and must not wait. */
export const make = (
  send: (line: string) => void,
  host: Host,
  requestTimeout: Duration.Duration
): Connection => {
  const pending = new Map<string | number, Pending>()
  // More than some 128 at once and Codex drops answers without a word.
  const inFlight = Semaphore.makeUnsafe(maxInFlight)
  const lines = LineSplitter.make(maxLineBytes)
  const counters: Counters = { malformed: 0, skipped: 0, unknownReplies: 0 }
  let consecutiveMalformed = 0
  let nextId = 0
  let open = true

  const write = (message: unknown) => {
    if (open) send(`${JSON.stringify(message)}\n`)
  }

  /** Why something cannot be said; what comes from outside may be a circle or hold what JSON has no word for. */
  const trySend = (message: unknown): string | undefined => {
    try {
      write(message)
      return undefined
    } catch (error) {
      return `it cannot be put as JSON: ${error instanceof Error ? error.message : String(error)}`
    }
  }

  const makeIncomingRequest = (id: string | number): IncomingRequest => {
    let answered = false
    const answer = (message: object) => {
      if (answered) return
      answered = true
      const why = trySend(message)
      if (why !== undefined) write({ id, error: { code: internalError, message: why } })
    }
    return {
      id,
      reply: (result) => answer({ id, result }),
      refuse: (code, message) => answer({ id, error: { code, message } })
    }
  }

  const toRpcError = (method: string, error: unknown) =>
    Option.match(decodeError(error), {
      onNone: () => new RpcError({ method, code: 0, text: JSON.stringify(error), inputTooLarge: false }),
      onSome: ({ code, data, message }) =>
        new RpcError({ method, code, text: message, inputTooLarge: Option.isSome(decodeTooLarge(data)) })
    })

  const receiveLine = (line: string) => {
    const parsed = parse(line)
    if (Option.isNone(parsed)) {
      counters.malformed++
      if (++consecutiveMalformed === maxConsecutiveMalformed) host.onUnparsable()
      return
    }
    consecutiveMalformed = 0
    const { emittedAtMs, error, method, params, result } = parsed.value
    const id = parsed.value.id ?? undefined
    if (method !== undefined) {
      if (id !== undefined) return host.onRequest(makeIncomingRequest(id), method, params)
      return host.onNotification(method, params, typeof emittedAtMs === "number" ? emittedAtMs : undefined)
    }
    const waiting = id === undefined ? undefined : pending.get(id)
    if (waiting === undefined || id === undefined) {
      counters.unknownReplies++
      return
    }
    pending.delete(id)
    if (error !== undefined && error !== null) {
      waiting.resume(Effect.fail(toRpcError(waiting.method, error)))
    } else {
      waiting.onResult?.(result)
      waiting.resume(Effect.succeed(result))
    }
  }

  const sendOnce = (method: string, params: unknown, options: RequestOptions | undefined) =>
    Effect.withFiber<unknown, RpcRequestError>((fiber) => {
      const trace = TraceContext.fields(fiber.cache.span)
      return Effect.callback<unknown, RpcRequestError>((resume) => {
        if (!open) return resume(Effect.fail(new ConnectionClosed()))
        const id = nextId++
        pending.set(id, { method, onResult: options?.onResult, resume })
        const text = trySend(trace === undefined ? { id, method, params } : { id, method, params, trace })
        if (text !== undefined)
          resume(Effect.fail(new RpcError({ method, code: badParams, text, inputTooLarge: false })))
        return Effect.sync(() => pending.delete(id))
      })
    })

  const retrySchedule = Schedule.exponential("50 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 6 }))

  return {
    request: (method, params, options) =>
      inFlight
        .withPermits(1)(
          sendOnce(method, params, options).pipe(
            Effect.timeoutOrElse({
              duration: options?.timeout ?? requestTimeout,
              orElse: () => Effect.fail(new RequestTimeout({ method }))
            })
          )
        )
        .pipe(
          Effect.retry({
            schedule: retrySchedule,
            while: (error) => error._tag === "RpcError" && error.code === overloaded
          })
        ),
    notify: (method) => write({ method }),
    receive: (chunk) => {
      for (const line of lines.push(chunk)) receiveLine(line)
      counters.skipped = lines.skipped()
    },
    close: () => {
      if (!open) return
      open = false
      const waiting = [...pending.values()]
      pending.clear()
      for (const { resume } of waiting) resume(Effect.fail(new ConnectionClosed()))
    },
    counters: () => counters
  }
}
