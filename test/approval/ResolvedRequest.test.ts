import { assert, describe, it } from "@effect/vitest"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Approval from "../../src/Approval.ts"
import { normalize } from "../../src/approval/DecisionValidation.ts"
import { resolve } from "../../src/approval/ResolvedRequest.ts"
import { hash } from "../../src/domain/ApprovalRequestHash.ts"
import { path } from "../../src/domain/Permissions.ts"
import * as ThreadAccess from "../../src/domain/ThreadAccess.ts"
import * as R from "./requests.ts"

const without = <A extends { readonly resolved?: unknown }>(request: A) => {
  const { resolved: _, ...rest } = request
  return rest
}

const inWorkspace = (body: (root: string, access: ThreadAccess.ThreadAccess) => void) => () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "resolved-")))
  try {
    for (const name of ["ws/data", "outside"]) mkdirSync(`${root}/${name}`, { recursive: true })
    const options = { excludeSlashTmp: true, excludeTmpdir: true }
    body(root, ThreadAccess.make(`${root}/ws`, "workspace-write", options))
  } finally {
    rmSync(root, { recursive: true })
  }
}

describe("a request with resolved paths", () => {
  it(
    "H03 contains the real path of every path, links on the way and whether the agent can write there",
    inWorkspace((root, access) => {
      symlinkSync(`${root}/outside`, `${root}/ws/data/link`)
      const fileSystem = [
        path("write", "data/link/x"),
        path("read", `${root}/ws/new`),
        path("read", "../outside")
      ]
      const request = { ...without(R.permissions({ network: false, fileSystem })), cwd: `${root}/ws` }
      const resolved = resolve(request, access)
      assert.deepStrictEqual("resolved" in resolved ? resolved.resolved : undefined, {
        cwd: `${root}/ws`,
        cwdThroughLink: false,
        threadCwd: `${root}/ws`,
        paths: [
          { given: "data/link/x", real: `${root}/outside/x`, throughLink: true, agentWritable: false },
          { given: `${root}/ws/new`, real: `${root}/ws/new`, throughLink: false, agentWritable: true },
          { given: "../outside", real: `${root}/outside`, throughLink: false, agentWritable: false }
        ]
      })
    })
  )

  it(
    "H03 knows nothing about a path and a pattern that have the same text",
    inWorkspace((root, access) => {
      const text = `${root}/outside/*`
      const fileSystem = [
        path("write", text),
        { access: "deny", place: { _tag: "Glob", pattern: text } }
      ] as const
      const request = { ...without(R.permissions({ network: false, fileSystem })), cwd: `${root}/ws` }
      const resolved = resolve(request, access)
      assert.deepStrictEqual("resolved" in resolved ? resolved.resolved?.paths : undefined, [
        { given: text, throughLink: true, agentWritable: true }
      ])
    })
  )

  it(
    "H06 contains the paths of a patch, where it moves files and its root",
    inWorkspace((root, access) => {
      const change = { path: `${root}/ws/a`, kind: "update", movePath: `${root}/ws/b`, diff: "" } as const
      const request = { ...without(R.fileChange()), cwd: `${root}/ws`, changes: [change], root: "/opt" }
      const resolved = resolve(request, access)
      assert.deepStrictEqual("resolved" in resolved ? resolved.resolved?.paths.map(({ real }) => real) : [], [
        `${root}/ws/a`,
        `${root}/ws/b`,
        "/opt"
      ])
    })
  )

  it(
    "H14 resolves many files of a patch, but looks up only so much on the paths that the agent makes long",
    inWorkspace((root, access) => {
      const resolved = (paths: ReadonlyArray<string>) => {
        const changes = paths.map((path) => ({ path, kind: "add", diff: "" }) as const)
        const all = resolve({ ...without(R.fileChange()), cwd: `${root}/ws`, changes }, access)
        return "resolved" in all ? (all.resolved?.paths ?? []) : []
      }
      const files = resolved(Array.from({ length: 3000 }, (_, at) => `data/new/file-${at}`))
      assert.strictEqual(files.filter(({ real }) => real !== undefined).length, 3000)
      // Each link leads to the one before by a long way.
      symlinkSync(".", `${root}/ws/link-0`)
      for (let at = 1; at < 40; at++)
        symlinkSync(`${"data/../".repeat(480)}link-${at - 1}`, `${root}/ws/link-${at}`)
      const [first, ...others] = resolved(Array.from({ length: 200 }, (_, at) => `link-38/${at}`))
      assert.deepStrictEqual(first?.real, `${root}/ws/0`)
      const refused = others.filter(({ agentWritable, real }) => real === undefined && agentWritable)
      assert.isAbove(refused.length, 150)
      assert.strictEqual(resolved(["link-38/x"])[0]?.real, `${root}/ws/x`)
    })
  )

  it(
    "H04 contains the real directory of a command, and whether a link leads there",
    inWorkspace((root, access) => {
      symlinkSync(`${root}/ws`, `${root}/ws/self`)
      const directoryOf = (cwd: string) => {
        const resolved = resolve(without(R.command("ls", { cwd })), access)
        return "resolved" in resolved ? resolved.resolved : undefined
      }
      assert.deepInclude(directoryOf(`${root}/ws`), { cwd: `${root}/ws`, cwdThroughLink: false })
      assert.deepInclude(directoryOf(`${root}/ws/self`), { cwd: `${root}/ws`, cwdThroughLink: true })
      assert.deepInclude(directoryOf(`${root}/ws/data`), { cwd: `${root}/ws/data`, threadCwd: `${root}/ws` })
    })
  )

  it(
    "H03 has another hash if its path leads elsewhere",
    inWorkspace((root, access) => {
      const request = { ...without(R.fileChange("data/x")), cwd: `${root}/ws` }
      const before = hash(resolve(request, access))
      rmSync(`${root}/ws/data`, { recursive: true })
      symlinkSync(`${root}/outside`, `${root}/ws/data`)
      assert.notStrictEqual(hash(resolve(request, access)), before)
    })
  )

  it("is the request itself for tools, forms, questions and unknown requests", () => {
    const access = ThreadAccess.make("/srv", "read-only")
    const kinds = R.all.flatMap((request) => {
      const resolved = resolve(request._tag === "Command" ? without(request) : request, access)
      return "resolved" in resolved ? [Approval.kindOf(request)] : []
    })
    assert.deepStrictEqual(kinds, ["command", "file_change", "permissions"])
  })
})

