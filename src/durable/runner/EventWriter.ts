/** Stores the events of a turn in batches, while the turn goes on. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { TurnId } from "../../domain/Ids.ts"
import * as EventJson from "../../domain/EventJson.ts"
import type { StorageUnavailable } from "../../domain/StorageErrors.ts"
import type * as Turn from "../../domain/Turn.ts"
import type { NewEvent } from "../store/JournalQueries.ts"
import type { Store } from "../store/Store.ts"
import * as EventIdentity from "./EventIdentity.ts"

const decodeLine = Schema.decodeUnknownOption(Schema.fromJsonString(EventJson.EventLine))

/** Returns the events as they are stored. The text leaves out keys without a value, which the schema would reject. */
const toRows = (events: ReadonlyArray<{ readonly id: string | undefined; readonly event: object }>) =>
  events.flatMap(({ event, id }): ReadonlyArray<NewEvent> => {
    const line = decodeLine(JSON.stringify(event))
    return Option.isSome(line) ? [{ id, event: line.value }] : []
  })

export interface EventWriter {
  /** Adds an event. Never waits. `ofTurn`: the turn of the event, unless it is the one that started last. */
  readonly offer: (event: Turn.TurnEvent, ofTurn?: TurnId) => void
  /** Waits until all events so far are stored. */
  readonly flush: Effect.Effect<void, StorageUnavailable>
  /** Fails when events cannot be stored. */
  readonly failed: Effect.Effect<never, StorageUnavailable>
}

/** Starts to store the events of a turn, until the scope closes. While one batch is written, the next one is collected. */
export const make = Effect.fnUntraced(function* (
  { events }: Pick<Store["Service"], "events">,
  key: string,
  epoch: number
) {
  const failed = yield* Deferred.make<never, StorageUnavailable>()
  let waiting: Array<{ readonly id: string | undefined; readonly event: object }> = []
  let isWriting = false
  let turnId = TurnId.make("")
  let wake = Deferred.makeUnsafe<void>()
  let idle: Array<Deferred.Deferred<void, StorageUnavailable>> = []

  const settle = (exit: Exit.Exit<void, StorageUnavailable>) => {
    for (const waiter of idle.splice(0)) Deferred.doneUnsafe(waiter, exit)
  }

  const write = Effect.gen(function* () {
    yield* Deferred.await(wake)
    wake = Deferred.makeUnsafe()
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      isWriting = true
      yield* events.append(key, toRows(batch), epoch)
      isWriting = false
    }
    settle(Exit.void)
  })
  yield* Effect.forever(write).pipe(
    Effect.tapError((error: StorageUnavailable) =>
      Effect.sync(() => {
        Deferred.doneUnsafe(failed, Exit.fail(error))
        settle(Exit.fail(error))
      })
    ),
    Effect.forkScoped
  )

  return {
    offer: (event, ofTurn) => {
      if (event._tag === "TurnStarted") turnId = event.turnId
      if (!EventIdentity.isStored(event)) return
      waiting.push({ id: EventIdentity.of(ofTurn ?? turnId, event), event: EventJson.event(event) })
      Deferred.doneUnsafe(wake, Exit.void)
    },
    flush: Effect.suspend(() => {
      if (Deferred.isDoneUnsafe(failed)) return Deferred.await(failed)
      if (waiting.length === 0 && !isWriting) return Effect.void
      const done = Deferred.makeUnsafe<void, StorageUnavailable>()
      idle.push(done)
      return Deferred.await(done)
    }),
    failed: Deferred.await(failed)
  } satisfies EventWriter
})
