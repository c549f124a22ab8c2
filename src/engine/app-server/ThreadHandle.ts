/** One handle to a thread of `codex app-server`. When the process dies, the handle resumes the thread on a new one. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as CodexError from "../../domain/CodexError.ts"
import type { ThreadId } from "../../domain/Ids.ts"
import type * as SettingsOptions from "../../domain/SettingsOptions.ts"
import type * as ThreadSettings from "../../domain/ThreadSettings.ts"
import type * as Engine from "../Engine.ts"
import * as AdoptedTurns from "./AdoptedTurns.ts"
import * as AppServerSession from "./AppServerSession.ts"
import * as ErrorMapping from "./ErrorMapping.ts"
import * as Goals from "./Goals.ts"
import type { RpcRequestError } from "./JsonRpcConnection.ts"
import * as ThreadTerminals from "./ThreadTerminals.ts"
import * as HandleSettings from "./HandleSettings.ts"
import * as Translate from "./Translate.ts"
import * as TurnDriver from "./TurnDriver.ts"
import * as TurnHistory from "./TurnHistory.ts"
import * as WireSettings from "./WireSettings.ts"

/** Settings of earlier turns, as the options of a thread. A new process receives them again. */
export type StickyOptions = Pick<
  SettingsOptions.SettingsOptions,
  "cwd" | "effort" | "model" | "sandbox" | "permissionProfile"
>

/** Adds the settings of a turn. A sandbox and a permission profile replace each other. */
const addSticky = (before: StickyOptions, options: SettingsOptions.SettingsOptions): StickyOptions => {
  const { cwd, effort, model, permissionProfile, sandbox } = options
  const { permissionProfile: profileBefore, sandbox: sandboxBefore, ...others } = before
  const named = sandbox !== undefined || permissionProfile !== undefined
  return {
    ...others,
    ...Translate.optionalField("cwd", cwd),
    ...Translate.optionalField("effort", effort),
    ...Translate.optionalField("model", model),
    ...Translate.optionalField("sandbox", named ? sandbox : sandboxBefore),
    ...Translate.optionalField("permissionProfile", named ? permissionProfile : profileBefore)
  }
}

/** Makes the directories of some options absolute. Fails if one does not exist. */
export type ResolveDirectories = (
  options: SettingsOptions.SettingsOptions,
  method: string
) => Effect.Effect<
  Pick<SettingsOptions.SettingsOptions, "additionalDirectories" | "cwd" | "writableRoots">,
  CodexError.InvalidRequest
>

/** The newer ids of threads that have started again, by their old ids. */
export type RestartedThreads = Map<ThreadId, ThreadId>

/** Returns the id of a thread now: it changes when the thread starts again, perhaps more than once. */
export const latestId = (restarted: RestartedThreads, id: ThreadId): ThreadId => {
  let latest = id
  for (let next = restarted.get(id); next !== undefined; next = restarted.get(next)) latest = next
  return latest
}

/** How to open a thread on a new process. */
export interface Reopening {
  /** Shared by the handles of all threads. */
  readonly restarted: RestartedThreads
  /** Resumes the stored thread. `undefined` for an ephemeral thread, of which Codex stores no history. */
  readonly resume:
    | ((
        threadId: ThreadId,
        stickyOptions: StickyOptions
      ) => Effect.Effect<HandleSettings.ThreadOnSession, CodexError.StartError, Scope.Scope>)
    | undefined
  /** Sends the request that started the thread again. The new thread has another id. `undefined` for a resumed thread. */
  readonly restart:
    | Effect.Effect<HandleSettings.ThreadOnSession, CodexError.StartError, Scope.Scope>
    | undefined
}

