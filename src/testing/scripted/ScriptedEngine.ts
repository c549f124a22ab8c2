/** The engine that plays a script. Each turn takes the steps up to the next end of a turn. */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as CodexError from "../../domain/CodexError.ts"
import { ItemId, ThreadId, TurnId } from "../../domain/Ids.ts"
import type * as Review from "../../domain/Review.ts"
import type * as Exec from "../../domain/Exec.ts"
import type * as ThreadInfo from "../../domain/ThreadInfo.ts"
import * as ThreadAccess from "../../domain/ThreadAccess.ts"
import * as SettingsOptions from "../../domain/SettingsOptions.ts"
import type * as ThreadSettings from "../../domain/ThreadSettings.ts"
import * as TurnOptions from "../../domain/TurnOptions.ts"
import * as Engine from "../../engine/Engine.ts"
import * as NotificationHub from "../../engine/NotificationHub.ts"
import { dieScriptError, emit, emitAll, type ScriptedStep, type ScriptedTurn } from "./ScriptedTurn.ts"
import * as ScriptedExec from "./ScriptedExec.ts"
import type { ScriptedRollouts } from "./ScriptedRollouts.ts"
import * as ScriptedThreads from "./ScriptedThreads.ts"
import * as ScriptedTerminals from "./ScriptedTerminals.ts"
import * as ServedTurns from "./ServedTurns.ts"
import * as ThreadStore from "./ThreadStore.ts"

type Turn = Effect.Effect<void, CodexError.TurnError>

/** A connection of a program to the engine. */
export interface ScriptedConnection {
  readonly engine: Engine.Engine["Service"]
  /** Closes the connection without a word to the program, as the end of its process does. */
  readonly drop: () => void
}

/** The engine and what controls it. */
export interface ScriptedEngine {
  /** Connects a program. Behind a socket, turns go on without it. */
  readonly connect: (hooks?: ServedTurns.ClientHooks) => ScriptedConnection
  /** Ends the engine and starts it again. The threads that have a turn are stored. */
  readonly crash: () => void
  /** The same, and loses what is stored: the next engine runs on another machine. */
  readonly crashMachine: () => void
  /** Adds steps to the end of the script. */
  readonly play: (steps: ReadonlyArray<ScriptedStep>) => Effect.Effect<void>
  /** The inputs of all turns so far, in order. */
  readonly inputs: Effect.Effect<ReadonlyArray<string>>
  /** Waits until this number of turns has begun. */
  readonly begun: (turns?: number) => Effect.Effect<void>
  /** The number of steps that no turn has taken yet. */
  readonly remaining: Effect.Effect<number>
  /** Sets the answer to a raw request. */
  readonly answer: (method: string, answer: (params: unknown) => unknown) => Effect.Effect<void>
  /** Sets the answer to commands. */
  readonly exec: (respond: ScriptedExec.RespondToCommand) => Effect.Effect<void>
  /** The commands that `codex.exec` has started, in order. */
  readonly commands: Effect.Effect<ReadonlyArray<Exec.EngineCommand>>
  /** Sends a notification to the program. */
  readonly notify: (method: string, params: unknown) => Effect.Effect<void>
  /** Starts a turn of the engine itself, now or after the current turn of the thread. */
  readonly startTurn: (
    threadId: ThreadId,
    steps: ReadonlyArray<ScriptedStep>,
    input: string
  ) => Effect.Effect<void>
}

const noRunningTurn = new CodexError.InvalidRequest({
  reason: "Rejected",
  method: "turn/steer",
  detail: "no turn of the thread is running"
})

const noAnswer = (method: string) =>
  new CodexError.InvalidRequest({
    reason: "Rejected",
    method,
    detail: "the script has no answer to this request; add one with Scripted.answer"
  })

const hasThreadId = Schema.is(Schema.Struct({ threadId: ThreadId }))

const model: ThreadInfo.Model = {
  id: "scripted",
  name: "Scripted",
  description: "Plays a script",
  isDefault: true,
  efforts: [],
  inputs: ["text", "image"]
}

/** Reports the input of a turn that the engine starts by itself, as Codex does. */
const emitInput = (turn: ScriptedTurn, text: string): Effect.Effect<void> => {
  if (text === "") return Effect.void
  const item = { _tag: "UserMessage", id: turn.nextId("user"), text } as const
  return emitAll(turn, { _tag: "ItemStarted", item }, { _tag: "ItemCompleted", item })
}

