/** The tokens of `effect-codex serve`: one private file for each, with the hash of the token. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import * as PrivateDirectory from "../internal/PrivateDirectory.ts"
import * as SafeFile from "../internal/SafeFile.ts"
import { codeOf } from "../internal/SystemError.ts"
import { Role } from "./Role.ts"
import * as Secret from "./Secret.ts"

/** A token as it is stored. */
export class StoredToken extends Schema.Opaque<StoredToken>()(
  Schema.Struct({
    version: Schema.Literal(1),
    name: Schema.String,
    roles: Schema.NonEmptyArray(Role),
    hash: Schema.String.check(Schema.isPattern(/^[\da-f]{64}$/)),
    createdAt: Schema.Finite
  })
) {}

/** The store cannot be used: its directory is not private, or the system refuses. */
export class TokenStoreError extends Data.TaggedError("TokenStoreError")<{ readonly text: string }> {
  override get message() {
    return this.text
  }
}

/** There is a token with this name. */
export class TokenExists extends Data.TaggedError("TokenExists")<{ readonly name: string }> {
  override get message() {
    return `there is a token "${this.name}"; revoke it first, or choose another name`
  }
}

const maxBytes = 4096
const fromFile = Schema.fromJsonString(StoredToken)
const decode = Schema.decodeUnknownOption(fromFile)
const encode = Schema.encodeSync(fromFile)

/** The directory of everything that `effect-codex serve` keeps, unless the caller names one. */
export const defaultState = (): string => join(PrivateDirectory.stateHome(), "effect-codex", "serve")

/** Returns the real path of the state directory, and creates it if it is missing. Only this user can access it. */
export const openState = (given: string | undefined): Effect.Effect<string, TokenStoreError> =>
  Effect.gen(function* () {
    const named = resolve(given ?? defaultState())
    // Links above the directory itself are resolved once.
    const parent = dirname(named)
    const directory = yield* PrivateDirectory.attempt(named, () => {
      Fs.mkdirSync(parent, { recursive: true, mode: 0o700 })
      const real = join(Fs.realpathSync(parent), basename(named))
      SafeFile.makeDirectory(real)
      return real
    })
    yield* PrivateDirectory.check(directory)
    return directory
  }).pipe(
    Effect.mapError((error) => new TokenStoreError({ text: `--state: ${PrivateDirectory.detail(error)}` }))
  )

export interface TokenStore {
  /** Makes a token. Only its hash is stored, so this is the only time that it is known. */
  readonly add: (
    name: string,
    roles: readonly [Role, ...Array<Role>]
  ) => Effect.Effect<string, TokenExists | TokenStoreError>
  readonly list: Effect.Effect<ReadonlyArray<StoredToken>, TokenStoreError>
  /** Removes a token. Returns whether there was one. */
  readonly revoke: (name: string) => Effect.Effect<boolean, TokenStoreError>
  /** Returns the token that a client sent, if it is a valid one. */
  readonly verify: (token: string) => StoredToken | undefined
  /** Whether the token with this name still has this hash. */
  readonly has: (token: Pick<StoredToken, "name" | "hash">) => boolean
}

/** Opens the store in the state directory. Every look-up reads the file, so that a revoked token is refused at once. */
export const make = (state: string): Effect.Effect<TokenStore, TokenStoreError> =>
  Effect.gen(function* () {
    const directory = join(state, "tokens")
    const fail = (error: unknown) =>
      new TokenStoreError({
        text: `the tokens in "${directory}" cannot be used: ${error instanceof Error ? error.message : String(error)}`
      })
    const attempt = <A>(run: () => A) => Effect.try({ try: run, catch: fail })
    const fileOf = (name: string) => join(directory, `${name}.json`)
    yield* attempt(() => SafeFile.makeDirectory(directory))
    yield* Effect.mapError(PrivateDirectory.check(directory), (error) =>
      fail(new Error(PrivateDirectory.detail(error)))
    )

    /** Returns the token with a name. A missing, damaged or foreign file is no token. */
    const find = (name: string): StoredToken | undefined => {
      if (!Secret.isName(name)) return undefined
      try {
        const text = SafeFile.read(fileOf(name), { maxBytes }).toString("utf8")
        const found = Option.getOrUndefined(decode(text))
        return found?.name === name ? found : undefined
      } catch {
        return undefined
      }
    }

    /** Compared with when there is no token of a name, so that the answer takes the same time. */
    const noHash = Secret.hash(Secret.random())

    return {
      add: Effect.fnUntraced(function* (name, roles) {
        const token = Secret.token(name)
        const stored: StoredToken = {
          version: 1,
          name,
          roles: [...roles],
          hash: Secret.hash(token),
          createdAt: Date.now()
        }
        yield* Effect.try({
          try: () => SafeFile.write(fileOf(name), Buffer.from(`${encode(stored)}\n`), "create"),
          catch: (error) => (codeOf(error) === "EEXIST" ? new TokenExists({ name }) : fail(error))
        })
        return token
      }),
      list: attempt(() =>
        Fs.readdirSync(directory)
          .toSorted()
          .flatMap((file) => {
            const found = file.endsWith(".json") ? find(file.slice(0, -".json".length)) : undefined
            return found === undefined ? [] : [found]
          })
      ),
      revoke: (name) =>
        attempt(() => {
          if (!Secret.isName(name) || !Fs.existsSync(fileOf(name))) return false
          SafeFile.remove(fileOf(name))
          return true
        }),
      verify: (token) => {
        const name = Secret.nameOf(token)
        const found = name === undefined ? undefined : find(name)
        return Secret.equals(Secret.hash(token), found?.hash ?? noHash) ? found : undefined
      },
      has: ({ hash, name }) => Secret.equals(find(name)?.hash ?? noHash, hash)
    }
  })
