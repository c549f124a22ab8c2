/** Where the URL of the relay is: only in places that other users of the machine cannot read. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Relay from "../../../src/telemetry/native-spans/Relay.ts"
import * as Fake from "../../support/fakeCodex.ts"
import { test } from "../../support/live.ts"

test("H13 the relay's URL is in the environment of Codex, not in its command line, and hidden from commands", () =>
  Effect.gen(function* () {
    const fake = yield* Fake.make({})
    yield* Effect.provide(
      Fake.startThread,
      fake.layer({ config: ['shell_environment_policy.exclude=["MINE"]'] }).pipe(Layer.provide(Relay.layer))
    )
    const [started] = yield* fake.processes
    const url = new URL(started?.env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] ?? "")
    assert.strictEqual(url.hostname, "127.0.0.1")
    const argv = started?.argv ?? []
    for (const secret of [url.port, url.pathname.split("/")[1] ?? ""]) {
      assert.isAbove(secret.length, 2)
      assert.isFalse(argv.some((argument) => argument.includes(secret)))
    }
    const policy = argv.findLast((argument) => argument.startsWith("shell_environment_policy.exclude="))
    assert.include(policy, '"MINE"')
    assert.include(policy, '"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"')
  }))
