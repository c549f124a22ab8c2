/** The threads of a scripted engine, in memory. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as CodexError from "../../domain/CodexError.ts"
import { ThreadId, type TurnId } from "../../domain/Ids.ts"
import type * as Item from "../../domain/Item.ts"
import type * as ThreadInfo from "../../domain/ThreadInfo.ts"
import type * as Turn from "../../domain/Turn.ts"
import * as TurnOptions from "../../domain/TurnOptions.ts"
import type * as Engine from "../../engine/Engine.ts"
import type { ScriptedRollouts } from "./ScriptedRollouts.ts"

interface StoredThread {
  info: ThreadInfo.ThreadInfo
  turns: ReadonlyArray<ThreadInfo.PastTurn>
  archived: boolean
  hasBegun: boolean
}

/** A turn with a key. */
interface KeyedTurn {
  readonly threadId: ThreadId
  readonly turnId: TurnId
  readonly events: Array<Turn.EngineEvent>
  end: Engine.FoundTurn["end"]
  endedAt: number | undefined
}

export interface ThreadStore {
  readonly open: (options: Engine.EngineThreadOptions) => Effect.Effect<ThreadId>
  /** Accepts an unknown id: the thread may come from an earlier process. */
  readonly resume: (threadId: ThreadId, options: Engine.EngineThreadOptions) => Effect.Effect<void>
  /** Resumes a thread of an engine that knows all its threads, in memory or in a file. */
  readonly resumeKnown: (
    threadId: ThreadId,
    options: Engine.EngineThreadOptions
  ) => Effect.Effect<void, CodexError.InvalidRequest>
  /** Ends the turns that run, and forgets the threads that never had a turn and are not open, as a crash does. */
  readonly crash: (error: CodexError.EngineExited, isOpen: (threadId: ThreadId) => boolean) => void
  /** Forgets all threads, as a crash that loses the disk does. */
  readonly lose: () => void
  readonly fork: (
    threadId: ThreadId,
    options: Engine.EngineThreadOptions,
    through: TurnId | undefined
  ) => Effect.Effect<ThreadId, CodexError.InvalidRequest>
  /** Runs a turn and stores its completed items, and all of it under its key. */
  readonly turn: (
    threadId: ThreadId,
    turnId: TurnId,
    input: TurnOptions.TurnInput,
    key: string | undefined,
    handlers: Engine.Handlers,
    play: (handlers: Engine.Handlers) => Effect.Effect<void, CodexError.TurnError>
  ) => Effect.Effect<void, CodexError.TurnError>
  /** Finds a turn of a thread by its key. */
  readonly findTurn: (threadId: ThreadId, key: string) => Effect.Effect<Engine.FoundTurn | undefined>
  readonly directory: Pick<
    Engine.Engine["Service"],
    "listThreads" | "readThread" | "renameThread" | "archiveThread" | "unarchiveThread" | "deleteThread"
  >
}

const pageSize = 25

type StoredEvent = Extract<
  Turn.EngineEvent,
  { readonly _tag: "TurnStarted" | "ItemStarted" | "ItemCompleted" }
>

/** Returns what Codex stores of a turn: its start and its completed items. */
const storedEvents = (events: ReadonlyArray<Turn.EngineEvent>): ReadonlyArray<StoredEvent> => {
  const completed = new Set(
    events.flatMap((event) => (event._tag === "ItemCompleted" ? [event.item.id] : []))
  )
  return events.filter(
    (event): event is StoredEvent =>
      event._tag === "TurnStarted" ||
      ((event._tag === "ItemStarted" || event._tag === "ItemCompleted") && completed.has(event.item.id))
  )
}

