import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import * as Approval from "../../src/Approval.ts"
import { decide } from "../../src/approval/PolicyRunner.ts"
import { forget } from "../../src/approval/SessionGrants.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as R from "./requests.ts"

const quiet = Effect.provide(Logger.layer([]))

/** A remembering policy that accepts everything for the session, and counts the requests that reach it. */
const remembering = (options?: Approval.RememberOptions) => {
  const state = { asked: 0 }
  const policy = Approval.remember(
    () => Effect.sync(() => (state.asked++, Approval.acceptForSession)),
    options
  )
  return {
    state,
    ask: (thread: string, request: Approval.ApprovalRequest, agent?: string) =>
      decide(policy, request, R.asking(thread, agent))
  }
}

const patch = (diff: string, kind: "update" | "delete" = "update") => ({
  ...R.fileChange("a.ts"),
  changes: [{ path: "a.ts", kind, diff }]
})

describe("a grant for the session", () => {
  it.effect("H12 covers the same patch and no other patch of the same file", () =>
    Effect.gen(function* () {
      const { ask, state } = remembering()
      const first = yield* ask("h12", patch("+a"))
      assert.isTrue(first._tag === "AcceptForSession" && first.rememberedLocally)
      assert.deepInclude(yield* ask("h12", patch("+a")), { _tag: "Accept", source: "session" })
      assert.strictEqual(state.asked, 1)
      const elsewhere = { ...patch("+a"), resolved: R.resolved(["a.ts"], { real: "/etc/a.ts" }) }
      for (const other of [patch("+b"), patch("+a", "delete"), elsewhere]) {
        const before = state.asked
        yield* ask("h12", other)
        assert.strictEqual(state.asked, before + 1)
      }
    })
  )

  it.effect("H12 covers nothing behind a link, which the agent can change", () =>
    Effect.gen(function* () {
      const { ask, state } = remembering()
      const linked = { ...patch("+a"), resolved: R.resolved(["a.ts"], { throughLink: true }) }
      const command = R.command("ls", { resolved: { ...R.resolved(), cwdThroughLink: true } })
      for (const request of [linked, linked, command, command]) yield* ask("links", request)
      assert.strictEqual(state.asked, 4)
    })
  )

  it.effect("covers the input of a running command never, and a host only as it was accepted", () =>
    Effect.gen(function* () {
      const { ask, state } = remembering()
      const input = R.command("y", { extra: true, wants: { as: "writeStdin" } })
      const unreadable = R.command("ls", { extra: true })
      for (const request of [input, input, unreadable, unreadable]) yield* ask("extra", request)
      assert.strictEqual(state.asked, 4)
      const host = (name: string) =>
        R.command("npm ci", { extra: true, wants: { network: { host: name, protocol: "https" } } })
      for (const name of ["registry.test", "registry.test", "other.test"]) yield* ask("extra", host(name))
      assert.strictEqual(state.asked, 6)
    }).pipe(quiet)
  )
})

describe("`sameDirectory`", () => {
  const covers = Approval.sameDirectory
  it("H19 covers files directly in the directory, not below it or behind a link", () => {
    const accepted = R.fileChange("/root/notes.txt")
    assert.isTrue(covers(accepted, R.fileChange("/root/todo.txt")))
    for (const path of ["/root/.ssh/authorized_keys", "/root/a/b", "/rootx", "/etc/x"])
      assert.isFalse(covers(accepted, R.fileChange(path)), path)
    const leading = (more: Partial<Approval.ResolvedPath>) => ({
      ...R.fileChange("/root/todo.txt"),
      resolved: R.resolved(["/root/todo.txt"], more)
    })
    assert.isFalse(covers(accepted, leading({ real: "/etc/x" })))
    assert.isFalse(covers(accepted, leading({ throughLink: true })))
    assert.isFalse(covers(leading({ throughLink: true }), leading({})))
    assert.isFalse(covers(accepted, R.fileChange()))
    const { resolved: _, ...unresolved } = accepted
    assert.isFalse(covers(unresolved, unresolved))
  })
})

describe("`sameCommand`", () => {
  it("H19 never covers interpreters and programs that run others", () => {
    for (const program of [
      "python3",
      "python3.12",
      "/usr/bin/python3",
      "node",
      "NODE",
      "bash",
      "perl5.36",
      "ruby",
      "env",
      "sudo",
      "xargs",
      "find",
      "npx",
      "git",
      "ssh",
      "awk",
      "docker"
    ]) {
      const accepted = R.command(`${program} a`)
      assert.isFalse(Approval.sameCommand(1)(accepted, R.command(`${program} b`)), program)
      assert.isFalse(Approval.sameCommand(2)(accepted, R.command(`${program} a b`)), program)
    }
    assert.isTrue(Approval.sameCommand(1)(R.command("touch a"), R.command("touch b")))
  })

  it("H19 never covers options that run or write their value", () => {
    const accepted = R.command("lint src")
    assert.isTrue(Approval.sameCommand(2)(accepted, R.command("lint src --fix")))
    for (const option of ["-c", "-e", "--eval=1", "--exec", "-exec", "--output=/root/.bashrc", "--config=x"])
      assert.isFalse(Approval.sameCommand(2)(accepted, R.command(`lint src ${option} x`)), option)
  })

  it("H04 covers only the thread's own directory", () => {
    const covers = Approval.sameCommand(1)
    const elsewhere = R.command("touch a", { cwd: "/elsewhere" })
    assert.isFalse(covers(elsewhere, elsewhere))
    assert.isFalse(covers(R.command("touch a"), elsewhere))
    const linked = R.command("touch a", { resolved: { ...R.resolved(), cwdThroughLink: true } })
    assert.isFalse(covers(R.command("touch a"), linked))
    assert.isFalse(Approval.sameCommand(0)(R.command("touch a"), R.command("rm b")))
  })
})

