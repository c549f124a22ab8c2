/** Wraps a handle of a thread and records its turns, requests, goals and background terminals. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as CodexError from "../../domain/CodexError.ts"
import type * as Terminal from "../../domain/Terminal.ts"
import type * as Engine from "../../engine/Engine.ts"
import * as AttachmentPaths from "./AttachmentPaths.ts"
import * as CassetteFormat from "./CassetteFormat.ts"
import type * as Normalizer from "./Normalizer.ts"
import { toJson } from "./Normalizer.ts"
import * as RecordedCommands from "./RecordedCommands.ts"
import type * as ThreadLog from "./ThreadLog.ts"

/** A handle of a thread. Handles of one thread have one log. */
export interface RecordedHandle {
  readonly number: number
  log: ThreadLog.ThreadLog
}

type TurnHead = Omit<CassetteFormat.LineOf<"Turn">, "_tag" | "thread" | "turn">

export interface ThreadRecording {
  readonly handle: RecordedHandle
  readonly normalizer: Normalizer.Normalizer
  readonly record: RecordedCommands.RecordRequest
  /** Records a request, and how long it takes. */
  readonly recordTimed: RecordedCommands.RecordRequest
  /** Writes a line outside any turn. */
  readonly write: (line: () => CassetteFormat.CassetteLine) => Effect.Effect<void>
  /** Records a turn of an engine. */
  readonly recordTurn: (
    inner: Engine.EngineThread | undefined,
    head: () => TurnHead,
    handlers: Engine.Handlers,
    run: (handlers: Engine.Handlers) => Effect.Effect<void, CodexError.TurnError>
  ) => Effect.Effect<void, CodexError.TurnError>
}

/** Records something that the program does not request: in the running turn, or outside any turn. */
const recordUnrequested = (
  { handle: { log, number }, write }: ThreadRecording,
  line: (place: {
    readonly at: number
    readonly thread?: number
    readonly due?: CassetteFormat.Due
  }) => CassetteFormat.Unrequested
): void => {
  if (log.append !== undefined) return void log.append((at) => line({ at }))
  const due = log.due()
  // A file that cannot be written fails the next request too, which has a caller.
  Effect.runSync(Effect.exit(write(() => line({ at: 0, thread: number, due }))))
}

/** Wraps the observer of a handle. */
export const wrapObserver = (
  recording: ThreadRecording,
  observer: Engine.ThreadObserver
): Engine.ThreadObserver => {
  const { handle, recordTurn } = recording
  return {
    onTurn: ({ run, turnId }) => {
      const due = handle.log.due()
      observer.onTurn({
        turnId,
        run: (options, handlers) =>
          recordTurn(
            undefined,
            () => ({ how: "adopted", turnId, due, options: toJson(options) }),
            handlers,
            (handlers) => run(options, handlers)
          )
      })
    },
    onGoal: (goal) => {
      // The engine passes one goal to each handle of the thread.
      if (goal !== handle.log.goal) {
        handle.log.goal = goal
        recordUnrequested(recording, (place) => ({
          _tag: "Goal",
          ...place,
          ...(goal === undefined ? {} : { goal })
        }))
      }
      observer.onGoal(goal)
    },
    onExit: (error) => {
      recordUnrequested(recording, (place) => ({
        _tag: "Exited",
        ...place,
        outcome: { _tag: "Failure", error }
      }))
      observer.onExit(error)
    }
  }
}

/** Records the events that a consumer reads. All output of a terminal becomes one event, so that scrubbing sees it whole. */
const recordWatch = (recording: ThreadRecording, watch: Engine.EngineTerminals["watch"]): typeof watch =>
  Stream.suspend(() => {
    const { handle } = recording
    const outputs = new Map<string, Extract<Terminal.TerminalEvent, { readonly _tag: "TerminalOutput" }>>()
    const consumer = {}
    const write = (event: Terminal.TerminalEvent) =>
      recordUnrequested(recording, ({ at, ...place }) => ({
        _tag: "Terminal",
        at,
        ...place,
        event: { ...event, at: 0 }
      }))
    return watch.pipe(
      Stream.tap((event) =>
        Effect.sync(() => {
          const { log } = handle
          log.watcher ??= consumer
          if (log.watcher !== consumer) return
          if (event._tag === "TerminalOutput") {
            const delta = `${outputs.get(event.itemId)?.delta ?? ""}${event.delta}`
            outputs.set(event.itemId, { ...event, delta })
            return
          }
          const output = outputs.get(event.item.id)
          outputs.delete(event.item.id)
          if (output !== undefined) write(output)
          write(event)
        })
      ),
      Stream.ensuring(
        Effect.sync(() => {
          for (const output of outputs.values()) write(output)
          if (handle.log.watcher === consumer) handle.log.watcher = undefined
        })
      )
    )
  })

