import { assert, describe, it } from "@effect/vitest"
import * as Exit from "effect/Exit"
import * as ShellCommand from "../../src/internal/ShellCommand.ts"
import * as ErrorType from "../../src/semconv/ErrorType.ts"

const typeOf = (reason: unknown) => ErrorType.fromExit(Exit.fail({ _tag: "UploadFailed", reason }))

describe("The type of an error", () => {
  for (const reason of [
    "/home/ada/plan.md",
    "ada@example.com",
    "src/plan.md",
    "hunter2",
    "a sentence",
    "C:\\x"
  ]) {
    it(`H15 has no reason that is not a declared identifier: ${reason}`, () =>
      assert.strictEqual(typeOf(reason), "UploadFailed"))
  }
  it("H15 keeps a reason that is an identifier", () =>
    assert.strictEqual(typeOf("InputTooLarge"), "UploadFailed.InputTooLarge"))
})

describe("The name of an executable", () => {
  for (const command of [
    "X=$(echo PW | tr a b) psql",
    "X=`echo PW` psql",
    "bash -lc 'X=$(echo PW | tr a b) psql'",
    "diff <(echo PW) y",
    "X=(a PW b) psql",
    "X='a PW psql"
  ]) {
    it(`H15 is unknown in ${command}`, () => assert.strictEqual(ShellCommand.executable(command), "sh"))
  }
  it("H15 is known after plain assignments", () =>
    assert.strictEqual(ShellCommand.executable("A=1 B='x y' /usr/bin/psql -c 'select (1)'"), "psql"))
})
