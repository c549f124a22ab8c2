import { assert, describe, it } from "@effect/vitest"
import * as Approval from "../../src/Approval.ts"
import * as ApprovalRequestHash from "../../src/domain/ApprovalRequestHash.ts"
import * as Permissions from "../../src/domain/Permissions.ts"
import { maximum } from "../../src/internal/TextWidth.ts"
import * as R from "./requests.ts"

/** Every string inside a value. */
const strings = (value: unknown): ReadonlyArray<string> =>
  typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
      ? Object.values(value).flatMap(strings)
      : []

describe("the text of a request", () => {
  it("H01 shows every character of a command", () => {
    const text = Approval.describe(R.command("echo hello\u001b]0;x\u0007; rm -rf x\u202e"))
    assert.include(text, "  │ echo hello\\x1b]0;x\\x07; rm -rf x\\u202e\n")
    for (const summary of [
      Approval.summarize(R.command("a\nb\u001b[2J")),
      Approval.summarize(R.tool("\u202e", "\n"))
    ])
      assert.match(summary, /^[\x20-\x7e⏎]+$/)
    assert.strictEqual(Approval.summarize(R.command("a\nb\u001b[2J")), "run a⏎b\\x1b[2J")
  })

  it("H02 cuts nothing", () => {
    const long = `/start/${"x".repeat(5000)}/end`
    const requests: ReadonlyArray<Approval.ApprovalRequest> = [
      R.command(long, {
        cwd: long,
        reason: long,
        wants: { as: long, network: { host: long, protocol: "https" } }
      }),
      {
        ...R.fileChange(long),
        root: long,
        changes: [{ path: long, movePath: `${long}2`, kind: "update", diff: long }]
      },
      R.permissions({
        network: true,
        fileSystem: Array.from({ length: 90 }, () => Permissions.path("write", long))
      }),
      R.tool(long, { [long]: long }),
      R.mcpTool(long, long, { a: [long] }),
      { ...R.mcpTool("s", "t"), message: long },
      { ...R.form({ type: "object", properties: { [long]: { type: "string" } } }), message: long },
      R.url(long),
      R.question("q", { header: long, question: long, options: [{ label: long, description: long }] }),
      { ...R.unknown, payload: { long } }
    ]
    const count = (text: string) => text.split("/end").length - 1
    for (const request of requests) {
      // The script of a command is its text, and the words of it are the same text again.
      // Resolved paths are the same text again, as nothing is a link here.
      const content =
        request._tag === "Command"
          ? { ...request, command: "", argv: [], resolved: undefined }
          : { ...request, resolved: undefined }
      const expected = strings(content).reduce((sum, text) => sum + count(text), 0)
      const { lines } = Approval.render(request, { columns: 80 })
      const shown = lines.filter((line) => line.startsWith("  │ ")).map((line) => line.slice(4))
      assert.isAtLeast(count(shown.join("")), expected, request._tag)
      assert.isAtLeast(shown.join("").split("x".repeat(5000)).length - 1, expected, request._tag)
      assert.isAtLeast(count(Approval.describe(request)), expected, request._tag)
    }
  })

  it("H02 shows the diff of a patch, the server and the message of an MCP call, and the hash", () => {
    const patch = {
      ...R.fileChange("a.ts"),
      changes: [{ path: "a.ts", kind: "update", diff: "@@ -1 +1 @@\n-old\n+new\n" }]
    } as const
    assert.strictEqual(
      Approval.describe(patch),
      [
        "change files",
        "  update the file:",
        "  │ a.ts",
        "  which is:",
        "  │ /srv/a.ts",
        "  with the diff:",
        "  │ @@ -1 +1 @@⏎",
        "  │ -old⏎",
        "  │ +new⏎",
        "  in the directory:",
        "  │ /srv",
        "  hash of the request:",
        `  │ ${ApprovalRequestHash.hash(patch)}`
      ].join("\n")
    )
    const call = Approval.describe(R.mcpTool("things", "write", { to: "x" }))
    for (const text of ["things", "write", '  "to": "x"', "Allow?"]) assert.include(call, `  │ ${text}`)
    assert.include(Approval.describe(R.form({ type: "object" })), "message of the server:\n  │ Who is it?")
  })

  it("shows the shell around a script, and the whole command if it is something else", () => {
    assert.include(
      Approval.describe({ ...R.command("ls"), command: "/bin/bash -lc 'ls'" }),
      "in the shell:\n  │ /bin/bash -lc"
    )
    assert.include(
      Approval.describe({ ...R.command("ls"), command: "env X=1 ls" }),
      "as part of the whole command:\n  │ env X=1 ls"
    )
  })

  it("H25 gives every line of content a prefix, so that a long reason cannot imitate the prompt", () => {
    const imitation = "yes (y), no (n): "
    for (const columns of [20, 40, 80, 133]) {
      for (const filler of ["x", " ", "中", "é", "\u001b", "👍"]) {
        for (const before of [0, columns - 5, columns, 400]) {
          const reason = `${filler.repeat(before)}${imitation}\nThe agent asks to run a command\n  command:\n  │ ls`
          const { lines } = Approval.render(R.command("ls", { reason }), { columns })
          for (const line of lines) {
            if (line.startsWith("  │ ")) assert.isBelow(maximum(line), columns)
            if (!line.startsWith("  │ "))
              assert.match(line, /^ {2}(?:command|in the directory|the agent's reason|hash of the request):$/)
          }
        }
      }
    }
  })

  it("H03 H04 shows the real path beside the given one, and a command's other directory", () => {
    const access = { cwd: "/srv", cwdThroughLink: false, threadCwd: "/srv" }
    const at = (given: string, real: string | undefined) => ({
      given,
      ...(real === undefined ? {} : { real }),
      throughLink: true,
      agentWritable: false
    })
    const lines = (request: Approval.ApprovalRequest) => Approval.describe(request).split("\n")
    const patch = R.fileChange("/srv/docs/a")
    const patchLines = lines({
      ...patch,
      root: "/srv/x",
      resolved: { ...access, paths: [at("/srv/docs/a", "/etc/a"), at("/srv/x", undefined)] }
    })
    for (const [written, real] of [
      ["/srv/docs/a", "/etc/a"],
      ["/srv/x", "a path that cannot be determined"]
    ]) {
      const from = patchLines.indexOf(`  │ ${written}`)
      assert.deepStrictEqual(patchLines.slice(from + 1, from + 3), [
        "  which leads through a link to:",
        `  │ ${real}`
      ])
    }
    const granted = R.permissions({ network: false, fileSystem: [Permissions.path("write", "/srv/l")] })
    assert.include(
      Approval.describe({ ...granted, resolved: { ...access, paths: [at("/srv/l", "/etc")] } }),
      "write /srv/l\n  which leads through a link to:\n  │ /etc\n"
    )
    const command = R.command("git status", { cwd: "/srv/repo" })
    assert.include(
      Approval.describe(command),
      "in the directory:\n  │ /srv/repo\n  not in the thread's own directory:\n  │ /srv\n"
    )
  })
})
