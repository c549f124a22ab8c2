/** Streams of notifications for consumers of any speed. The engine never waits for them. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as BoundedContent from "../domain/BoundedContent.ts"
import * as ContentLimits from "../domain/ContentLimits.ts"
import * as CodexProtocol from "../engine/CodexProtocol.ts"
import type * as Engine from "../engine/Engine.ts"

export interface NotificationBuffer {
  readonly offer: (notification: Engine.EngineNotification) => void
  /** Ends the stream after the notifications that it still contains. */
  readonly end: () => void
  readonly stream: Stream.Stream<CodexProtocol.Notification>
}

/** The bytes that each notification counts for, in addition to its parameters. */
const notificationBytes = 128
/** The list is compacted if it contains this many dropped notifications, and more dropped ones than others. */
const minCompacted = 1000

/**
 * Makes a buffer. While the waiting notifications take more than `limit` bytes, it drops the oldest, and the consumer
 * receives a `NotificationsOmitted` first when it reads again.
 */
export const makeBuffer = (limit: number): NotificationBuffer => {
  let waiting: Array<{ readonly notification: Engine.EngineNotification; readonly bytes: number }> = []
  /** How many notifications at the start of `waiting` are dropped. */
  let dropped = 0
  let bytes = 0
  let omitted = { count: 0, at: 0 }
  let ended = false
  const filled = Latch.makeUnsafe(false)

  const isFull = () => bytes > limit

  const drop = () => {
    const oldest = waiting[dropped]
    if (oldest === undefined) return
    bytes -= oldest.bytes
    omitted = { count: omitted.count + 1, at: oldest.notification.at }
    dropped++
  }

  const takeAll = (): ReadonlyArray<CodexProtocol.Notification> => {
    const all: Array<CodexProtocol.Notification> = []
    if (omitted.count > 0) all.push({ _tag: "NotificationsOmitted", ...omitted })
    for (let index = dropped; index < waiting.length; index++) {
      const entry = waiting[index]
      if (entry !== undefined) all.push(CodexProtocol.toNotification(entry.notification))
    }
    waiting = []
    dropped = 0
    bytes = 0
    omitted = { count: 0, at: 0 }
    return all
  }

  const take: Pull.Pull<Arr.NonEmptyReadonlyArray<CodexProtocol.Notification>> = Effect.suspend(() => {
    const all = takeAll()
    if (Arr.isReadonlyArrayNonEmpty(all)) return Effect.succeed(all)
    if (ended) return Cause.done()
    filled.closeUnsafe()
    return Effect.andThen(filled.await, take)
  })

  return {
    offer: (notification) => {
      if (ended) return
      const size = notificationBytes + BoundedContent.sizeOf(notification.params)
      waiting.push({ notification, bytes: size })
      bytes += size
      while (isFull() && dropped < waiting.length) drop()
      if (dropped >= minCompacted && dropped * 2 >= waiting.length) {
        waiting = waiting.slice(dropped)
        dropped = 0
      }
      filled.openUnsafe()
    },
    end: () => {
      ended = true
      filled.openUnsafe()
    },
    stream: Stream.fromPull(Effect.succeed(take))
  }
}

/**
 * Makes a stream of an engine's notifications. Each run of the stream starts with the next notification and has a buffer
 * of its own. When the scope closes, all runs end.
 */
export const make = (
  engine: Pick<Engine.Engine["Service"], "subscribe">,
  accepts: (notification: Engine.EngineNotification) => boolean = () => true
): Effect.Effect<Stream.Stream<CodexProtocol.Notification>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const buffers = new Set<NotificationBuffer>()
    let closed = false
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        for (const buffer of buffers) buffer.end()
      })
    )
    return Stream.unwrap(
      Effect.gen(function* () {
        const { bufferBytes } = yield* ContentLimits.Current
        const buffer = yield* Effect.acquireRelease(
          Effect.sync(() => {
            const buffer = makeBuffer(bufferBytes)
            buffers.add(buffer)
            return buffer
          }),
          (buffer) => Effect.sync(() => buffers.delete(buffer))
        )
        if (closed) buffer.end()
        yield* (
          engine.subscribe?.((notification) => {
            if (accepts(notification)) buffer.offer(notification)
          }) ?? Effect.void
        )
        return buffer.stream
      })
    )
  })
