/**
 * The settings and instructions of one handle of a thread. Codex has one set of settings per thread, so a handle sends its
 * own with a turn if those of another handle are in force.
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as CodexError from "../../domain/CodexError.ts"
import type { ThreadAccess } from "../../domain/ThreadAccess.ts"
import type * as ThreadSettings from "../../domain/ThreadSettings.ts"
import * as RealPath from "../../internal/RealPath.ts"
import type * as Engine from "../Engine.ts"
import * as AppServerSession from "./AppServerSession.ts"
import * as ErrorMapping from "./ErrorMapping.ts"
import type * as Protocol from "./Protocol.ts"
import * as SandboxAccess from "./SandboxAccess.ts"
import type * as TurnDriver from "./TurnDriver.ts"
import { optionalField } from "./Translate.ts"
import * as WireSettings from "./WireSettings.ts"

/** The reply that opened a thread. */
export type Opened = typeof Protocol.ThreadResumed.Type

/** A thread and the session that it is open on. When the process dies, the thread is opened on a new session. */
export interface ThreadOnSession {
  readonly session: AppServerSession.Session
  readonly opened: Opened
  /** Whether the reply started the thread. Codex ignores instructions when it resumes or forks a thread. */
  readonly isNew: boolean
}

/** What a handle requested when it was opened. */
export interface HandleRequest {
  readonly settings: WireSettings.SettingsChange
  readonly instructions: string | undefined
  /** Returns whether the last instructions in the stored conversation are those of the handle. */
  readonly hasInstructions: (opened: Opened) => Effect.Effect<boolean>
  /** The temporary directory of the agent's commands. */
  readonly tmpdir: string | undefined
}

export interface HandleSettings {
  /** Reads the reply that opened the thread on another process. */
  readonly settle: () => void
  /** Returns what the agent can do without approval in the turn that runs, or in the next one. */
  readonly access: () => ThreadAccess
  /** Returns the settings that Codex reports. */
  readonly reported: () => ThreadSettings.ThreadSettings
  /** Returns the settings of the turn that runs, or of the next turn if it changes them so. */
  readonly effective: (change: WireSettings.SettingsChange) => WireSettings.Reported
  /**
   * Runs a turn with the settings and instructions of the handle, and with `change`. Fails if Codex reports other settings
   * than those it received, for example because an administrator forbids them.
   */
  readonly runTurn: (
    change: WireSettings.SettingsChange,
    method: TurnDriver.Method,
    handlers: Engine.Handlers,
    run: (
      sent: WireSettings.SettingsChange,
      handlers: Engine.Handlers
    ) => Effect.Effect<void, CodexError.TurnError>
  ) => Effect.Effect<void, CodexError.TurnError>
}

