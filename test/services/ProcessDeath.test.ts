import { assert, describe } from "@effect/vitest"
import { ItemId, ThreadId, TurnId } from "../../src/domain/Ids.ts"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Codex } from "../../src/Codex.ts"
import type * as Thread from "../../src/Thread.ts"
import * as Fake from "../support/fakeCodex.ts"
import { advancing, inRealTime, onSlowClock, onTestClock, recordSleeps, test } from "../support/live.ts"

/** Runs a turn in the background, and waits until the engine has seen its start. */
const begunTurn = Effect.fnUntraced(function* (thread: Thread.Thread) {
  const begun = yield* Deferred.make<void>()
  const turn = yield* thread.stream("go").pipe(
    Stream.tap(() => Deferred.succeed(begun, undefined)),
    Stream.runLast,
    Effect.map(Option.getOrUndefined),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Deferred.await(begun)
  return turn
})

const gone = (fake: { readonly pids: Effect.Effect<ReadonlyArray<number>> }) =>
  Effect.map(fake.pids, (pids) => assert.isFalse(pids.some(Fake.isAlive)))

describe.concurrent("a process that dies", () => {
  const points = [
    { when: "before it answers turn/start", steps: [] },
    { when: "after it answered turn/start", steps: [Fake.accepted] },
    { when: "after turn/started", steps: Fake.begin },
    { when: "in a message", steps: [...Fake.begin, Fake.delta("par"), Fake.delta("tial")] },
    {
      when: "in a command",
      steps: [
        ...Fake.begin,
        Fake.ofTurn("item/started", {
          item: {
            type: "commandExecution",
            id: "c1",
            command: "sleep 9",
            cwd: "/",
            status: "inProgress",
            commandActions: []
          }
        })
      ]
    },
    { when: "after the last item", steps: [...Fake.begin, Fake.said("all said")] }
  ]
  for (const { steps, when } of points) {
    test(`F01 fails the turn with EngineExited and its stderr: ${when}`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake.make({
          on: {
            "turn/start": [[...steps, { wait: 20 }, { stderr: "ouch" }, { wait: 20 }, { signal: "SIGKILL" }]]
          }
        })
        const error = yield* Effect.flatMap(Fake.startThread, (thread) => thread.run("hello")).pipe(
          Effect.flip,
          Effect.provide(fake.layer())
        )
        assert.strictEqual(error._tag, "EngineExited")
        if (error._tag !== "EngineExited") return
        assert.deepInclude(error, {
          signal: "SIGKILL",
          stderr: "ouch",
          retryable: true,
          threadId: ThreadId.make("thread-1")
        })
        assert.strictEqual(error.turnId, steps.length > 1 ? "turn-1" : undefined)
        assert.strictEqual(error.turn?.threadId, "thread-1")
        if (when === "after the last item") assert.strictEqual(error.turn?.message, "all said")
        if (when === "in a command") {
          assert.deepInclude(error.turn?.items[0], { id: ItemId.make("c1"), status: "interrupted" })
          assert.isTrue(error.turn?.sideEffects)
        }
      }))
  }

  test("F01 fails all turns and requests of all threads at any moment without a hang", () =>
    Effect.forEach(
      Array.from({ length: 20 }, (_, n) => n * 1.5),
      (delay) =>
        Effect.gen(function* () {
          const chatter = Array.from({ length: 40 }, () => [Fake.delta("word "), { wait: 1 }]).flat()
          const fake = yield* Fake.make({
            on: { "turn/start": [[...Fake.begin, ...chatter]], "thread/resume": [[]] }
          })
          yield* Effect.gen(function* () {
            const codex = yield* Codex
            const threads = yield* Effect.all([Fake.startThread, Fake.startThread, Fake.startThread])
            const running = yield* Effect.forEach(threads, (thread) =>
              Effect.forkScoped(Effect.flip(Stream.runDrain(thread.stream("go"))), { startImmediately: true })
            )
            const resuming = yield* Effect.forkScoped(
              Effect.flip(codex.resumeThread(ThreadId.make("never-answered"))),
              {
                startImmediately: true
              }
            )
            yield* fake.waitFor("thread/resume")
            yield* inRealTime(Effect.sleep(delay))
            const [pid] = yield* fake.pids
            if (pid !== undefined) process.kill(pid, "SIGKILL")
            // The clock stands still, so the failures wait for no timer.
            const errors = yield* Effect.forEach(running, Fiber.join)
            const error = yield* Fiber.join(resuming)
            assert.deepStrictEqual(
              [error, ...errors].map((error) => error._tag),
              Array(4).fill("EngineExited")
            )
          }).pipe(Effect.provide(fake.layer()), onTestClock)
        }).pipe(Effect.scoped),
      { concurrency: 2 }
    ))

  test("completes a turn whose end arrived before the death", () =>
    Effect.gen(function* () {
      const [last] = [Fake.ended()].flatMap((step) => ("send" in step ? [{ sendAfterExit: step.send }] : []))
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            [...Fake.begin, Fake.said("all"), ...(last === undefined ? [] : [last]), { exit: 0 }]
          ]
        }
      })
      // On a loaded machine, the message arrives after the usual time for the output of a dead process.
      const turn = yield* Effect.flatMap(Fake.startThread, (thread) => thread.run("go")).pipe(
        Effect.provide(fake.layer()),
        onSlowClock
      )
      assert.strictEqual(turn.message, "all")
    }))

  test("does not block on a flood of stderr, and reports the end of it", () =>
    Effect.gen(function* () {
      const flood = Array.from({ length: 64 }, () => ({ stderr: "noise ".repeat(10_000) }))
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            Fake.turn("fine", ...flood),
            [...Fake.begin, { stderr: "the end" }, { wait: 50 }, { exit: 3 }]
          ]
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        assert.strictEqual((yield* thread.run("go")).message, "fine")
        const error = yield* Effect.flip(thread.run("go"))
        assert.deepInclude(error, { _tag: "EngineExited", code: 3 })
        if (error._tag !== "EngineExited") return
        assert.isTrue(error.stderr.endsWith("the end"))
        assert.isAtMost(error.stderr.length, 4096)
      }).pipe(Effect.provide(fake.layer()))
    }))

  test("H15 reports no half of a word of a long line of stderr, where a secret may be", () =>
    Effect.gen(function* () {
      const secret = `ghp_${"a1B2c3D4e5".repeat(4).slice(0, 36)}`
      const line = `${"noise ".repeat(100)}${secret} ${"z ".repeat(2040)}end`
      const fake = yield* Fake.make({
        on: { "turn/start": [[...Fake.begin, { stderr: line }, { wait: 50 }, { exit: 3 }]] }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const error = yield* Effect.flip(thread.run("go"))
        if (error._tag !== "EngineExited") return assert.fail(error._tag)
        assert.isAbove(error.stderr.length, 4000)
        assert.match(error.stderr, /^(?:z )+end$/)
      }).pipe(Effect.provide(fake.layer()))
    }))

  test("F01 is replaced by one new process that resumes its threads, also for concurrent turns", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { "turn/start": [Fake.turn("first"), Fake.turn("second"), [...Fake.begin, { exit: 1 }]] }
      })
      yield* Effect.gen(function* () {
        const [one, two] = [yield* Fake.startThread, yield* Fake.startThread]
        yield* one.run("fine")
        yield* two.run("fine")
        assert.strictEqual((yield* Effect.flip(two.run("die")))._tag, "EngineExited")
        const turns = yield* Effect.all([one.run("again"), two.run("again")], { concurrency: 2 })
        assert.deepStrictEqual(turns.map(({ message }) => message).toSorted(), ["first", "second"])
        assert.lengthOf(yield* fake.pids, 2)
        const resumed = yield* fake.of("thread/resume")
        assert.deepStrictEqual(resumed.map(({ params }) => params?.["threadId"]).toSorted(), [one.id, two.id])
      }).pipe(Effect.provide(fake.layer()))
    }))

  test("ends its ephemeral threads, which cannot be resumed", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [[...Fake.begin, { exit: 1 }]] } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread({ ephemeral: true })
        assert.strictEqual((yield* Effect.flip(thread.run("die")))._tag, "EngineExited")
        // The clock stands still, so the failure waits for no timer.
        const error = yield* onTestClock(Effect.flip(thread.run("again")))
        assert.deepInclude(error, { _tag: "EngineExited", code: 1 })
        assert.lengthOf(yield* fake.pids, 1)
      }).pipe(Effect.provide(fake.layer()))
    }))

  test("is replaced for the next thread when it does not answer the request that opens one", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "thread/start": [[]] } })
      yield* Effect.gen(function* () {
        for (const expected of [1, 2]) {
          assert.strictEqual((yield* Effect.flip(Fake.startThread))._tag, "ProtocolError")
          assert.lengthOf(yield* fake.pids, expected)
        }
      }).pipe(Effect.provide(fake.layer({ requestTimeout: "300 millis" })))
    }))

  test("is replaced for the next thread when it does not answer the request that starts a turn", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [[]] } })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        assert.strictEqual((yield* Effect.flip(thread.run("go")))._tag, "ProtocolError")
        yield* Fake.startThread
        assert.lengthOf(yield* fake.pids, 2)
      }).pipe(Effect.scoped, Effect.provide(fake.layer({ requestTimeout: "1 second" })))
    }))

  test("does not affect the threads of another process", () =>
    Effect.gen(function* () {
      const healthy = yield* Fake.make({ on: { "turn/start": [Fake.turn("fine", { wait: 300 })] } })
      const dying = yield* Fake.make({ on: { "turn/start": [[{ exit: 1 }]] } })
      const run = Effect.flatMap(Fake.startThread, (thread) => thread.run("hello"))
      const running = yield* Effect.forkScoped(run.pipe(Effect.provide(healthy.layer())), {
        startImmediately: true
      })
      yield* healthy.waitFor("turn/start")
      yield* Effect.flip(run).pipe(Effect.provide(dying.layer()))
      assert.strictEqual((yield* Fiber.join(running)).message, "fine")
    }))
})

