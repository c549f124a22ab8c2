/**
 * The commands that Codex has started and not completed, by thread. A command that still runs when its turn ends becomes a
 * background terminal: it continues until it ends by itself, is terminated, or the last handle of its thread closes.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as Item from "../../domain/Item.ts"
import type * as Terminal from "../../domain/Terminal.ts"
import type * as AppServerProcess from "./AppServerProcess.ts"
import type * as JsonRpcConnection from "./JsonRpcConnection.ts"
import * as Protocol from "./Protocol.ts"
import type * as RunningTurn from "./RunningTurn.ts"
import type * as Translate from "./Translate.ts"

type EventNotification = Extract<Translate.TurnNotification, { readonly _tag: "Event" }>
/** Receives the events of a thread, and `undefined` when the process has ended. */
type Listener = (event: Terminal.TerminalEvent | undefined) => void

interface ThreadCommands {
  /** How many commands run for each item id. The model chooses the id, and may choose one twice. */
  readonly running: Map<string, number>
  /** The commands whose turn has ended. */
  readonly background: Set<string>
  readonly listeners: Set<Listener>
  /** Completes when no command runs any more. */
  idle: Deferred.Deferred<void> | undefined
}

/** The running commands of all threads of a process. */
export interface Registry {
  /** Follows the start and the end of commands. Called for every notification of a turn. */
  readonly observe: (notification: EventNotification, at: number | undefined) => void
  /** Whether a command of the thread may still run. */
  readonly isRunning: (threadId: string) => boolean
  /** Waits until no command of the thread runs. */
  readonly idle: (threadId: string) => Effect.Effect<void>
  /** Reports that a command continues after its turn. */
  readonly continues: (threadId: string, item: Item.CommandExecution, at: number) => void
  /** Calls the listener for every event of the thread's background terminals. Returns the function that removes it. */
  readonly subscribe: (threadId: string, listener: Listener) => () => void
  readonly forget: (threadId: string) => void
  /** The process has ended, and the commands with it. */
  readonly close: () => void
}

/** How many running commands of a thread are followed. Beyond it they still end with the thread. */
const maxRunning = 10_000

export const makeRegistry = (): Registry => {
  const threads = new Map<string, ThreadCommands>()
  const commandsOf = (threadId: string): ThreadCommands => {
    const known = threads.get(threadId)
    if (known !== undefined) return known
    const commands = {
      running: new Map<string, number>(),
      background: new Set<string>(),
      listeners: new Set<Listener>(),
      idle: undefined
    }
    threads.set(threadId, commands)
    return commands
  }
  const release = (threadId: string, { idle, listeners, running }: ThreadCommands) => {
    if (running.size > 0) return
    if (idle !== undefined) Deferred.doneUnsafe(idle, Exit.void)
    if (listeners.size === 0) threads.delete(threadId)
  }
  const publish = ({ listeners }: ThreadCommands, event: Terminal.TerminalEvent) => {
    for (const listener of listeners) listener(event)
  }

  return {
    observe: ({ event, threadId }, at) => {
      switch (event._tag) {
        case "ItemStarted":
          if (event.item._tag === "CommandExecution") {
            const { running } = commandsOf(threadId)
            const { id } = event.item
            if (running.size < maxRunning) running.set(id, (running.get(id) ?? 0) + 1)
          }
          return
        case "OutputDelta": {
          const commands = threads.get(threadId)
          if (commands === undefined || !commands.background.has(event.itemId)) return
          const { delta, itemId } = event
          return publish(commands, { _tag: "TerminalOutput", itemId, delta, at: at ?? Date.now() })
        }
        case "ItemCompleted": {
          const { item } = event
          if (item._tag !== "CommandExecution") return
          const commands = threads.get(threadId)
          if (commands === undefined) return
          const count = commands.running.get(item.id) ?? 0
          if (count > 1) commands.running.set(item.id, count - 1)
          else commands.running.delete(item.id)
          if (commands.background.delete(item.id))
            publish(commands, { _tag: "TerminalEnded", item, at: at ?? Date.now() })
          return release(threadId, commands)
        }
      }
    },
    isRunning: (threadId) => (threads.get(threadId)?.running.size ?? 0) > 0,
    idle: (threadId) =>
      Effect.suspend(() => {
        const commands = threads.get(threadId)
        if (commands === undefined || commands.running.size === 0) return Effect.void
        commands.idle = Deferred.makeUnsafe<void>()
        return Deferred.await(commands.idle)
      }),
    continues: (threadId, item, at) => {
      const commands = threads.get(threadId)
      // The command has ended since Codex listed it.
      if (commands?.running.has(item.id) !== true) return
      commands.background.add(item.id)
      publish(commands, { _tag: "TerminalStarted", item, at })
    },
    subscribe: (threadId, listener) => {
      commandsOf(threadId).listeners.add(listener)
      return () => {
        const commands = threads.get(threadId)
        if (commands === undefined) return
        commands.listeners.delete(listener)
        release(threadId, commands)
      }
    },
    forget: (threadId) => {
      const commands = threads.get(threadId)
      if (commands === undefined) return
      commands.running.clear()
      commands.background.clear()
      release(threadId, commands)
    },
    close: () => {
      const ended = [...threads.values()]
      threads.clear()
      for (const { idle, listeners } of ended) {
        if (idle !== undefined) Deferred.doneUnsafe(idle, Exit.void)
        for (const listener of listeners) listener(undefined)
      }
    }
  }
}

