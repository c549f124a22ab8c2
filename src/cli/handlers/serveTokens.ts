/** `effect-codex serve token`: makes, lists and revokes tokens. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { jsonLine } from "../../internal/VisibleText.ts"
import * as Secret from "../../serve/Secret.ts"
import * as TokenStore from "../../serve/TokenStore.ts"
import type { TokenAddInput, TokenListInput, TokenRevokeInput } from "../commands/serveCommand.ts"
import { ExitWith, UsageError } from "../CommandEnd.ts"
import { code } from "../ExitCode.ts"
import * as Output from "../Output.ts"

const failed = (error: { readonly message: string }) =>
  Effect.andThen(Output.printError(error.message), Effect.fail(new ExitWith({ code: code.failed })))

const openStore = (state: Option.Option<string>) =>
  Effect.flatMap(TokenStore.openState(Option.getOrUndefined(state)), TokenStore.make)

const checkName = (name: string) =>
  Secret.isName(name)
    ? Effect.void
    : Effect.fail(
        new UsageError({
          text: `"${name}" is not a name of a token: use at most 40 lower-case letters, digits and hyphens`
        })
      )

export const add = Effect.fnUntraced(function* ({ name, role, state }: TokenAddInput) {
  yield* checkName(name)
  const [first, ...rest] = [...new Set(role)]
  if (first === undefined) return yield* new UsageError({ text: "--role is missing" })
  const token = yield* openStore(state).pipe(
    Effect.flatMap((store) => store.add(name, [first, ...rest])),
    Effect.catch(failed)
  )
  yield* Console.log(token)
  yield* Console.error("This is the only time that the token is shown; only its hash is stored.")
})

export const list = Effect.fnUntraced(function* ({ json, state }: TokenListInput) {
  const tokens = yield* Effect.flatMap(openStore(state), (store) => store.list).pipe(Effect.catch(failed))
  for (const { createdAt, name, roles } of tokens)
    yield* Console.log(
      json
        ? jsonLine({ name, roles, createdAt })
        : `${name}  ${roles.join(", ")}  ${new Date(createdAt).toISOString().slice(0, 16).replace("T", " ")}`
    )
  if (tokens.length === 0 && !json) yield* Console.error("No tokens.")
})

export const revoke = Effect.fnUntraced(function* ({ name, state }: TokenRevokeInput) {
  yield* checkName(name)
  const found = yield* Effect.flatMap(openStore(state), (store) => store.revoke(name)).pipe(
    Effect.catch(failed)
  )
  if (!found) return yield* failed({ message: `there is no token "${name}"` })
  yield* Console.error(`Revoked ${name}`)
})
