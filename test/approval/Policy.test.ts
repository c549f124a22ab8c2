import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as ApprovalRequestHash from "../../src/domain/ApprovalRequestHash.ts"
import * as Permissions from "../../src/domain/Permissions.ts"
import * as Approval from "../../src/Approval.ts"
import { decide } from "../../src/approval/PolicyRunner.ts"
import * as R from "./requests.ts"

const quiet = Effect.provide(Logger.layer([]))
const saying =
  (...answers: ReadonlyArray<Approval.ApprovalDecision | Approval.Abstain>): Approval.Policy =>
  () =>
    Effect.sync(() => answers[said++ % answers.length] ?? Approval.abstain)
let said = 0

/** A policy with one decision, and the number of its requests. */
const counting = (answer: Approval.ApprovalDecision | Approval.Abstain) => {
  const state = { asked: 0 }
  const policy: Approval.Policy = () => Effect.sync(() => (state.asked++, answer))
  return { state, policy }
}

describe("a policy that abstains", () => {
  it.effect("declines if no other policy decides", () =>
    Effect.gen(function* () {
      for (const policy of [
        () => Effect.succeed(Approval.abstain),
        Approval.firstOf(),
        Approval.firstOf(saying(Approval.abstain), saying(Approval.abstain))
      ]) {
        for (const request of R.all) {
          assert.deepInclude(yield* decide(policy, request), { _tag: "Decline" })
        }
      }
    })
  )

  it.effect("leaves the decision to the next policy; the first decision counts, and a failure declines", () =>
    Effect.gen(function* () {
      const never = counting(Approval.accept)
      const first = Approval.firstOf(saying(Approval.abstain), saying(Approval.decline("mine")), never.policy)
      assert.deepInclude(yield* decide(first, R.command("ls")), { reason: "mine" })
      const failing = Approval.firstOf(() => Effect.fail("broken"), never.policy)
      assert.deepInclude(yield* decide(failing, R.command("ls")), { _tag: "Decline", source: "default" })
      assert.strictEqual(never.state.asked, 0)
      const ruled = Approval.firstOf(
        Approval.rules([{ command: ["rm", "**"], decision: "decline" }], Approval.deny),
        never.policy
      )
      assert.deepInclude(yield* decide(ruled, R.command("rm x")), { reason: "a rule declines the request" })
      assert.deepInclude(yield* decide(ruled, R.command("ls")), { _tag: "Accept" })
      const alone = Approval.rules([], Approval.deny)
      assert.deepInclude(yield* decide(alone, R.command("ls")), {
        reason: "no rule accepts the request",
        policy: "rules"
      })
    }).pipe(quiet)
  )
})

