/** How often the engine of a simulation fails, and in which ways. */

/**
 * The frequency of each fault, in percent of the turns.
 * @since 0.1.0
 * @category models
 */
export interface Faults {
  /** The engine crashes and ends all its turns. */
  readonly crash: number
  /** The turn emits nothing more. */
  readonly silence: number
  /** The turn fails with an error of the provider. */
  readonly failure: number
  /** The turn dies of a bug in the engine. */
  readonly defect: number
  /** Codex interrupts the turn. */
  readonly interruption: number
  /** Events are duplicated, out of order, stamped with an older time, or emitted after the end of their turn. */
  readonly disorder: number
  /** The engine stops an interrupted turn only after the grace period. */
  readonly slowInterrupt: number
  /** A command of the turn continues when the turn ends, in percent of the commands. */
  readonly background: number
  /** After the turn the engine starts another one by itself. */
  readonly adopted: number
  /** The turn exhausts the usage limit of the account, which resets later. */
  readonly limit: number
  /** The model starts a sub-agent, in percent of the steps of a turn. */
  readonly agent: number
}

export const defaults: Faults = {
  crash: 2,
  silence: 8,
  failure: 10,
  defect: 2,
  interruption: 4,
  disorder: 40,
  slowInterrupt: 15,
  background: 10,
  adopted: 25,
  limit: 6,
  agent: 12
}
