/**
 * The turns of a scripted engine behind a socket. They run in the engine and not in a client, so they go on without one. What
 * waits for an answer is asked again when a client comes, and the first answer of any client counts.
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Approval from "../../Approval.ts"
import * as CodexError from "../../domain/CodexError.ts"
import type { ItemId, ThreadId, TurnId } from "../../domain/Ids.ts"
import type * as Turn from "../../domain/Turn.ts"
import type * as Engine from "../../engine/Engine.ts"
import { emitTo } from "./ScriptedTurn.ts"

/** A connection to the engine. */
export interface Client {
  /** Whether the connection is closed. The client then receives nothing more. */
  isGone: boolean
  readonly hooks: ClientHooks
}

/** What a test sees of a client. A function may close its connection. */
export interface ClientHooks {
  /** Called before the client asks for a turn. */
  readonly onStart?: (() => void) | undefined
  /** Called before the client receives an event. */
  readonly onEvent?: ((event: Turn.EngineEvent) => void) | undefined
}

/** A client that observes a turn. Before its handlers are known, the events wait. */
interface Observer {
  readonly client: Client
  handlers: Engine.Handlers | undefined
  readonly agents: Map<ThreadId, Engine.AgentHandlers>
  fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly events: Array<Turn.EngineEvent>
  /** The policies and tools that work on an answer. */
  readonly answering: Set<Fiber.Fiber<void>>
}

/** A handle of a client to a thread. */
interface OpenHandle {
  readonly client: Client
  readonly observer: Engine.ThreadObserver | undefined
}

interface ServedTurn {
  readonly threadId: ThreadId
  readonly turnId: TurnId
  /** What a client that comes later sees: the start and the completed items. */
  readonly stored: Array<Turn.EngineEvent>
  readonly open: Map<ItemId, Turn.EngineEvent>
  readonly observers: Set<Observer>
  /** Asks a client for what waits for an answer. */
  readonly waiting: Set<(observer: Observer) => void>
  readonly outcome: Deferred.Deferred<void, CodexError.TurnError>
  fiber: Fiber.Fiber<void, CodexError.TurnError> | undefined
}

type RunTurn = (handlers: Engine.Handlers) => Effect.Effect<void, CodexError.TurnError>

export interface ServedTurns {
  /** Opens a thread for a client. The client adopts the running turn, and later turns that it does not request itself. */
  readonly open: (
    threadId: ThreadId,
    client: Client,
    observer: Engine.ThreadObserver | undefined
  ) => Effect.Effect<void, never, Scope.Scope>
  /** Runs a turn for a client, after the turn of the thread that runs. */
  readonly request: (
    turn: { readonly threadId: ThreadId; readonly turnId: TurnId; readonly client: Client },
    options: Pick<Engine.EngineTurnOptions, "beforeStart" | "keepsRunning">,
    handlers: Engine.Handlers,
    run: RunTurn
  ) => Effect.Effect<void, CodexError.TurnError>
  /** Starts a turn that no client has requested. */
  readonly start: (threadId: ThreadId, turnId: TurnId, run: RunTurn) => void
  /** Waits until no turn of the thread runs. */
  readonly idle: (threadId: ThreadId) => Effect.Effect<void>
  /** Whether a client has the thread open. */
  readonly isOpen: (threadId: ThreadId) => boolean
  /** Closes a connection, as the end of its process does: without a word to the client. */
  readonly drop: (client: Client) => void
  /** Ends all turns, as the death of the engine does. */
  readonly crash: (error: CodexError.EngineExited) => void
}

const deliver = (observer: Observer, event: Turn.EngineEvent): void => {
  const { client, events, handlers } = observer
  if (client.isGone) return
  if (handlers === undefined) return void events.push(event)
  client.hooks.onEvent?.(event)
  // The function above may close the connection.
  if (!client.isGone) handlers.emit(event)
}