describe("an acceptance that does not match the request", () => {
  const form = R.form({
    type: "object",
    properties: {
      name: { type: "string", minLength: 2 },
      colours: { type: "array", items: { enum: ["red", "blue"] }, maxItems: 1 }
    },
    required: ["name"]
  })
  const cases: ReadonlyArray<readonly [Approval.ApprovalRequest, Approval.ApprovalDecision, boolean]> = [
    [R.command("ls"), Approval.accept, true],
    [R.command("ls"), Approval.submit({}), false],
    [R.command("ls"), Approval.grant({ network: true, fileSystem: [] }), false],
    [R.fileChange("a"), Approval.answer({ which: ["red"] }), false],
    [R.tool("deploy", {}), Approval.submit({}), false],
    [R.mcpTool("things", "write"), Approval.acceptForSession, true],
    [R.mcpTool("things", "write"), Approval.submit({ name: "Bob" }), false],
    [R.permissions({ network: true, fileSystem: [] }), Approval.accept, true],
    [R.permissions({ network: false, fileSystem: [] }), Approval.accept, false],
    [
      R.permissions({ network: true, fileSystem: [] }),
      Approval.grant({ network: false, fileSystem: [Permissions.path("write", "/")] }),
      false
    ],
    [R.permissions({ network: true, fileSystem: [] }), Approval.submit({ network: true }), false],
    [R.question("which"), Approval.accept, false],
    [R.question("which"), Approval.acceptForSession, false],
    [R.question("which"), Approval.answer({}), false],
    [R.question("which"), Approval.answer({ which: [] }), false],
    [R.question("which"), Approval.answer({ which: ["green"] }), false],
    [R.question("which"), Approval.answer({ which: ["red"], more: ["blue"] }), false],
    [R.question("which"), Approval.answer({ which: ["red"] }), true],
    [R.question("which", { other: true }), Approval.answer({ which: ["green"] }), true],
    [R.question("which"), Approval.submit({ which: "red" }), false],
    [form, Approval.accept, false],
    [form, Approval.submit({ name: "B" }), false],
    [form, Approval.submit({ name: "Bob", age: 3 }), false],
    [form, Approval.submit({ name: "Bob", colours: ["green"] }), false],
    [form, Approval.submit({ name: "Bob", colours: ["red", "blue"] }), false],
    [form, Approval.submit({ name: "Bob", colours: ["red"] }), true],
    [R.form({ type: "object", properties: {} }), Approval.accept, true],
    [R.form({ type: "object", properties: { x: { type: "object" } } }), Approval.accept, false],
    [R.form({ type: "object", properties: {}, required: ["x"] }), Approval.accept, false],
    [R.form("nonsense"), Approval.accept, false],
    [
      R.form({ type: "object", properties: { toString: { type: "string" } }, required: ["toString"] }),
      Approval.accept,
      false
    ],
    [R.url("http://127.0.0.1/"), Approval.accept, true],
    [R.url("http://127.0.0.1/"), Approval.submit({}), false],
    [R.unknown, Approval.accept, false],
    [R.unknown, Approval.submit({}), false]
  ]
  for (const [request, decision, yes] of cases) {
    const given = "given" in decision ? ` ${JSON.stringify(decision.given)}` : ""
    it.effect(`${request._tag}: ${decision._tag}${given} means ${yes ? "yes" : "no"}`, () =>
      Effect.gen(function* () {
        const decided = yield* decide(() => Effect.succeed(decision), request)
        assert.strictEqual(Approval.isGranted(decided), yes, JSON.stringify(decided))
      }).pipe(quiet)
    )
  }

  it.effect("F20 a request that the policy modifies while it decides is declined", () =>
    Effect.gen(function* () {
      const args = { to: "staging" }
      const decided = yield* decide(
        () => Effect.sync(() => ((args.to = "production"), Approval.accept)),
        R.tool("deploy", args)
      )
      assert.deepInclude(decided, { _tag: "Decline", source: "default" })
    }).pipe(quiet)
  )

  it("events do not contain a person's answers", () => {
    const { withoutAnswers } = Approval
    assert.deepStrictEqual(withoutAnswers(Approval.answer({ q: ["secret"] })), Approval.accept)
    assert.deepStrictEqual(withoutAnswers(Approval.submit({ q: "secret" })), Approval.accept)
    const granted = Approval.grant({ network: true, fileSystem: [] })
    assert.deepStrictEqual(withoutAnswers(granted), granted)
  })
})

describe("a policy", () => {
  it.effect("that fails and is interrupted at once declines", () =>
    Effect.gen(function* () {
      const both = Cause.combine(Cause.fail("no"), Cause.interrupt(1))
      assert.deepInclude(yield* decide(() => Effect.failCause(both), R.command("ls")), {
        _tag: "Decline",
        source: "default"
      })
    }).pipe(quiet)
  )

  it.effect("of a layer sees the settings of the run before those of the layer", () =>
    Effect.gen(function* () {
      const Setting = Context.Reference<string>("test/Setting", { defaultValue: () => "default" })
      const seen: Array<string> = []
      const policy: Approval.Policy = () =>
        Effect.map(Setting, (setting) => (seen.push(setting), Approval.accept))
      const run = Effect.flatMap(Approval.Current, (current) => decide(current, R.command("ls")))
      yield* run.pipe(
        Effect.provideService(Setting, "run"),
        Effect.provide(Approval.layer(policy).pipe(Layer.provide(Layer.succeed(Setting, "layer"))))
      )
      assert.deepStrictEqual(seen, ["run"])
    })
  )
})

