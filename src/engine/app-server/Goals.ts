/** The goal of a thread on the app-server: its notifications and its requests. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as CodexError from "../../domain/CodexError.ts"
import * as Goal from "../../domain/Goal.ts"
import { ThreadId } from "../../domain/Ids.ts"
import type * as Engine from "../Engine.ts"
import type * as AppServerSession from "./AppServerSession.ts"
import * as ErrorMapping from "./ErrorMapping.ts"
import type * as HandleSettings from "./HandleSettings.ts"
import * as Translate from "./Translate.ts"

const WireGoal = Schema.Struct({
  objective: Schema.String,
  status: Goal.GoalStatus,
  tokenBudget: Schema.optionalKey(Schema.NullOr(Schema.Natural)),
  tokensUsed: Schema.Natural
})
const Updated = Schema.Struct({ threadId: ThreadId, goal: WireGoal })
const Read = Schema.Struct({ goal: Schema.NullOr(WireGoal) })
const Cleared = Schema.Struct({ threadId: ThreadId })

const decodeUpdated = Schema.decodeUnknownOption(Updated)
const decodeRead = Schema.decodeUnknownOption(Read)
const decodeCleared = Schema.decodeUnknownOption(Cleared)

const configKey = "features.goals"

const inConfig = Schema.decodeUnknownOption(
  Schema.Union([
    Schema.Struct({ [configKey]: Schema.Boolean }),
    Schema.Struct({ features: Schema.Struct({ goals: Schema.Boolean }) })
  ])
)

type Options = Pick<Engine.EngineThreadOptions, "config" | "goals">

/** Whether the options of a thread turn goals on: the option, or else the configuration. */
export const isEnabled = ({ config, goals }: Options): boolean =>
  goals ??
  Option.match(inConfig(config), {
    onNone: () => false,
    onSome: (found) => ("features" in found ? found.features.goals : found[configKey])
  })

/** Returns the configuration of a thread. Goals are off unless the options turn them on, because a goal has no end. */
export const configOf = ({ config, goals }: Options): Readonly<Record<string, unknown>> =>
  goals === undefined && Option.isSome(inConfig(config))
    ? { ...config }
    : { ...config, [configKey]: goals ?? false }

/** The goal of a thread after a change. */
export interface GoalChange {
  readonly threadId: ThreadId
  readonly goal: Goal.Goal | undefined
}

const fromWire = ({ tokenBudget, ...goal }: typeof WireGoal.Type): Goal.Goal => ({
  ...goal,
  ...Translate.optionalField("tokenBudget", tokenBudget)
})

/** Returns the change that a notification reports, or `undefined` if it reports something else. */
export const changeOf = (method: string, params: unknown): GoalChange | undefined => {
  switch (method) {
    case "thread/goal/updated":
      return Option.getOrUndefined(
        Option.map(decodeUpdated(params), ({ goal, threadId }) => ({ threadId, goal: fromWire(goal) }))
      )
    case "thread/goal/cleared":
      return Option.getOrUndefined(
        Option.map(decodeCleared(params), ({ threadId }) => ({ threadId, goal: undefined }))
      )
    default:
      return undefined
  }
}

/** How long to look for a turn that Codex started before it received the request that ends the goal. */
const settleTime = "1 second"

/** Makes the requests for the goal of a thread, which may be opened again on another process. */
export const make = (
  reopened: Effect.Effect<HandleSettings.ThreadOnSession, CodexError.StartError>,
  current: () => HandleSettings.ThreadOnSession,
  onGoal: (session: AppServerSession.Session, change: GoalChange) => void
): Engine.ThreadGoals => {
  /** Waits until a turn that Codex has started is known here: its notification follows the reply. */
  const announced = (on: HandleSettings.ThreadOnSession): Effect.Effect<void> => {
    const { process, runningTurns } = on.session
    const threadId = on.opened.thread.id
    return Effect.flatMap(
      Effect.option(process.connection.request("thread/read", { threadId, includeTurns: false })),
      (read) =>
        Option.exists(read, Translate.isActive) && !runningTurns.has(threadId)
          ? Effect.delay(
              Effect.suspend(() => announced(on)),
              "10 millis"
            )
          : Effect.void
    )
  }
  return {
    set: ({ objective, tokenBudget }) =>
      Effect.flatMap(reopened, ({ opened, session: { process } }) =>
        process.connection
          .request("thread/goal/set", {
            threadId: opened.thread.id,
            objective,
            status: "active",
            ...Translate.optionalField("tokenBudget", tokenBudget)
          })
          .pipe(
            Effect.mapError((error) => ErrorMapping.fromRpcError("thread/goal/set", error, process.end)),
            Effect.asVoid
          )
      ),
    stop: (how) =>
      Effect.suspend(() => {
        const on = current()
        const { connection } = on.session.process
        const threadId = on.opened.thread.id
        const stopped =
          how === "clear"
            ? connection.request("thread/goal/clear", { threadId })
            : connection.request("thread/goal/set", { threadId, status: "paused" })
        return Effect.ignore(stopped).pipe(
          Effect.andThen(announced(on)),
          Effect.timeoutOption(settleTime),
          Effect.asVoid
        )
      }),
    refresh: Effect.suspend(() => {
      const { opened, session } = current()
      const threadId = opened.thread.id
      return Effect.map(
        Effect.option(session.process.connection.request("thread/goal/get", { threadId })),
        (reply) => {
          const read = Option.flatMap(reply, decodeRead)
          if (Option.isNone(read)) return
          const { goal } = read.value
          onGoal(session, { threadId, goal: goal === null ? undefined : fromWire(goal) })
        }
      )
    })
  }
}
