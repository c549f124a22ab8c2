/**
 * Reads Server-Sent Events with `fetch`. The browser's own `EventSource` sends no `Authorization` header, so the secret would have to
 * be in the address or in a cookie.
 */
import { send, ServerError } from "./Client.ts"
import * as FollowedStream from "./FollowedStream.ts"

export interface FollowOptions extends FollowedStream.FollowedStreamOptions {
  /** Called when the server refuses the stream for a reason that stays, such as a turn that is gone. */
  readonly onRefused?: (error: ServerError) => void
}

/** Follows a stream until its last event or until the returned function is called. Continues where it was after a lost connection. */
export const follow = (path: string, options: FollowOptions): (() => void) => {
  const controller = new AbortController()
  const source: FollowedStream.StreamSource = {
    open: (lastId, signal) =>
      send("GET", path, { headers: lastId === undefined ? {} : { "last-event-id": lastId }, signal }),
    isRefused: (error) => {
      if (!(error instanceof ServerError) || ![401, 403, 404].includes(error.status)) return false
      options.onRefused?.(error)
      return true
    }
  }
  void FollowedStream.followUntilEnd(source, options, controller.signal)
  return () => controller.abort()
}
