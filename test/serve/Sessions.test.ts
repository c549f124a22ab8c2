/** The logins of `effect-codex serve` over time. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as TestClock from "effect/testing/TestClock"
import * as Sessions from "../../src/serve/Sessions.ts"
import * as TokenStore from "../../src/serve/TokenStore.ts"

const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const state = yield* fs.makeTempDirectoryScoped({ directory: "/var/tmp", prefix: "effect-codex-serve-" })
  const store = yield* TokenStore.make(state)
  return { store, sessions: yield* Sessions.make(store) }
})

describe("a login of effect-codex serve", () => {
  it.effect("needs a code of the last 10 minutes", () =>
    Effect.gen(function* () {
      const { sessions } = yield* make
      const [first, second] = [yield* sessions.makeCode, yield* sessions.makeCode]
      yield* TestClock.adjust("599 seconds")
      assert.deepInclude(yield* sessions.start({ code: first }), { name: "terminal" })
      yield* TestClock.adjust("1 second")
      assert.isUndefined(yield* sessions.start({ code: second }))
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )

  it.effect("ends after 12 hours, also for a token that is still valid", () =>
    Effect.gen(function* () {
      const { sessions, store } = yield* make
      const token = yield* store.add("ada", ["read"])
      const login = yield* sessions.start({ token })
      const secret = login?.session ?? ""
      yield* TestClock.adjust("719 minutes")
      const caller = yield* sessions.identify(secret)
      assert.isTrue(caller?.isValid())
      yield* TestClock.adjust("1 minute")
      assert.isFalse(caller?.isValid())
      assert.isUndefined(yield* sessions.identify(secret))
      assert.deepInclude(yield* sessions.identify(token), { name: "ada" })
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
