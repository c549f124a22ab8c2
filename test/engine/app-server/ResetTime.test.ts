import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as ErrorMapping from "../../../src/engine/app-server/ErrorMapping.ts"
import * as ResetTime from "../../../src/engine/app-server/ResetTime.ts"

const at = Date.parse("2026-11-21T22:38:30Z")
const read = (text: string, timeZone: string | undefined = "UTC", now = at) => {
  const millis = ResetTime.resetsAt(text, { at: now, timeZone })
  return millis === undefined ? undefined : new Date(millis).toISOString()
}

describe("the reset of a limit", () => {
  const texts: ReadonlyArray<readonly [text: string, zone: string, expected: string | undefined]> = [
    ["You\u2019ve hit your usage limit. Try again at 11:38 PM.", "UTC", "2026-11-21T23:38:00.000Z"],
    ["visit https://chatgpt.com/settings/usage or try again at 11:38 PM.", "UTC", "2026-11-21T23:38:00.000Z"],
    ["Try again at Nov 23rd, 2026 10:38 PM.", "UTC", "2026-11-23T22:38:00.000Z"],
    ["Try again at Dec 26th, 2027 12:05 AM.", "UTC", "2027-12-26T00:05:00.000Z"],
    ["Try again at 8:38 AM.", "Asia/Tokyo", "2026-11-21T23:38:00.000Z"],
    ["Try again at 6:34 PM.", "America/New_York", "2026-11-21T23:34:00.000Z"],
    // A time that has passed today is tomorrow's, unless it has only just passed.
    ["Try again at 6:34 PM.", "UTC", "2026-11-22T18:34:00.000Z"],
    ["Try again at 10:38 PM.", "UTC", "2026-11-21T22:38:00.000Z"],
    ["Try again at 12:10 AM.", "UTC", "2026-11-22T00:10:00.000Z"],
    ["Try again at 12:10 PM.", "UTC", "2026-11-22T12:10:00.000Z"],
    ["try again at 23:15", "UTC", "2026-11-21T23:15:00.000Z"],
    ["Your limit resets at 3:00 AM (Europe/Berlin).", "UTC", "2026-11-22T02:00:00.000Z"],
    ["Try again at 11:00 PM UTC.", "Asia/Tokyo", "2026-11-21T23:00:00.000Z"],
    ["Try again at 2026-11-22T01:30:00+05:30.", "Asia/Tokyo", "2026-11-21T20:00:00.000Z"],
    ["Try again on Jan 2, 9:00 AM", "UTC", "2027-01-02T09:00:00.000Z"],
    // Clocks in Berlin go back on 31 October 2027: 02:30 occurs twice, and the later one is certain.
    ["Try again at Oct 31st, 2027 2:30 AM.", "Europe/Berlin", "2027-10-31T01:30:00.000Z"],
    ["Try again in 3 hours 2 minutes.", "UTC", "2026-11-22T01:40:30.000Z"],
    ["Try again in 2 days, 3 hours and 5 minutes.", "UTC", "2026-11-24T01:43:30.000Z"],
    ["Try again later.", "UTC", undefined],
    ["Try again at 25:99.", "UTC", undefined],
    ["Try again at 13:30 PM.", "UTC", undefined],
    ["Try again at Foo 3rd, 2026 1:00 PM.", "UTC", undefined],
    ["Try again at 6:34 PM.", "Not/AZone", undefined]
  ]
  for (const [text, zone, expected] of texts) {
    it(`"${text}" in ${zone}`, () => assert.strictEqual(read(text, zone), expected))
  }

  // Around midnight the day of the text is not the day on which it arrives.
  const midnights: ReadonlyArray<readonly [text: string, now: string, zone: string, expected: string]> = [
    ["Try again at 12:01 AM.", "2026-11-21T23:58:00Z", "UTC", "2026-11-22T00:01:00.000Z"],
    ["Try again at 11:59 PM.", "2026-11-22T00:00:01Z", "UTC", "2026-11-21T23:59:00.000Z"],
    ["Try again at 11:58 PM.", "2026-11-22T00:02:59Z", "UTC", "2026-11-21T23:58:00.000Z"],
    ["Try again at 11:50 PM.", "2026-11-22T00:02:59Z", "UTC", "2026-11-22T23:50:00.000Z"],
    ["Try again at 6:34 PM.", "2026-11-21T23:58:00Z", "UTC", "2026-11-22T18:34:00.000Z"],
    ["Try again at 6:34 PM.", "2026-11-22T04:58:00Z", "America/New_York", "2026-11-22T23:34:00.000Z"],
    ["Try again at 6:34 PM.", "2026-11-21T15:01:00Z", "Asia/Tokyo", "2026-11-22T09:34:00.000Z"],
    ["Try again at 11:59 PM.", "2026-11-21T15:00:10Z", "Asia/Tokyo", "2026-11-21T14:59:00.000Z"],
    ["Try again at Dec 31, 11:59 PM.", "2027-01-01T00:00:10Z", "UTC", "2026-12-31T23:59:00.000Z"],
    ["Try again at Jan 1, 12:04 AM.", "2026-12-31T23:58:00Z", "UTC", "2027-01-01T00:04:00.000Z"]
  ]
  for (const [text, now, zone, expected] of midnights) {
    it(`"${text}" at ${now} in ${zone}`, () =>
      assert.strictEqual(read(text, zone, Date.parse(now)), expected))
  }

  it("is unknown if it is not known when Codex wrote the text", () => {
    assert.isUndefined(read("Try again at 6:34 PM.", "UTC", 0))
    const wire = { message: "Try again at 6:34 PM.", codexErrorInfo: "usageLimitExceeded" }
    assert.isUndefined(ErrorMapping.classify(wire).resetsAt)
  })

  it("is a field of usage limits only", () => {
    const origin = { at, timeZone: "UTC" }
    const message = "Try again at 11:38 PM."
    const usage = ErrorMapping.classify({ message, codexErrorInfo: "usageLimitExceeded" }, origin)
    assert.strictEqual(usage.resetsAt, Date.parse("2026-11-21T23:38:00Z"))
    assert.include(usage.message, "resets at 2026-11-21T23:38Z")
    assert.isFalse(usage.retryable)
    const rate = ErrorMapping.classify({ message, codexErrorInfo: "rateLimitExceeded" }, origin)
    assert.isUndefined(rate.resetsAt)
  })

  it.prop("is read from any text without a failure", [Schema.String, Schema.Natural], ([text, now]) => {
    const millis = ResetTime.resetsAt(`try again at ${text}`, { at: now, timeZone: undefined })
    assert.isTrue(millis === undefined || Number.isFinite(millis))
  })
})