describe("timeout", () => {
  const ask = (policy: Approval.Policy) =>
    Effect.forkChild(decide(policy, R.command("ls")), { startImmediately: true })

  for (const [how, policy] of Object.entries<Approval.Policy>({
    "never answers": () => Effect.never,
    "ignores its interruption": () => Effect.uninterruptible(Effect.never),
    "answers a moment too late": () => Effect.as(Effect.sleep("10001 millis"), Approval.accept)
  })) {
    it.effect(`F16 stops waiting for a policy that ${how} exactly at the timeout`, () =>
      Effect.gen(function* () {
        const fiber = yield* ask(Approval.timeout(policy, "10 seconds"))
        yield* TestClock.adjust("9999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.deepInclude(yield* Fiber.join(fiber), {
          _tag: "Decline",
          source: "timeout",
          policy: "timeout"
        })
      }).pipe(quiet)
    )
  }

  it.effect("keeps the result of a policy that ends in time, even a failure", () =>
    Effect.gen(function* () {
      const yes = yield* ask(
        Approval.timeout(() => Effect.as(Effect.sleep("9999 millis"), Approval.accept), "10 seconds")
      )
      const failed = yield* ask(Approval.timeout(() => Effect.fail("broken"), "10 seconds", Approval.accept))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Fiber.join(yes), Approval.accept)
      assert.deepInclude(yield* Fiber.join(failed), { _tag: "Decline", source: "default" })
    }).pipe(quiet)
  )

  it.effect("returns the decision that the caller chose", () =>
    Effect.gen(function* () {
      const fiber = yield* ask(Approval.timeout(() => Effect.never, "1 second", Approval.cancel))
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "Cancel", source: "timeout" })
    })
  )

  it.effect("interrupts the policy and waits for it when it is interrupted", () =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<void>()
      const fiber = yield* ask(
        Approval.timeout(
          () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(ended, undefined)),
          "1 hour"
        )
      )
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Deferred.isDoneUnsafe(ended))
    })
  )

  it.effect("logs a policy that is abandoned", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.make(({ message }) => void lines.push(message))
      yield* Effect.gen(function* () {
        yield* ask(Approval.timeout(() => Effect.uninterruptible(Effect.never), "1 second"))
        yield* TestClock.adjust("2 seconds")
      }).pipe(Effect.provide(Logger.layer([logger])))
      assert.include(JSON.stringify(lines), "is abandoned")
    })
  )
})