const recordTerminals = (
  recording: ThreadRecording,
  terminals: Engine.EngineTerminals
): Engine.EngineTerminals => {
  const { handle, record } = recording
  const recorded = RecordedCommands.recordTerminals(handle.number, terminals, record)
  const counted = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      handle.log.act()
      return effect
    })
  return {
    list: recorded.list,
    watch: recordWatch(recording, terminals.watch),
    terminate: (processId) => counted(recorded.terminate(processId)),
    clean: counted(recorded.clean)
  }
}

const recordGoals = (
  { handle, recordTimed }: ThreadRecording,
  goals: Engine.ThreadGoals
): Engine.ThreadGoals => ({
  set: (goal) =>
    Effect.suspend(() => {
      handle.log.act()
      return recordTimed("goals.set", [handle.number, goal], goals.set(goal))
    }),
  stop: (how) =>
    Effect.suspend(() => {
      handle.log.act()
      return recordTimed("goals.stop", [handle.number, how], goals.stop(how))
    })
})

/** Wraps an open handle. */
export const wrap = (inner: Engine.EngineThread, recording: ThreadRecording): Engine.EngineThread => {
  const { handle, normalizer, recordTurn, write } = recording
  /** Returns the recorded settings of a turn with these options. */
  const settingsOf = (options: Engine.EngineTurnOptions) => {
    const settings = inner.turnSettings?.(options)
    return settings === undefined ? {} : { settings }
  }
  const { goals, review, terminals } = inner
  return {
    ...inner,
    // The engine may change the id.
    get id() {
      return inner.id
    },
    turn: (input, options, handlers) =>
      Effect.suspend(() => {
        AttachmentPaths.name(normalizer, input)
        const settings = settingsOf(options)
        return recordTurn(
          inner,
          () => ({
            how: "run",
            input: toJson(CassetteFormat.turnInput(input)),
            options: toJson(options),
            ...settings
          }),
          handlers,
          (handlers) => inner.turn(input, options, handlers)
        )
      }),
    ...(review === undefined
      ? {}
      : {
          review: (target, handlers) =>
            recordTurn(
              inner,
              () => ({
                how: "review",
                input: toJson(CassetteFormat.reviewTarget(target)),
                ...settingsOf({})
              }),
              handlers,
              (handlers) => review(target, handlers)
            )
        }),
    ...(terminals === undefined ? {} : { terminals: recordTerminals(recording, terminals) }),
    ...(goals === undefined ? {} : { goals: recordGoals(recording, goals) }),
    compact: (handlers) =>
      recordTurn(inner, () => ({ how: "compact", ...settingsOf({}) }), handlers, inner.compact),
    steer: (input) =>
      Effect.suspend(() => {
        const { append } = handle.log
        AttachmentPaths.name(normalizer, input)
        const given = toJson(CassetteFormat.turnInput(input))
        const steered = (outcome: CassetteFormat.RecordedOutcome) => (at: number) =>
          ({ _tag: "Steered", at, input: given, outcome }) as const
        // Append the line first: events that follow from the input may precede its answer.
        const replace = append?.(steered({ _tag: "Interrupted" }))
        return Effect.onExit(inner.steer(input), (exit) => {
          const outcome = CassetteFormat.outcome(exit)
          return replace === undefined
            ? write(() => ({ _tag: "Asked", method: "steer", args: [handle.number, given], outcome }))
            : Effect.sync(() => replace(steered(outcome)))
        })
      })
  }
}

/** Returns the options of a thread without the functions in them. */
export const recordedOptions = (options: Engine.EngineThreadOptions): Engine.EngineThreadOptions => ({
  ...options,
  observer: undefined
})

/** Returns what a recording has of an open thread. */
export const describe = ({ cwd, goals, id, model, provider, settings }: Engine.EngineThread) => ({
  id,
  ...(model === undefined ? {} : { model }),
  ...(provider === undefined ? {} : { provider }),
  cwd,
  ...(goals === undefined ? {} : { goals: true }),
  ...(settings === undefined ? {} : { settings: settings() })
})
