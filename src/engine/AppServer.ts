/** The real Codex: one `codex app-server` over stdio that serves many threads. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as CodexError from "../CodexError.ts"
import { engineStart } from "../internal/names.ts"
import type { RequestError } from "./app-server/Connection.ts"
import * as Dispatch from "./app-server/Dispatch.ts"
import * as Process from "./app-server/Process.ts"
import * as Protocol from "./app-server/Protocol.ts"
import * as RunTurn from "./app-server/RunTurn.ts"
import type * as Slot from "./app-server/Slot.ts"
import * as Engine from "./Engine.ts"

export type Options = Process.Options

const requestFailed = (
  method: string,
  error: RequestError,
  end: () => Process.End
): CodexError.EngineExited | CodexError.ProtocolError | CodexError.InvalidRequest => {
  switch (error._tag) {
    case "Gone":
      return end()
    case "Unanswered":
      return new CodexError.ProtocolError({ detail: `codex did not answer ${method}` })
    case "Refused": {
      const reason = error.inputTooLarge
        ? "InputTooLarge"
        : /thread not found|no rollout found|not found: thread/i.test(error.text)
          ? "ThreadNotFound"
          : error.code === -32602
            ? "BadParams"
            : "Rejected"
      return new CodexError.InvalidRequest({ reason, method, detail: error.text })
    }
  }
}

const decodeOpened = Schema.decodeUnknownOption(Protocol.ThreadOpened)

/** One conversation on a process, however many hold it. */
interface Conversation {
  holders: number
  /** Codex takes a second `turn/start` for a steer of the first: one at a time, whoever asks. */
  readonly turns: Semaphore.Semaphore
}

/** One process and what runs on it. */
interface Session {
  readonly process: Process.Process
  readonly slots: Map<string, Slot.Slot>
  readonly totals: Map<string, string>
  readonly conversations: Map<string, Conversation>
  readonly scope: Scope.Closeable
}

const make = Effect.fnUntraced(function* (options: Options) {
  const context = yield* Effect.context<
    ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Path.Path
  >()
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const layerScope = yield* Effect.scope
  const starting = Semaphore.makeUnsafe(1)
  let session: Session | undefined

  const open = Effect.fnUntraced(
    function* () {
      const scope = yield* Scope.fork(layerScope)
      const slots = new Map<string, Slot.Slot>()
      let started: Process.Process | undefined
      const totals = new Map<string, string>()
      const listener = Dispatch.make(slots, totals, (slot) => {
        if (started !== undefined) RunTurn.settle(started, slot)
      })
      const process = yield* Process.start(options, listener).pipe(
        Scope.provide(scope),
        Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)),
        Effect.withSpan(engineStart, {}, { captureStackTrace: false })
      )
      started = process
      const conversations = new Map<string, Conversation>()
      return { process, slots, totals, conversations, scope } satisfies Session
    },
    // The span is the child of whoever needs the engine now, not of whoever built the layer.
    Effect.updateContext((current: Context.Context<never>) => Context.merge(context, current))
  )

  /** The session that runs, or a new one: a process that died is replaced for the next thread. */
  const ready = starting.withPermits(1)(
    Effect.gen(function* () {
      if (session !== undefined && session.process.isUsable()) return session
      if (session !== undefined) yield* Scope.close(session.scope, Exit.void)
      session = undefined
      session = yield* open()
      return session
    })
  )

  const checkFolder = Effect.fnUntraced(function* (cwd: string | undefined, method: string) {
    if (cwd === undefined) return process.cwd()
    const absolute = path.resolve(cwd)
    const info = yield* Effect.option(fs.stat(absolute))
    // Codex takes a folder that does not exist, and every command in it then fails.
    if (Option.isSome(info) && info.value.type === "Directory") return absolute
    return yield* new CodexError.InvalidRequest({
      reason: "BadParams",
      method,
      detail: `cwd "${absolute}" is not a directory`
    })
  })

  const openThread = Effect.fnUntraced(function* (
    method: "thread/start" | "thread/resume",
    options: Engine.ThreadOptions,
    more: Readonly<Record<string, unknown>>,
    resumed?: string
  ) {
    const cwd =
      options.cwd === undefined && method === "thread/resume"
        ? undefined
        : yield* checkFolder(options.cwd, method)
    const session = yield* ready
    // Before Codex is asked: whoever lets go of the thread at this moment must see that it is still held.
    if (resumed !== undefined) yield* join(session, resumed)
    const failed = (error: RequestError) => requestFailed(method, error, session.process.end)
    const result = yield* session.process.connection
      .request(method, {
        ...more,
        cwd: cwd ?? null,
        sandbox: options.sandbox ?? null,
        approvalPolicy: options.approvalMode ?? null,
        model: options.model ?? null,
        developerInstructions: options.instructions ?? null
      })
      .pipe(Effect.mapError(failed))
    const opened = decodeOpened(result)
    if (Option.isNone(opened))
      return yield* new CodexError.ProtocolError({ detail: `the answer to ${method} has no thread` })
    if (resumed !== opened.value.thread.id) yield* join(session, opened.value.thread.id)
    return yield* hold(session, opened.value)
  })

  return Engine.Engine.of({
    ready: Effect.asVoid(ready),
    startThread: (options) =>
      openThread("thread/start", options, {
        ephemeral: options.ephemeral ?? null,
        dynamicTools: options.tools.map((tool) => ({ type: "function", ...tool })),
        experimentalRawEvents: true
      }),
    resumeThread: (threadId, options) =>
      // A resumed thread is offered its tools again by Codex itself.
      openThread("thread/resume", options, { threadId }, threadId)
  })
})

