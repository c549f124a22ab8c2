/** Log lines that stay on this machine: terminals and files of the program print them, exporters do not send them. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"

/** Whether the log lines of the current fiber stay on this machine. */
export const LocalOnly = Context.Reference<boolean>("effect-codex/internal/LocalOnly", {
  defaultValue: () => false
})

/** Runs an effect whose log lines are not exported, neither as records nor as events of the current span. */
export const localOnly = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Logger.CurrentLoggers, (loggers) =>
    effect.pipe(
      Effect.provideService(LocalOnly, true),
      Effect.provideService(
        Logger.CurrentLoggers,
        new Set([...loggers].filter((logger) => logger !== Logger.tracerLogger))
      )
    )
  )
