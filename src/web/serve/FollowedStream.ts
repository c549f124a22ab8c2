/** Reads Server-Sent Events over any number of connections, until the last event. */
import { makeParser, type ServerEvent } from "./EventParser.ts"

export interface FollowedStreamOptions {
  readonly onEvent: (event: ServerEvent) => void
  readonly onConnected?: (connected: boolean) => void
  /** Whether an event is the last one. The stream is opened again after any other end. */
  readonly isLast?: (event: ServerEvent) => boolean
}

/** How the stream is opened. */
export interface StreamSource {
  /** Opens the stream after the event with this id. */
  readonly open: (lastId: string | undefined, signal: AbortSignal) => Promise<Response>
  /** Handles an error, and returns whether the stream cannot be opened again. */
  readonly isRefused: (error: unknown) => boolean
  /** Waits before the stream is opened again. */
  readonly sleep?: (millis: number) => Promise<void>
}

/** The server sends a comment after 15 seconds without an event. A connection that is silent for longer is lost. */
const silenceMillis = 40_000
const waits = [500, 1000, 2000, 5000, 10_000]

/** Reads the stream until it ends or breaks, and passes its events on. */
const readOnce = async (
  open: (signal: AbortSignal) => Promise<Response>,
  options: Pick<FollowedStreamOptions, "onEvent" | "onConnected">,
  signal: AbortSignal
) => {
  const own = new AbortController()
  const abort = () => own.abort()
  signal.addEventListener("abort", abort)
  let timer = setTimeout(abort, silenceMillis)
  try {
    const response = await open(own.signal)
    options.onConnected?.(true)
    const parse = makeParser(options.onEvent)
    const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader()
    const decoder = new TextDecoder()
    while (true) {
      const { done, value } = await reader.read()
      clearTimeout(timer)
      timer = setTimeout(abort, silenceMillis)
      if (done) break
      parse(decoder.decode(value, { stream: true }))
    }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener("abort", abort)
  }
}

const sleepFor = (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, millis))

/**
 * Follows a stream until its last event, until it is refused, or until `signal` aborts. Continues where it was after a lost
 * connection, which can also break right after the last event.
 */
export const followUntilEnd = async (
  { isRefused, open, sleep = sleepFor }: StreamSource,
  options: FollowedStreamOptions,
  signal: AbortSignal
): Promise<void> => {
  let seen: string | undefined
  let ended = false
  const onEvent = (event: ServerEvent) => {
    seen = event.id ?? seen
    ended ||= options.isLast?.(event) === true
    if (!signal.aborted) options.onEvent(event)
  }
  for (let failures = 0; !signal.aborted;) {
    try {
      await readOnce((own) => open(seen, own), { ...options, onEvent }, signal)
      failures = 0
    } catch (error) {
      if (signal.aborted || ended || isRefused(error)) return
      options.onConnected?.(false)
    }
    if (ended) return
    const wait = waits[Math.min(failures++, waits.length - 1)] ?? 0
    await sleep(wait + Math.random() * 200)
  }
}