/** Makes the threads. With `rollouts`, the turns with a key are also in the files of their threads. */
export const make = (rollouts?: ScriptedRollouts): ThreadStore => {
  const records = new Map<ThreadId, StoredThread>()
  const keyed = new Map<string, KeyedTurn>()
  let opened = 0

  const nextThreadId = (): ThreadId => {
    while (records.has(ThreadId.make(`thread_${++opened}`)));
    return ThreadId.make(`thread_${opened}`)
  }

  const put = (id: ThreadId, options: Engine.EngineThreadOptions, from?: StoredThread) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      records.set(id, {
        info: {
          id,
          preview: from?.info.preview ?? "",
          cwd: options.cwd ?? "/",
          provider: "scripted",
          createdAt: now,
          updatedAt: now,
          ...(from === undefined ? {} : { forkedFrom: from.info.id }),
          ephemeral: options.ephemeral ?? false
        },
        turns: from?.turns ?? [],
        archived: false,
        hasBegun: from !== undefined
      })
    })

  const find = (method: string, threadId: ThreadId) =>
    Effect.suspend(() => {
      const record = records.get(threadId)
      return record === undefined
        ? Effect.fail(
            new CodexError.InvalidRequest({
              reason: "ThreadNotFound",
              method,
              detail: `no thread ${threadId}`
            })
          )
        : Effect.succeed(record)
    })

  const change = (method: string, threadId: ThreadId, update: (record: StoredThread) => void) =>
    Effect.map(find(method, threadId), update)

  const matches =
    ({ archived = false, cwd, search }: ThreadInfo.Filter) =>
    (record: StoredThread) =>
      record.archived === archived &&
      !record.info.ephemeral &&
      (cwd === undefined || record.info.cwd === cwd) &&
      (search === undefined || (record.info.name ?? record.info.preview).includes(search))

  return {
    open: (options) =>
      Effect.suspend(() => {
        const id = nextThreadId()
        return Effect.as(put(id, options), id)
      }),
    resume: (threadId, options) =>
      Effect.suspend(() => (records.has(threadId) ? Effect.void : put(threadId, options))),
    resumeKnown: (threadId, options) =>
      Effect.suspend(() => {
        const written = records.has(threadId) ? undefined : rollouts?.read(threadId)
        if (written === undefined) return Effect.asVoid(find("thread/resume", threadId))
        for (const { events, key, ...turn } of written)
          keyed.set(`${threadId} ${key}`, { ...turn, threadId, events: [...events] })
        return Effect.map(put(threadId, options), () => {
          const record = records.get(threadId)
          if (record !== undefined) record.hasBegun = true
        })
      }),
    crash: (error, isOpen) => {
      for (const turn of keyed.values()) turn.end ??= error
      for (const [id, { hasBegun }] of records) if (!hasBegun && !isOpen(id)) records.delete(id)
    },
    lose: () => {
      records.clear()
      keyed.clear()
      rollouts?.lose()
    },
    fork: (threadId, options, through) =>
      Effect.flatMap(find("thread/fork", threadId), (from) => {
        const last =
          through === undefined ? from.turns.length : from.turns.findIndex((t) => t.id === through) + 1
        if (through !== undefined && last === 0)
          return Effect.fail(
            new CodexError.InvalidRequest({
              reason: "Rejected",
              method: "thread/fork",
              detail: `the thread ${threadId} has no turn ${through}`
            })
          )
        const id = nextThreadId()
        return Effect.as(put(id, options, { ...from, turns: from.turns.slice(0, last) }), id)
      }),
    findTurn: (threadId, key) =>
      Effect.sync(() => {
        const found = keyed.get(`${threadId} ${key}`)
        return found === undefined ? undefined : { ...found, events: storedEvents(found.events) }
      }),
    turn: (threadId, turnId, input, key, handlers, play) =>
      Effect.gen(function* () {
        const startedAt = yield* Clock.currentTimeMillis
        const started = records.get(threadId)
        if (started !== undefined) started.hasBegun = true
        const items: Array<Item.Item> = []
        const keyedTurn: KeyedTurn = { threadId, turnId, events: [], end: undefined, endedAt: undefined }
        if (key !== undefined) {
          keyed.set(`${threadId} ${key}`, keyedTurn)
          rollouts?.started(threadId, turnId, key)
        }
        const endKeyed = (end: Engine.FoundTurn["end"]) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            // A crash of the engine has ended it.
            if (keyedTurn.end !== undefined) return
            keyedTurn.end = end
            keyedTurn.endedAt = now
            if (key !== undefined && end !== undefined) rollouts?.ended(threadId, turnId, end, now)
          })
        /** Writes what Codex stores: the start of the turn and the items that have completed. */
        const write = (event: Turn.EngineEvent) => {
          if (key === undefined || keyedTurn.end !== undefined) return
          if (event._tag === "TurnStarted") rollouts?.emitted(threadId, turnId, event)
          if (event._tag !== "ItemCompleted") return
          for (const earlier of storedEvents(keyedTurn.events))
            if (earlier._tag !== "TurnStarted" && earlier.item.id === event.item.id)
              rollouts?.emitted(threadId, turnId, earlier)
        }
        const emit: Engine.Handlers["emit"] = (event) => {
          if (key !== undefined) keyedTurn.events.push(event)
          if (rollouts !== undefined) write(event)
          if (event._tag === "ItemCompleted") items.push(event.item)
          handlers.emit(event)
        }
        const end = (status: ThreadInfo.PastTurn["status"]) =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            const record = records.get(threadId)
            if (record === undefined) return
            const turn = { id: turnId, status, items, startedAt, durationMillis: now - startedAt }
            record.turns = [...record.turns, turn]
            const preview = record.info.preview === "" ? TurnOptions.text(input) : record.info.preview
            record.info = { ...record.info, preview, updatedAt: now }
          })
        yield* play({ ...handlers, emit }).pipe(
          Effect.tap(() => Effect.andThen(end("completed"), endKeyed("completed"))),
          Effect.tapError((error) =>
            Effect.andThen(end(error._tag === "TurnInterrupted" ? "interrupted" : "failed"), endKeyed(error))
          ),
          Effect.onInterrupt(() =>
            Effect.andThen(end("interrupted"), endKeyed(new CodexError.TurnInterrupted({ by: "codex" })))
          )
        )
      }),
    directory: {
      listThreads: (filter, cursor) =>
        Effect.sync(() => {
          const key = filter.sort === "updated" ? "updatedAt" : "createdAt"
          const found = [...records.values()]
            .filter(matches(filter))
            .map(({ info }) => info)
            .toReversed()
            .toSorted((a, b) => b[key] - a[key])
          const from = cursor === undefined ? 0 : Number(cursor)
          const next = from + pageSize < found.length ? String(from + pageSize) : undefined
          return { data: found.slice(from, from + pageSize), next }
        }),
      readThread: (threadId) =>
        Effect.map(find("thread/read", threadId), ({ info, turns }) => ({ ...info, turns })),
      renameThread: (threadId, name) =>
        change("thread/name/set", threadId, (record) => {
          record.info = { ...record.info, name }
        }),
      archiveThread: (threadId) =>
        change("thread/archive", threadId, (record) => {
          record.archived = true
        }),
      unarchiveThread: (threadId) =>
        change("thread/unarchive", threadId, (record) => {
          record.archived = false
        }),
      deleteThread: (threadId) => change("thread/delete", threadId, () => void records.delete(threadId))
    }
  }
}
