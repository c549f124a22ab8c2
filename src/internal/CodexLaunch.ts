/** Settings that another part of the program adds to a Codex process, such as the relay of Codex's own spans. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface CodexExtra {
  /** Overrides of Codex's configuration, in the form `key=value` of its `-c` flag. */
  readonly config: ReadonlyArray<string>
  /** Environment variables for Codex. The variables in the options of the process take precedence. */
  readonly env: Readonly<Record<string, string>>
  /** The engine waits for this effect before it ends Codex. */
  readonly settled: Effect.Effect<void>
}

/** Called before each start with the TOML texts that configure this Codex. The scope closes after the process has ended. */
export type MakeExtra = (
  configurations: ReadonlyArray<string>
) => Effect.Effect<CodexExtra, never, Scope.Scope>

/** The provider of the settings; `undefined` by default. */
export const Extra = Context.Reference<MakeExtra | undefined>("effect-codex/internal/CodexExtra", {
  defaultValue: () => undefined
})