describe.concurrent("interrupting a turn", () => {
  const interrupted = Effect.fnUntraced(function* (
    on: Fake.Scenario["on"],
    received: string,
    then?: (fake: Effect.Success<ReturnType<typeof Fake.make>>) => Effect.Effect<void, unknown, never>
  ) {
    const fake = yield* Fake.make({ on: { ...on } })
    yield* Effect.gen(function* () {
      const thread = yield* Fake.startThread
      const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
      yield* fake.waitFor(received)
      yield* Fiber.interrupt(running)
      assert.isTrue(Exit.isFailure(yield* Fiber.await(running)))
      if (then !== undefined) yield* then(fake)
      // The clock stands still, so neither the interrupt nor the end of the process waits for a grace period.
    }).pipe(Effect.provide(fake.layer()), onTestClock)
    return fake
  })

  test("sends turn/interrupt for that turn, cleans its terminals and waits for its end", () =>
    Effect.gen(function* () {
      const fake = yield* interrupted({ "turn/start": [Fake.begin] }, "turn/start")
      const [interrupt] = yield* fake.of("turn/interrupt")
      assert.deepStrictEqual(interrupt?.params, { threadId: "thread-1", turnId: "turn-1" })
      assert.lengthOf(yield* fake.of("thread/backgroundTerminals/clean"), 1)
    }))

  test("waits for turn/started, because Codex refuses to interrupt earlier", () =>
    Effect.gen(function* () {
      const late = [Fake.accepted, { wait: 150 }, Fake.started]
      const early = { refuse: { code: -32600, message: "no active turn to interrupt" } }
      const fake = yield* interrupted(
        { "turn/start": [late], "turn/interrupt": [[{ reply: {} }, Fake.ended("interrupted")], [early]] },
        "turn/start"
      )
      assert.lengthOf(yield* fake.of("turn/interrupt"), 1)
    }))

  test("ends with the refusal when Codex refuses turn/start", () =>
    Effect.gen(function* () {
      const refused = [{ wait: 100 }, { refuse: { code: -32600, message: "no" } }]
      const fake = yield* interrupted({ "turn/start": [refused] }, "turn/start")
      assert.lengthOf(yield* fake.of("turn/interrupt"), 0)
    }))

  const refused = [{ refuse: { code: -32603, message: "internal error" } }]
  const deaf: Readonly<Record<string, Fake.Scenario["on"]>> = {
    "does not answer turn/interrupt": { "turn/start": [Fake.begin], "turn/interrupt": [[]] },
    "answers turn/interrupt and goes on": { "turn/start": [Fake.begin], "turn/interrupt": [[{ reply: {} }]] },
    "refuses turn/interrupt": { "turn/start": [Fake.begin], "turn/interrupt": [refused] },
    "does not answer turn/start": { "turn/start": [[]] },
    "does not start the turn it has taken": { "turn/start": [[Fake.accepted]] },
    "is stopped": { "turn/start": [[...Fake.begin, { signal: "SIGSTOP" }]] }
  }
  for (const [what, on] of Object.entries(deaf)) {
    test(`F04 kills a Codex that ${what} after the grace period, and the next thread gets a new one`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake.make({ on: { ...on } })
        yield* Effect.gen(function* () {
          const thread = yield* Fake.startThread
          yield* onTestClock(
            Effect.gen(function* () {
              const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
              yield* fake.waitFor("turn/start")
              const [took] = yield* advancing(Fiber.interrupt(running))
              assert.isAtLeast(took, 5000)
            })
          )
          yield* gone(fake)
          yield* Fake.startThread
          assert.lengthOf(yield* fake.pids, 2)
        }).pipe(Effect.provide(fake.layer()))
      }))
  }

  test("kills a Codex that has closed its input, and the next thread gets a new one", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { "turn/start": [[...Fake.begin, { closeInput: true }, { wait: 50 }, Fake.delta("x")]] }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const leaving = thread.stream("go").pipe(Stream.take(2), Stream.runDrain)
        yield* onTestClock(advancing(leaving))
        yield* Fake.startThread
        const [first] = yield* fake.pids
        assert.isFalse(first !== undefined && Fake.isAlive(first))
        assert.lengthOf(yield* fake.pids, 2)
      }).pipe(Effect.provide(fake.layer()))
    }))

  test("F04 waits for five seconds of real time", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [Fake.begin], "turn/interrupt": [[]] } })
      const sleeps = recordSleeps()
      const error = yield* Effect.flatMap(Fake.startThread, (thread) =>
        sleeps.record(thread.run("go", { timeout: "100 millis" }))
      ).pipe(Effect.flip, Effect.provide(fake.layer()))
      assert.strictEqual(error._tag, "TurnTimedOut")
      assert.deepStrictEqual(sleeps.ended, [100, 5000])
    }))

  test("does not wait for turn/started when another event shows that the turn has started", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [[Fake.accepted, Fake.delta("x")]] } })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        // The clock stands still, so the grace period for an interrupted turn never ends.
        const events = yield* onTestClock(thread.stream("go").pipe(Stream.take(2), Stream.runCollect))
        assert.deepStrictEqual(
          events.map(({ _tag }) => _tag),
          ["TurnStarted", "MessageDelta"]
        )
      }).pipe(Effect.provide(fake.layer()))
      assert.lengthOf(yield* fake.of("turn/interrupt"), 1)
    }))

  test("ignores late events of the turn in the next turn", () =>
    Effect.gen(function* () {
      const ghost = (event: Fake.Step): Fake.Step =>
        JSON.parse(JSON.stringify(event).replaceAll("$turn", "turn-1"))
      const fake = yield* Fake.make({
        on: {
          "turn/start": [
            Fake.begin,
            [
              ghost(Fake.started),
              ghost(Fake.delta("ghost")),
              Fake.accepted,
              ghost(Fake.started),
              ghost(Fake.said("ghost", "g1")),
              Fake.started,
              ghost(Fake.said("ghost", "g2")),
              ghost(Fake.ended("failed", { message: "ghost" })),
              Fake.said("mine"),
              Fake.ended()
            ]
          ]
        }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
        yield* fake.waitFor("turn/start")
        yield* Fiber.interrupt(running)
        const events = yield* Stream.runCollect(thread.stream("next"))
        assert.deepStrictEqual(
          events.map(({ _tag }) => _tag),
          ["TurnStarted", "ItemCompleted", "TurnCompleted"]
        )
        const last = events.at(-1)
        assert.deepInclude(last?._tag === "TurnCompleted" ? last.turn : {}, { id: "turn-2", message: "mine" })
      }).pipe(Effect.provide(fake.layer()))
    }))

  test("does not affect another thread's turn", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [Fake.begin, Fake.turn("still here", { received: "turn/interrupt" }, { wait: 20 })]
        }
      })
      yield* Effect.gen(function* () {
        const [one, two] = yield* Effect.all([Fake.startThread, Fake.startThread])
        const first = yield* Effect.forkScoped(one.run("go"), { startImmediately: true })
        yield* fake.waitFor("turn/start")
        const second = yield* Effect.forkScoped(two.run("go"), { startImmediately: true })
        yield* fake.waitFor("turn/start", 2)
        yield* Fiber.interrupt(first)
        assert.strictEqual((yield* Fiber.join(second)).message, "still here")
      }).pipe(Effect.provide(fake.layer()))
    }))

  test("happens when the consumer leaves the stream early, before the stream ends", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: { "turn/start": [[...Fake.begin, Fake.delta("a")], Fake.turn("next")] }
      })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const [event] = yield* thread.stream("go").pipe(Stream.take(1), Stream.runCollect)
        assert.strictEqual(event?._tag, "TurnStarted")
        assert.lengthOf(yield* fake.of("turn/interrupt"), 1)
        assert.strictEqual((yield* thread.run("go")).message, "next")
      }).pipe(Effect.provide(fake.layer()))
    }))
})

