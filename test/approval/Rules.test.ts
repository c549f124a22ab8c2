import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Approval from "../../src/Approval.ts"
import { path } from "../../src/domain/Permissions.ts"
import * as R from "./requests.ts"

const asked = (fileSystem: Approval.Permissions["fileSystem"], network = false) =>
  R.permissions({ network, fileSystem })

const cases: ReadonlyArray<readonly [Approval.ApprovalRule, Approval.ApprovalRequest, boolean]> = [
  // Permissions
  [{ kind: "permissions", network: true, decision: "accept" }, asked([], true), true],
  [{ kind: "permissions", decision: "accept" }, asked([], true), false],
  [{ kind: "permissions", network: true, decision: "accept" }, asked([path("read", "/x")], true), false],
  [{ kind: "permissions", path: "/x/**", decision: "accept" }, asked([path("read", "/x/y")]), true],
  [{ kind: "permissions", path: "/x/**", decision: "accept" }, asked([path("write", "/x/y")]), false],
  [
    { kind: "permissions", path: "/x/**", access: "write", decision: "accept" },
    asked([path("write", "/x/y"), path("read", "/x/z"), path("deny", "/x/y/secret")]),
    true
  ],
  [
    { kind: "permissions", path: "/x/**", access: "write", decision: "accept" },
    asked([path("write", "/x/y"), path("read", "/z")]),
    false
  ],
  [
    { kind: "permissions", path: "**", access: "write", decision: "accept" },
    asked([{ access: "read", place: { _tag: "Special", value: { kind: "root" } } }]),
    false
  ],
  [{ kind: "permissions", path: "/x/**", decision: "accept" }, asked([path("read", "/x/../etc")]), false],
  [
    { kind: "permissions", path: "/etc/**", decision: "decline" },
    asked([path("read", "/x"), path("write", "/etc/x")]),
    true
  ],
  [{ kind: "permissions", network: true, decision: "decline" }, asked([path("read", "/x")]), false],
  [{ kind: "permissions", access: "write", decision: "ask" }, asked([path("read", "/x")]), false],
  [{ network: true, decision: "accept" }, asked([], true), false],
  [{ path: "/x/**", decision: "accept" }, asked([path("read", "/x/y")]), false],
  // Tools of MCP servers
  [{ kind: "mcp_tool", server: "things", decision: "accept" }, R.mcpTool("things", "write"), true],
  [
    { kind: "mcp_tool", server: "things", tool: "read", decision: "accept" },
    R.mcpTool("things", "write"),
    false
  ],
  [{ kind: "mcp_tool", server: "other", decision: "accept" }, R.mcpTool("things", "write"), false],
  [{ tool: "write", decision: "accept" }, R.mcpTool("things", "write"), false],
  [{ tool: "write", decision: "decline" }, R.mcpTool("things", "write"), true],
  [{ kind: "tool", server: "things", decision: "accept" }, R.tool("write", {}), false],
  // What needs words
  [{ kind: "user_input", decision: "ask" }, R.question("which"), true],
  [{ kind: "user_input", decision: "accept" }, R.question("which"), false],
  [{ kind: "elicitation", server: "things", decision: "decline" }, R.url("http://127.0.0.1/"), true],
  [{ kind: "elicitation", decision: "accept" }, R.url("http://127.0.0.1/"), false],
  [{ kind: "unknown", decision: "accept" }, R.unknown, false]
]

describe("rules", () => {
  for (const [rule, request, expected] of cases) {
    it(`${JSON.stringify(rule)} ${expected ? "speaks" : "does not speak"} of ${Approval.summarize(request)}`, () =>
      assert.strictEqual(Approval.matches(rule, request), expected))
  }

  it("without a kind accept only commands, patches and tools", () => {
    for (const request of R.all) {
      const expected = ["Command", "FileChange", "Tool"].includes(request._tag)
      assert.strictEqual(Approval.matches({ decision: "accept" }, request), expected, request._tag)
      assert.isTrue(Approval.matches({ decision: "decline" }, request), request._tag)
    }
  })

  it("can name every kind of request", () => {
    const decode = Schema.decodeUnknownSync(Approval.ApprovalRule)
    for (const request of R.all) {
      const kind = Approval.requestKind(request)
      assert.strictEqual(decode({ kind, decision: "ask" }).kind, kind)
    }
    assert.throws(() => decode({ kind: "everything", decision: "accept" }))
  })
})

describe("a rule for commands or patches", () => {
  const docs: Approval.ApprovalRule = { kind: "file_change", path: "docs/**", decision: "accept" }

  it("accepts a patch only if the path matches every file", () => {
    assert.isTrue(Approval.matches(docs, R.fileChange("docs/a", "docs/b/c")))
    assert.isFalse(Approval.matches(docs, R.fileChange("docs/a", "src/b")))
    assert.isFalse(Approval.matches(docs, R.fileChange()))
    const { changes, ...request } = R.fileChange("docs/a")
    const moved = changes.map((change) => ({ ...change, movePath: "src/a" }))
    assert.isFalse(Approval.matches(docs, { ...request, changes: moved }))
  })

  it("declines a patch if the path matches one file", () =>
    assert.isTrue(Approval.matches({ ...docs, decision: "decline" }, R.fileChange("src/b", "docs/a"))))

  it("accepts no patch that also requests a root, and no command that requests more than to run", () => {
    assert.isFalse(Approval.matches(docs, { ...R.fileChange("docs/a"), extra: true }))
    assert.isFalse(
      Approval.matches({ command: ["ls"], decision: "accept" }, R.command("ls", { extra: true }))
    )
  })

  it("matches no path outside the working directory by a relative pattern", () => {
    const up: Approval.ApprovalRule = { path: "../**", decision: "accept" }
    assert.isFalse(Approval.matches(up, R.fileChange("../other/a")))
    assert.isFalse(Approval.matches({ ...up, path: "**/a" }, R.fileChange("../../etc/b")))
  })

  it("with a final ** matches any number of further words, and without it none", () => {
    const rm: Approval.ApprovalRule = { command: ["rm", "**"], decision: "decline" }
    for (const line of ["rm", "rm a", "rm -r a b"]) assert.isTrue(Approval.matches(rm, R.command(line)), line)
    assert.isFalse(Approval.matches(rm, R.command("rmdir a")))
    assert.isFalse(Approval.matches({ ...rm, command: ["rm"] }, R.command("rm a")))
  })

  it("accepts no command that is not one simple command", () => {
    const { argv: _, ...request } = R.command("ls; rm a")
    assert.isFalse(Approval.matches({ decision: "accept" }, request))
    assert.isTrue(Approval.matches({ decision: "decline" }, request))
  })
})
