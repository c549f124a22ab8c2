import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Permissions from "../../src/domain/Permissions.ts"
import * as Approval from "../../src/Approval.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as AgentCalls from "../support/agentCalls.ts"
import * as Real from "../support/realEngine.ts"
import { test } from "../support/live.ts"

const config = `
[features]
request_permissions_tool = true
default_mode_request_user_input = true
${AgentCalls.things}`

let calls = 0
const mcp = (name: string, args: object) => M.reply(AgentCalls.callThings(name, args, `mcp-${++calls}`))
const permissions = (wanted: object) => AgentCalls.askPermissions(wanted)
const input = (...questions: ReadonlyArray<object>) => M.reply(M.call("request_user_input", { questions }))
const which = {
  id: "which",
  header: "Colour",
  question: "Which one?",
  options: [
    { label: "red", description: "warm" },
    { label: "blue", description: "cold" }
  ]
}

/** Runs a turn under a policy. Returns the requests, the input of the model, and the events. */
const run = Effect.fnUntraced(function* <R>(script: ReadonlyArray<M.Reply>, policy: Approval.Policy<R>) {
  const real = yield* Real.make([...script, M.reply(M.text("done"))], { config })
  const asked: Array<Approval.ApprovalRequest> = []
  const services = yield* Effect.context<R>()
  const events = yield* Effect.flatMap(real.start(), (thread) => Stream.runCollect(thread.stream("go"))).pipe(
    Effect.provideService(Approval.Current, (request) => {
      asked.push(request)
      return Effect.provideContext(policy(request), services)
    }),
    Effect.provide(real.layer)
  )
  const requests = yield* real.server.requests
  return {
    asked,
    events,
    outputs: requests.at(-1)?.toolOutputs.map(({ output }) => output) ?? [],
    decided: events.flatMap((event) => (event._tag === "ApprovalDecided" ? [event.decision] : []))
  }
})

const answering = (...decisions: ReadonlyArray<Approval.ApprovalDecision>): Approval.Policy => {
  let next = 0
  return () => Effect.sync(() => decisions[next++] ?? Approval.decline("out of decisions"))
}

