/** Secrets of the environment of an engine, which this process itself does not have. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Codex, Logging } from "effect-codex"
import { Captured } from "effect-codex/testing"
import { Stderr } from "../../src/telemetry/delivery/Stderr.ts"
import * as Redaction from "../../src/redaction/Redaction.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import * as Fake from "../support/fakeCodex.ts"
import { test as live } from "../support/live.ts"

const secret = "correct horse battery staple"
const tell = Effect.logInfo(`it says ${secret}`).pipe(
  Effect.withSpan("x", { attributes: { note: `a ${secret}`, encoded: encodeURIComponent(secret) } })
)

it.effect("secrets of a registered environment are masked in all later text", () =>
  Effect.gen(function* () {
    let printed = ""
    const shown = Effect.gen(function* () {
      yield* tell
      assert.include(printed, secret)
      assert.include(JSON.stringify(yield* Captured.spans), secret)
      const before = (yield* Captured.spans).length
      printed = ""
      for (let times = 0; times < 3; times++) {
        yield* Redaction.addSecretsFrom({ SHOP_API_KEY: secret, PLAIN: "a word", UNSET: undefined })
      }
      yield* tell
      const spans = JSON.stringify((yield* Captured.spans).slice(before))
      for (const text of [printed, spans]) {
        assert.notInclude(text, secret)
        assert.include(text, "[redacted]")
      }
      assert.notInclude(spans, encodeURIComponent(secret))
      yield* Effect.withSpan(Effect.void, "a word")
      yield* Captured.span("a word")
    })
    yield* shown.pipe(
      Effect.provide(Logging.layer.pipe(Layer.provideMerge(Captured.layer))),
      Effect.provideService(Stderr, (text) => void (printed += text)),
      Effect.provideService(Settings.Environment, {})
    )
  })
)

it.effect("registering an environment has no effect when a program replaces redaction completely", () =>
  Effect.gen(function* () {
    const { add: _, ...own } = Redaction.make({}, {})
    yield* Effect.provideService(Redaction.addSecretsFrom({ SHOP_API_KEY: secret }), Redaction.Current, own)
    assert.strictEqual(own.text(secret), secret)
  })
)

it("the password of a proxy whose address has no scheme is a secret", () => {
  const { text } = Redaction.make(
    {},
    { http_proxy: "ada:open-sesame@proxy:8080", NOTE: "ada:plain-words@here" }
  )
  assert.strictEqual(text("it is open-sesame, plain-words"), "it is [redacted], plain-words")
})

live("what only the engine is given is masked from when its first thread is opened", () =>
  Effect.gen(function* () {
    const fake = yield* Fake.make({ on: { "turn/start": [Fake.turn("fine")] } })
    yield* Effect.gen(function* () {
      const codex = yield* Codex
      yield* codex.startThread()
      yield* tell
      const spans = JSON.stringify(yield* Captured.spans)
      assert.notInclude(spans, secret)
      assert.include(spans, "[redacted]")
    }).pipe(
      Effect.provide(fake.layer({ env: { SHOP_API_KEY: secret } }).pipe(Layer.provideMerge(Captured.layer))),
      Effect.provideService(Settings.Environment, {})
    )
  })
)