export const make = (current: () => ThreadOnSession, request: HandleRequest): HandleSettings => {
  const { hasInstructions, instructions, tmpdir } = request
  /** Identifies this handle among those of the thread. */
  const self = {}
  /** The settings of this handle: those in force when it was opened, what it requested, and what its turns changed. */
  const loadedThread = () => AppServerSession.loadedThread(current().session, current().opened.thread.id)
  let wanted = WireSettings.applyChange(
    {
      ...WireSettings.fromOpened(current().opened),
      ...optionalField("summary", loadedThread().settings?.summary)
    },
    request.settings
  )

  /** Checks whether Codex applied the settings of this handle when it opened the thread. */
  const settle = (isApplied: (reported: WireSettings.Reported) => boolean) => {
    const { isNew, opened } = current()
    const loaded = loadedThread()
    const reported = WireSettings.fromOpened(opened)
    loaded.settings ??= reported
    if (isNew) loaded.instructions = instructions
    // Codex ignores the settings of a request that opens a thread which is already open.
    if (loaded.settingsOwner !== undefined || !isApplied(reported)) return
    loaded.settingsOwner = self
    wanted = { ...reported, ...optionalField("summary", wanted.summary) }
  }
  settle((reported) => WireSettings.isApplied(reported, request.settings))

  const inForce = () => {
    const { settings, settingsOwner } = loadedThread()
    return settingsOwner === self ? (settings ?? wanted) : wanted
  }

  /** Each directory is resolved once: a directory that is later replaced by a link is no longer that of the thread. */
  const directories = new Map<string, RealPath.Directory>()
  const directory = (path: string): RealPath.Directory => {
    const known = directories.get(path) ?? RealPath.directory(path)
    directories.set(path, known)
    return known
  }
  let known: { readonly settings: WireSettings.Reported; readonly access: ThreadAccess } | undefined
  const access = (): ThreadAccess => {
    const settings = inForce()
    if (known?.settings !== settings)
      known = { settings, access: SandboxAccess.make(settings, {}, tmpdir, directory) }
    return known.access
  }
  access()

  const send = (method: string, params: object) =>
    Effect.suspend(() => {
      const { opened, session } = current()
      const { connection, end } = session.process
      return Effect.mapError(
        connection.request(method, { threadId: opened.thread.id, ...params }),
        (error): CodexError.TurnError => ErrorMapping.fromRpcError(method, error, end, opened.thread.id)
      )
    })

  /** Whether the conversation has the instructions only because this handle has added them. A compaction then drops them. */
  let isAdded = false

  /**
   * Adds the instructions of this handle to the conversation, unless they are the last that the model received. Codex
   * ignores the instructions of a request that resumes or forks a thread (openai/codex#19045).
   */
  const giveInstructions = Effect.suspend(() => {
    const loaded = loadedThread()
    if (instructions === undefined || loaded.instructions === instructions) return Effect.void
    const content = [{ type: "input_text", text: instructions }]
    const items = [{ type: "message", role: "developer", content }]
    return Effect.flatMap(
      loaded.instructions === undefined && !isAdded
        ? hasInstructions(current().opened)
        : Effect.succeed(false),
      (isGiven) => {
        if (isGiven) return Effect.void
        isAdded = !current().isNew
        return send("thread/inject_items", { items })
      }
    ).pipe(Effect.andThen(Effect.sync(() => void (loaded.instructions = instructions))))
  })

  /**
   * Finds the summary of a handle without one if another handle has set one. Codex keeps a summary until it receives another,
   * and does not say what the default of the model is. Fails if the default is not in its configuration either.
   */
  const findSummary = (change: WireSettings.SettingsChange): Effect.Effect<void, CodexError.InvalidRequest> =>
    Effect.suspend(() => {
      const { settings, settingsOwner, summaryBefore } = loadedThread()
      const own = change.summary ?? wanted.summary
      if (settingsOwner === self || summaryBefore === undefined || own !== undefined) return Effect.void
      const { connection } = current().session.process
      return Effect.flatMap(
        summaryBefore.value === undefined
          ? Effect.option(connection.request("config/read", { cwd: wanted.cwd }))
          : Effect.succeedNone,
        (config) => {
          const summary = summaryBefore.value ?? WireSettings.configuredSummary(config)
          if (summary !== undefined)
            return Effect.sync(() => {
              wanted = { ...wanted, summary }
            })
          const detail = `another handle has set the summary ${settings?.summary}, and codex cannot go back to the default of the model; set the option summary of this handle`
          return Effect.fail(
            new CodexError.InvalidRequest({ reason: "Rejected", method: "turn/start", detail })
          )
        }
      )
    })

  const runTurn: HandleSettings["runTurn"] = (requestedChange, method, handlers, run) =>
    Effect.contextWith((context: Context.Context<never>) => {
      const loaded = loadedThread()
      const before = { wanted, owner: loaded.settingsOwner, settings: loaded.settings }
      const change = WireSettings.keepExclusions(requestedChange, inForce())
      wanted = WireSettings.applyChange(wanted, change)
      const sent = before.owner === self ? change : WireSettings.restore(wanted, loaded.settings)
      const isChange = Object.keys(sent).length > 0
      const expected = isChange ? WireSettings.applyChange(loaded.settings ?? wanted, sent) : undefined
      if (sent.summary !== undefined && sent.summary !== loaded.settings?.summary)
        loaded.summaryBefore ??= { value: loaded.settings?.summary }
      if (expected !== undefined) loaded.settings = expected
      loaded.settingsOwner = self
      access()
      const refused = Deferred.makeUnsafe<never, CodexError.TurnError>()
      let giving: Fiber.Fiber<void> | undefined
      /**
       * Gives the instructions again in the turn in which Codex compacts the conversation. The model's next request may lack
       * them, because Codex sends it at once. Codex then requests the model again with them, before the turn ends.
       */
      const giveAgain = () => {
        giving = Effect.runForkWith(context)(
          Effect.catchCause(giveInstructions, (cause) => Effect.asVoid(Deferred.failCause(refused, cause)))
        )
      }
      const check = () => {
        const refusal =
          expected === undefined || loaded.settings === undefined
            ? undefined
            : WireSettings.difference(loaded.settings, WireSettings.applyChange(loaded.settings, sent))
        if (refusal === undefined) return
        const detail = `codex runs the turn with the ${refusal.setting} ${refusal.actual} instead of ${refusal.wanted}; a managed configuration of Codex may forbid ${refusal.wanted}`
        const error = new CodexError.InvalidRequest({ reason: "Rejected", method, detail })
        Deferred.doneUnsafe(refused, Exit.fail(error))
      }
      const observed: Engine.Handlers = {
        ...handlers,
        emit: (event) => {
          handlers.emit(event)
          // Codex reports changed settings before it starts the turn.
          if (event._tag === "TurnStarted") check()
          if (event._tag !== "ItemCompleted" || event.item._tag !== "ContextCompaction") return
          // The summary may not contain the instructions: look for them before the next turn.
          loaded.instructions = undefined
          if (isAdded && method === "turn/start") giveAgain()
        }
      }
      // Only what `observed` sees refuses a turn, so most turns need no race and its two fibers.
      const isObserved = isChange || loaded.instructions !== undefined
      const turn =
        method === "turn/start" || !isChange
          ? run(sent, isObserved ? observed : handlers)
          : Effect.andThen(send("thread/settings/update", sent), run({}, observed))
      const checked = isObserved ? Effect.raceFirst(turn, Deferred.await(refused)) : turn
      return checked.pipe(
        Effect.ensuring(Effect.suspend(() => (giving === undefined ? Effect.void : Fiber.interrupt(giving)))),
        Effect.tapError((error) =>
          Effect.sync(() => {
            if (error._tag !== "InvalidRequest") return
            wanted = before.wanted
            if (loaded.settings === expected) loaded.settings = before.settings
            loaded.settingsOwner = before.owner === self ? self : undefined
          })
        )
      )
    })

  return {
    settle: () => settle((reported) => WireSettings.isSame(reported, wanted)),
    access,
    reported: () => WireSettings.toThreadSettings(loadedThread().settings ?? wanted),
    effective: (change) => WireSettings.applyChange(inForce(), change),
    runTurn: (...turn) =>
      findSummary(turn[0]).pipe(Effect.andThen(giveInstructions), Effect.andThen(runTurn(...turn)))
  }
}
