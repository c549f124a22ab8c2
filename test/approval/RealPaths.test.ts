import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Approval from "../../src/Approval.ts"
import * as AgentRoots from "../../src/approval/AgentRoots.ts"
import { resolve } from "../../src/approval/ResolvedRequest.ts"
import { decide } from "../../src/approval/PolicyRunner.ts"
import { path } from "../../src/domain/Permissions.ts"
import * as ThreadAccess from "../../src/domain/ThreadAccess.ts"
import * as R from "./requests.ts"

const docs: Approval.ApprovalRule = { kind: "file_change", path: "docs/**", decision: "accept" }

describe("a rule for paths", () => {
  const through = (real: string) => ({ real, throughLink: true })
  const patch = (...resolved: ReadonlyArray<ReturnType<typeof R.resolved>["paths"]>) => ({
    ...R.fileChange("docs/a", "docs/b"),
    resolved: { ...R.resolved(), paths: resolved.flat() }
  })
  const [a = [], b = []] = ["docs/a", "docs/b"].map((name) => R.resolved([name]).paths)

  it("H06 accepts no patch with a link on the way, wherever the link leads", () => {
    assert.isTrue(Approval.matches(docs, patch(a, b)))
    for (const real of ["/etc/b", "/srv/docs/b", "/srv/docs/other"]) {
      const linked = R.resolved(["docs/b"], through(real)).paths
      assert.isFalse(Approval.matches(docs, patch(a, linked)), real)
      assert.isFalse(Approval.matches({ decision: "accept" }, patch(linked, a)), real)
    }
  })

  it("H06 accepts no patch whose paths are unknown or not all resolved", () => {
    const unknown = { given: "docs/b", throughLink: false, agentWritable: false }
    const { paths } = R.resolved(["docs/a"])
    assert.isFalse(
      Approval.matches(docs, {
        ...R.fileChange("docs/a", "docs/b"),
        resolved: { ...R.resolved(), paths: [...paths, unknown] }
      })
    )
    assert.isFalse(Approval.matches(docs, patch(a)))
    const { resolved: _resolved, ...unresolved } = R.fileChange("docs/a")
    assert.isFalse(Approval.matches(docs, unresolved))
    assert.isFalse(Approval.matches({ ...docs, path: "**" }, R.fileChange()))
  })

  it("H06 matches the real path of a patch, not the path as it is written", () => {
    const elsewhere = { ...R.resolved(["docs/a"]).paths[0], given: "docs/a", real: "/etc/a" }
    const request = (real: string) => ({
      ...R.fileChange("docs/a"),
      resolved: { ...R.resolved(), paths: [{ ...elsewhere, throughLink: false, agentWritable: false, real }] }
    })
    assert.isTrue(Approval.matches(docs, request("/srv/docs/a")))
    assert.isFalse(Approval.matches(docs, request("/etc/a")))
    assert.isTrue(Approval.matches({ path: "/etc/**", decision: "accept" }, request("/etc/a")))
    // Rules that decline cover both.
    for (const pattern of ["/etc/**", "docs/**"])
      assert.isTrue(Approval.matches({ path: pattern, decision: "decline" }, request("/etc/a")))
  })

  it("H03 accepts no patch that is partly outside of the agent's sandbox", () => {
    const writable = R.resolved(["docs/a"], { agentWritable: true }).paths
    const alsoWritable = R.resolved(["docs/b"], { agentWritable: true }).paths
    assert.isTrue(Approval.matches(docs, patch(writable, alsoWritable)))
    assert.isFalse(Approval.matches(docs, patch(writable, b)))
  })

  it("H03 grants no permission through a link or where the agent can write", () => {
    const rule: Approval.ApprovalRule = {
      kind: "permissions",
      path: "/srv/data/**",
      access: "write",
      decision: "accept"
    }
    const request = (more: Partial<Approval.ResolvedPath>) => {
      const asked = R.permissions({ network: false, fileSystem: [path("write", "/srv/data/x")] })
      return { ...asked, resolved: R.resolved(["/srv/data/x"], more) }
    }
    assert.isTrue(Approval.matches(rule, request({})))
    assert.isFalse(Approval.matches(rule, request({ real: "/etc/x" })))
    assert.isFalse(Approval.matches(rule, request({ throughLink: true })))
    assert.isFalse(Approval.matches(rule, request({ agentWritable: true })))
  })
})