/** Returns one handle to a thread. Closing the handle's scope interrupts its turns. */
export const make = Effect.fnUntraced(function* (
  first: HandleSettings.ThreadOnSession,
  request: HandleSettings.HandleRequest,
  turnsOutlive: boolean,
  resolveDirectories: ResolveDirectories,
  { restart, restarted, resume }: Reopening,
  holder: AppServerSession.ThreadHolder
) {
  const { opened } = first
  const scope = yield* Effect.scope
  const resuming = Semaphore.makeUnsafe(1)
  let current: HandleSettings.ThreadOnSession = first
  /** Another handle may have started the thread again. */
  const currentId = () => latestId(restarted, current.opened.thread.id)
  const settings = HandleSettings.make(() => current, request)
  holder.cwd = () => settings.effective({}).cwd
  /** Whether this handle has begun a turn. Before that, nothing is lost if the thread starts again. */
  let hasBegun = false
  const closed = yield* Effect.acquireRelease(Deferred.make<never, CodexError.TurnInterrupted>(), (closed) =>
    Deferred.fail(closed, new CodexError.TurnInterrupted({ by: "caller" }))
  )
  const threadClosed = () =>
    new CodexError.InvalidRequest({
      reason: "ThreadNotFound",
      method: "turn/start",
      detail: "the scope that opened the thread is closed; resume the thread by its id"
    })

  /** Records the new id of the thread, before anything reports it. */
  const onRestart = ({ opened }: HandleSettings.ThreadOnSession) =>
    Effect.sync(() => {
      const lost = currentId()
      const { id } = opened.thread
      // An id that Codex uses again would lead to itself.
      restarted.delete(id)
      if (id !== lost) restarted.set(lost, id)
      holder.observer?.onRestart?.(id)
    })

  const currentSession: Effect.Effect<HandleSettings.ThreadOnSession, CodexError.StartError> = Effect.suspend(
    () => {
      if (Deferred.isDoneUnsafe(closed)) return Effect.fail(threadClosed())
      if (current.session.process.isUsable()) return Effect.succeed(current)
      const restarting = hasBegun || restart === undefined ? undefined : Effect.tap(restart, onRestart)
      const reopened =
        resume === undefined
          ? (restarting ?? Effect.fail(current.session.process.end()))
          : Effect.catch(resume(currentId(), stickyOptions), (error) =>
              error._tag === "InvalidRequest" && error.reason === "ThreadNotFound"
                ? (restarting ?? Effect.fail(threadLost(error)))
                : Effect.fail(error)
            )
      return Scope.provide(reopened, scope).pipe(
        Effect.tap((reopened) =>
          Effect.sync(() => {
            current = reopened
            settings.settle()
          })
        )
      )
    }
  ).pipe(resuming.withPermits(1))

  /** Options that earlier turns set. Codex keeps them for later turns; a new process has to receive them again. */
  let stickyOptions: StickyOptions = {}

  /** The settings of the last turn. Most turns of a thread have the same, which are decoded once. */
  let turnSettings:
    | { readonly reported: WireSettings.Reported; readonly decoded: ThreadSettings.ThreadSettings }
    | undefined

  /** Returns how a turn with these options changes the settings of the thread. */
  const changeOf = (options: Engine.EngineTurnOptions) => {
    const effective = settings.effective({})
    return WireSettings.withMode(WireSettings.fromOptions(options, effective.cwd), options.mode, effective)
  }

  const run = (
    method: TurnDriver.Method,
    params: Readonly<Record<string, unknown>>,
    handlers: Engine.Handlers,
    options: Engine.EngineTurnOptions
  ): Effect.Effect<void, CodexError.TurnError> =>
    Effect.flatMap(currentSession, ({ opened, session }) => {
      const { process, runningTurns } = session
      let refusal: CodexError.TurnError | undefined
      const failed = (error: RpcRequestError) =>
        refusal ?? ErrorMapping.fromRpcError(method, error, process.end)
      const turn = Effect.suspend(() => {
        // The previous turn on this thread may have ended the process.
        if (!process.isUsable()) return Effect.succeed(false)
        stickyOptions = addSticky(stickyOptions, options)
        const change = changeOf(options)
        const location = {
          threadId: opened.thread.id,
          cwd: settings.effective(change).cwd,
          process,
          runningTurns,
          isRefused: () => (refusal = options.beforeStart?.()) !== undefined,
          onAccepted: () => void (hasBegun = true),
          terminals: session.terminals
        }
        const turn = settings.runTurn(change, method, handlers, (sent, handlers) =>
          TurnDriver.run(
            location,
            method,
            { threadId: opened.thread.id, ...params, ...sent },
            options,
            handlers,
            failed
          )
        )
        return Effect.as(turn, true)
      })
      return Effect.flatMap(
        AppServerSession.loadedThread(session, opened.thread.id).turns.withPermits(1)(
          Effect.andThen(AdoptedTurns.settled(session, opened.thread.id), turn)
        ),
        (ran) => (ran ? Effect.void : run(method, params, handlers, options))
      )
    })

  /** Runs a turn that ends when the thread's scope closes, also while it waits for another handle's turn. */
  const runUntilClosed = (...turn: Parameters<typeof run>) =>
    Effect.suspend(() =>
      Deferred.isDoneUnsafe(closed)
        ? Effect.fail(threadClosed())
        : Effect.raceFirst(run(...turn), Deferred.await(closed))
    )

  return {
    get id() {
      return currentId()
    },
    reopen: Effect.suspend(() =>
      hasBegun || current.session.process.isUsable() ? Effect.void : Effect.asVoid(currentSession)
    ),
    model: opened.model,
    provider: opened.modelProvider ?? undefined,
    cwd: opened.cwd,
    access: settings.access,
    settings: settings.reported,
    turnSettings: (options) => {
      const reported = settings.effective(changeOf(options))
      if (turnSettings?.reported !== reported)
        turnSettings = { reported, decoded: WireSettings.toThreadSettings(reported) }
      return turnSettings.decoded
    },
    turn: (input, options, handlers) =>
      Effect.flatMap(resolveDirectories(options, "turn/start"), (resolved) =>
        runUntilClosed(
          "turn/start",
          {
            input: Translate.input(input),
            ...Translate.optionalField("outputSchema", options.outputSchema),
            ...Translate.optionalField("clientUserMessageId", options.clientMessageId)
          },
          handlers,
          { ...options, ...resolved }
        )
      ),
    detach: turnsOutlive ? Effect.sync(() => void (holder.isDetached = true)) : undefined,
    findTurn: (clientMessageId) =>
      Effect.flatMap(currentSession, ({ opened, session: { process } }) =>
        Effect.mapError(TurnHistory.find(process, opened.thread.id, clientMessageId), (error) =>
          error._tag === "ProtocolError"
            ? error
            : ErrorMapping.fromRpcError("thread/turns/list", error, process.end)
        )
      ),
    terminals: ThreadTerminals.make({
      current: () => ({ session: current.session, threadId: current.opened.thread.id }),
      closed,
      closedError: threadClosed
    }),
    review: (target, handlers) =>
      runUntilClosed(
        "review/start",
        { target: Translate.reviewTarget(target), delivery: "inline" },
        handlers,
        {}
      ),
    compact: (handlers) => runUntilClosed("thread/compact/start", {}, handlers, {}),
    settled: Effect.suspend(() => AdoptedTurns.settled(current.session, currentId())),
    goals: holder.goals ? Goals.make(currentSession, () => current, AdoptedTurns.onGoal) : undefined,
    steer: (input) =>
      Effect.suspend((): Effect.Effect<void, CodexError.RequestError> => {
        const { process, runningTurns } = current.session
        const runningTurn = runningTurns.get(currentId())
        const failed = (error: RpcRequestError) => ErrorMapping.fromRpcError("turn/steer", error, process.end)
        return runningTurn === undefined
          ? Effect.fail(noActiveTurn)
          : Effect.mapError(TurnDriver.steer(process, runningTurn, Translate.input(input)), (error) =>
              error._tag === "InvalidRequest" ? error : failed(error)
            )
      })
  } satisfies Engine.EngineThread
})

/** The error for a thread that had a turn and that the new process cannot find. */
const threadLost = ({ detail, method }: CodexError.InvalidRequest) =>
  new CodexError.InvalidRequest({
    reason: "ThreadNotFound",
    method,
    detail: `the thread's process died and Codex has stored nothing of the thread; start a new thread (${detail})`
  })

const noActiveTurn = new CodexError.InvalidRequest({
  reason: "Rejected",
  method: "turn/steer",
  detail: "no turn of the thread is running"
})
