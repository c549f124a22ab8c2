import type { NodeServices } from "@effect/platform-node/NodeServices"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** A small change to the code that reopens the hole which an attack uses. `original` occurs exactly once in the file. */
export interface Mutant {
  readonly file: string
  readonly original: string
  readonly mutated: string
}

/** An attack on a host that runs Codex. */
export interface Attack {
  readonly id: string
  readonly title: string
  /** Plays the attack. Returns `held`, or what the attacker reached. */
  readonly run: Effect.Effect<string, unknown, NodeServices | Scope.Scope>
  readonly mutant: Mutant
}
