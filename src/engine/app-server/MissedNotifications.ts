/**
 * Restores what happened on a thread while its connection was down. It follows which turns and items are open, and derives
 * the notifications that are missing from the history that Codex returns when the thread is resumed. Pure.
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

export interface MissedNotification {
  readonly method: string
  readonly params: unknown
  /** Milliseconds since the epoch; `undefined` if Codex does not say when it happened. */
  readonly emittedAtMs: number | undefined
}

/** The items of a running turn that were reported, by id. */
interface OpenTurn {
  readonly started: Set<string>
  readonly completed: Set<string>
}

/** Returns a property that is a text. By hand, because every item passes here, and a Schema decodes it later. */
const textOf = (value: unknown, key: string): string | undefined => {
  const property = Predicate.isObject(value) ? value[key] : undefined
  return Predicate.isString(property) ? property : undefined
}

const idOf = (params: unknown, key: string): string | undefined =>
  Predicate.isObject(params) ? textOf(params[key], "id") : undefined

const Moment = Schema.optionalKey(Schema.NullOr(Schema.Finite))
const StoredItem = Schema.StructWithRest(
  Schema.Struct({
    id: Schema.String,
    type: Schema.String,
    status: Schema.optionalKey(Schema.NullOr(Schema.String)),
    clientId: Schema.optionalKey(Schema.NullOr(Schema.String)),
    startedAtMs: Moment,
    completedAtMs: Moment
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)
type StoredItem = typeof StoredItem.Type
const StoredTurn = Schema.StructWithRest(
  Schema.Struct({
    id: Schema.String,
    status: Schema.String,
    items: Schema.Array(StoredItem),
    startedAt: Moment,
    completedAt: Moment
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)
type StoredTurn = typeof StoredTurn.Type
const decodeResumed = Schema.decodeUnknownOption(
  Schema.Struct({
    thread: Schema.Struct({ status: Schema.optionalKey(Schema.NullOr(Schema.Unknown)) }),
    initialTurnsPage: Schema.Struct({ data: Schema.Array(StoredTurn) })
  })
)

/** The newest part of a thread's history, oldest turn first. */
export interface StoredHistory {
  readonly turns: ReadonlyArray<StoredTurn>
  /** Whether Codex waits for a decision or an answer of a person. */
  readonly asks: boolean
}

/** A parameter of `thread/resume` with which the reply has the newest turn whole. */
export const newestTurn = { initialTurnsPage: { limit: 1, sortDirection: "desc", itemsView: "full" } }

/** The parameters of `thread/resume` with which the reply has the newest turns whole. */
export const resumeParams = (threadId: string): object => ({
  threadId,
  excludeTurns: true,
  initialTurnsPage: { limit: 5, sortDirection: "desc", itemsView: "full" }
})

/** Returns the history in a reply to `thread/resume`. */
export const historyOf = (resumed: unknown): Option.Option<StoredHistory> =>
  Option.map(decodeResumed(resumed), ({ initialTurnsPage, thread: { status } }) => {
    const flags =
      Predicate.isObject(status) && Array.isArray(status["activeFlags"]) ? status["activeFlags"] : []
    return { turns: initialTurnsPage.data.toReversed(), asks: flags.length > 0 }
  })

/** Returns the turn that a message with this client id started. */
export const turnOf = ({ turns }: StoredHistory, clientId: string): string | undefined =>
  turns.find(({ items }) => items.some((item) => item.clientId === clientId))?.id

/** The state of an item when it started: what it contains later has not happened yet. */
const atStart = (item: StoredItem): StoredItem => ({
  ...item,
  ...(typeof item.status === "string" ? { status: "inProgress" } : {}),
  ...(item.type === "agentMessage" ? { text: "" } : {})
})

const millis = (seconds: number | null | undefined): number | undefined =>
  typeof seconds === "number" ? seconds * 1000 : undefined

export interface MissedNotifications {
  /** Follows a notification that the listener receives. */
  readonly observe: (method: string, params: unknown) => void
  /** Follows a turn whose `turn/started` is missing too. */
  readonly expect: (threadId: string, turnId: string) => void
  /** Begins to follow a thread. */
  readonly open: (threadId: string) => void
  /** Forgets a thread. */
  readonly close: (threadId: string) => void
  readonly isOpen: (threadId: string) => boolean
  /** Returns the threads that are open. */
  readonly threads: () => ReadonlyArray<string>
  /** Returns the notifications about a thread that are missing, in their order. They count as observed. */
  readonly missed: (threadId: string, history: StoredHistory) => ReadonlyArray<MissedNotification>
}

export const make = (): MissedNotifications => {
  /** The open turns of each open thread. */
  const threads = new Map<string, Map<string, OpenTurn>>()
  /** The last turn of each open thread that ended: the history has it too. */
  const lastEnded = new Map<string, string>()

  const begin = (threadId: string, turnId: string): OpenTurn => {
    const turns = threads.get(threadId)
    const known = turns?.get(turnId)
    if (known !== undefined) return known
    const turn: OpenTurn = { started: new Set(), completed: new Set() }
    turns?.set(turnId, turn)
    return turn
  }

  const missedOfTurn = (threadId: string, turn: StoredTurn, isKnown: boolean): Array<MissedNotification> => {
    const missed: Array<MissedNotification> = []
    const { id: turnId, items, ...rest } = turn
    const open = begin(threadId, turnId)
    if (!isKnown)
      missed.push({
        method: "turn/started",
        params: { threadId, turn: { ...rest, id: turnId, items: [], status: "inProgress" } },
        emittedAtMs: millis(turn.startedAt)
      })
    for (const item of items) {
      const started = item.startedAtMs ?? undefined
      const completed = item.completedAtMs ?? undefined
      const report = (method: string, item: StoredItem, emittedAtMs: number | undefined) =>
        missed.push({
          method,
          params: { threadId, turnId, item, startedAtMs: started, completedAtMs: completed },
          emittedAtMs
        })
      if (!open.started.has(item.id)) report("item/started", atStart(item), started)
      open.started.add(item.id)
      const isComplete =
        completed !== undefined || (turn.status !== "inProgress" && item.status !== "inProgress")
      if (!isComplete || open.completed.has(item.id)) continue
      report("item/completed", item, completed)
      open.completed.add(item.id)
    }
    if (turn.status === "inProgress") return missed
    // The turn may have ended while Codex made the reply, which then lacks its end. The check of an idle turn asks again.
    if (turn.status === "interrupted") {
      missed.push({
        method: "thread/status/changed",
        params: { threadId, status: { type: "idle" } },
        emittedAtMs: undefined
      })
      return missed
    }
    missed.push({
      method: "turn/completed",
      params: { threadId, turn: { ...rest, id: turnId, items: [] } },
      emittedAtMs: millis(turn.completedAt)
    })
    threads.get(threadId)?.delete(turnId)
    lastEnded.set(threadId, turnId)
    return missed
  }

  return {
    observe: (method, params) => {
      const threadId = textOf(params, "threadId")
      if (threadId === undefined || !threads.has(threadId)) return
      if (method === "turn/started" || method === "turn/completed") {
        const turnId = idOf(params, "turn")
        if (turnId === undefined) return
        if (method === "turn/started") return void begin(threadId, turnId)
        threads.get(threadId)?.delete(turnId)
        return void lastEnded.set(threadId, turnId)
      }
      if (method !== "item/started" && method !== "item/completed") return
      const itemId = idOf(params, "item")
      const open = threads.get(threadId)?.get(textOf(params, "turnId") ?? "")
      if (itemId === undefined || open === undefined) return
      open.started.add(itemId)
      if (method === "item/completed") open.completed.add(itemId)
    },
    expect: (threadId, turnId) => void begin(threadId, turnId),
    open: (threadId) => {
      if (!threads.has(threadId)) threads.set(threadId, new Map())
    },
    close: (threadId) => {
      threads.delete(threadId)
      lastEnded.delete(threadId)
    },
    isOpen: (threadId) => threads.has(threadId),
    threads: () => [...threads.keys()],
    missed: (threadId, { turns }) => {
      const open = threads.get(threadId)
      if (open === undefined) return []
      // Turns before the last one that ended were observed, or are older than the handle.
      const firstOpen = turns.findIndex(({ id }) => open.has(id))
      const ended = turns.findIndex(({ id }) => id === lastEnded.get(threadId))
      const from = firstOpen >= 0 ? firstOpen : ended + 1
      // Without a known turn, the newest one is new only if it runs: a thread that is resumed has a history.
      const isNew = firstOpen >= 0 || ended >= 0
      return turns
        .slice(from)
        .flatMap((turn) =>
          isNew || turn.status === "inProgress" ? missedOfTurn(threadId, turn, open.has(turn.id)) : []
        )
    }
  }
}
