/** What a Codex is started with beside what its own options say, from whoever wants to hear from it. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface CodexExtra {
  /** Overrides of Codex's configuration, as `-c key=value` takes them. */
  readonly config: ReadonlyArray<string>
  /** Variables for Codex; those that its options name win. */
  readonly env: Readonly<Record<string, string>>
  /** Waited for before Codex is told to end. */
  readonly settled: Effect.Effect<void>
}

/** Asked before each start, with the texts in TOML that configure this Codex; the scope closes when that has ended. */
export type Ask = (configurations: ReadonlyArray<string>) => Effect.Effect<CodexExtra, never, Scope.Scope>

/** Nothing is asked unless somebody provides it. */
export const Extra = Context.Reference<Ask | undefined>("effect-codex/internal/CodexExtra", {
  defaultValue: () => undefined
})
