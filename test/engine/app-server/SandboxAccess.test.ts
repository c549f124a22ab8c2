import { assert, describe, it } from "@effect/vitest"
import { realpathSync } from "node:fs"
import * as SandboxAccess from "../../../src/engine/app-server/SandboxAccess.ts"
import { ThreadId } from "../../../src/domain/Ids.ts"

const opened = (sandbox: unknown, more: object = {}) => ({
  thread: { id: ThreadId.make("thread") },
  model: "m",
  cwd: "/ws",
  sandbox,
  ...more
})
const temporary = realpathSync("/tmp")

describe("the access of a thread", () => {
  it("is what Codex reports of its sandbox", () => {
    const policy = { type: "workspaceWrite", writableRoots: ["/more"], excludeSlashTmp: true }
    assert.deepStrictEqual(SandboxAccess.make(opened(policy), {}, "/my/tmp"), {
      cwd: { given: "/ws", real: "/ws" },
      sandbox: "workspace-write",
      writableRoots: ["/ws", "/more", "/my/tmp"],
      tmpdir: "/my/tmp",
      network: false
    })
    const online = SandboxAccess.make(opened({ type: "readOnly", networkAccess: true }), {}, undefined)
    assert.deepInclude(online, { writableRoots: [], network: true })
    assert.deepInclude(SandboxAccess.make(opened({ type: "readOnly" }), {}, undefined), {
      sandbox: "read-only",
      writableRoots: []
    })
  })

  it("follows the directory and the sandbox of a turn", () => {
    const policy = { type: "workspaceWrite", excludeSlashTmp: true, excludeTmpdirEnvVar: true }
    const changed = { cwd: "/other", sandbox: "workspace-write" } as const
    assert.deepStrictEqual(SandboxAccess.make(opened(policy), changed, undefined).writableRoots, [
      "/other",
      temporary
    ])
    assert.deepStrictEqual(
      SandboxAccess.make(opened(policy), { sandbox: "read-only" }, undefined).writableRoots,
      []
    )
  })

  it("protects nothing if the sandbox is unknown or the user's own profile", () => {
    const profile = { activePermissionProfile: { id: "mine", extends: null } }
    for (const reply of [opened(undefined), opened({ type: "new" }), opened({ type: "readOnly" }, profile)])
      assert.deepStrictEqual(SandboxAccess.make(reply, {}, undefined).writableRoots, ["/"])
    const reviewed = opened({ type: "readOnly" }, { approvalsReviewer: "auto_review" })
    assert.deepStrictEqual(SandboxAccess.make(reviewed, {}, undefined).writableRoots, ["/"])
    const builtIn = opened({ type: "readOnly" }, { activePermissionProfile: { id: ":read-only" } })
    assert.deepStrictEqual(SandboxAccess.make(builtIn, {}, undefined).writableRoots, [])
  })
})
