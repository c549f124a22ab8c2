import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Sink from "effect/Sink"
import * as Stdio from "effect/Stdio"
import * as Terminal from "effect/Terminal"
import * as TestClock from "effect/testing/TestClock"
import * as Permissions from "../../src/domain/Permissions.ts"
import * as Approval from "../../src/Approval.ts"
import * as RequestText from "../../src/approval/RequestText.ts"
import { decide } from "../../src/approval/PolicyRunner.ts"
import * as R from "./requests.ts"

/** What ends a question, or a page of a request. */
const question = /(?:: |turn )$/

/**
 * A terminal on which a person types these lines, each as the answer to one question. Lines of `before` are typed before the
 * first question. Like Node's terminal it keeps a line that was read key by key as a line, too.
 */
const terminal = (...typed: ReadonlyArray<string>) => terminalOf({ typed })

const terminalOf = (options: {
  readonly typed: ReadonlyArray<string>
  readonly before?: string
  readonly rows?: number
  /** Types a space on every page but the last. */
  readonly turnPages?: boolean
}) => {
  const shown: Array<string> = []
  const lines = [...options.typed]
  const kept: Array<string> = []
  let keys: Queue.Queue<Terminal.UserInput, Cause.Done> | undefined
  let before = options.before ?? ""
  const type = (text: string) => {
    for (const character of text) {
      const named = { "\b": "backspace", "\r": "return", " ": "space" }[character] ?? character
      const key = { name: named, ctrl: false, meta: false, shift: false }
      if (keys !== undefined) Queue.offerUnsafe(keys, { input: Option.some(character), key })
    }
  }
  const onWrite = (text: string) => {
    shown.push(text)
    if (!question.test(text) || keys === undefined) return
    if (options.turnPages === true && text.endsWith(" stop the turn ")) return type(" ")
    const line = lines.shift()
    if (line === undefined) Queue.endUnsafe(keys)
    else if (line === " ") type(" ")
    else {
      kept.push(line)
      type(`${line}\r`)
    }
  }
  const service = Terminal.make({
    columns: Effect.succeed(80),
    rows: Effect.succeed(options.rows ?? 200),
    size: Effect.die("nothing reads the size"),
    readInput: Effect.gen(function* () {
      keys = yield* Queue.make<Terminal.UserInput, Cause.Done>()
      if (before !== "") kept.push(before.slice(0, -1))
      type(before)
      before = ""
      return keys
    }),
    readLine: Effect.suspend(() => {
      const line = kept.shift()
      return line === undefined ? Effect.never : Effect.succeed(line)
    }),
    display: () => Effect.die("questions go to stderr")
  })
  const stdio = Stdio.layerTest({
    stdinIsTerminal: Effect.succeed(true),
    stderrIsTerminal: Effect.succeed(true),
    stderr: () =>
      Sink.forEach((chunk: string | Uint8Array) =>
        Effect.sync(() => onWrite(typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk)))
      )
  })
  const layer = Layer.mergeAll(Layer.succeed(Terminal.Terminal, service), stdio, Logger.layer([]))
  const ask = (request: Approval.ApprovalRequest, options?: Approval.PromptOptions) =>
    Effect.gen(function* () {
      const policy = options === undefined ? Approval.prompt : Approval.promptOptions(options)
      const fiber = yield* Effect.forkChild(decide(policy, request), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      return yield* Fiber.join(fiber)
    }).pipe(Effect.provide(layer))
  return { ask, shown: () => shown.join(""), layer, left: () => [...kept, ...lines] }
}

const by = { source: "user", policy: "prompt" }
const answered = (answers: Readonly<Record<string, ReadonlyArray<string>>>) => ({
  _tag: "Accept",
  given: { _tag: "Answers", answers },
  ...by
})
const same = (decision: Approval.ApprovalDecision, expected: object) =>
  assert.deepStrictEqual<object>(JSON.parse(JSON.stringify(decision)), expected)