describe("a rule for commands", () => {
  const test: Approval.ApprovalRule = { command: ["npm", "test"], decision: "accept" }

  it("H04 accepts only in the thread's own directory", () => {
    assert.isTrue(Approval.matches(test, R.command("npm test")))
    assert.isTrue(Approval.matches({ decision: "accept" }, R.command("npm test")))
    for (const cwd of ["/srv/agent", "/", "/srv2"]) {
      assert.isFalse(Approval.matches(test, R.command("npm test", { cwd })), cwd)
      assert.isFalse(Approval.matches({ decision: "accept" }, R.command("npm test", { cwd })), cwd)
    }
    const { resolved: _, ...unresolved } = R.command("npm test")
    assert.isFalse(Approval.matches(test, unresolved))
  })

  it("H04 accepts nowhere if a link leads to the directory or if it cannot be resolved", () => {
    const access = R.resolved()
    assert.isFalse(
      Approval.matches(test, R.command("npm test", { resolved: { ...access, cwdThroughLink: true } }))
    )
    const { cwd: _, ...unknown } = access
    assert.isFalse(Approval.matches(test, R.command("npm test", { resolved: unknown })))
  })

  it("H04 with a `cwd` accepts in that directory alone", () => {
    const rule: Approval.ApprovalRule = { ...test, cwd: "/srv/app" }
    assert.isTrue(Approval.matches(rule, R.command("npm test", { cwd: "/srv/app" })))
    for (const cwd of ["/srv", "/srv/app/sub", "/srv/app2"])
      assert.isFalse(Approval.matches(rule, R.command("npm test", { cwd })), cwd)
    assert.isFalse(Approval.matches({ cwd: "/srv", decision: "accept" }, R.fileChange("a")))
  })

  it("declines in every directory, or in its `cwd` as it is written or where it leads", () => {
    const decline: Approval.ApprovalRule = { command: ["npm", "**"], decision: "decline" }
    assert.isTrue(Approval.matches(decline, R.command("npm test", { cwd: "/elsewhere" })))
    const there: Approval.ApprovalRule = { ...decline, cwd: "/elsewhere" }
    assert.isTrue(Approval.matches(there, R.command("npm test", { cwd: "/elsewhere" })))
    assert.isFalse(Approval.matches(there, R.command("npm test")))
    const link = R.command("npm test", { cwd: "/link", resolved: { ...R.resolved(), cwd: "/elsewhere" } })
    assert.isTrue(Approval.matches(there, link))
    assert.isTrue(Approval.matches({ ...there, cwd: "/link" }, link))
  })
})

