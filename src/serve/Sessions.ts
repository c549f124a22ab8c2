/** Logins of browsers: one-time codes that the terminal shows, and the sessions that a code or a token starts. In memory only. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Caller, Role } from "./Role.ts"
import * as Secret from "./Secret.ts"
import type { StoredToken, TokenStore } from "./TokenStore.ts"

/** How long a code of the terminal can be used, and how long a session lasts at most. */
export const codeLifetime = Duration.minutes(10)
export const sessionLifetime = Duration.hours(12)

/** Beyond this number the oldest session of the same token ends. No token can end the sessions of another one. */
const maxSessionsPerToken = 20

/** What a person logs in with. A link can contain a code and never a token, so it cannot log somebody in as another person. */
export type Credential = { readonly code: string } | { readonly token: string }

interface Session {
  /** The senders of requests for the limits: a token counts once, however many sessions it starts. */
  readonly limitKey: string
  readonly name: string
  readonly roles: ReadonlyArray<Role>
  readonly expiresAt: number
  /** The token that started the session, which ends with it. */
  readonly token: StoredToken | undefined
}

/** What a browser gets when it logs in. */
export interface Login {
  /** The secret of the session. */
  readonly session: string
  readonly name: string
  readonly roles: ReadonlyArray<Role>
  readonly expiresAt: number
}

export interface Sessions {
  /** Makes a code that starts one session with all roles. */
  readonly makeCode: Effect.Effect<string>
  /** Starts a session for a one-time code or a token; `undefined` if it is neither. */
  readonly start: (credential: Credential) => Effect.Effect<Login | undefined>
  /** Ends the session of a secret. */
  readonly end: (secret: string) => Effect.Effect<void>
  /** Returns who has a secret: a session or a token. */
  readonly identify: (secret: string) => Effect.Effect<Caller | undefined>
}

const allRoles: ReadonlyArray<Role> = ["read", "submit", "approve"]

export const make = (store: TokenStore): Effect.Effect<Sessions> =>
  Effect.map(Clock.Clock, (clock): Sessions => {
    const now = () => clock.currentTimeMillisUnsafe()
    /** Codes and sessions by the hash of their secret. A look-up by the hash says nothing about the secret. */
    const codes = new Map<string, number>()
    const sessions = new Map<string, Session>()

    const isLive = (session: Session): boolean =>
      session.expiresAt > now() && (session.token === undefined || store.has(session.token))

    const open = (session: Session): Login => {
      for (const [key, old] of sessions) if (!isLive(old)) sessions.delete(key)
      const own = [...sessions].filter(([, { limitKey }]) => limitKey === session.limitKey)
      for (const [key] of own.slice(0, Math.max(0, own.length - maxSessionsPerToken + 1)))
        sessions.delete(key)
      const secret = `ecs_${Secret.random()}`
      sessions.set(Secret.hash(secret), session)
      return { session: secret, name: session.name, roles: session.roles, expiresAt: session.expiresAt }
    }

    const startWithCode = (code: string, expiresAt: number): Login | undefined => {
      const key = Secret.hash(code)
      const codeExpiresAt = codes.get(key)
      codes.delete(key)
      return codeExpiresAt === undefined || codeExpiresAt <= now()
        ? undefined
        : open({ limitKey: key, name: "terminal", roles: allRoles, expiresAt, token: undefined })
    }

    const startWithToken = (secret: string, expiresAt: number): Login | undefined => {
      const token = store.verify(secret)
      return token === undefined
        ? undefined
        : open({ limitKey: token.hash, name: token.name, roles: token.roles, expiresAt, token })
    }

    return {
      makeCode: Effect.sync(() => {
        const code = Secret.random()
        codes.set(Secret.hash(code), now() + Duration.toMillis(codeLifetime))
        return code
      }),
      start: (credential) =>
        Effect.sync(() => {
          const expiresAt = now() + Duration.toMillis(sessionLifetime)
          return "code" in credential
            ? startWithCode(credential.code, expiresAt)
            : startWithToken(credential.token, expiresAt)
        }),
      end: (secret) => Effect.sync(() => void sessions.delete(Secret.hash(secret))),
      identify: (secret) =>
        Effect.sync(() => {
          const key = Secret.hash(secret)
          const session = sessions.get(key)
          if (session !== undefined) {
            if (!isLive(session)) {
              sessions.delete(key)
              return undefined
            }
            const isValid = () => sessions.get(key) === session && isLive(session)
            return { name: session.name, roles: session.roles, key: session.limitKey, isValid }
          }
          const token = store.verify(secret)
          return token === undefined
            ? undefined
            : { name: token.name, roles: token.roles, key: token.hash, isValid: () => store.has(token) }
        })
    }
  })