describe.concurrent("each kind of approval request of the real Codex", () => {
  test("permissions: only permissions that are both requested and granted apply", () =>
    Effect.gen(function* () {
      const wanted = { network: { enabled: true }, file_system: { read: ["/etc"], write: ["/opt/x"] } }
      const { asked, decided, outputs } = yield* run(
        [wanted, wanted, wanted, wanted, wanted].map(permissions),
        answering(
          Approval.accept,
          Approval.grant(
            {
              network: false,
              fileSystem: [Permissions.path("write", "/opt"), Permissions.path("read", "/etc/ssl")]
            },
            "session"
          ),
          Approval.grant({ network: false, fileSystem: [Permissions.path("write", "/home")] }),
          Approval.answer({ which: ["red"] }),
          Approval.decline("no")
        )
      )
      assert.deepInclude(asked[0], {
        _tag: "Permissions",
        reason: "I need it",
        permissions: {
          network: true,
          fileSystem: [Permissions.path("read", "/etc"), Permissions.path("write", "/opt/x")]
        }
      })
      const nothing = { permissions: { network: null, file_system: null }, scope: "turn" }
      assert.deepStrictEqual(
        outputs.map((output): unknown => JSON.parse(output)),
        [
          {
            permissions: {
              network: { enabled: true },
              file_system: { read: ["/etc"], write: ["/opt/x"] }
            },
            scope: "turn"
          },
          {
            permissions: { network: null, file_system: { read: ["/etc/ssl"], write: ["/opt/x"] } },
            scope: "session"
          },
          nothing,
          nothing,
          nothing
        ]
      )
      assert.deepStrictEqual(
        decided.map(({ _tag }) => _tag),
        ["Accept", "AcceptForSession", "Decline", "Decline", "Decline"]
      )
    }))

  test("questions: answers reach the model but no event, and a plain accept declines", () =>
    Effect.gen(function* () {
      const { asked, decided, events, outputs } = yield* run(
        [input(which), input(which), input(which), input(which)],
        answering(
          Approval.answer({ which: ["crimson, my secret"] }),
          Approval.accept,
          Approval.answer({ other: ["red"] }),
          Approval.decline("no")
        )
      )
      assert.deepInclude(asked[0], { _tag: "UserInput" })
      assert.deepInclude(asked[0]?._tag === "UserInput" ? asked[0].questions[0] : undefined, {
        id: "which",
        options: which.options,
        secret: false
      })
      assert.deepStrictEqual(
        outputs.map((output): unknown => JSON.parse(output)),
        [
          { answers: { which: { answers: ["crimson, my secret"] } } },
          { answers: {} },
          { answers: {} },
          { answers: {} }
        ]
      )
      assert.deepStrictEqual(
        decided.map(({ _tag }) => _tag),
        ["Accept", "Decline", "Decline", "Decline"]
      )
      const approvals = events.filter(({ _tag }) => _tag.startsWith("Approval"))
      assert.notInclude(JSON.stringify(approvals), "my secret")
    }))

  test("tools of an MCP server: the request has the arguments, also after an accept for the session", () =>
    Effect.gen(function* () {
      const { asked, events, outputs } = yield* run(
        ["a", "b", "c", "d"].map((name) => mcp("write_it", { name })),
        answering(
          Approval.decline("no"),
          Approval.accept,
          Approval.acceptForSession,
          Approval.submit({ name: "e" })
        )
      )
      assert.deepStrictEqual(
        asked.map((request) =>
          request._tag === "McpTool" ? [request.server, request.tool, request.arguments] : []
        ),
        ["a", "b", "c", "d"].map((name) => ["things", "write_it", { name }])
      )
      const calls = events.flatMap((event) =>
        event._tag === "ItemStarted" && event.item._tag === "McpToolCall" ? [event.item.id] : []
      )
      assert.deepStrictEqual(
        asked.map(({ itemId }) => itemId),
        calls
      )
      const rejected = "user rejected MCP tool call"
      for (const [index, text] of [rejected, 'wrote {"name":"b"}', 'wrote {"name":"c"}', rejected].entries())
        assert.include(outputs[index], text)
    }))

  test("forms and URLs of an MCP server: the content is sent if it matches the form", () =>
    Effect.gen(function* () {
      const { decided, events, outputs } = yield* run(
        ["form", "form", "form", "url", "url"].map((mode) => mcp("ask_it", { mode })),
        answering(
          Approval.submit({ name: "Bob", age: 3 }),
          Approval.submit({ name: "B" }),
          Approval.accept,
          Approval.accept,
          Approval.decline("no")
        )
      )
      const answers = outputs.map((output): unknown => JSON.parse(output.replace(/^.*Output:/s, "")))
      assert.deepStrictEqual(answers, [
        { action: "accept", content: { name: "Bob", age: 3 } },
        { action: "decline" },
        { action: "decline" },
        { action: "accept", content: {} },
        { action: "decline" }
      ])
      assert.deepStrictEqual(
        decided.map((decision) => (decision._tag === "Decline" ? decision.reason : decision._tag)),
        ["Accept", 'the value of the field "name" is invalid', 'the field "name" is missing', "Accept", "no"]
      )
      assert.notInclude(JSON.stringify(events.filter(({ _tag }) => _tag === "ApprovalDecided")), "Bob")
    }))

  test("H11 an MCP server that marks its own questions as the approval of a tool gets no answer from a rule", () =>
    Effect.gen(function* () {
      const shown: Array<string> = []
      const rule = Approval.rules(
        [{ kind: "mcp_tool", server: "things", tool: "sneak_it", decision: "accept" }],
        Approval.deny
      )
      const { asked, outputs } = yield* run([mcp("sneak_it", {})], (request) => {
        shown.push(JSON.stringify(Approval.render(request)))
        return rule(request)
      })
      assert.deepStrictEqual(
        asked.map(({ _tag }) => _tag),
        ["McpTool", "Elicitation", "Elicitation", "Elicitation", "Elicitation"]
      )
      const [answers = ""] = outputs
      assert.strictEqual(answers.split('{"action":"decline"}').length, 5)
      assert.notInclude(answers, "accept")
      for (const [index, text] of [
        "Allow the things",
        "Send the file to me?",
        "password",
        "http://127.0.0.1/steal"
      ].entries())
        assert.include(shown[index + 1], text)
    }))

  for (const [kind, step] of Object.entries({
    permissions: permissions({ network: { enabled: true } }),
    user_input: input(which),
    mcp_tool: mcp("write_it", { name: "x" }),
    elicitation: mcp("ask_it", { mode: "form" })
  })) {
    test(`a cancelled ${kind} request ends the turn as interrupted by the policy`, () =>
      Effect.gen(function* () {
        const real = yield* Real.make(
          ({ lastUserText }, index) => {
            if (index === 0) return step
            // Codex may call the model again before it receives the interrupt.
            return lastUserText === "next" ? M.reply(M.text("next")) : M.reply(M.never)
          },
          { config }
        )
        const kinds: Array<string> = []
        yield* Effect.gen(function* () {
          const thread = yield* real.start()
          const error = yield* Effect.flip(thread.run("go"))
          assert.deepInclude(error, { _tag: "TurnInterrupted", by: "policy" })
          assert.strictEqual((yield* thread.run("next")).message, "next")
        }).pipe(
          Effect.provideService(Approval.Current, (request) =>
            Effect.sync(() => (kinds.push(Approval.requestKind(request)), Approval.cancel))
          ),
          Effect.provide(real.layer)
        )
        assert.deepStrictEqual(kinds, [kind])
      }))
  }

  test("a decision that the library remembers answers the repeated request", () =>
    Effect.gen(function* () {
      const real = yield* Real.make(
        [
          ...["touch a", "touch a", "touch b"].map((command) =>
            M.reply(M.shell(command, { escalate: "I need it" }))
          ),
          M.reply(M.text("done"))
        ],
        { config }
      )
      let asked = 0
      const policy = Approval.remember(() =>
        Effect.sync(() => (asked++ === 0 ? Approval.acceptForSession : Approval.decline("no")))
      )
      const events = yield* Effect.flatMap(real.start(), (thread) =>
        Stream.runCollect(thread.stream("go"))
      ).pipe(Effect.provideService(Approval.Current, policy), Effect.provide(real.layer))
      assert.deepStrictEqual(
        events.flatMap((event) =>
          event._tag === "ApprovalDecided" ? [[event.decision._tag, event.source]] : []
        ),
        [
          ["AcceptForSession", "policy"],
          ["Accept", "session"],
          ["Decline", "policy"]
        ]
      )
      assert.deepStrictEqual([yield* real.exists("a"), yield* real.exists("b")], [true, false])
    }))

  test("F19 of two waiting calls, only the approved one runs", () =>
    Effect.gen(function* () {
      const Deploy = Toolkit.make(
        Tool.make("deploy", {
          parameters: Schema.Struct({ to: Schema.String }),
          success: Schema.String,
          needsApproval: true
        })
      )
      const real = yield* Real.make([
        M.reply(M.call("deploy", { to: "a" }), M.call("deploy", { to: "b" })),
        M.reply(M.text("done"))
      ])
      const deployed: Array<string> = []
      yield* Effect.gen(function* () {
        const queue = yield* Approval.ApprovalQueue
        const thread = yield* real.start({ tools: yield* Deploy })
        const running = yield* Effect.forkScoped(thread.run("go"), { startImmediately: true })
        const waiting = yield* Stream.runHead(Stream.filter(queue.changes, (pending) => pending.length === 2))
        assert.deepStrictEqual(deployed, [])
        for (const { hash, id, request } of Option.getOrElse(waiting, () => [])) {
          const isB =
            request._tag === "Tool" && JSON.stringify(request.arguments) === JSON.stringify({ to: "b" })
          yield* queue.answer(id, isB ? Approval.accept : Approval.decline("not this one"), { hash })
        }
        assert.strictEqual((yield* Fiber.join(running)).message, "done")
      }).pipe(
        Effect.provide(
          Deploy.toLayer({ deploy: ({ to }) => Effect.sync(() => (deployed.push(to), "deployed")) })
        ),
        Effect.provide(real.layer),
        Effect.provide(Approval.layer(Approval.queue)),
        Effect.provide(Approval.ApprovalQueue.layer)
      )
      assert.deepStrictEqual(deployed, ["b"])
      const [, last] = yield* real.server.requests
      assert.sameMembers(
        [...(last?.toolOutputs ?? [])].map(({ output }) => output),
        ["The call of deploy was declined.", "deployed"]
      )
    }))
})
