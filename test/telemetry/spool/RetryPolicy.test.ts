import { assert, describe, it } from "@effect/vitest"
import * as Settings from "../../../src/telemetry/config/Settings.ts"
import * as HttpPost from "../../../src/telemetry/delivery/HttpPost.ts"
import * as RetryPolicy from "../../../src/telemetry/spool/RetryPolicy.ts"

const limits: RetryPolicy.RetryLimits = { batch: 256, base: 1000, cap: 60_000 }
const step = (
  answer: HttpPost.SendResult,
  state = RetryPolicy.initial(limits),
  records = 100,
  random = 0.5
) => RetryPolicy.step(state, answer, { records, limits, now: 10_000, random })
const status = (code: number, retryAfter?: number): HttpPost.SendResult => ({
  _tag: "Status",
  status: code,
  detail: "",
  ...(retryAfter === undefined ? {} : { retryAfter })
})
const none: HttpPost.SendResult = { _tag: "NoResponse", timedOut: false, detail: "" }

describe("a response of the collector", () => {
  it("counts a record as delivered only if it is 2xx", () => {
    assert.strictEqual(step({ _tag: "Accepted", rejected: 0 }).verdict, "delivered")
    for (let code = 100; code < 600; code++) assert.notStrictEqual(step(status(code)).verdict, "delivered")
    assert.strictEqual(step(none).verdict, "retry")
  })

  it("keeps the records if it is temporary, and drops the affected record if it is permanent", () => {
    for (const code of [302, 401, 403, 404, 407, 408, 429, 500, 502, 503, 504])
      assert.strictEqual(step(status(code), undefined, 1).verdict, "retry", `${code}`)
    for (const code of [400, 413, 415, 422]) {
      assert.strictEqual(step(status(code), undefined, 1).verdict, "dropped", `${code}`)
      const { state, verdict } = step(status(code))
      assert.strictEqual(verdict, "split")
      assert.strictEqual(state.limit, 50)
    }
  })

  it("that rejects everything does not cause a request per record", () => {
    let state = RetryPolicy.initial(limits)
    let requests = 0
    for (let left = 10_000; left > 0;) {
      const records = Math.min(left, state.limit)
      const next = step(status(400), state, records)
      state = next.state
      requests++
      if (next.verdict === "dropped") left -= records
    }
    assert.isBelow(requests, 10_000 / 2)
  })

  it("causes a backoff with full jitter that doubles up to the cap", () => {
    for (const [failures, most] of [
      [0, 1000],
      [1, 2000],
      [5, 32_000],
      [6, 60_000],
      [5000, 60_000]
    ] as const) {
      assert.strictEqual(RetryPolicy.backOff(failures, limits, 0), 0)
      assert.strictEqual(RetryPolicy.backOff(failures, limits, 0.5), most / 2)
      assert.strictEqual(RetryPolicy.backOff(failures, limits, 1), most)
    }
    const first = step(none).state
    assert.strictEqual(first.notBefore, 10_500)
    assert.strictEqual(step(none, first).state.notBefore, 11_000)
    assert.strictEqual(step({ _tag: "Accepted", rejected: 0 }, first).state.notBefore, 0)
  })

  it("with Retry-After delays the next request by at least that long, at most an hour", () => {
    assert.strictEqual(step(status(429, 5000)).state.notBefore, 15_000)
    assert.strictEqual(step(status(503, 1e12)).state.notBefore, 3_610_000)
    assert.strictEqual(HttpPost.retryAfter("7", 0), 7000)
    assert.strictEqual(HttpPost.retryAfter("Thu, 01 Jan 1970 00:01:00 GMT", 20_000), 40_000)
    assert.isUndefined(HttpPost.retryAfter("soon", 0))
    assert.isUndefined(HttpPost.retryAfter(undefined, 0))
  })

  it("halves the batch after a timeout, down to one record", () => {
    const timeout: HttpPost.SendResult = { _tag: "NoResponse", timedOut: true, detail: "" }
    const { state, verdict } = step(timeout, undefined, 9)
    assert.deepStrictEqual([verdict, state.limit], ["retry", 4])
    assert.strictEqual(step(timeout, state, 1).state.limit, 1)
    assert.strictEqual(step(none, undefined, 9).state.limit, limits.batch)
  })

  it("doubles the batch after each accepted one, up to the configured size", () => {
    const accepted: HttpPost.SendResult = { _tag: "Accepted", rejected: 0 }
    const small = { ...RetryPolicy.initial(limits), limit: Math.floor(limits.batch / 2) - 1 }
    const { state } = step(accepted, small)
    assert.strictEqual(state.limit, 2 * small.limit)
    assert.strictEqual(step(accepted, state).state.limit, limits.batch)
  })
})

it("the limits of a spool are a size and a duration, and invalid values cause a warning", () => {
  const read = (age: string, bytes: string) =>
    Settings.fromEnvironment({ CODEX_OTLP_SPOOL_MAX_AGE: age, CODEX_OTLP_SPOOL_MAX_BYTES: bytes })
  assert.deepEqual(read("90m", "1000").settings.spoolLimits, { maxAgeMillis: 5_400_000, maxBytes: 1000 })
  assert.deepEqual(read("250", "").settings.spoolLimits, { maxAgeMillis: 250, maxBytes: undefined })
  for (const bad of ["0", "soon", "-1h", "1.5d"]) {
    const { settings, warnings } = read(bad, "many")
    assert.deepEqual(settings.spoolLimits, { maxAgeMillis: undefined, maxBytes: undefined })
    assert.strictEqual(warnings.length, 2)
  }
})