describe("a person on the terminal", () => {
  it.effect("accepts, declines, accepts for the session or cancels plain requests", () =>
    Effect.gen(function* () {
      for (const request of [
        R.command("ls"),
        R.fileChange("a"),
        R.tool("deploy", {}),
        R.mcpTool("things", "write"),
        R.url("http://127.0.0.1/")
      ]) {
        const person = terminal("what?", "y", "n", "a", "q", "", "NO", "Yes ", "always", "session", "quit")
        const decisions: Array<string> = []
        for (let n = 0; n < 9; n++) decisions.push((yield* person.ask(request))._tag)
        assert.deepStrictEqual(decisions, [
          "Accept",
          "Decline",
          "AcceptForSession",
          "Cancel",
          "Decline",
          "Accept",
          "AcceptForSession",
          "AcceptForSession",
          "Cancel"
        ])
      }
    })
  )

  it.effect("H27 gives a lasting approval only if the options allow it, and with a word of its own", () =>
    Effect.gen(function* () {
      const prefix = ["npm", "test"]
      const request = { ...R.command("npm test --ci"), amendments: [{ _tag: "ExecPolicy", prefix }] } as const
      const plain = terminal("lasting", "l", "yes")
      same(yield* plain.ask(request), { _tag: "Accept", ...by })
      assert.include(plain.shown(), "yes does not grant")
      assert.notInclude(plain.shown(), "lasting,")
      assert.deepStrictEqual(plain.left(), [])

      const lasting = terminal("l", "lasting 1", "lastin", "lasting")
      same(yield* lasting.ask(request, { amendments: true }), {
        _tag: "Accept",
        given: { _tag: "Amendment", amendment: request.amendments[0] },
        ...by
      })
      assert.include(
        lasting.shown(),
        "  not yes, but lasting grants to do this from now on without asking:\n  │ run every command"
      )
      assert.include(
        lasting.shown(),
        "which is stored in:\n  │ rules/default.rules in the home directory of Codex"
      )
      assert.include(lasting.shown(), "\n  lasting, yes (y), no (n)")
      for (const word of ["yes", "y", "a"])
        assert.notInclude(
          JSON.stringify(yield* terminal(word).ask(request, { amendments: true })),
          "Amendment"
        )

      const tool = {
        ...R.mcpTool("things", "write"),
        amendments: [
          { _tag: "McpTool", lasts: "session" },
          { _tag: "McpTool", lasts: "always" }
        ]
      } as const
      const several = terminal("lasting", "lasting 3", "Lasting 2")
      same(yield* several.ask(tool, { amendments: true }), {
        _tag: "Accept",
        given: { _tag: "Amendment", amendment: tool.amendments[1] },
        ...by
      })
      assert.include(several.shown(), "\n  lasting 1, lasting 2, yes (y)")
      // Codex offers nothing with this request.
      assert.strictEqual(
        (yield* terminal("lasting", "n").ask(R.command("ls"), { amendments: true }))._tag,
        "Decline"
      )
    })
  )

  it.effect("sees a request for a host as a connection, and not as an empty command", () =>
    Effect.gen(function* () {
      const wants = { network: { host: "example.com", protocol: "https" } }
      const request = { ...R.command(""), argv: [], extra: true, wants }
      const person = terminal("n")
      yield* person.ask(request)
      assert.include(
        person.shown(),
        "The agent asks to connect to a host\n  with network access to:\n  │ https://example.com\n"
      )
      assert.strictEqual(Approval.summarize(request), "connect with network access to https://example.com")
    })
  )

  it.effect("sees the requested permissions", () =>
    Effect.gen(function* () {
      const person = terminal("y")
      const fileSystem = [Permissions.path("write", "/opt/x"), Permissions.path("read", "/etc")]
      const decided = yield* person.ask(R.permissions({ network: true, fileSystem }))
      assert.strictEqual(decided._tag, "Accept")
      assert.include(
        person.shown(),
        "be allowed more than its sandbox allows\n  network access:\n  │ every host\n"
      )
      assert.include(person.shown(), "  │ write /opt/x\n")
      assert.include(person.shown(), "  │ read /etc\n")
    })
  )

  it.effect("answers by number, by label or with free text", () =>
    Effect.gen(function* () {
      const closed = terminal("green", "3", "0", "2", "red")
      same(yield* closed.ask(R.question("which")), answered({ which: ["blue"] }))
      same(yield* closed.ask(R.question("which")), answered({ which: ["red"] }))
      assert.include(closed.shown(), "1. red: warm")
      const open = terminal("green", "1")
      same(yield* open.ask(R.question("which", { other: true })), answered({ which: ["green"] }))
      same(yield* open.ask(R.question("which", { other: true })), answered({ which: ["red"] }))
    })
  )

  it.effect("can skip questions; skipping all of them declines", () =>
    Effect.gen(function* () {
      const both = {
        ...R.question("a"),
        questions: [...R.question("a").questions, ...R.question("b").questions]
      }
      same(yield* terminal("", "1").ask(both), answered({ b: ["red"] }))
      assert.strictEqual((yield* terminal("", "").ask(both))._tag, "Decline")
      assert.strictEqual((yield* terminal("1").ask(both))._tag, "Cancel")
    })
  )

  it.effect("types a secret that is not echoed and answers no other question", () =>
    Effect.gen(function* () {
      const secret = {
        id: "password",
        header: "Password",
        question: "Which?",
        other: true,
        secret: true
      }
      const request = {
        ...R.question("password"),
        questions: [secret, ...R.question("next", { other: true }).questions]
      }
      const person = terminal("hunter3\b2", "blue")
      same(yield* person.ask(request), answered({ password: ["hunter2"], next: ["blue"] }))
      assert.notInclude(person.shown(), "hunter")
      assert.deepStrictEqual(person.left(), [])
      assert.strictEqual((yield* terminal().ask(request))._tag, "Cancel")
    })
  )

  it.effect("fills in a form until it is valid", () =>
    Effect.gen(function* () {
      const form = R.form({
        type: "object",
        properties: {
          name: { type: "string", minLength: 2 },
          age: { type: "integer", minimum: 1 },
          sure: { type: "boolean" },
          colours: { type: "array", items: { enum: ["red", "blue"] } }
        },
        required: ["name"]
      })
      const person = terminal("B", "Bob", "none", "0", "3", "y", "green", "red, blue")
      same(yield* person.ask(form), {
        _tag: "Accept",
        given: {
          _tag: "Content",
          content: { name: "Bob", age: 3, sure: true, colours: ["red", "blue"] }
        },
        ...by
      })
      same(yield* terminal("Bob", "", "", "").ask(form), {
        _tag: "Accept",
        given: { _tag: "Content", content: { name: "Bob" } },
        ...by
      })
      assert.strictEqual((yield* terminal("").ask(form))._tag, "Decline")
      assert.strictEqual((yield* terminal().ask(R.form("nonsense")))._tag, "Decline")
    })
  )

  it.effect("answers one request at a time, whatever its kind", () =>
    Effect.gen(function* () {
      const person = terminal("1", "2", "y")
      const decided = yield* Effect.gen(function* () {
        const fibers = yield* Effect.forEach([R.question("a"), R.question("b"), R.command("ls")], (request) =>
          Effect.forkChild(decide(Approval.prompt, request), { startImmediately: true })
        )
        yield* TestClock.adjust("10 seconds")
        return yield* Effect.forEach(fibers, Fiber.join)
      }).pipe(Effect.provide(person.layer))
      same(decided[0] ?? Approval.cancel, answered({ a: ["red"] }))
      same(decided[1] ?? Approval.cancel, answered({ b: ["blue"] }))
      assert.strictEqual(decided[2]?._tag, "Accept")
    })
  )

  it.effect("H08 takes only whole words for an answer", () =>
    Effect.gen(function* () {
      const unclear = [
        "abort",
        "Absolutely not",
        "another day",
        "yikes no",
        "yess",
        "y n",
        "",
        "sure",
        "1",
        "\u0443"
      ]
      const person = terminal(...unclear, "no")
      assert.strictEqual((yield* person.ask(R.command("ls")))._tag, "Decline")
      assert.lengthOf(person.shown().match(/Please answer/g) ?? [], unclear.length)
      const form = R.form({ type: "object", properties: { sure: { type: "boolean" } }, required: ["sure"] })
      same(yield* terminal("yikes no", "yes!", "no").ask(form), {
        _tag: "Accept",
        given: { _tag: "Content", content: { sure: false } },
        ...by
      })
    })
  )

  it.effect("H09 discards what was typed before the question", () =>
    Effect.gen(function* () {
      const person = terminalOf({ before: "y\r", typed: ["no"] })
      assert.strictEqual((yield* person.ask(R.command("ls")))._tag, "Decline")
      assert.deepStrictEqual(person.left(), [])
      const nothing = terminalOf({ before: "y\r", typed: [] })
      assert.strictEqual((yield* nothing.ask(R.command("ls")))._tag, "Cancel")
    })
  )

  it.effect("H02 shows a long request in pages and accepts it only after the last one", () =>
    Effect.gen(function* () {
      const script = Array.from({ length: 60 }, (_, n) => `echo line-${n}`).join("\n")
      const person = terminalOf({ rows: 24, typed: [" ", "y", " ", "y"] })
      assert.strictEqual((yield* person.ask(R.command(script)))._tag, "Accept")
      for (let n = 0; n < 60; n++) assert.include(person.shown(), `  │ echo line-${n}`)
      assert.include(person.shown(), "echo line-58⏎\n")
      assert.include(person.shown(), "20 of 67 lines. Space: more")
      assert.strictEqual(
        (yield* terminalOf({ rows: 24, typed: [" ", "n"] }).ask(R.command(script)))._tag,
        "Decline"
      )
      assert.strictEqual(
        (yield* terminalOf({ rows: 24, typed: ["q"] }).ask(R.command(script)))._tag,
        "Cancel"
      )
    })
  )

  it.effect(
    "H02 shows questions, forms, permissions, patches and calls whole, in pages, with hash and reason",
    () =>
      Effect.gen(function* () {
        const parts = Array.from({ length: 50 }, (_, n) => `part-${n}-${"x".repeat(60)}`)
        const long = parts.join("\n")
        const diff = parts.map((part) => `+${part}`).join("\n")
        const changes = [{ path: "/a", kind: "update", diff }] as const
        const requests: ReadonlyArray<Approval.ApprovalRequest> = [
          R.question("q", { question: long }),
          R.question("q", { options: [{ label: "a", description: long }] }),
          { ...R.form({ type: "object", properties: {} }), message: long },
          { ...R.form({ type: "object", properties: { a: { type: "string", description: long } } }) },
          { ...R.url("http://127.0.0.1/"), message: long },
          { ...R.mcpTool("things", "write"), message: long },
          R.mcpTool("things", "write", { long }),
          R.tool("deploy", { long }),
          R.permissions({
            network: false,
            fileSystem: parts.map((part) => Permissions.path("write", `/${part}`))
          }),
          { ...R.fileChange("a"), changes },
          { ...R.unknown, payload: { long } }
        ]
        for (const request of requests) {
          const person = terminalOf({ rows: 24, typed: ["", "", ""], turnPages: true })
          yield* person.ask({ ...request, reason: long.replaceAll("part", "why") })
          // Wrapped lines have the prefix too, and pages end between lines, so the text is put together again.
          const shown = person.shown().replace(/ {2}\d+ of \d+ lines\.[^\r]*\r *\r/g, "")
          const text = shown.replaceAll("\n  │ ", "")
          for (const part of parts) {
            assert.include(text, part, request._tag)
            assert.include(text, part.replace("part", "why"), request._tag)
          }
          const { hash } = RequestText.render({ ...request, reason: long.replaceAll("part", "why") })
          assert.include(shown, hash, request._tag)
          assert.include(person.shown(), "Space: more", request._tag)
        }
      })
  )

  it.effect("H02 declines or stops a question on every page", () =>
    Effect.gen(function* () {
      const long = Array.from({ length: 50 }, (_, n) => `part-${n}`).join("\n")
      const ask = (key: string) =>
        terminalOf({ rows: 24, typed: [key] }).ask(R.question("q", { question: long }))
      assert.strictEqual((yield* ask("n"))._tag, "Decline")
      assert.strictEqual((yield* ask("q"))._tag, "Cancel")
    })
  )

  it.effect("sees no escape sequences, whatever the agent writes", () =>
    Effect.gen(function* () {
      const evil = "\u001b[2J\u202eevil"
      for (const request of [
        R.question("q", { header: evil, question: evil, options: [{ label: evil, description: evil }] }),
        R.mcpTool(evil, evil, { evil }),
        R.permissions({ network: false, fileSystem: [Permissions.path("read", evil)] }),
        R.form({
          type: "object",
          properties: { [evil]: { type: "string", enum: [evil] } },
          required: [evil]
        }),
        R.url(evil)
      ]) {
        const person = terminal("")
        yield* person.ask(request)
        assert.notMatch(person.shown(), /[\u001b\u202e]/, request._tag)
        assert.include(person.shown(), "evil")
      }
    })
  )
})
