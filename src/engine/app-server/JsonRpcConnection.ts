/**
 * A JSON-RPC peer over lines of text, in the dialect of `codex app-server`. It does not interpret messages: it matches
 * replies to their requests and passes everything else to its host.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as TraceContext from "../../internal/TraceContext.ts"
import * as LineSplitter from "./LineSplitter.ts"

/** The peer replied with an error. */
export class RpcError extends Data.TaggedError("RpcError")<{
  readonly method: string
  readonly code: number
  readonly text: string
  readonly inputTooLarge: boolean
}> {}

/** The peer did not reply in time. */
export class RequestTimeout extends Data.TaggedError("RequestTimeout")<{ readonly method: string }> {}

/** The connection is closed. The host knows why. */
export class ConnectionClosed extends Data.TaggedError("ConnectionClosed") {}

/** The sender refused to send the request when its turn to be sent came. Nothing was sent. */
export class RequestRefused extends Data.TaggedError("RequestRefused") {}

export type RpcRequestError = RpcError | RequestTimeout | RequestRefused | ConnectionClosed

/** Codex unloads a thread whose last handle closed. Until then it refuses requests about the thread, without a code of its own. */
const isClosing = ({ text }: RpcError): boolean => /^thread \S+ is closing; retry /.test(text)

/** A request from the peer. Only the first reply is sent; later ones are ignored. */
export interface IncomingRequest {
  readonly id: string | number
  readonly reply: (result: unknown) => void
  readonly refuse: (code: number, message: string) => void
}

/** The callbacks for notifications and requests from the peer. Called synchronously, in order of arrival. */
export interface Host {
  readonly onNotification: (method: string, params: unknown, emittedAtMs: number | undefined) => void
  readonly onRequest: (request: IncomingRequest, method: string, params: unknown) => void
  /** Called after `maxConsecutiveMalformed` consecutive malformed lines. */
  readonly onUnparsable: () => void
  /** Masks secrets in the texts of error replies. */
  readonly mask?: ((text: string) => string) | undefined
}

export interface RequestOptions {
  /** Called right before the request is sent. Returns `true` to send nothing; the request then fails as `RequestRefused`. */
  readonly isRefused?: (() => boolean) | undefined
  /** Called with the id of the request just before it is sent. */
  readonly onSend?: ((id: number) => void) | undefined
  /** Called with the result on arrival, before any later message is processed. */
  readonly onResult?: ((result: unknown) => void) | undefined
  /** How long the reply may take, without the wait for other requests. May be infinite. */
  readonly timeout?: Duration.Input | undefined
  /** Whether the request may take long. Such requests wait only for each other, so that they do not hold up short ones. */
  readonly isLong?: boolean | undefined
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
  /** Processes the lines that this chunk completes. */
  readonly receive: (chunk: Uint8Array) => void
  /** The same, one line for each step of the iterator, so that the caller can let other work run between lines. */
  readonly receiveLines: (chunk: Uint8Array) => Iterator<void>
  /** Processes one whole message, from a transport that keeps messages apart. */
  readonly receiveMessage: (message: string) => void
  /** Fails all pending requests and all later ones. */
  readonly close: () => void
  readonly counters: () => Readonly<Counters>
}

interface Message {
  readonly id: string | number | undefined
  readonly method: string | undefined
  readonly params: unknown
  readonly result: unknown
  readonly error: unknown
  readonly emittedAtMs: unknown
}

// Decoded by hand, because every line passes here, and its params are decoded by a Schema of their own. Only `id` and
// `method` have a type: an unexpected value in another field must not discard the message.
const decodeMessage = (message: unknown): Message | undefined => {
  if (!Predicate.isObject(message)) return undefined
  const { emittedAtMs, error, id, method, params, result } = message
  if (method !== undefined && typeof method !== "string") return undefined
  if (id === undefined || id === null) return { id: undefined, method, params, result, error, emittedAtMs }
  return typeof id === "string" || (typeof id === "number" && Number.isFinite(id))
    ? { id, method, params, result, error, emittedAtMs }
    : undefined
}

const decodeError = Schema.decodeUnknownOption(
  Schema.Struct({ code: Schema.Finite, message: Schema.String, data: Schema.optionalKey(Schema.Unknown) })
)
const decodeTooLarge = Schema.decodeUnknownOption(
  Schema.Struct({ input_error_code: Schema.Literal("input_too_large") })
)

const parse = (line: string): Message | undefined => {
  try {
    return decodeMessage(JSON.parse(line))
  } catch {
    return undefined
  }
}

interface Pending {
  readonly method: string
  readonly onResult: ((result: unknown) => void) | undefined
  readonly resume: (effect: Effect.Effect<unknown, RpcRequestError>) => void
}