/** Remembers what the history of a running turn has: no deltas, and no item before it has completed. */
const remember = ({ open, stored }: ServedTurn, event: Turn.EngineEvent): void => {
  if (event._tag === "TurnStarted") stored.push(event)
  if (event._tag === "ItemStarted") open.set(event.item.id, event)
  if (event._tag !== "ItemCompleted") return
  const started = open.get(event.item.id)
  open.delete(event.item.id)
  stored.push(...(started === undefined ? [] : [started]), event)
}

/** Asks every client, including clients that connect later, until one of them answers. */
const ask = <A>(
  turn: ServedTurn,
  answerBy: (observer: Observer) => Effect.Effect<A> | undefined
): Effect.Effect<A> =>
  Effect.suspend(() => {
    const answer = Deferred.makeUnsafe<A>()
    const asked = new Set<Fiber.Fiber<void>>()
    const askClient = (observer: Observer) => {
      const answering = answerBy(observer)
      if (answering === undefined) return
      const fiber = observer.fork(
        Effect.flatMap(answering, (value) =>
          Effect.sync(() => {
            // A client that has left the turn no longer answers.
            if (!observer.client.isGone && turn.observers.has(observer))
              Deferred.doneUnsafe(answer, Exit.succeed(value))
          })
        )
      )
      asked.add(fiber)
      observer.answering.add(fiber)
      fiber.addObserver(() => {
        asked.delete(fiber)
        observer.answering.delete(fiber)
      })
    }
    turn.waiting.add(askClient)
    // A client that answers at once continues the turn, which may ask again.
    const observers = [...turn.observers]
    for (const observer of observers) if (observer.handlers !== undefined) askClient(observer)
    return Effect.ensuring(
      Deferred.await(answer),
      Effect.sync(() => {
        turn.waiting.delete(askClient)
        for (const fiber of asked) fiber.interruptUnsafe()
      })
    )
  })

const withdrawn: Approval.ApprovalDecision = {
  _tag: "Decline",
  reason: "codex withdrew the request",
  source: "default"
}

/** Asks the policy of one client. Only this client sees the request and its decision. */
const approveBy = (
  request: Approval.ApprovalRequest,
  approve: Engine.Handlers["approve"],
  receive: Engine.Handlers["emit"]
): Effect.Effect<Approval.ApprovalDecision> =>
  emitTo(receive, { _tag: "ApprovalRequested", request }).pipe(
    Effect.andThen(Effect.suspend(() => approve(request))),
    Effect.onExit((exit) => {
      const decision = Exit.isSuccess(exit) ? exit.value : withdrawn
      return emitTo(receive, {
        _tag: "ApprovalDecided",
        requestId: request.id,
        itemId: request.itemId,
        decision: Approval.withoutAnswers(decision),
        source: decision.source ?? "policy"
      })
    })
  )

const isOfClient = ({ _tag }: Turn.EngineEvent): boolean =>
  _tag === "ApprovalRequested" || _tag === "ApprovalDecided"

/** Returns the handlers of a turn of a sub-agent. A client that comes later does not see the sub-agent. */
const agentHandlers = (turn: ServedTurn, agent: { readonly threadId: ThreadId; readonly turnId: TurnId }) => {
  const { threadId } = agent
  for (const { agents, client, handlers } of turn.observers) {
    const observed = client.isGone ? undefined : handlers?.agent?.(agent)
    if (observed !== undefined) agents.set(threadId, observed)
  }
  const each = (act: (handlers: Engine.AgentHandlers) => void) => {
    for (const { agents, client } of turn.observers) {
      const observed = client.isGone ? undefined : agents.get(threadId)
      if (observed !== undefined) act(observed)
    }
  }
  return {
    emit: (event) => (isOfClient(event) ? undefined : each(({ emit }) => emit(event))),
    approve: (request) =>
      ask(turn, ({ agents }) => {
        const observed = agents.get(threadId)
        return observed && approveBy(request, observed.approve, observed.emit)
      }),
    callTool: (call) => ask(turn, ({ agents }) => agents.get(threadId)?.callTool(call)),
    end: (outcome) => each(({ end }) => end(outcome))
  } satisfies Engine.AgentHandlers
}

