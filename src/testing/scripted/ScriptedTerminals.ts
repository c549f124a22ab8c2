/** The background terminals of scripted threads: commands that continue when their turn ends. */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as Item from "../../domain/Item.ts"
import type * as Terminal from "../../domain/Terminal.ts"
import type { TerminalPolicy } from "../../domain/TurnOptions.ts"
import type * as Engine from "../../engine/Engine.ts"
import { emit, type ScriptedEnd, type ScriptedTurn } from "./ScriptedTurn.ts"

interface Running {
  readonly item: Item.CommandExecution
  readonly processId: string
  /** The turn that started it; `undefined` once that turn has ended. */
  turn: ScriptedTurn | undefined
}

type Listener = Queue.Queue<Terminal.TerminalEvent, Cause.Done>

interface ThreadTerminals {
  handles: number
  readonly running: Map<string, Running>
  readonly listeners: Set<Listener>
}

/** A handle of a thread. `keeps`: the commands go on when its scope closes. */
export interface OpenTerminals {
  keeps: boolean
}

export interface ScriptedTerminals {
  /** Opens a handle to a thread. The commands of the thread end with the scope of its last handle. */
  readonly open: (threadId: ThreadId) => Effect.Effect<OpenTerminals, never, Scope.Scope>
  readonly of: (threadId: ThreadId) => Engine.EngineTerminals
  /** Starts a command of a turn. It runs until it ends by itself or is ended. */
  readonly start: (
    turn: ScriptedTurn,
    item: Item.CommandExecution,
    end: ScriptedEnd | undefined
  ) => Effect.Effect<void>
  /** Reports the commands that a turn has left running, or ends them. */
  readonly settle: (turn: ScriptedTurn, policy: TerminalPolicy) => Effect.Effect<void>
  readonly clean: (threadId: ThreadId) => Effect.Effect<void>
}

/** Makes the terminals of an engine with this scope. */
export const make = (scope: Scope.Scope): ScriptedTerminals => {
  const threads = new Map<ThreadId, ThreadTerminals>()
  let processes = 0

  const terminalsOf = (threadId: ThreadId): ThreadTerminals => {
    const known = threads.get(threadId)
    if (known !== undefined) return known
    const terminals = { handles: 0, running: new Map<string, Running>(), listeners: new Set<Listener>() }
    threads.set(threadId, terminals)
    return terminals
  }
  const now = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)

  const publish = ({ listeners }: ThreadTerminals, event: Terminal.TerminalEvent) => {
    for (const listener of listeners) Queue.offerUnsafe(listener, event)
  }

  /** Completes a command, if it still runs. Returns whether it did. */
  const complete = (terminals: ThreadTerminals, item: Item.CommandExecution) =>
    Effect.flatMap(now, (at) => {
      const running = terminals.running.get(item.id)
      if (running === undefined) return Effect.succeed(false)
      terminals.running.delete(item.id)
      if (running.turn !== undefined)
        return Effect.as(emit(running.turn, { _tag: "ItemCompleted", item }), true)
      publish(terminals, { _tag: "TerminalEnded", item, at })
      return Effect.succeed(true)
    })

  const end = (terminals: ThreadTerminals, { item, turn }: Running) =>
    complete(
      terminals,
      turn === undefined ? { ...item, status: "failed", exitCode: -1 } : { ...item, status: "interrupted" }
    )

  const cleanAll = (terminals: ThreadTerminals) =>
    Effect.forEach([...terminals.running.values()], (running) => end(terminals, running), { discard: true })

  const clean = (threadId: ThreadId) => Effect.suspend(() => cleanAll(terminalsOf(threadId)))

  return {
    open: (threadId) =>
      Effect.acquireRelease(
        Effect.sync((): OpenTerminals => {
          terminalsOf(threadId).handles++
          return { keeps: false }
        }),
        ({ keeps }) =>
          Effect.suspend(() => {
            const terminals = terminalsOf(threadId)
            if (--terminals.handles > 0 || keeps) return Effect.void
            for (const listener of terminals.listeners) Queue.endUnsafe(listener)
            threads.delete(threadId)
            return Effect.void
          })
      ),
    of: (threadId) => ({
      list: Effect.sync(() =>
        Array.from(terminalsOf(threadId).running.values(), ({ item, processId }) => ({
          processId,
          itemId: item.id,
          command: item.command,
          cwd: item.cwd
        }))
      ),
      watch: Stream.unwrap(
        Effect.gen(function* () {
          const listener = yield* Queue.unbounded<Terminal.TerminalEvent, Cause.Done>()
          const { listeners } = terminalsOf(threadId)
          listeners.add(listener)
          yield* Effect.addFinalizer(() => Effect.sync(() => listeners.delete(listener)))
          return Stream.fromQueue(listener)
        })
      ),
      terminate: (processId) =>
        Effect.suspend(() => {
          const terminals = terminalsOf(threadId)
          const running = [...terminals.running.values()].find((one) => one.processId === processId)
          return running === undefined ? Effect.succeed(false) : end(terminals, running)
        }),
      clean: clean(threadId)
    }),
    start: (turn, item, ending) =>
      Effect.suspend(() => {
        const terminals = terminalsOf(turn.threadId)
        terminals.running.set(item.id, { item, processId: String(++processes), turn })
        if (ending === undefined) return Effect.void
        const { after, exitCode = 0, output = "" } = ending
        const status = exitCode === 0 ? "completed" : "failed"
        return Effect.asVoid(
          Effect.forkIn(
            Effect.andThen(Effect.sleep(after), complete(terminals, { ...item, status, exitCode, output })),
            scope,
            { startImmediately: true }
          )
        )
      }),
    settle: (turn, policy) =>
      Effect.suspend(() => {
        const terminals = terminalsOf(turn.threadId)
        const left = [...terminals.running.values()].filter((running) => running.turn === turn)
        if (policy === "end")
          return Effect.forEach(left, (running) => end(terminals, running), { discard: true })
        return Effect.forEach(
          left,
          (running) =>
            Effect.gen(function* () {
              const item = { ...running.item, status: "background" } as const
              yield* emit(turn, { _tag: "ItemCompleted", item })
              running.turn = undefined
              publish(terminals, { _tag: "TerminalStarted", item, at: yield* now })
            }),
          { discard: true }
        )
      }),
    clean
  }
}