describe("remember", () => {
  it.effect("asks once per thread for identical requests, and marks later decisions as remembered", () =>
    Effect.gen(function* () {
      const { policy, state } = counting(Approval.acceptForSession)
      const remembering = Approval.remember(policy)
      const ask = (thread: string, request: Approval.ApprovalRequest) =>
        decide(remembering, request, R.asking(thread))
      const first = yield* ask("a", R.command("touch x"))
      assert.isTrue(first._tag === "AcceptForSession" && first.rememberedLocally)
      assert.deepStrictEqual(yield* ask("a", { ...R.command("touch x"), id: "c2", reason: "again" }), {
        _tag: "Accept",
        source: "session",
        policy: "remember"
      })
      assert.strictEqual(state.asked, 1)
      yield* ask("a", R.command("touch y"))
      yield* ask("a", R.command("touch x", { cwd: "/elsewhere" }))
      yield* ask("a", R.command("touch x", { extra: true }))
      assert.strictEqual(state.asked, 4)
      yield* ask("b", R.command("touch x"))
      assert.strictEqual(state.asked, 5)
    })
  )

  it.effect("does not remember single acceptances, declines and answers", () =>
    Effect.gen(function* () {
      for (const [decision, request] of [
        [Approval.accept, R.command("ls")],
        [Approval.decline("no"), R.command("ls")],
        [Approval.cancel, R.command("ls")],
        [Approval.abstain, R.command("ls")],
        [{ ...Approval.answer({ which: ["red"] }), _tag: "AcceptForSession" }, R.question("which")],
        [Approval.acceptForSession, R.unknown],
        [{ ...Approval.submit({}), _tag: "AcceptForSession" }, R.command("ls")]
      ] as const) {
        const { policy, state } = counting(decision)
        const remembering = Approval.remember(policy)
        yield* decide(remembering, request, R.asking("a"))
        yield* decide(remembering, request, R.asking("a"))
        assert.strictEqual(state.asked, 2, decision._tag)
      }
    }).pipe(quiet)
  )

  it.effect("shares grants between threads only with `shared`", () =>
    Effect.gen(function* () {
      const { policy, state } = counting(Approval.acceptForSession)
      const remembering = Approval.remember(policy, { shared: true })
      yield* decide(remembering, R.command("ls"), R.asking("a"))
      yield* decide(remembering, R.command("ls"), R.asking("b"))
      assert.strictEqual(state.asked, 1)
    })
  )

  it.effect("grants the same permissions again and no more", () =>
    Effect.gen(function* () {
      const { policy } = counting(Approval.grant({ network: true, fileSystem: [] }, "session"))
      const remembering = Approval.remember(policy)
      const request = R.permissions({ network: true, fileSystem: [Permissions.path("write", "/x")] })
      yield* decide(remembering, request, R.asking("a"))
      assert.deepInclude(yield* decide(remembering, request, R.asking("a")), {
        source: "session",
        given: { _tag: "Permissions", permissions: { network: true, fileSystem: [] } }
      })
    })
  )

  const like = (likeness: Approval.RequestEquivalence, first: Approval.ApprovalRequest) =>
    Effect.gen(function* () {
      const state = { asked: 0 }
      const policy = () =>
        Effect.sync(() => (state.asked++ === 0 ? Approval.acceptForSession : Approval.accept))
      const remembering = Approval.remember(policy, { like: likeness })
      yield* decide(remembering, first, R.asking("like"))
      return (request: Approval.ApprovalRequest) =>
        Effect.gen(function* () {
          const before = state.asked
          const decided = yield* decide(remembering, request, R.asking("like"))
          return state.asked === before && decided.source === "session"
        })
    })

  it.effect("covers simple commands in the same directory with the same first words", () =>
    Effect.gen(function* () {
      const covers = yield* like(Approval.sameCommand(2), R.command("npm test"))
      assert.isTrue(yield* covers(R.command("npm test --watch")))
      const hidden = { command: "npm test; rm x", script: "npm test; rm x", cwd: "/srv", extra: false }
      for (const other of [
        R.command("npm run x"),
        R.command("npm"),
        R.command("npm test b", { cwd: "/other" }),
        R.command("npm test b", { extra: true }),
        { _tag: "Command", id: "c", itemId: R.command("x").itemId, ...hidden } as const,
        R.fileChange("npm")
      ])
        assert.isFalse(yield* covers(other), JSON.stringify(other))
    })
  )

  it.effect("covers patches in the directory of an accepted patch", () =>
    Effect.gen(function* () {
      const covers = yield* like(Approval.sameDirectory, R.fileChange("src/a.ts"))
      assert.isTrue(yield* covers(R.fileChange("src/b.ts", "src/c.ts")))
      for (const other of [
        R.fileChange("src/b.ts", "package.json"),
        R.fileChange("src/deep/c.ts"),
        R.fileChange("src/../package.json"),
        R.fileChange("srcs/b.ts"),
        R.fileChange("/srv/other/x"),
        { ...R.fileChange("src/z.ts"), extra: true }
      ])
        assert.isFalse(yield* covers(other), JSON.stringify(other))
    })
  )
})

