/** The real Codex: one `codex app-server` over stdio that serves many threads. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Approval from "../Approval.ts"
import * as CodexError from "../CodexError.ts"
import { engineStart } from "../internal/names.ts"
import type * as Item from "../Item.ts"
import type { RequestError } from "./app-server/Connection.ts"
import * as Process from "./app-server/Process.ts"
import * as Protocol from "./app-server/Protocol.ts"
import * as Translate from "./app-server/Translate.ts"
import * as Engine from "./Engine.ts"

export type Options = Process.Options

/** How long an interrupted turn may take to end before the process is ended instead. */
const interruptGrace = Duration.seconds(5)
/** How long an interrupted tool or policy is waited for. */
const handlerGrace = Duration.seconds(1)

/** A turn that is running, as the connection sees it. */
interface Slot {
  readonly threadId: string
  readonly cwd: string
  readonly handlers: Engine.Handlers
  readonly run: <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>
  readonly clock: Clock.Clock
  readonly started: Deferred.Deferred<void>
  readonly done: Deferred.Deferred<void, CodexError.TurnError>
  readonly fibers: Set<Fiber.Fiber<unknown, unknown>>
  readonly items: Map<string, Item.Item>
  turnId: string | undefined
}

const requestFailed = (
  method: string,
  error: RequestError,
  exited: () => CodexError.EngineExited
): CodexError.EngineExited | CodexError.ProtocolError | CodexError.InvalidRequest => {
  switch (error._tag) {
    case "Gone":
      return exited()
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
const decodeAccepted = Schema.decodeUnknownOption(Protocol.TurnAccepted)

/** Codex's clock is ours, but cut to milliseconds: within the same millisecond ours says more. */
const stamp = (clock: Clock.Clock, codexMs: number | undefined): number => {
  const now = Number(clock.currentTimeNanosUnsafe()) / 1e6
  return codexMs === undefined || codexMs >= Math.floor(now) || now - codexMs > 5000 ? now : codexMs
}

/** One process and the turns that run on it. */
interface Session {
  readonly process: Process.Process
  readonly slots: Map<string, Slot>
  readonly scope: Scope.Closeable
  readonly gone: () => CodexError.EngineExited
}

const endSlot = (slot: Slot, end: Translate.TurnEnd | CodexError.EngineExited | CodexError.ProtocolError) =>
  Deferred.doneUnsafe(slot.done, end === "completed" ? Exit.void : Exit.fail(end))

const listen = (slots: Map<string, Slot>, reply: () => Process.Process["connection"]): Process.Listener => {
  const current = (threadId: string, turnId: string): Slot | undefined => {
    const slot = slots.get(threadId)
    return slot !== undefined && slot.turnId === turnId ? slot : undefined
  }

  /** Answers exactly once, whatever the handler does: what fails, dies or is interrupted answers no. */
  const serve = (slot: Slot, id: string | number, handler: Effect.Effect<unknown>, no: unknown) => {
    const fiber = slot.run(
      Effect.onExit(handler, (exit) =>
        Effect.sync(() => reply().reply(id, Exit.isSuccess(exit) ? exit.value : no))
      )
    )
    slot.fibers.add(fiber)
    fiber.addObserver(() => slot.fibers.delete(fiber))
  }

  const approve = (slot: Slot, request: Approval.Request): Effect.Effect<unknown> =>
    Effect.suspend(() => {
      const now = () => stamp(slot.clock, undefined)
      const decided = (decision: Approval.Decision, source: Approval.Source) =>
        slot.handlers.emit({
          _tag: "ApprovalDecided",
          requestId: request.id,
          itemId: request.itemId,
          decision,
          source,
          at: now()
        })
      return slot.handlers.approve(request).pipe(
        Effect.tap((decision) => Effect.sync(() => decided(decision, decision.source ?? "policy"))),
        Effect.onInterrupt(() =>
          Effect.sync(() => decided(Approval.decline("the turn ended before anybody decided"), "default"))
        ),
        Effect.map(Translate.decision)
      )
    })

  return {
    onNotification: (method, params, emittedAtMs) => {
      const heard = Translate.notification(method, params, emittedAtMs ?? 0)
      if (heard._tag === "Nothing" || heard._tag === "Malformed") return
      const slot = slots.get(heard.threadId)
      if (slot === undefined) return
      if (heard._tag === "Event") {
        if (heard.event._tag === "TurnStarted") slot.turnId ??= heard.turnId
        // What an interrupted turn still has to say does not belong to the next one.
        if (slot.turnId !== heard.turnId) return
        const event = { ...heard.event, at: stamp(slot.clock, emittedAtMs) }
        if (event._tag === "ItemStarted" || event._tag === "ItemCompleted")
          slot.items.set(event.item.id, event.item)
        slot.handlers.emit(event)
        if (event._tag === "TurnStarted") Deferred.doneUnsafe(slot.started, Exit.void)
      } else if (slot.turnId === heard.turnId) {
        endSlot(slot, heard.end)
      }
    },
    onRequest: (id, method, params) => {
      const asked = Translate.serverRequest(method, params)
      switch (asked._tag) {
        case "Refused":
          return reply().reply(id, asked.reply)
        case "Unsupported":
          return reply().replyError(id, -32601, `effect-codex does not answer ${method}`)
        case "Call": {
          const slot = current(asked.threadId, asked.turnId)
          const no = Translate.toolOutput({ success: false, text: "The call was interrupted." })
          if (slot === undefined) return reply().reply(id, no)
          return serve(slot, id, Effect.map(slot.handlers.callTool(asked), Translate.toolOutput), no)
        }
        case "Approve": {
          const slot = current(asked.threadId, asked.turnId)
          const no = Translate.decision(Approval.decline("nobody could be asked"))
          const request =
            slot === undefined ? undefined : asked.request((itemId) => slot.items.get(itemId), slot.cwd)
          if (slot === undefined || request === undefined) return reply().reply(id, no)
          slot.handlers.emit({ _tag: "ApprovalRequested", request, at: stamp(slot.clock, undefined) })
          return serve(slot, id, approve(slot, request), no)
        }
      }
    },
    onExit: (error) => {
      for (const slot of slots.values()) endSlot(slot, error)
    }
  }
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
      const slots = new Map<string, Slot>()
      let started: Process.Process | undefined
      let lastWords = new CodexError.EngineExited({ stderr: "" })
      const listener = listen(slots, () => {
        if (started === undefined) throw new Error("a request before the handshake")
        return started.connection
      })
      const process = yield* Process.start(options, {
        ...listener,
        onRequest: (id, method, params) => {
          if (started !== undefined) listener.onRequest(id, method, params)
        },
        onExit: (error) => {
          lastWords = error
          listener.onExit(error)
        }
      }).pipe(
        Scope.provide(scope),
        Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void)),
        Effect.withSpan(engineStart, {}, { captureStackTrace: false })
      )
      started = process
      return { process, slots, scope, gone: () => lastWords } satisfies Session
    },
    // The span is the child of whoever needs the engine now, not of whoever built the layer.
    Effect.updateContext((current: Context.Context<never>) => Context.merge(context, current))
  )

  /** The session that runs, or a new one: a process that died is replaced for the next thread. */
  const ready = starting.withPermits(1)(
    Effect.gen(function* () {
      if (session !== undefined && !session.process.hasExited()) return session
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
    more: Readonly<Record<string, unknown>>
  ) {
    const cwd =
      options.cwd === undefined && method === "thread/resume"
        ? undefined
        : yield* checkFolder(options.cwd, method)
    const session = yield* ready
    const failed = (error: RequestError) => requestFailed(method, error, session.gone)
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
    const thread = opened.value
    yield* Effect.addFinalizer(() =>
      Effect.ignore(
        session.process.connection.request(
          "thread/unsubscribe",
          { threadId: thread.thread.id },
          { timeout: "1 second" }
        )
      )
    )
    return makeThread(session, thread)
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
      openThread("thread/resume", options, { threadId, experimentalRawEvents: true })
  })
})

