/**
 * Watches the ids of the calls in a turn. The server of the model chooses them, and Codex finds an approval that waits by the
 * id of its call alone: if two running calls have the same id, the acceptance of one runs the other.
 */

export interface CallIds {
  /** The ids of the calls that the model has made and that have not returned. */
  readonly running: Set<string>
  /** The ids that two running calls had. No request for such a call can be accepted. */
  readonly ambiguous: Set<string>
}

export const make = (): CallIds => ({ running: new Set(), ambiguous: new Set() })

/** Records a call of the model. Returns whether another running call has the same id. */
export const begin = ({ ambiguous, running }: CallIds, id: string): boolean => {
  if (running.has(id)) ambiguous.add(id)
  running.add(id)
  return ambiguous.has(id)
}

/** Records that a call has returned. An ambiguous id stays so: the other call may still run. */
export const end = ({ running }: CallIds, id: string): void => {
  running.delete(id)
}