describe("the grants of a thread", () => {
  const grantsOf = (thread: string) => Approval.grants(ThreadId.make(thread))

  it.effect("are listed with their request, their time and their uses", () =>
    Effect.gen(function* () {
      const { ask } = remembering()
      assert.deepStrictEqual(yield* grantsOf("list").list, [])
      yield* TestClock.adjust("5 seconds")
      for (let n = 0; n < 3; n++) yield* ask("list", R.command("touch a"))
      yield* ask("other", R.command("touch b"))
      const [grant, ...more] = yield* grantsOf("list").list
      assert.lengthOf(more, 0)
      assert.deepInclude(grant, {
        threadId: ThreadId.make("list"),
        grantedAt: 5000,
        uses: 2,
        heldByCodex: false
      })
      assert.deepInclude(grant?.request, { _tag: "Command", script: "touch a" })
    })
  )

  it.effect("are revoked: the next request goes to the policy again", () =>
    Effect.gen(function* () {
      const { ask, state } = remembering()
      yield* ask("revoke", R.command("touch a"))
      yield* ask("revoke", R.command("touch b"))
      const grants = grantsOf("revoke")
      const [first] = yield* grants.list
      yield* grants.revoke(first?.id ?? "")
      yield* ask("revoke", R.command("touch b"))
      assert.strictEqual(state.asked, 2)
      yield* ask("revoke", R.command("touch a"))
      assert.strictEqual(state.asked, 3)
      assert.deepInclude(yield* Effect.flip(grants.revoke(first?.id ?? "")), { _tag: "NotGranted" })
      assert.strictEqual(yield* grants.revokeAll, 2)
      assert.deepStrictEqual(yield* grants.list, [])
    })
  )

  it.effect("belong to their thread: another thread cannot revoke them", () =>
    Effect.gen(function* () {
      const { ask } = remembering()
      yield* ask("owner", R.command("touch a"))
      const [grant] = yield* grantsOf("owner").list
      assert.strictEqual(
        (yield* Effect.flip(grantsOf("stranger").revoke(grant?.id ?? "")))._tag,
        "NotGranted"
      )
      assert.lengthOf(yield* grantsOf("owner").list, 1)
    })
  )

  it.effect("expire after the lifetime of the policy, or after the time that `expire` sets", () =>
    Effect.gen(function* () {
      const { ask, state } = remembering({ lifetime: "1 hour" })
      yield* ask("expire", R.command("touch a"))
      yield* ask("expire", R.command("touch b"))
      const grants = grantsOf("expire")
      const [first] = yield* grants.list
      yield* grants.expire(first?.id ?? "", "10 minutes")
      yield* TestClock.adjust("599 seconds")
      yield* ask("expire", R.command("touch a"))
      assert.strictEqual(state.asked, 2)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(yield* grants.list, 1)
      yield* ask("expire", R.command("touch a"))
      assert.strictEqual(state.asked, 3)
      yield* TestClock.adjust("50 minutes")
      yield* ask("expire", R.command("touch b"))
      assert.strictEqual(state.asked, 4)
    })
  )

  it.effect("list permissions that Codex holds, and do not pretend to revoke them", () =>
    Effect.gen(function* () {
      const { ask } = remembering({ lifetime: "1 hour" })
      yield* ask("held", R.permissions({ network: true, fileSystem: [] }))
      const grants = grantsOf("held")
      const [grant] = yield* grants.list
      assert.deepInclude(grant, { heldByCodex: true, expiresAt: undefined })
      assert.strictEqual((yield* Effect.flip(grants.revoke(grant?.id ?? "")))._tag, "HeldByCodex")
      assert.strictEqual((yield* Effect.flip(grants.expire(grant?.id ?? "", 0)))._tag, "HeldByCodex")
      assert.strictEqual(yield* grants.revokeAll, 0)
    })
  )

  it.effect("H12 include those of sub-agents, which the thread can revoke", () =>
    Effect.gen(function* () {
      const { ask, state } = remembering()
      yield* ask("team", R.command("touch a"))
      yield* ask("team", R.command("touch b"), "agent")
      yield* ask("team", R.command("touch c"), "agent")
      const ids = (thread: string) =>
        Effect.map(grantsOf(thread).list, (grants) =>
          grants.map(({ agentThreadId, threadId }) => [threadId, agentThreadId])
        )
      const [own, agent] = [
        [ThreadId.make("team"), undefined],
        [ThreadId.make("team"), ThreadId.make("agent")]
      ]
      assert.deepStrictEqual(yield* ids("team"), [own, agent, agent])
      assert.deepStrictEqual(yield* ids("agent"), [agent, agent])
      const [, second] = yield* grantsOf("team").list
      yield* grantsOf("team").revoke(second?.id ?? "")
      yield* ask("team", R.command("touch b"), "agent")
      assert.strictEqual(state.asked, 4)
      assert.strictEqual(yield* grantsOf("team").revokeAll, 3)
      assert.deepStrictEqual(yield* ids("agent"), [])
    })
  )

  it.effect("end with the thread", () =>
    Effect.gen(function* () {
      const { ask } = remembering()
      yield* ask("closed", R.command("touch a"))
      yield* forget(R.asking("closed").session)
      assert.deepStrictEqual(yield* grantsOf("closed").list, [])
    })
  )

  it.effect("are listed once if policies that remember are nested", () =>
    Effect.gen(function* () {
      const policy = Approval.remember(Approval.remember(() => Effect.succeed(Approval.acceptForSession)))
      yield* decide(policy, R.command("touch a"), R.asking("nested"))
      assert.lengthOf(yield* grantsOf("nested").list, 1)
    })
  )
})
