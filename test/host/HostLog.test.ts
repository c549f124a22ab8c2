import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as HostLog from "../../src/host/HostLog.ts"
import * as RestartDelay from "../../src/host/RestartDelay.ts"
import * as Host from "../support/engineHost.ts"
import { test } from "../support/live.ts"

const mebibyte = 1024 * 1024
const masked = (text: string): string => text.replaceAll("hunter2", "***")

describe("the log of an engine host", () => {
  test("has two files of limited size, however much is written, and short lines without secrets", () =>
    Effect.gen(function* () {
      const dir = yield* Host.directory
      // Files from earlier, so that few lines fill them.
      Fs.writeFileSync(`${dir}/${HostLog.names.previous}`, "old")
      Fs.writeFileSync(`${dir}/${HostLog.names.log}`, "x".repeat(mebibyte + 1))
      const log = HostLog.make(dir, masked)
      log.add("codex", `the password is hunter2 \x07${"y".repeat(100_000)}`)
      const text = Fs.readFileSync(`${dir}/${HostLog.names.log}`, "utf8")
      assert.match(text, /^\S+Z codex the password is \*\*\* \\x07y+/)
      assert.isBelow(text.length, 5000)
      assert.strictEqual(Fs.statSync(`${dir}/${HostLog.names.previous}`).size, mebibyte + 1)
      log.add("host", "next")
      assert.match(
        Fs.readFileSync(`${dir}/${HostLog.names.log}`, "utf8"),
        /^\S+Z codex .*\n\S+Z host next\n$/
      )
      assert.sameMembers(Fs.readdirSync(dir), [HostLog.names.log, HostLog.names.previous])
    }))

  test("does not follow a link, and a log that cannot be written ends nothing", () =>
    Effect.gen(function* () {
      const dir = yield* Host.directory
      Fs.writeFileSync(`${dir}/victim`, "kept")
      Fs.symlinkSync("victim", `${dir}/${HostLog.names.log}`)
      HostLog.make(dir, masked).add("host", "text")
      HostLog.make(`${dir}/missing`, masked).add("host", "text")
      assert.strictEqual(Fs.readFileSync(`${dir}/victim`, "utf8"), "kept")
    }))

  test("gets the lines of Codex, whose file is emptied when it is large and removed at the end", () =>
    Effect.gen(function* () {
      const dir = yield* Host.directory
      const lines: Array<string> = []
      const stderr = HostLog.openStderr(dir, "codex-1.stderr", (line) => lines.push(line))
      const writer = stderr.openWriter()
      Fs.writeSync(writer, `first\n${"z".repeat(300_000)}\nhal`)
      stderr.read()
      assert.strictEqual(Fs.statSync(`${dir}/codex-1.stderr`).size, 0)
      Fs.writeSync(writer, "f\n")
      Fs.closeSync(writer)
      stderr.close()
      assert.deepStrictEqual([lines[0], lines.at(-1)], ["first", "half"])
      assert.isTrue(lines.every((line) => line.length <= 5000))
      assert.deepStrictEqual(Fs.readdirSync(dir), [])
      // The process is reported as ended after that.
      assert.deepStrictEqual(stderr.read(), [])
    }))
})

describe("the restart of Codex", () => {
  test("waits twice as long after each failure, 30 seconds at most", () =>
    Effect.sync(() => {
      const delays = [0, 1, 2, 3, 7, 8, 9, 1000].map(RestartDelay.millis)
      assert.deepStrictEqual(delays, [250, 250, 500, 1000, 16_000, 30_000, 30_000, 30_000])
    }))
})