describe("a grant", () => {
  const quiet = Effect.provide(Logger.layer([]))
  const asking = (more: Partial<Approval.ResolvedPath>, ...paths: ReadonlyArray<string>) => ({
    ...R.permissions({ network: false, fileSystem: paths.map((name) => path("write", name)) }),
    resolved: R.resolved(paths, more)
  })

  it.effect("H03 is never given where the agent can write, whatever the policy says", () =>
    Effect.gen(function* () {
      const request = asking({ agentWritable: true }, "/srv/data/x")
      const given = Approval.grant({ network: false, fileSystem: [path("write", "/")] })
      for (const decision of [Approval.accept, Approval.acceptForSession, given])
        assert.deepInclude(yield* decide(() => Effect.succeed(decision), request), { _tag: "Decline" })
      const { resolved: _, ...unresolved } = request
      assert.deepInclude(yield* decide(Approval.allow, unresolved), { _tag: "Decline" })
      const glob = { access: "write", place: { _tag: "Glob", pattern: "/srv/data/*" } } as const
      assert.deepInclude(
        yield* decide(Approval.allow, R.permissions({ network: false, fileSystem: [glob] })),
        { _tag: "Decline" }
      )
    }).pipe(quiet)
  )

  it.effect("H03 is never given for a special place that may lead elsewhere", () =>
    Effect.gen(function* () {
      const special = (value: unknown) =>
        R.permissions({
          network: false,
          fileSystem: [{ access: "write", place: { _tag: "Special", value } }]
        })
      for (const value of [
        { kind: "root" },
        { kind: "tmpdir" },
        { kind: "project_roots" },
        { kind: "project_roots", subpath: null }
      ])
        assert.deepInclude(yield* decide(Approval.allow, special(value)), { _tag: "Accept" })
      // Codex resolves the path when it opens the sandbox, through a link that the agent may have made.
      for (const value of [
        { kind: "project_roots", subpath: "data/link" },
        { kind: "unknown", path: ":home", subpath: null },
        { kind: "later" },
        "root"
      ])
        assert.deepInclude(yield* decide(Approval.allow, special(value)), { _tag: "Decline" })
    }).pipe(quiet)
  )

  it.effect("H03 is never given for a pattern below a link", () =>
    Effect.gen(function* () {
      const glob = (throughLink: boolean) => ({
        ...R.permissions({
          network: false,
          fileSystem: [{ access: "read", place: { _tag: "Glob", pattern: "/srv/docs/*" } }]
        }),
        resolved: R.resolved(["/srv/docs/*"], { throughLink })
      })
      assert.deepInclude(yield* decide(Approval.allow, glob(false)), { _tag: "Accept" })
      assert.deepInclude(yield* decide(Approval.allow, glob(true)), { _tag: "Decline" })
    }).pipe(quiet)
  )

  it.effect("H03 keeps the other permissions of the request", () =>
    Effect.gen(function* () {
      const request = asking({}, "/opt/x", "/srv/x")
      const [opt, own] = request.resolved.paths
      const mixed = {
        ...request,
        resolved: {
          ...request.resolved,
          paths: opt === undefined || own === undefined ? [] : [opt, { ...own, agentWritable: true }]
        }
      }
      assert.deepInclude(yield* decide(Approval.allow, mixed), {
        given: { _tag: "Permissions", permissions: { network: false, fileSystem: [path("write", "/opt/x")] } }
      })
    }).pipe(quiet)
  )

  it.effect("H03 carries the real path", () =>
    Effect.gen(function* () {
      const request = asking({ real: "/srv/real", throughLink: true }, "/opt/link")
      const expected = { network: false, fileSystem: [path("write", "/srv/real")] }
      const given = Approval.grant(request.permissions)
      for (const decision of [Approval.accept, given])
        assert.deepInclude(yield* decide(() => Effect.succeed(decision), request), {
          given: { _tag: "Permissions", permissions: expected }
        })
    }).pipe(quiet)
  )

  it.effect("H03 is not given with a command or a patch either", () =>
    Effect.gen(function* () {
      const permissions = { network: false, fileSystem: [path("write", "/srv/x")] }
      const command = (agentWritable: boolean) =>
        R.command("ls", {
          extra: true,
          wants: { permissions },
          resolved: R.resolved(["/srv/x"], { agentWritable })
        })
      const patch = (agentWritable: boolean) => ({
        ...R.fileChange("/srv/x"),
        extra: true,
        root: "/srv/x",
        resolved: R.resolved(["/srv/x"], { agentWritable })
      })
      for (const request of [command, patch]) {
        assert.deepInclude(yield* decide(Approval.allow, request(false)), { _tag: "Accept" })
        assert.deepInclude(yield* decide(Approval.allow, request(true)), { _tag: "Decline" })
      }
    }).pipe(quiet)
  )

  it("H03 makes its directory writable for later requests of the thread", () => {
    const session = {}
    const roots = () => AgentRoots.list(session)
    AgentRoots.recordDecision(session, asking({}, "/opt/x"), Approval.decline("no"))
    assert.deepStrictEqual(roots(), [])
    const permissions = { network: false, fileSystem: [path("write", "/opt/x"), path("read", "/srv")] }
    AgentRoots.recordDecision(session, asking({}, "/opt/x"), Approval.grant(permissions))
    assert.deepStrictEqual(roots(), ["/opt/x"])
    const globbed = {
      network: false,
      fileSystem: [{ access: "write", place: { _tag: "Glob", pattern: "/data/*/x" } }] as const
    }
    AgentRoots.recordDecision(session, R.command("ls", { wants: { permissions: globbed } }), Approval.accept)
    AgentRoots.recordDecision(session, { ...R.fileChange("a"), root: "/more" }, Approval.accept)
    assert.deepStrictEqual(roots(), ["/opt/x", "/data", "/more"])
    assert.deepStrictEqual(AgentRoots.list({}), [])
    const { resolved: _, ...again } = asking({}, "/opt/x", "/opt/x/below", "/opt")
    const resolved = resolve(again, ThreadAccess.make("/srv", "read-only"), roots())
    assert.deepStrictEqual(
      "resolved" in resolved ? resolved.resolved?.paths.map(({ agentWritable }) => agentWritable) : [],
      [false, true, false]
    )
  })
})