const conversationOf = ({ conversations, totals }: Session, threadId: string): Conversation => {
  const known = conversations.get(threadId)
  if (known !== undefined) return known
  const conversation = { holders: 0, turns: Semaphore.makeUnsafe(1) }
  conversations.set(threadId, conversation)
  totals.set(threadId, "")
  return conversation
}

/** Makes one more holder of a conversation; with the last one Codex lets go of it. */
const join = (session: Session, threadId: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const conversation = conversationOf(session, threadId)
      conversation.holders++
      return conversation
    }),
    (conversation) => {
      conversation.holders--
      const letGo = Effect.suspend(() => {
        if (conversation.holders > 0) return Effect.void
        session.conversations.delete(threadId)
        session.totals.delete(threadId)
        const { connection } = session.process
        return Effect.ignore(connection.request("thread/unsubscribe", { threadId }, { timeout: "1 second" }))
      })
      // A turn that is being interrupted is heard to its end, one of another holder is not waited for.
      return conversation.holders > 0 ? Effect.void : conversation.turns.withPermits(1)(letGo)
    }
  )

/** A thread as one holder has it: his turns end with his scope. */
const hold = Effect.fnUntraced(function* (session: Session, opened: typeof Protocol.ThreadOpened.Type) {
  const { process, slots } = session
  const threadId = opened.thread.id
  const { turns } = conversationOf(session, threadId)
  const place = { threadId, cwd: opened.cwd, process, slots }
  const failed = (error: RequestError) => requestFailed("turn/start", error, process.end)
  const closed = yield* Effect.acquireRelease(Deferred.make<never, CodexError.TurnInterrupted>(), (closed) =>
    Deferred.fail(closed, new CodexError.TurnInterrupted({ by: "caller" }))
  )
  const isClosed = new CodexError.InvalidRequest({
    reason: "ThreadNotFound",
    method: "turn/start",
    detail: "the scope that the thread was opened in is closed; resume it by its id"
  })

  return {
    id: threadId,
    model: opened.model,
    provider: opened.modelProvider ?? undefined,
    cwd: opened.cwd,
    turn: (input, options, handlers) =>
      Effect.suspend(() =>
        Deferred.isDoneUnsafe(closed)
          ? Effect.fail(isClosed)
          : Effect.raceFirst(RunTurn.run(place, input, options, handlers, failed), Deferred.await(closed))
      ).pipe(turns.withPermits(1))
  } satisfies Engine.EngineThread
})

/** The real Codex with settings of your own. */
export const layerWith = (options: Options): Layer.Layer<Engine.Engine> =>
  Layer.effect(Engine.Engine, make(options)).pipe(Layer.provide(NodeServices.layer))

/**
 * The real Codex: found by `CODEX_PATH`, the package `@openai/codex` or `PATH`, started with the first thread, ended
 * with the layer. Node's services are included.
 */
export const layer: Layer.Layer<Engine.Engine> = layerWith({})