/** Returns the handlers with which the script of a turn is played: they reach all its clients. */
const handlersOf = (turn: ServedTurn): Engine.Handlers => ({
  emit: (event) => {
    if (isOfClient(event)) return
    remember(turn, event)
    for (const observer of turn.observers) deliver(observer, event)
  },
  approve: (request) =>
    ask(turn, (observer) =>
      observer.handlers === undefined
        ? undefined
        : approveBy(request, observer.handlers.approve, (event) => deliver(observer, event))
    ),
  callTool: (call) => ask(turn, ({ handlers }) => handlers?.callTool(call)),
  agent: (agent) => agentHandlers(turn, agent)
})

const interrupted = new CodexError.TurnInterrupted({ by: "codex" })

/** Makes the turns of an engine with this scope. */
export const make = (scope: Scope.Scope, context: Context.Context<never>): ServedTurns => {
  const handles = new Map<ThreadId, Set<OpenHandle>>()
  const turns = new Map<ThreadId, ServedTurn>()
  /** The last death of the engine. */
  let death: CodexError.EngineExited | undefined

  const makeObserver = (turn: ServedTurn, client: Client): Observer => {
    const observer: Observer = {
      client,
      handlers: undefined,
      agents: new Map(),
      fork: Effect.runForkWith(context),
      events: [...turn.stored],
      answering: new Set()
    }
    turn.observers.add(observer)
    return observer
  }

  /** Leaves a turn: the policies and tools of the client end without an answer. */
  const leave = (turn: ServedTurn, observer: Observer) =>
    Effect.suspend(() => {
      turn.observers.delete(observer)
      return Fiber.interruptAll([...observer.answering])
    })

  const interrupt = ({ fiber }: ServedTurn) =>
    Effect.suspend(() => (fiber === undefined ? Effect.void : Fiber.interrupt(fiber)))

  /** Observes a turn to its end, for a client with these handlers. */
  const observe = (
    turn: ServedTurn,
    observer: Observer,
    { keepsRunning }: Pick<Engine.EngineTurnOptions, "keepsRunning">,
    handlers: Engine.Handlers,
    begin: Effect.Effect<void> = Effect.void
  ): Effect.Effect<void, CodexError.TurnError> =>
    Effect.contextWith((caller: Context.Context<never>) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          observer.fork = Effect.runForkWith(caller)
          observer.handlers = handlers
          for (const event of observer.events.splice(0)) deliver(observer, event)
          // Codex sends what waits after its reply: the client has opened the thread by then.
          if (turn.waiting.size > 0)
            Effect.runForkWith(context)(
              Effect.andThen(
                Effect.yieldNow,
                Effect.sync(() => {
                  // The answer continues the turn, which may ask again: then this client is asked there.
                  const waiting = turn.observers.has(observer) ? [...turn.waiting] : []
                  for (const askClient of waiting) askClient(observer)
                })
              )
            )
          return Effect.andThen(begin, restore(Deferred.await(turn.outcome)))
        }).pipe(
          Effect.onExit(() =>
            Deferred.isDoneUnsafe(turn.outcome) || keepsRunning?.() === true ? Effect.void : interrupt(turn)
          ),
          Effect.ensuring(leave(turn, observer))
        )
      )
    )

  /** Has a client adopt a turn, if it has the thread open and does not observe the turn. */
  const offer = (turn: ServedTurn, client: Client) => {
    if (client.isGone || [...turn.observers].some((observer) => observer.client === client)) return
    const newest = [...(handles.get(turn.threadId) ?? [])].findLast(
      (handle) => handle.client === client && handle.observer !== undefined
    )
    if (newest?.observer === undefined) return
    const observer = makeObserver(turn, client)
    newest.observer.onTurn({
      turnId: turn.turnId,
      run: (options, handlers) => observe(turn, observer, options, handlers)
    })
  }

  const offerToAll = (turn: ServedTurn) => {
    for (const { client } of handles.get(turn.threadId) ?? []) offer(turn, client)
  }

  const add = (threadId: ThreadId, turnId: TurnId): ServedTurn => {
    const turn: ServedTurn = {
      threadId,
      turnId,
      stored: [],
      open: new Map(),
      observers: new Set(),
      waiting: new Set(),
      outcome: Deferred.makeUnsafe(),
      fiber: undefined
    }
    turns.set(threadId, turn)
    return turn
  }

  /** Plays the turn in the engine. */
  const play = (turn: ServedTurn, run: RunTurn) => {
    const playing = Effect.suspend(() => run(handlersOf(turn))).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (turns.get(turn.threadId) === turn) turns.delete(turn.threadId)
          Deferred.doneUnsafe(turn.outcome, Exit.hasInterrupts(exit) ? Exit.fail(interrupted) : exit)
        })
      )
    )
    turn.fiber = Fiber.runIn(Effect.runForkWith(context)(playing), scope)
    offerToAll(turn)
  }

  const idle = (threadId: ThreadId): Effect.Effect<void> =>
    Effect.suspend(() => {
      const turn = turns.get(threadId)
      return turn === undefined
        ? Effect.void
        : Effect.andThen(Effect.exit(Deferred.await(turn.outcome)), idle(threadId))
    })

  return {
    open: (threadId, client, observer) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const handle = { client, observer }
          const open = handles.get(threadId) ?? new Set()
          handles.set(threadId, open.add(handle))
          const turn = turns.get(threadId)
          if (turn !== undefined) offer(turn, client)
          return handle
        }),
        (handle) =>
          Effect.sync(() => {
            handles.get(threadId)?.delete(handle)
            // Another handle of the client adopts a turn that this one has left.
            const turn = turns.get(threadId)
            if (turn !== undefined) offer(turn, client)
          })
      ),
    request: ({ client, threadId, turnId }, options, handlers, run) => {
      const earlier = death
      return idle(threadId).pipe(
        Effect.andThen(Effect.sync(() => client.hooks.onStart?.())),
        // The function above may stop the process of the client, for a while or for ever.
        Effect.andThen(Effect.yieldNow),
        Effect.andThen(idle(threadId)),
        Effect.andThen(() => {
          // The request was lost with the engine.
          if (death !== undefined && death !== earlier) return Effect.fail(death)
          const refusal = options.beforeStart?.()
          if (refusal !== undefined) return Effect.fail(refusal)
          if (client.isGone) return Effect.never
          const turn = add(threadId, turnId)
          const observer = makeObserver(turn, client)
          return observe(
            turn,
            observer,
            options,
            handlers,
            Effect.sync(() => play(turn, run))
          )
        })
      )
    },
    start: (threadId, turnId, run) => play(add(threadId, turnId), run),
    idle,
    isOpen: (threadId) => (handles.get(threadId)?.size ?? 0) > 0,
    drop: (client) => {
      client.isGone = true
      for (const open of handles.values())
        for (const handle of open) if (handle.client === client) open.delete(handle)
      for (const { observers } of turns.values())
        for (const observer of observers) if (observer.client === client) observers.delete(observer)
    },
    crash: (error) => {
      death = error
      const lost = [...turns.values()]
      const open = [...handles.values()].flatMap((handles) => [...handles])
      turns.clear()
      for (const turn of lost) {
        // What the end of its script still emits, no client sees.
        turn.observers.clear()
        Deferred.doneUnsafe(turn.outcome, Exit.fail(error))
        turn.fiber?.interruptUnsafe()
      }
      for (const { client, observer } of open) if (!client.isGone) observer?.onExit(error)
    }
  }
}
