/**
 * Reads Server-Sent Events with `fetch`. The browser's own `EventSource` sends no `Authorization` header, so the secret would have to
 * be in the address or in a cookie.
 */
import { send, ServerError } from "./Client.ts"
import { makeParser, type ServerEvent } from "./EventParser.ts"

export interface FollowOptions {
  readonly onEvent: (event: ServerEvent) => void
  readonly onConnected?: (connected: boolean) => void
  /** Whether an event is the last one. The stream is opened again after any other end. */
  readonly isLast?: (event: ServerEvent) => boolean
  /** Called when the server refuses the stream for a reason that stays, such as a turn that is gone. */
  readonly onRefused?: (error: ServerError) => void
}

/** The server sends a comment after 15 seconds without an event. A connection that is silent for longer is lost. */
const silenceMillis = 40_000
const waits = [500, 1000, 2000, 5000, 10_000]

const readOnce = async (
  path: string,
  lastId: string | undefined,
  options: FollowOptions,
  signal: AbortSignal
) => {
  const own = new AbortController()
  const abort = () => own.abort()
  signal.addEventListener("abort", abort)
  let timer = setTimeout(abort, silenceMillis)
  let seen = lastId
  let ended = false
  try {
    const response = await send("GET", path, {
      headers: lastId === undefined ? {} : { "last-event-id": lastId },
      signal: own.signal
    })
    options.onConnected?.(true)
    const parse = makeParser((event) => {
      seen = event.id ?? seen
      ended ||= options.isLast?.(event) === true
      options.onEvent(event)
    })
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
  return { seen, ended }
}

/** Follows a stream until its last event or until the returned function is called. Continues where it was after a lost connection. */
export const follow = (path: string, options: FollowOptions): (() => void) => {
  const controller = new AbortController()
  const { signal } = controller
  let seen: string | undefined
  const own: FollowOptions = {
    ...options,
    onEvent: (event) => {
      seen = event.id ?? seen
      if (!signal.aborted) options.onEvent(event)
    }
  }
  const run = async () => {
    for (let failures = 0; !signal.aborted;) {
      try {
        const { ended } = await readOnce(path, seen, own, signal)
        if (ended) return
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof ServerError && [401, 403, 404].includes(error.status)) {
          options.onRefused?.(error)
          return
        }
        options.onConnected?.(false)
      }
      const wait = waits[Math.min(failures++, waits.length - 1)] ?? 0
      await new Promise((resolve) => setTimeout(resolve, wait + Math.random() * 200))
    }
  }
  void run()
  return () => controller.abort()
}