const makeThread = (session: Session, opened: typeof Protocol.ThreadOpened.Type): Engine.EngineThread => {
  const threadId = opened.thread.id
  const { connection, kill } = session.process

  /** Ends a turn that nobody wants any more, and what it started; a Codex that does not listen is ended itself. */
  const stop = (slot: Slot) =>
    Effect.gen(function* () {
      const over = Effect.ignore(Deferred.await(slot.done))
      // Before turn/started Codex knows of no turn to interrupt, says so, and runs it nevertheless.
      yield* Effect.raceFirst(Deferred.await(slot.started), over)
      if (!Deferred.isDoneUnsafe(slot.done)) {
        yield* Effect.ignore(connection.request("turn/interrupt", { threadId, turnId: slot.turnId }))
        yield* interruptHandlers(slot)
        // Its shells outlive an interrupted turn.
        yield* Effect.ignore(connection.request("thread/backgroundTerminals/clean", { threadId }))
      }
      yield* over
    }).pipe(Effect.timeoutOrElse({ duration: interruptGrace, orElse: () => kill }), inFreshFiber)

  return {
    id: threadId,
    model: opened.model,
    provider: opened.modelProvider ?? undefined,
    cwd: opened.cwd,
    turn: (input, options, handlers) =>
      Effect.contextWith((context: Context.Context<never>) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.gen(function* () {
            const slot: Slot = {
              threadId,
              cwd: opened.cwd,
              handlers,
              run: Effect.runForkWith(context),
              clock: Context.get(context, Clock.Clock),
              started: Deferred.makeUnsafe(),
              done: Deferred.makeUnsafe(),
              fibers: new Set(),
              items: new Map(),
              turnId: undefined
            }
            session.slots.set(threadId, slot)
            const start = connection.request(
              "turn/start",
              {
                threadId,
                input: Translate.input(input),
                ...(options.model === undefined ? {} : { model: options.model }),
                ...(options.effort === undefined ? {} : { effort: options.effort })
              },
              {
                onResult: (result) => {
                  slot.turnId = Option.getOrUndefined(
                    Option.map(decodeAccepted(result), ({ turn }) => turn.id)
                  )
                }
              }
            )
            return yield* start.pipe(
              Effect.mapError((error) => requestFailed("turn/start", error, session.gone)),
              Effect.andThen(restore(Deferred.await(slot.done)).pipe(Effect.onInterrupt(() => stop(slot)))),
              Effect.ensuring(
                Effect.suspend(() => {
                  session.slots.delete(threadId)
                  return interruptHandlers(slot)
                })
              )
            )
          })
        )
      )
  }
}

/** In the finalizer of an interrupted fiber nothing can time out; in a fiber of its own it can. */
const inFreshFiber = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.forkDetach(effect, { startImmediately: true }), Fiber.join)

const interruptHandlers = (slot: Slot): Effect.Effect<void> =>
  Effect.suspend(() =>
    slot.fibers.size === 0
      ? Effect.void
      : Fiber.interruptAll(slot.fibers).pipe(
          Effect.timeoutOption(handlerGrace),
          Effect.tap((ended) =>
            Option.isNone(ended)
              ? Effect.logWarning("a tool or an approval policy ignores its interruption; it is left behind")
              : Effect.void
          ),
          Effect.asVoid,
          inFreshFiber
        )
  )

/** The real Codex with settings of your own. */
export const layerWith = (options: Options): Layer.Layer<Engine.Engine> =>
  Layer.effect(Engine.Engine, make(options)).pipe(Layer.provide(NodeServices.layer))

/**
 * The real Codex: found by `CODEX_PATH`, the package `@openai/codex` or `PATH`, started with the first thread, ended
 * with the layer. Node's services are included.
 */
export const layer: Layer.Layer<Engine.Engine> = layerWith({})
