import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Approval from "../../src/Approval.ts"
import { Codex } from "../../src/Codex.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as Permissions from "../../src/domain/Permissions.ts"
import * as ThreadAccess from "../../src/domain/ThreadAccess.ts"
import * as Scripted from "../../src/testing/Scripted.ts"
import * as Captured from "../../src/testing/Captured.ts"
import { TestLayer } from "../../src/testing/TestLayer.ts"
import * as R from "./requests.ts"

const run = Effect.flatMap(Codex, (codex) =>
  Effect.flatMap(codex.startThread({ cwd: "/srv" }), (thread) => Stream.runCollect(thread.stream("go")))
).pipe(Effect.scoped)

describe("a turn that requests approval", () => {
  it.effect("has telemetry with the kind of the request and the source of the decision", () =>
    Effect.gen(function* () {
      yield* Scripted.play([...R.all.map((request) => Scripted.question(request)), Scripted.message("done")])
      yield* Effect.provide(run, Approval.layer(Approval.allow))
      const spans = yield* Captured.spans
      const decided = spans.flatMap(({ attributes, name }) =>
        name === "codex.approval"
          ? [[attributes["codex.approval.kind"], attributes["codex.approval.decision"]]]
          : []
      )
      assert.deepStrictEqual(decided, [
        ["command", "accept"],
        ["file_change", "accept"],
        ["permissions", "accept"],
        ["tool", "accept"],
        ["mcp", "accept"],
        ["mcp", "decline"],
        ["mcp", "accept"],
        ["user_input", "decline"],
        ["unknown", "decline"]
      ])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("gives the policy its thread and turn", () =>
    Effect.gen(function* () {
      const seen: Array<Approval.ApprovalContext> = []
      yield* Scripted.play([
        Scripted.question(R.command("ls")),
        Scripted.question(R.command("ls")),
        Scripted.message("done")
      ])
      yield* Scripted.play([Scripted.completed, Scripted.question(R.command("ls")), Scripted.message("done")])
      const policy: Approval.Policy = () =>
        Effect.flatMap(Approval.ApprovalContext, (asking) =>
          Effect.sync(() => (seen.push(asking), Approval.decline("no")))
        )
      yield* Effect.provideService(Effect.andThen(run, run), Approval.Current, policy)
      assert.deepStrictEqual(
        seen.map(({ threadId, turnId }) => `${threadId} ${turnId}`),
        ["thread_1 turn_1", "thread_1 turn_1", "thread_2 turn_2"]
      )
      assert.strictEqual(seen[0]?.session, seen[1]?.session)
      assert.notStrictEqual(seen[0]?.session, seen[2]?.session)
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("F16 without an answer is declined at the timeout and continues", () =>
    Effect.gen(function* () {
      yield* Scripted.play([
        Scripted.command("rm x", { approval: true }),
        Scripted.question(R.question("which"), { expect: ({ _tag }) => _tag === "Decline" }),
        Scripted.message("done")
      ])
      const fiber = yield* Effect.forkChild(
        Effect.provideService(
          run,
          Approval.Current,
          Approval.timeout(() => Effect.uninterruptible(Effect.never), "5 minutes")
        ),
        { startImmediately: true }
      )
      yield* TestClock.adjust("9 minutes")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 minute")
      const events = yield* Fiber.join(fiber)
      const decided = events.flatMap((event) =>
        event._tag === "ApprovalDecided" ? [[event.decision._tag, event.source, event.at]] : []
      )
      assert.deepStrictEqual(decided, [
        ["Decline", "timeout", 300_000],
        ["Decline", "timeout", 600_000]
      ])
      assert.strictEqual(events.at(-1)?._tag, "TurnCompleted")
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("does not use what another thread remembers", () =>
    Effect.gen(function* () {
      let asked = 0
      const policy = Approval.remember(() => Effect.sync(() => (asked++, Approval.acceptForSession)))
      for (let n = 0; n < 2; n++) {
        yield* Scripted.play([
          Scripted.command("touch x", { approval: true }),
          Scripted.command("touch x", { approval: true }),
          Scripted.completed
        ])
      }
      yield* Effect.provideService(Effect.andThen(run, run), Approval.Current, policy)
      assert.strictEqual(asked, 2)
    }).pipe(Effect.provide(TestLayer))
  )
})

describe("what the agent of a thread can write", () => {
  /** A policy that declines and notes where the agent can write. */
  const noting = (noted: Array<ReadonlyArray<string>>): Approval.Policy =>
    Effect.fnUntraced(function* () {
      noted.push((yield* Approval.ApprovalContext).writableRoots)
      return Approval.decline("no")
    })
  const asks = [Scripted.question(R.command("ls")), Scripted.completed]
  const roots = ThreadAccess.make("/srv", "workspace-write").writableRoots

  it.effect("H03 includes what an earlier turn could write, because its commands may still run", () =>
    Effect.gen(function* () {
      const noted: Array<ReadonlyArray<string>> = []
      yield* Scripted.play([Scripted.completed, ...asks, ...asks])
      const codex = yield* Codex
      const turn = (id: ThreadId, sandbox: "read-only" | "workspace-write") =>
        Effect.scoped(
          Effect.flatMap(codex.resumeThread(id, { cwd: "/srv", sandbox }), (thread) => thread.run("go"))
        )
      yield* Effect.gen(function* () {
        const thread = yield* codex.startThread({ cwd: "/srv", sandbox: "read-only" })
        // Another handle of the thread, as a turn with another sandbox would be.
        yield* turn(thread.id, "workspace-write")
        yield* thread.run("go")
      }).pipe(Effect.scoped, Effect.provideService(Approval.Current, noting(noted)))
      // The thread was closed, and what it ran with it.
      yield* Effect.provideService(
        turn(ThreadId.make("thread_1"), "read-only"),
        Approval.Current,
        noting(noted)
      )
      assert.deepStrictEqual(noted, [roots, []])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("H03 includes what is granted through another handle of the thread", () =>
    Effect.gen(function* () {
      const noted: Array<ReadonlyArray<string>> = []
      const permissions = { network: false, fileSystem: [Permissions.path("write", "/opt/x")] }
      const { resolved: _, ...asking } = R.permissions(permissions)
      yield* Scripted.play([Scripted.question(asking), Scripted.completed, ...asks, ...asks])
      const codex = yield* Codex
      yield* Effect.gen(function* () {
        const granting = yield* Effect.provideService(
          codex.startThread({ cwd: "/srv" }),
          Approval.Current,
          Approval.allow
        )
        const other = yield* Effect.provideService(
          codex.resumeThread(granting.id, { cwd: "/srv" }),
          Approval.Current,
          noting(noted)
        )
        yield* granting.run("go")
        yield* other.run("go")
        // A copy of the thread begins where the thread is: what runs in the thread continues to run.
        const copy = yield* Effect.provideService(
          codex.forkThread(granting.id, { cwd: "/srv" }),
          Approval.Current,
          noting(noted)
        )
        yield* copy.run("go")
      }).pipe(Effect.scoped)
      assert.deepStrictEqual(noted, [["/opt/x"], ["/opt/x"]])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("H03 includes what the agents of other open threads can write, which can work together", () =>
    Effect.gen(function* () {
      const noted: Array<ReadonlyArray<string>> = []
      yield* Scripted.play([Scripted.completed, ...asks, ...asks])
      const codex = yield* Codex
      yield* Effect.gen(function* () {
        const reader = yield* codex.startThread({ cwd: "/srv", sandbox: "read-only" })
        yield* Effect.gen(function* () {
          const writer = yield* codex.startThread({ cwd: "/srv", sandbox: "workspace-write" })
          yield* writer.run("go")
          yield* reader.run("go")
        }).pipe(Effect.scoped)
        yield* reader.run("go")
      }).pipe(Effect.scoped, Effect.provideService(Approval.Current, noting(noted)))
      assert.deepStrictEqual(noted, [roots, []])
    }).pipe(Effect.provide(TestLayer))
  )

  it.effect("H03 keeps a permission that Codex holds in the list until the last handle closes", () =>
    Effect.gen(function* () {
      const asking = R.permissions({ network: true, fileSystem: [] })
      yield* Scripted.play([Scripted.question(asking), Scripted.completed])
      const codex = yield* Codex
      const listed = Effect.map(Approval.grants(ThreadId.make("thread_1")).list, (grants) => grants.length)
      const counts = yield* Effect.gen(function* () {
        const other = yield* codex.startThread({ cwd: "/srv" })
        yield* Effect.flatMap(codex.resumeThread(other.id, { cwd: "/srv" }), (thread) =>
          thread.run("go")
        ).pipe(
          Effect.provideService(Approval.Current, () => Effect.succeed(Approval.acceptForSession)),
          Effect.scoped
        )
        return yield* listed
      }).pipe(Effect.scoped)
      assert.deepStrictEqual([counts, yield* listed], [1, 0])
    }).pipe(Effect.provide(TestLayer))
  )
})

describe("an audited policy", () => {
  it.effect("H12 records each use of what the thread remembers, with its source", () =>
    Effect.gen(function* () {
      const steps = [
        Scripted.command("touch x", { approval: true }),
        Scripted.command("touch y", { approval: true }),
        Scripted.command("touch x", { approval: true }),
        Scripted.completed
      ]
      yield* Scripted.play([...steps, ...steps])
      const entries: Array<Approval.AuditEntry> = []
      const policy = Approval.audit((request) =>
        Effect.succeed(
          request._tag === "Command" && request.script === "touch x"
            ? Approval.acceptForSession
            : Approval.accept
        )
      )
      yield* Effect.gen(function* () {
        const thread = yield* Effect.flatMap(Codex, (codex) => codex.startThread({ cwd: "/srv" }))
        yield* thread.run("go")
        yield* thread.run("go")
      }).pipe(
        Effect.scoped,
        Effect.provide(Approval.layer(policy)),
        Effect.provideService(
          Approval.ApprovalAudit,
          Approval.ApprovalAudit.of({
            record: (entry) => Effect.sync(() => void entries.push(entry)),
            entries: Stream.empty
          })
        )
      )
      assert.deepStrictEqual(
        entries.map(({ decision, policy = "own", source, turnId }) => [turnId, decision, source, policy]),
        [
          ["turn_1", "acceptForSession", "policy", "own"],
          ["turn_1", "accept", "policy", "own"],
          ["turn_1", "accept", "session", "remember"],
          ["turn_2", "accept", "session", "remember"],
          ["turn_2", "accept", "policy", "own"],
          ["turn_2", "accept", "session", "remember"]
        ]
      )
      assert.strictEqual(new Set(entries.map(({ hash }) => hash)).size, 2)
      assert.strictEqual(new Set(entries.map(({ threadId }) => threadId)).size, 1)
    }).pipe(Effect.provide(TestLayer))
  )
})