describe("audit", () => {
  const collect = <A, E, X>(effect: Effect.Effect<A, E, X>) =>
    Effect.gen(function* () {
      const audit = yield* Approval.ApprovalAudit
      const entries: Array<Approval.AuditEntry> = []
      yield* Effect.forkChild(
        Stream.runForEach(audit.entries, (entry) => Effect.sync(() => void entries.push(entry))),
        { startImmediately: true }
      )
      yield* Effect.yieldNow
      yield* effect
      yield* TestClock.adjust("1 millis")
      return entries
    }).pipe(Effect.provide(Layer.merge(Approval.ApprovalAudit.layer, Logger.layer([]))))

  it.effect("records every decision, whatever its source", () =>
    Effect.gen(function* () {
      const policies: ReadonlyArray<Approval.Policy> = [
        Approval.rules([{ command: ["ls"], decision: "accept" }], Approval.deny),
        Approval.rules([], Approval.deny),
        () => Effect.fail("broken"),
        () => Effect.die("broken"),
        () => Effect.succeed(JSON.parse("null")),
        () => Effect.succeed(Approval.submit({ not: "asked" })),
        Approval.timeout(() => Effect.never, "1 second"),
        Approval.remember(() => Effect.succeed(Approval.acceptForSession), { shared: true })
      ]
      const entries = yield* collect(
        Effect.gen(function* () {
          for (const policy of [...policies, ...policies.slice(-1)]) {
            const fiber = yield* Effect.forkChild(
              decide(Approval.audit(policy), R.command("ls"), R.asking("audited")),
              { startImmediately: true }
            )
            yield* TestClock.adjust("1 second")
            yield* Fiber.join(fiber)
          }
          const hanging = yield* Effect.forkChild(
            decide(
              Approval.audit(() => Effect.never),
              R.command("ls"),
              R.asking("audited")
            ),
            { startImmediately: true }
          )
          yield* Fiber.interrupt(hanging)
        })
      )
      assert.deepStrictEqual(
        entries.map(({ decision, policy, source }) => [decision, source, policy]),
        [
          ["accept", "policy", "rules"],
          ["decline", "policy", "rules"],
          ["decline", "default", undefined],
          ["decline", "default", undefined],
          ["decline", "default", undefined],
          ["decline", "policy", undefined],
          ["decline", "timeout", "timeout"],
          ["acceptForSession", "policy", undefined],
          ["accept", "session", "remember"],
          ["decline", "default", undefined]
        ]
      )
      for (const entry of entries) {
        const { hash, kind, threadId, turnId } = entry
        assert.deepStrictEqual<ReadonlyArray<unknown>>(
          [kind, hash, threadId, turnId],
          ["command", ApprovalRequestHash.hash(R.command("ls")), "audited", "turn-1"]
        )
      }
      assert.closeTo(entries[6]?.durationMillis ?? 0, 1000, 0.001)
    })
  )

  it.effect("logs one line per decision, without the request or the answers", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.map(Logger.formatJson, (line) => void lines.push(line))
      yield* decide(
        Approval.audit(() => Effect.succeed(Approval.answer({ which: ["my secret"] }))),
        R.question("which", { other: true, question: "What is the password?" })
      ).pipe(Effect.provide([Approval.ApprovalAudit.layer, Logger.layer([logger])]))
      assert.lengthOf(lines, 1)
      assert.include(lines[0], "user_input")
      for (const word of ["secret", "password", "which"]) assert.notInclude(lines[0], word)
    })
  )

  it.effect("never waits for a slow reader, which loses the oldest entries", () =>
    Effect.gen(function* () {
      const audit = yield* Approval.ApprovalAudit
      const gate = yield* Deferred.make<void>()
      const seen: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(audit.entries, ({ requestId }) =>
          Effect.andThen(
            Deferred.await(gate),
            Effect.sync(() => seen.push(requestId))
          )
        ),
        { startImmediately: true }
      )
      yield* Effect.yieldNow
      for (let n = 0; n < 100; n++) {
        yield* decide(Approval.audit(Approval.allow), { ...R.command("ls"), id: `${n}` })
      }
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("1 millis")
      assert.isBelow(seen.length, 100)
      assert.strictEqual(seen.at(-1), "99")
    }).pipe(Effect.provide([Approval.ApprovalAudit.layerOptions({ capacity: 4 }), Logger.layer([])]))
  )
})

describe("a provided policy", () => {
  it.effect("combines rules, remembered decisions, a person, a timeout and an audit", () =>
    Effect.gen(function* () {
      const policy = Approval.audit(
        Approval.timeout(
          Approval.firstOf(
            Approval.rules([{ command: ["ls"], decision: "accept" }], Approval.queue),
            Approval.remember(Approval.queue),
            Approval.deny
          ),
          "10 minutes"
        )
      )
      const queue = yield* Approval.ApprovalQueue
      const ask = (request: Approval.ApprovalRequest) => decide(policy, request, R.asking("composed"))
      assert.deepInclude(yield* ask(R.command("ls")), { policy: "rules" })
      const waiting = yield* Effect.forkChild(ask(R.command("make")), { startImmediately: true })
      const [entry] = yield* queue.pending
      if (entry === undefined) return yield* Effect.die("nothing waits")
      yield* queue.answer(entry.id, Approval.acceptForSession, entry)
      assert.deepInclude(yield* Fiber.join(waiting), { _tag: "AcceptForSession", source: "user" })
      assert.deepInclude(yield* ask(R.command("make")), { source: "session" })
      const late = yield* Effect.forkChild(ask(R.command("rm x")), { startImmediately: true })
      yield* TestClock.adjust("10 minutes")
      assert.deepInclude(yield* Fiber.join(late), { source: "timeout" })
      assert.deepStrictEqual(yield* queue.pending, [])
    }).pipe(Effect.provide([Approval.ApprovalAudit.layer, Approval.ApprovalQueue.layer, Logger.layer([])]))
  )
})