/** Says what a review looks at, as Codex does. */
const reviewText = (target: Review.ReviewTarget): string => {
  switch (target._tag) {
    case "Uncommitted":
      return "current changes"
    case "Branch":
      return `changes against '${target.branch}'`
    case "Commit":
      return `commit ${target.sha.slice(0, 7)}${target.title === undefined ? "" : `: ${target.title}`}`
    case "Custom":
      return target.instructions
  }
}

/** Returns the steps of a turn that the script has none for. `key` is the id that its client gave to its input. */
export type GenerateTurn = (turn: {
  readonly input: string
  readonly key: string | undefined
}) => ReadonlyArray<ScriptedStep>

/**
 * Starts with an empty script. Dies with a `ScriptError` when the scope closes and steps are left. `isServed`: the engine is
 * behind a socket, so its turns outlive the programs that start them. `rollouts`: where it stores its threads; without them,
 * in memory.
 */
export const make = Effect.fnUntraced(function* (
  isServed = false,
  generate?: GenerateTurn,
  rollouts?: ScriptedRollouts
): Effect.fn.Return<ScriptedEngine, never, Scope.Scope> {
  const script: Array<ScriptedStep> = []
  const inputs: Array<string> = []
  let turns = 0
  let ids = 0
  const nextId = (prefix: string) => ItemId.make(`${prefix}_${++ids}`)

  yield* Effect.addFinalizer((exit) =>
    script.length > 0 && exit._tag === "Success"
      ? dieScriptError(`the script has ${script.length} unused ${script.length === 1 ? "step" : "steps"}`)
      : Effect.void
  )

  /** Removes the steps of the next turn at once, so that turns of other threads do not play them. */
  const takeTurn = (): ReadonlyArray<ScriptedStep> => {
    const end = script.findIndex((step) => step._tag === "End")
    return script.splice(0, end < 0 ? script.length : end + 1)
  }

  const notifications = NotificationHub.make()
  const notify = (method: string, params: unknown) =>
    Effect.map(Clock.currentTimeMillis, (now) => notifications.publish(method, params, () => now))

  const threads = ThreadStore.make(rollouts)
  const commands = ScriptedExec.make()
  const scope = yield* Effect.scope
  const terminals = ScriptedTerminals.make(scope)
  const served = isServed ? ServedTurns.make(scope, yield* Effect.context()) : undefined
  const shared = new Map<ThreadId, ScriptedThreads.ScriptedThread>()
  const sharedThread = (id: ThreadId) => {
    const thread = shared.get(id) ?? ScriptedThreads.make()
    shared.set(id, thread)
    return thread
  }
  const running = new Map<ThreadId, Queue.Queue<string>>()
  const answers = new Map<string, (params: unknown) => unknown>()
  const nextTurnId = () => TurnId.make(`turn_${++turns}`)
  const begun = yield* SubscriptionRef.make(0)
  /** How to start a turn of the engine itself on each thread that a program has opened. */
  const starters = new Map<string, (next: ScriptedThreads.QueuedTurn) => void>()

  const startTurn = (id: ThreadId, steps: ReadonlyArray<ScriptedStep>, input: string) =>
    Effect.suspend(() => {
      const thread = shared.get(id)
      const start = starters.get(id)
      if (thread === undefined || start === undefined || thread.observers.size === 0)
        return dieScriptError(`the script starts a turn on ${id}, but no handle of the thread is open`)
      const next = { input, steps }
      if (thread.running || thread.adopted !== undefined) thread.queued.push(next)
      else start(next)
      return Effect.void
    })

  const makeThread = (
    id: ThreadId,
    options: Engine.EngineThreadOptions,
    client: ServedTurns.Client,
    terminalsOpen: ScriptedTerminals.OpenTerminals
  ): Engine.EngineThread => {
    const thread = sharedThread(id)
    /** Runs a turn that the program requests: behind a socket in the engine, otherwise in the program. */
    const request = (
      turnOptions: Engine.EngineTurnOptions,
      handlers: Engine.Handlers,
      run: (turnId: TurnId, handlers: Engine.Handlers) => Turn
    ): Turn =>
      Effect.suspend(() => {
        const turnId = nextTurnId()
        if (served !== undefined)
          return served.request({ threadId: id, turnId, client }, turnOptions, handlers, (handlers) =>
            run(turnId, handlers)
          )
        const refusal = turnOptions.beforeStart?.()
        return refusal === undefined ? run(turnId, handlers) : Effect.fail(refusal)
      })
    const runTurn = (
      turnId: TurnId,
      input: TurnOptions.TurnInput,
      {
        subAgents = "interrupt",
        terminals: policy = "keep",
        clientMessageId
      }: Pick<Engine.EngineTurnOptions, "clientMessageId" | "subAgents" | "terminals">,
      handlers: Engine.Handlers,
      play: (turn: ScriptedTurn) => Effect.Effect<void, CodexError.TurnError>
    ) =>
      Effect.flatMap(Queue.unbounded<string>(), (steered) => {
        const agents = ScriptedThreads.makeAgents(turnId)
        running.set(id, steered)
        const stored = threads.turn(id, turnId, input, clientMessageId, handlers, (handlers) => {
          const turn: ScriptedTurn = {
            threadId: id,
            turnId,
            input: TurnOptions.text(input),
            options,
            handlers,
            nextId,
            steered,
            notify,
            setGoal: (goal) => ScriptedThreads.setGoal(thread, goal),
            continueWith: (input) => void thread.queued.push({ input, steps: undefined }),
            startAgent: (steps) => agents.start(turn, steps),
            startCommand: (item, end) => terminals.start(turn, item, end)
          }
          return emit(turn, { _tag: "TurnStarted", threadId: id, turnId }).pipe(
            Effect.andThen(SubscriptionRef.update(begun, (count) => count + 1)),
            Effect.andThen(play(turn)),
            Effect.onExit((exit) =>
              Exit.hasInterrupts(exit) ? terminals.clean(id) : terminals.settle(turn, policy)
            ),
            Effect.andThen(agents.end(subAgents)),
            Effect.ensuring(agents.end("interrupt"))
          )
        })
        return ScriptedThreads.runTurn(
          thread,
          Effect.ensuring(
            stored,
            Effect.sync(() => running.delete(id))
          ),
          startNext
        )
      })

    const playScript = (
      text: string,
      turn: (play: (turn: ScriptedTurn) => Turn) => Turn,
      steps: ReadonlyArray<ScriptedStep> = takeTurn()
    ) => {
      if (steps.length === 0)
        return dieScriptError(
          `the script has no steps for ${text === "" ? "the goal" : `the input ${JSON.stringify(text)}`}`
        )
      return turn((turn) => Effect.forEach(steps, (step) => step.play(turn), { discard: true }))
    }

    const startNext = ({ input, steps }: ScriptedThreads.QueuedTurn) => {
      const turnId = nextTurnId()
      startOwn(turnId, (options, handlers) =>
        // After the handle has learned of the end of the previous turn.
        Effect.flatMap(Effect.yieldNow, () => {
          if (input !== "") inputs.push(input)
          return playScript(
            input,
            (play) =>
              runTurn(turnId, input, options, handlers, (turn) =>
                Effect.andThen(emitInput(turn, input), play(turn))
              ),
            steps
          )
        })
      )
    }
    const startOwn = (turnId: TurnId, run: Parameters<typeof ScriptedThreads.adopt>[2]) => {
      if (served === undefined) return ScriptedThreads.adopt(thread, turnId, run)
      const over = Deferred.makeUnsafe<void>()
      thread.adopted = over
      served.start(id, turnId, (handlers) =>
        Effect.ensuring(
          run({}, handlers),
          Effect.sync(() => ScriptedThreads.endAdopted(thread, over))
        )
      )
    }
    starters.set(id, startNext)
    let settings: ThreadSettings.ThreadSettings = SettingsOptions.apply(
      {
        cwd: "/",
        model: "scripted",
        provider: "scripted",
        sandbox: "read-only",
        writableRoots: [],
        additionalDirectories: []
      },
      options
    )
    return {
      id,
      model: options.model ?? "scripted",
      provider: "scripted",
      cwd: options.cwd ?? "/",
      access: () => {
        const { additionalDirectories, cwd, sandbox, writableRoots } = settings
        return ThreadAccess.make(cwd, sandbox, {
          writableRoots: [...writableRoots, ...additionalDirectories]
        })
      },
      settings: () => settings,
      turnSettings: (options) => SettingsOptions.apply(settings, options),
      settled: ScriptedThreads.settled(thread),
      terminals: terminals.of(id),
      goals: ScriptedThreads.goals(thread, options, startNext),
      turn: (input, turnOptions, handlers) =>
        request(turnOptions, handlers, (turnId, handlers) => {
          settings = SettingsOptions.apply(settings, options)
          const text = TurnOptions.text(input)
          inputs.push(text)
          const key = turnOptions.clientMessageId
          return playScript(
            text,
            (play) => runTurn(turnId, input, turnOptions, handlers, play),
            script.length === 0 && generate !== undefined ? generate({ input: text, key }) : undefined
          )
        }),
      detach: served === undefined ? undefined : Effect.sync(() => void (terminalsOpen.keeps = true)),
      findTurn: (key) => threads.findTurn(id, key),
      review: (target, handlers) =>
        request({}, handlers, (turnId, handlers) => {
          const text = reviewText(target)
          inputs.push(text)
          const steps = takeTurn()
          if (steps.length === 0)
            return dieScriptError(`the script has no steps for the review of ${JSON.stringify(text)}`)
          return runTurn(turnId, "", {}, handlers, (turn) => {
            const item = { _tag: "EnteredReviewMode", id: nextId("review"), text } as const
            return Effect.andThen(
              emitAll(turn, { _tag: "ItemStarted", item }, { _tag: "ItemCompleted", item }),
              Effect.forEach(steps, (step) => step.play(turn), { discard: true })
            )
          })
        }),
      compact: (handlers) =>
        request({}, handlers, (turnId, handlers) =>
          runTurn(turnId, "", {}, handlers, (turn) => {
            const item = { _tag: "ContextCompaction", id: nextId("compaction") } as const
            return emitAll(turn, { _tag: "ItemStarted", item }, { _tag: "ItemCompleted", item })
          })
        ),
      steer: (input) =>
        Effect.suspend(() => {
          const steered = running.get(id)
          if (steered === undefined) return Effect.fail(noRunningTurn)
          return Effect.asVoid(Queue.offer(steered, TurnOptions.text(input)))
        })
    }
  }

  const openThread = Effect.fnUntraced(function* (
    id: ThreadId,
    options: Engine.EngineThreadOptions,
    client: ServedTurns.Client
  ) {
    const open = yield* terminals.open(id)
    yield* ScriptedThreads.observe(sharedThread(id), options.observer)
    if (served !== undefined) yield* served.open(id, client, options.observer)
    return makeThread(id, options, client, open)
  })

  const resume = (threadId: ThreadId, options: Engine.EngineThreadOptions) =>
    isServed ? threads.resumeKnown(threadId, options) : threads.resume(threadId, options)

  const connect: ScriptedEngine["connect"] = (hooks = {}) => {
    const client: ServedTurns.Client = { isGone: false, hooks }
    const engine = Engine.Engine.of({
      ...threads.directory,
      ready: Effect.void,
      ...(rollouts === undefined ? {} : { home: Effect.sync(rollouts.home) }),
      subscribe: notifications.subscribe,
      startThread: (options) =>
        Effect.flatMap(threads.open(options), (id) => openThread(id, options, client)),
      resumeThread: (threadId, options) =>
        Effect.andThen(resume(threadId, options), openThread(threadId, options, client)),
      forkThread: (threadId, { through, ...options }) =>
        Effect.flatMap(threads.fork(threadId, options, through), (id) => openThread(id, options, client)),
      listModels: () => Effect.succeed({ data: [model], next: undefined }),
      exec: commands.exec,
      request: (method, params) =>
        Effect.suspend(() => {
          const answer = answers.get(method)
          if (answer !== undefined) return Effect.sync(() => answer(params))
          if (method === "thread/read" && rollouts !== undefined && hasThreadId(params))
            return Effect.succeed({ thread: { path: rollouts.path(params.threadId) } })
          // A language model adds the history of a prompt this way. A script needs no answer of its own for it.
          return method === "thread/inject_items" ? Effect.succeed({}) : Effect.fail(noAnswer(method))
        })
    })
    return { engine, drop: () => served?.drop(client) }
  }

  const crash = () => {
    for (const thread of shared.values()) {
      thread.goal = undefined
      thread.queued.splice(0)
    }
    const error = new CodexError.EngineExited({ signal: "SIGKILL", stderr: "" })
    threads.crash(error, (id) => served?.isOpen(id) === true)
    served?.crash(error)
  }

  return {
    connect,
    crash,
    crashMachine: () => {
      crash()
      threads.lose()
    },
    play: (steps) => Effect.sync(() => void script.push(...steps)),
    inputs: Effect.sync(() => [...inputs]),
    begun: (turns = 1) =>
      Stream.runDrain(Stream.takeUntil(SubscriptionRef.changes(begun), (count) => count >= turns)),
    remaining: Effect.sync(() => script.length),
    startTurn,
    answer: (method, answer) => Effect.sync(() => void answers.set(method, answer)),
    exec: (respond) => Effect.sync(() => commands.respond(respond)),
    commands: Effect.sync(commands.commands),
    notify
  }
})
