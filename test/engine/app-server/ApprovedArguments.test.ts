import { assert, describe, it } from "@effect/vitest"
import * as Approval from "../../../src/Approval.ts"
import { ItemId } from "../../../src/domain/Ids.ts"
import type * as Item from "../../../src/domain/Item.ts"
import * as ApprovedArguments from "../../../src/engine/app-server/ApprovedArguments.ts"
import * as R from "../../approval/requests.ts"

const request = R.fileChange("a")
const patch = (change: Partial<Item.Change>): Item.Item => ({
  _tag: "FileChange",
  id: request.itemId,
  status: "inProgress",
  changes: request.changes.map((approved) => ({ ...approved, ...change }))
})
const command = (text: string, cwd = "/srv"): Item.Item => ({
  _tag: "CommandExecution",
  id: ItemId.make("c1"),
  command: text,
  cwd,
  status: "inProgress",
  operations: []
})

const approved = (...requests: ReadonlyArray<Approval.ApprovalRequest>) => {
  const map = new Map<string, string>()
  for (const request of requests) ApprovedArguments.record(map, request, Approval.accept)
  return map
}

describe("the approved arguments", () => {
  it("of a patch include the path, the kind, the diff and the path that a file moves to", () => {
    const map = approved(request)
    assert.isTrue(ApprovedArguments.isAsApproved(map, patch({})))
    for (const change of [
      { path: "b" },
      { kind: "delete" },
      { diff: "@@ x" },
      { movePath: "/etc/x" }
    ] as const)
      assert.isFalse(ApprovedArguments.isAsApproved(map, patch(change)), JSON.stringify(change))
  })

  it("of a command are its script and its directory", () => {
    const map = approved(R.command("rm x"))
    assert.isTrue(ApprovedArguments.isAsApproved(map, command("/bin/bash -lc 'rm x'")))
    assert.isFalse(ApprovedArguments.isAsApproved(map, command("rm y")))
    assert.isFalse(ApprovedArguments.isAsApproved(map, command("rm x", "/")))
  })

  it("are those of granted requests only", () => {
    const map = new Map<string, string>()
    ApprovedArguments.record(map, R.command("rm x"), Approval.decline("no"))
    assert.strictEqual(map.size, 0)
  })

  it("of a request for a part of a command do not count for the whole command", () => {
    const map = approved({ ...R.command("rm x"), id: "part" })
    assert.strictEqual(map.size, 0)
    assert.isTrue(
      ApprovedArguments.matchesItem({ ...R.command("rm x"), id: "part" }, command("rm x && rm y"))
    )
    assert.isFalse(ApprovedArguments.matchesItem(R.command("rm x"), command("rm x && rm y")))
  })
})