describe.concurrent("a turn whose end Codex does not report", () => {
  const failing = (turn: ReadonlyArray<Fake.Step>, read: ReadonlyArray<Fake.Step>) =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [turn], "thread/read": [read] } })
      const result = yield* Effect.flatMap(Fake.startThread, (thread) => thread.run("go")).pipe(
        Effect.result,
        Effect.provide(fake.layer())
      )
      return [result, fake] as const
    })
  const readAs = (status: string, error: object | null = null): ReadonlyArray<Fake.Step> => [
    {
      reply: { thread: { id: "$thread", status: { type: "idle" }, turns: [{ id: "$turn", status, error }] } }
    }
  ]

  test("F03 fails with the last error that Codex does not retry", () =>
    Effect.gen(function* () {
      const error = {
        message: "slow down, try again in 2s",
        codexErrorInfo: "rateLimitExceeded",
        additionalDetails: null
      }
      const [result] = yield* failing([...Fake.begin, Fake.ofTurn("error", { error, willRetry: false })], [])
      assert.isTrue(result._tag === "Failure" && result.failure._tag === "TurnFailed")
      if (result._tag === "Failure")
        assert.deepInclude(result.failure, { reason: "RateLimited", turnId: TurnId.make("turn-1") })
    }))

  test("does not fail with an error of another request or one that it survives", () =>
    Effect.gen(function* () {
      const steer = {
        message: "cannot steer",
        codexErrorInfo: { activeTurnNotSteerable: { turnKind: "review" } }
      }
      const odd = { message: "something failed", codexErrorInfo: "other" }
      for (const error of [steer, odd]) {
        const alive = error === odd ? [Fake.delta("still here")] : []
        const [result, fake] = yield* failing(
          Fake.turn("after all", Fake.ofTurn("error", { error, willRetry: false }), ...alive, { wait: 1500 }),
          []
        )
        assert.strictEqual(result._tag === "Success" ? result.success.message : "", "after all")
        assert.lengthOf(yield* fake.of("turn/interrupt"), 0)
      }
    }))

  test("F03 does not fail with an error that Codex retries", () =>
    Effect.gen(function* () {
      const error = { message: "Reconnecting... 1/2", codexErrorInfo: null }
      const [result] = yield* failing(
        Fake.turn("after all", Fake.ofTurn("error", { error, willRetry: true }), { wait: 1500 }),
        []
      )
      assert.strictEqual(result._tag === "Success" ? result.success.message : "", "after all")
    }))

  test("completes when the thread is idle and the stored turn is completed", () =>
    Effect.gen(function* () {
      const [result, fake] = yield* failing(
        [...Fake.begin, Fake.said("done"), Fake.status("idle")],
        readAs("completed")
      )
      assert.strictEqual(result._tag === "Success" ? result.success.message : "", "done")
      assert.lengthOf(yield* fake.of("thread/read"), 1)
    }))

  test("completes when the turn ends while Codex makes its reply, which then says that the turn is interrupted", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [[...Fake.begin, Fake.said("done"), Fake.status("idle")]],
          "thread/read": [readAs("interrupted"), readAs("completed")]
        }
      })
      const turn = yield* Effect.flatMap(Fake.startThread, (thread) => thread.run("go")).pipe(
        Effect.provide(fake.layer())
      )
      assert.strictEqual(turn.message, "done")
      assert.lengthOf(yield* fake.of("thread/read"), 2)
    }))

  test("is interrupted when no reply of Codex has its end", () =>
    Effect.gen(function* () {
      const [result] = yield* failing([...Fake.begin, Fake.status("idle")], readAs("interrupted"))
      assert.strictEqual(result._tag === "Failure" ? result.failure._tag : "", "TurnInterrupted")
    }))

  test("stalls when the thread is idle and the turn was accepted but never started", () =>
    Effect.gen(function* () {
      const idle = {
        method: "thread/status/changed",
        params: { threadId: "$thread", status: { type: "idle" } }
      }
      const fake = yield* Fake.make({ on: { "turn/start": [[{ reply: {} }, { send: idle }]] } })
      const error = yield* Effect.flatMap(Fake.startThread, (thread) => Effect.flip(thread.run("go"))).pipe(
        Effect.provide(fake.layer())
      )
      assert.strictEqual(error._tag, "TurnStalled")
    }))

  test("fails with the stored error when the thread is idle and the stored turn has failed", () =>
    Effect.gen(function* () {
      const [result] = yield* failing(
        [...Fake.begin, Fake.status("idle")],
        readAs("failed", {
          message: "no money",
          codexErrorInfo: "usageLimitExceeded",
          additionalDetails: null
        })
      )
      assert.isTrue(result._tag === "Failure" && result.failure._tag === "TurnFailed")
      if (result._tag === "Failure") assert.deepInclude(result.failure, { reason: "UsageLimit" })
    }))

  for (const [what, read] of Object.entries({
    "cannot be read": [{ refuse: { code: -32600, message: "thread not found" } }],
    "is not stored": [{ reply: { thread: { id: "$thread", status: { type: "idle" }, turns: [] } } }],
    "is read as invalid data": [{ reply: { thread: 7 } }]
  })) {
    test(`stalls, and the thread continues, when the thread is idle and the turn ${what}`, () =>
      Effect.gen(function* () {
        const fake = yield* Fake.make({
          on: {
            "turn/start": [[...Fake.begin, Fake.status("idle")], Fake.turn("next")],
            "thread/read": [read]
          }
        })
        yield* Effect.gen(function* () {
          const thread = yield* Fake.startThread
          const error = yield* Effect.flip(thread.run("go"))
          assert.strictEqual(error._tag, "TurnStalled")
          assert.strictEqual((yield* thread.run("go")).message, "next")
        }).pipe(Effect.provide(fake.layer()))
      }))
  }

  test("continues when the stored thread is active despite an idle notification", () =>
    Effect.gen(function* () {
      const [result] = yield* failing(
        [
          ...Fake.begin,
          Fake.status("idle"),
          { received: "thread/read" },
          { wait: 100 },
          Fake.said("on"),
          Fake.ended()
        ],
        [{ reply: { thread: { id: "$thread", status: { type: "active", activeFlags: [] }, turns: [] } } }]
      )
      assert.strictEqual(result._tag === "Success" ? result.success.message : "", "on")
    }))

  test("does not read the thread when its end follows the idle notification in time", () =>
    Effect.gen(function* () {
      const [result, fake] = yield* failing(
        [...Fake.begin, Fake.said("done"), Fake.status("idle"), { wait: 100 }, Fake.ended(), { wait: 1500 }],
        readAs("failed")
      )
      assert.strictEqual(result._tag, "Success")
      assert.lengthOf(yield* fake.of("thread/read"), 0)
    }))

  test("fails with a ProtocolError when its end cannot be decoded", () =>
    Effect.gen(function* () {
      const odd = Fake.notify("turn/completed", {
        threadId: "$thread",
        turn: { id: "$turn", status: 7, error: "no" }
      })
      const [result] = yield* failing([...Fake.begin, odd], [])
      assert.strictEqual(result._tag === "Failure" ? result.failure._tag : "", "ProtocolError")
    }))

  test("F02 stalls when a silent Codex does not answer a check, and ends the process", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({ on: { "turn/start": [Fake.begin], "thread/read": [[]] } })
      yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const error = yield* onTestClock(
          Effect.gen(function* () {
            const turn = yield* begunTurn(thread)
            // The first 30 seconds are not silent, because the turn has begun in them.
            yield* TestClock.adjust("30 seconds")
            yield* TestClock.adjust("30 seconds")
            yield* fake.waitFor("thread/read")
            yield* TestClock.adjust("30 seconds")
            return yield* Effect.flip(Fiber.join(turn))
          })
        )
        assert.strictEqual(error._tag, "TurnStalled")
        if (error._tag === "TurnStalled")
          assert.deepInclude(error, { threadId: ThreadId.make("thread-1"), turnId: TurnId.make("turn-1") })
        yield* gone(fake)
        yield* Fake.startThread
      }).pipe(Effect.provide(fake.layer()))
      assert.lengthOf(yield* fake.pids, 2)
    }))

  test("F02 continues when a silent Codex answers the check", () =>
    Effect.gen(function* () {
      const fake = yield* Fake.make({
        on: {
          "turn/start": [[...Fake.begin, { received: "thread/read" }, Fake.said("long"), Fake.ended()]]
        }
      })
      const turn = yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        return yield* onTestClock(
          Effect.gen(function* () {
            const turn = yield* begunTurn(thread)
            // The first 30 seconds are not silent, because the turn has begun in them.
            yield* TestClock.adjust("30 seconds")
            yield* TestClock.adjust("30 seconds")
            return yield* Fiber.join(turn)
          })
        )
      }).pipe(Effect.provide(fake.layer()))
      assert.strictEqual(turn?._tag === "TurnCompleted" ? turn.turn.message : "", "long")
    }))
})

describe.concurrent("a compaction", () => {
  test("stalls when it never starts", () =>
    Effect.gen(function* () {
      const idle = { thread: { id: "thread-1", status: { type: "idle" }, turns: [] } }
      const fake = yield* Fake.make({
        on: {
          "thread/compact/start": [[{ reply: {} }, Fake.status("idle")]],
          "thread/read": [[{ reply: idle }]]
        }
      })
      const error = yield* Effect.gen(function* () {
        const thread = yield* Fake.startThread
        const [, error] = yield* onTestClock(advancing(Effect.flip(thread.compact()), "100 millis"))
        return error
      }).pipe(Effect.scoped, Effect.provide(fake.layer()))
      assert.strictEqual(error._tag, "TurnStalled")
    }))
})
