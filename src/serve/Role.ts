/** What the holder of a token may do, and who sends the request that is being handled. */
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"

/**
 * What a token allows. `submit` and `approve` include `read`. `submit` starts conversations and turns, steers and interrupts.
 * `approve` answers approval requests. Neither includes the other, so that the person who writes the prompts is not the one who approves what comes of them.
 */
export const Role = Schema.Literals(["read", "submit", "approve"])
export type Role = typeof Role.Type

/** The sender of a request: a token, or the login of the terminal. */
export interface Caller {
  /** The name of the token, for the log. */
  readonly name: string
  readonly roles: ReadonlyArray<Role>
  /** Identifies the token, without containing it. Limits count by it, so that many logins with one token share them. */
  readonly key: string
  /** Whether the secret is still valid: a revoked token or an ended session is not. */
  readonly isValid: () => boolean
}

/** The sender of the request that is being handled. */
export const CurrentCaller = Context.Reference<Caller | undefined>("effect-codex/serve/CurrentCaller", {
  defaultValue: () => undefined
})

/** Whether one of the roles allows what needs `needed`. */
export const allows = (roles: ReadonlyArray<Role>, needed: Role): boolean =>
  needed === "read" ? roles.length > 0 : roles.includes(needed)