describe("a thread's directory that is replaced by a link", () => {
  it(
    "H04 is no longer the directory of its commands and patches",
    inWorkspace((root, access) => {
      mkdirSync(`${root}/outside/docs`)
      rmSync(`${root}/ws`, { recursive: true })
      symlinkSync(`${root}/outside`, `${root}/ws`)
      const command = resolve(without(R.command("ls", { cwd: `${root}/ws` })), access)
      assert.isFalse(Approval.matches({ decision: "accept" }, command))
      const patch = { ...without(R.fileChange(`${root}/ws/docs/a`)), cwd: `${root}/ws` }
      const rule = { kind: "file_change", path: "docs/**", decision: "accept" } as const
      assert.isFalse(Approval.matches(rule, resolve(patch, access)))
    })
  )

  it(
    "H03 has no path that starts with a tilde",
    inWorkspace((_root, access) => {
      const request = without(R.permissions({ network: false, fileSystem: [path("read", "~/.ssh")] }))
      const resolved = resolve(request, access)
      assert.deepStrictEqual("resolved" in resolved ? resolved.resolved?.paths : undefined, [
        { given: "~/.ssh", throughLink: false, agentWritable: true }
      ])
    })
  )
})

describe("the writable roots of a thread", () => {
  const roots = (...args: Parameters<typeof ThreadAccess.make>) => ThreadAccess.make(...args).writableRoots

  it("are those of Codex's sandbox", () => {
    const temporary = realpathSync("/tmp")
    assert.deepStrictEqual(roots("/ws", "read-only"), [])
    assert.deepStrictEqual(roots("/ws", "danger-full-access"), ["/"])
    assert.deepStrictEqual(roots("/ws", undefined), ["/"])
    assert.deepStrictEqual(roots("/ws", "workspace-write", { tmpdir: "/my/tmp", writableRoots: ["/more"] }), [
      "/ws",
      "/more",
      temporary,
      "/my/tmp"
    ])
    assert.deepStrictEqual(roots("/ws", "workspace-write", { excludeSlashTmp: true, excludeTmpdir: true }), [
      "/ws"
    ])
  })

  it(
    "H26 says which files of this process it would let the agent write, and no decision grants that",
    inWorkspace((root, access) => {
      const directory = (name: string, content: string, isTree: boolean) => ({
        path: `${root}/${name}`,
        content,
        setting: "",
        isTree
      })
      const host = [directory("outside/spool", "the spool", true), directory("outside/logs", "a file", false)]
      const cwd = `${root}/ws`
      const at = (name: string) => `${root}/outside/${name}`
      const glob = (pattern: string) => ({ access: "write", place: { _tag: "Glob", pattern } }) as const
      const special = (kind: string) =>
        ({ access: "write", place: { _tag: "Special", value: { kind } } }) as const
      const grantsOf = (entries: ReadonlyArray<Approval.Permissions["fileSystem"][number]>, hosts = host) => {
        const request = R.permissions({ network: false, fileSystem: [...entries, path("read", "/etc")] })
        const decision = normalize(resolve({ ...without(request), cwd }, access, [], hosts), Approval.accept)
        return decision._tag === "Accept" && decision.given?._tag === "Permissions"
          ? decision.given.permissions.fileSystem.length - 1
          : -1
      }
      const refused = [
        ...["", "spool", "spool/a", "logs", "logs/traces.json"].map((name) => path("write", at(name))),
        glob(`${at("spool")}/*`),
        glob(`${root}/**`),
        special("root"),
        special("tmpdir")
      ]
      for (const entry of refused) {
        assert.strictEqual(grantsOf([entry]), 0, JSON.stringify(entry))
        assert.strictEqual(grantsOf([entry], []), 1, JSON.stringify(entry))
      }
      for (const entry of [
        path("read", at("spool")),
        path("write", at("logs/below/a")),
        path("write", at("free")),
        special("project_roots")
      ])
        assert.strictEqual(grantsOf([entry]), 1, JSON.stringify(entry))

      const outcomeOf = (request: Approval.ApprovalRequest) => {
        const resolved = resolve(request, access, [], host)
        const decision = normalize(resolved, Approval.accept)
        return [
          decision._tag === "Decline" ? decision.reason : decision._tag,
          Approval.describe(resolved)
        ] as const
      }
      const permissions = { network: false, fileSystem: [path("write", at("spool"))] }
      const command = { ...without(R.command("ls")), cwd, extra: true, wants: { permissions } }
      const change = { ...without(R.fileChange(at("free/a"))), cwd, extra: true, root: at("logs") }
      for (const [request, content] of [
        [command, "the spool"],
        [change, "a file"]
      ] as const) {
        const [outcome, text] = outcomeOf(request)
        assert.include(outcome, `would let the agent write ${content}`)
        assert.include(text, `which no answer grants, because it would open:\n  │ ${content}`)
      }
      assert.strictEqual(outcomeOf({ ...change, root: at("free") })[0], "Accept")
    })
  )
})
