import { assert, describe, it } from "@effect/vitest"
import * as ProcessTree from "../../src/internal/ProcessTree.ts"

describe("the processes of a command", () => {
  const found = [
    { pid: 7, inGroup: true, marked: false },
    { pid: 8, inGroup: true, marked: false },
    { pid: 9, inGroup: false, marked: true }
  ]
  const own = (exited: boolean) =>
    ProcessTree.ownProcesses({ pid: 7, mark: "m", hasExited: () => exited }, found)

  it("include its whole group while it runs", () => assert.deepStrictEqual(own(false), [7, 8, 9]))

  it("do not include another program's group that reuses its id", () =>
    assert.deepStrictEqual(own(true), [9]))
})