/** Logs a warning about skipped lines and unknown replies, if there were any. */
export const warnSkipped = ({
  malformed,
  skipped,
  unknownReplies
}: Readonly<Counters>): Effect.Effect<void> => {
  const counts = [
    [malformed, "malformed lines"],
    [skipped, "lines that are too long"],
    [unknownReplies, "replies to unknown requests"]
  ] as const
  const descriptions = counts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : []))
  return descriptions.length === 0
    ? Effect.void
    : Effect.logWarning(`codex app-server sent ${descriptions.join(", ")}; they were skipped`)
}

const maxLineBytes = 64 * 1024 * 1024
const maxInFlight = 64
const maxLongInFlight = 32
/** How many consecutive malformed lines end the connection. */
export const maxConsecutiveMalformed = 100
const overloaded = -32001
const badParams = -32602
const internalError = -32603

/** Fails a request that takes longer. The duration may be infinite. */
export const withTimeout = <A, E>(
  method: string,
  duration: Duration.Duration,
  request: Effect.Effect<A, E>
): Effect.Effect<A, E | RequestTimeout> =>
  Duration.isFinite(duration)
    ? Effect.timeoutOrElse(request, { duration, orElse: () => Effect.fail(new RequestTimeout({ method })) })
    : request

/** Makes a connection that sends whole lines with `send`, which must not fail and must not wait. */
export const make = (
  send: (line: string) => void,
  host: Host,
  requestTimeout: Duration.Duration
): Connection => {
  const pending = new Map<string | number, Pending>()
  // Above about 128 concurrent requests Codex drops replies without an error (openai/codex#19366).
  const inFlight = Semaphore.makeUnsafe(maxInFlight)
  const longInFlight = Semaphore.makeUnsafe(maxLongInFlight)
  const lines = LineSplitter.make(maxLineBytes)
  const counters: Counters = { malformed: 0, skipped: 0, unknownReplies: 0 }
  let consecutiveMalformed = 0
  let nextId = 0
  let open = true

  const write = (message: unknown) => {
    if (open) send(`${JSON.stringify(message)}\n`)
  }

  /** Sends a message. Returns the reason if it cannot be serialised (cycle, bigint). */
  const trySend = (message: unknown): string | undefined => {
    try {
      write(message)
      return undefined
    } catch (error) {
      return `the message cannot be serialised as JSON: ${error instanceof Error ? error.message : String(error)}`
    }
  }

  const makeIncomingRequest = (id: string | number): IncomingRequest => {
    let answered = false
    const answer = (message: object) => {
      if (answered) return
      answered = true
      const failure = trySend(message)
      if (failure !== undefined) write({ id, error: { code: internalError, message: failure } })
    }
    return {
      id,
      reply: (result) => answer({ id, result }),
      refuse: (code, message) => answer({ id, error: { code, message } })
    }
  }

  const mask = host.mask ?? ((text: string) => text)
  const toRpcError = (method: string, error: unknown) =>
    Option.match(decodeError(error), {
      onNone: () =>
        new RpcError({ method, code: 0, text: mask(JSON.stringify(error)), inputTooLarge: false }),
      onSome: ({ code, data, message }) =>
        new RpcError({
          method,
          code,
          text: mask(message),
          inputTooLarge: Option.isSome(decodeTooLarge(data))
        })
    })

  const receiveLine = (line: string) => {
    const parsed = parse(line)
    if (parsed === undefined) {
      counters.malformed++
      if (++consecutiveMalformed === maxConsecutiveMalformed) host.onUnparsable()
      return
    }
    consecutiveMalformed = 0
    const { emittedAtMs, error, id, method, params, result } = parsed
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
        if (options?.isRefused?.() === true) return resume(Effect.fail(new RequestRefused()))
        const id = nextId++
        options?.onSend?.(id)
        pending.set(id, { method, onResult: options?.onResult, resume })
        const text = trySend(trace === undefined ? { id, method, params } : { id, method, params, trace })
        if (text !== undefined)
          resume(Effect.fail(new RpcError({ method, code: badParams, text, inputTooLarge: false })))
        return Effect.sync(() => pending.delete(id))
      })
    })

  const retrySchedule = Schedule.exponential("50 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 6 }))

  return {
    request: (method, params, options) => {
      const duration = Duration.fromInputUnsafe(options?.timeout ?? requestTimeout)
      const limited = withTimeout(method, duration, sendOnce(method, params, options))
      const permits = options?.isLong === true ? longInFlight : inFlight
      return Effect.retry(permits.withPermits(1)(limited), {
        schedule: retrySchedule,
        while: (error) => error._tag === "RpcError" && (error.code === overloaded || isClosing(error))
      })
    },
    notify: (method) => write({ method }),
    receive: (chunk) => {
      for (const line of lines.push(chunk)) receiveLine(line)
      counters.skipped = lines.skipped()
    },
    receiveLines: function* (chunk) {
      const completed = lines.push(chunk)
      counters.skipped = lines.skipped()
      for (const line of completed) {
        receiveLine(line)
        yield
      }
    },
    receiveMessage: receiveLine,
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