const decodeList = Schema.decodeUnknownOption(Protocol.TerminalList)
const decodeTerminated = Schema.decodeUnknownOption(Protocol.TerminalTerminated)

type Process = Pick<AppServerProcess.Process, "connection">
type Request<A> = Effect.Effect<A, JsonRpcConnection.RpcRequestError>

/** The maximum number of pages of a list, so that a list without an end cannot keep the caller forever. */
const maxPages = 100

/** Lists the commands of a thread that Codex runs. */
export const list = (
  { connection }: Process,
  threadId: ThreadId
): Request<ReadonlyArray<Terminal.Terminal>> =>
  Effect.gen(function* () {
    const terminals: Array<Terminal.Terminal> = []
    let cursor: string | null | undefined
    for (let page = 0; page < maxPages; page++) {
      const reply = yield* connection.request("thread/backgroundTerminals/list", { threadId, cursor })
      const decoded = decodeList(reply)
      if (Option.isNone(decoded)) break
      for (const { command, cpuPercent, cwd, itemId, osPid, processId, rssKb } of decoded.value.data) {
        terminals.push({
          processId,
          itemId,
          command,
          cwd,
          ...(typeof osPid === "number" ? { osPid } : {}),
          ...(typeof cpuPercent === "number" ? { cpuPercent } : {}),
          ...(typeof rssKb === "number" ? { residentKilobytes: rssKb } : {})
        })
      }
      cursor = decoded.value.nextCursor
      if (cursor === null || cursor === undefined) break
    }
    return terminals
  })

/** Ends a command. Returns whether it was still running. */
export const terminate = ({ connection }: Process, threadId: ThreadId, processId: string): Request<boolean> =>
  Effect.map(connection.request("thread/backgroundTerminals/terminate", { threadId, processId }), (reply) =>
    Option.exists(decodeTerminated(reply), ({ terminated }) => terminated)
  )

/** Ends all commands of a thread. */
export const clean = ({ connection }: Process, threadId: string): Request<void> =>
  Effect.asVoid(connection.request("thread/backgroundTerminals/clean", { threadId }))

/** Ends all commands of a thread that closes, and waits until they have ended, for a second at most. */
export const endAll = (process: Process, registry: Registry, threadId: string): Effect.Effect<void> =>
  registry.isRunning(threadId)
    ? Effect.andThen(clean(process, threadId), registry.idle(threadId)).pipe(
        Effect.timeoutOption("1 second"),
        Effect.ignore
      )
    : Effect.void

/** How long the commands of a turn that has ended may delay its result. */
const settleTimeout = Duration.seconds(2)

/**
 * Reports the commands that the turn left running: each gets a last `ItemCompleted` event, with the status `background` if
 * Codex runs it and `terminals` is `keep`. With `end`, Codex ends them first.
 */
export const settle = (
  process: Process,
  registry: Registry,
  turn: RunningTurn.RunningTurn,
  terminals: "keep" | "end"
): Effect.Effect<void> => {
  const { leftCommands, threadId } = turn
  const emit = (item: Item.CommandExecution) => {
    leftCommands.delete(item.id)
    const at = Number(turn.clock.currentTimeNanosUnsafe()) / 1e6
    turn.handlers.emit({ _tag: "ItemCompleted", item, at })
    return at
  }
  return Effect.gen(function* () {
    const listed = yield* list(process, threadId)
    if (terminals === "end") {
      const ended = Deferred.makeUnsafe<void>()
      const left = listed.filter(({ itemId }) => leftCommands.get(itemId)?.status === "inProgress")
      const waiting = new Set<string>(left.map(({ itemId }) => itemId))
      turn.onLeftCommand = (item) => {
        waiting.delete(item.id)
        if (waiting.size === 0) Deferred.doneUnsafe(ended, Exit.void)
      }
      yield* Effect.forEach(left, ({ processId }) => terminate(process, threadId, processId), {
        concurrency: "unbounded",
        discard: true
      })
      if (waiting.size > 0) yield* Deferred.await(ended)
      for (const item of leftCommands.values()) {
        const { exitCode: _, ...withoutExitCode } = item
        if (left.some(({ itemId }) => itemId === item.id)) emit({ ...withoutExitCode, status: "interrupted" })
      }
    }
    const running = new Set<string>(listed.map(({ itemId }) => itemId))
    for (const item of leftCommands.values()) {
      // Codex completed it after the turn.
      if (item.status !== "inProgress") emit(item)
      else if (running.has(item.id)) {
        const continuing: Item.CommandExecution = { ...item, status: "background" }
        registry.continues(threadId, continuing, emit(continuing))
      }
    }
  }).pipe(Effect.timeoutOption(settleTimeout), Effect.ignore)
}

/** Ends the commands of the turn's sub-agents: the result of the turn does not mention them. */
export const cleanSubAgents = (process: Process, turn: RunningTurn.RunningTurn): Effect.Effect<void> =>
  turn.leftThreads.size === 0
    ? Effect.void
    : Effect.forEach(turn.leftThreads, (threadId) => Effect.ignore(clean(process, threadId)), {
        concurrency: "unbounded",
        discard: true
      }).pipe(Effect.timeoutOption(settleTimeout), Effect.asVoid)
