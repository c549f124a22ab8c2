/** The programs with a transcript. Together they produce every message that Codex sends without a network. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import { fileURLToPath } from "node:url"
import * as Approval from "../../src/Approval.ts"
import { Codex, type ThreadOptions } from "../../src/Codex.ts"
import type * as Thread from "../../src/Thread.ts"
import type * as Turn from "../../src/domain/Turn.ts"
import type * as TurnOptions from "../../src/domain/TurnOptions.ts"
import * as M from "../../src/testing/ModelServer.ts"

type Program = Effect.Effect<unknown, unknown, Codex | Scope.Scope>

export interface Scenario {
  readonly script: M.Script
  /** Codex's configuration in TOML. */
  readonly config?: string
  readonly program: (workspace: string) => Program
}

const Lookup = Toolkit.make(
  Tool.make("lookup_ticket", {
    description: "Reads a ticket",
    parameters: Schema.Struct({ id: Schema.String }),
    success: Schema.Struct({ title: Schema.String }),
    failure: Schema.Struct({ reason: Schema.String })
  }).annotate(Tool.Readonly, true)
)
const tickets = Lookup.toLayer({
  lookup_ticket: ({ id }) =>
    id.startsWith("T-") ? Effect.succeed({ title: `about ${id}` }) : Effect.fail({ reason: "no such ticket" })
})

/** Returns the events and the result of a turn, as its caller sees them. */
const observe = Effect.fnUntraced(function* (
  thread: Thread.Thread,
  input: TurnOptions.TurnInput,
  options?: TurnOptions.TurnOptions,
  on: (event: Turn.TurnEvent) => Effect.Effect<unknown> = () => Effect.void
) {
  const events: Array<Turn.TurnEvent> = []
  const exit = yield* Effect.exit(
    Stream.runForEach(thread.stream(input, options), (event) => {
      events.push(event)
      return on(event)
    })
  )
  return { events, ...ending(exit) }
})

const ending = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isSuccess(exit)
    ? { end: "completed" }
    : { end: Option.getOrElse(Cause.findErrorOption(exit.cause), () => "interrupted") }

const settings = (workspace: string): ThreadOptions => ({
  cwd: workspace,
  sandbox: "workspace-write",
  approvalMode: "on-request"
})

/** Runs each prompt as a turn of one thread. */
const turns =
  (
    prompts: ReadonlyArray<string>,
    more: ThreadOptions = {},
    policy: Approval.Policy = Approval.deny
  ): Scenario["program"] =>
  (workspace) =>
    Effect.gen(function* () {
      const codex = yield* Codex
      const thread = yield* codex.startThread({ ...settings(workspace), ...more })
      return yield* Effect.forEach(prompts, (prompt) => observe(thread, prompt))
    }).pipe(Effect.provide(Approval.layer(policy)))

const addFile = (name: string) => `*** Begin Patch\n*** Add File: ${name}\n+hello\n*** End Patch`
const done = M.reply(M.text("done"), M.usage({ input: 20, output: 2 }))

const mcpCall = (name: string, args: object) =>
  M.item({
    type: "function_call",
    call_id: `mcp_${name}`,
    // Codex presents the tools of a server as one namespace.
    namespace: "mcp__small",
    name,
    arguments: JSON.stringify(args)
  })
const mcpServer = fileURLToPath(new URL("./mcpServer.ts", import.meta.url))

export const scenarios: Readonly<Record<string, () => Scenario>> = {
  message: () => ({
    script: [
      M.reply(
        M.reasoning("let me see", { deltas: true }),
        M.text("All is well.", { deltas: true }),
        M.usage({ input: 100, cachedInput: 40, output: 10, reasoning: 4 })
      ),
      M.reply(M.text("Again."), M.usage({ input: 120, output: 3 }))
    ],
    program: turns(["How is it?", "And now?"])
  }),
  commands: () => ({
    script: [
      M.reply(M.shell("echo hello && sleep 0.3"), M.usage({ input: 30, output: 5 })),
      M.reply(M.shell("exit 3"), M.usage({ input: 40, output: 5 })),
      done
    ],
    program: turns(["Run it"])
  }),
  "command-approved": () => ({
    script: [M.reply(M.shell("echo yes && sleep 0.3"), M.usage({ input: 30, output: 5 })), done],
    program: turns(["Run it"], { approvalMode: "untrusted" }, Approval.allow)
  }),
  "command-declined": () => ({
    script: [M.reply(M.shell("echo no"), M.usage({ input: 30, output: 5 })), done],
    program: turns(["Run it"], { approvalMode: "untrusted" })
  }),
  "file-change": () => ({
    script: [
      M.reply(M.patch(addFile("a.txt")), M.usage({ input: 30, output: 5 })),
      M.reply(
        M.patch("*** Begin Patch\n*** Update File: a.txt\n@@\n-hello\n+bye\n*** End Patch"),
        M.usage({ input: 40, output: 5 })
      ),
      done
    ],
    program: turns(["Edit it"])
  }),
  "file-change-declined": () => ({
    script: [M.reply(M.patch(addFile("a.txt")), M.usage({ input: 30, output: 5 })), done],
    program: turns(["Edit it"], { sandbox: "read-only" })
  }),
  tools: () => ({
    script: [
      M.reply(M.call("lookup_ticket", { id: "T-1" }), M.usage({ input: 30, output: 5 })),
      M.reply(M.call("lookup_ticket", { id: "X-1" }), M.usage({ input: 40, output: 5 })),
      done
    ],
    program: (workspace) =>
      Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread({ ...settings(workspace), tools: yield* Lookup })
        return yield* observe(thread, "Look it up")
      }).pipe(Effect.provide(tickets))
  }),
  mcp: () => ({
    config: `[mcp_servers.small]\ncommand = ${JSON.stringify(process.execPath)}\nargs = ["--no-warnings", ${JSON.stringify(mcpServer)}]\n`,
    script: [
      // The first model request may precede the start of the server.
      M.reply(M.delay("1 second"), M.text("ready"), M.usage({ input: 10, output: 1 })),
      M.reply(mcpCall("add", { a: 1, b: 2 }), M.usage({ input: 30, output: 5 })),
      M.reply(mcpCall("fail", {}), M.usage({ input: 40, output: 5 })),
      done
    ],
    program: turns(["Are you there?", "Add it up"])
  }),
  "web-search": () => ({
    script: [
      M.reply(
        M.item({
          type: "web_search_call",
          id: "ws_1",
          status: "completed",
          action: { type: "search", query: "effect" }
        }),
        M.text("Found."),
        M.usage({ input: 30, output: 5 })
      )
    ],
    program: turns(["Search it"])
  }),
  permissions: () => ({
    config: "[features]\nrequest_permissions_tool = true\n",
    script: [
      M.reply(
        M.call("request_permissions", { reason: "I need it", permissions: { network: { enabled: true } } }),
        M.usage({ input: 30, output: 5 })
      ),
      done
    ],
    program: turns(["Get it"])
  }),
  "user-input": () => ({
    config: "[features]\ndefault_mode_request_user_input = true\n",
    script: [
      M.reply(
        M.call("request_user_input", {
          questions: [
            {
              id: "which",
              header: "Colour",
              question: "Which one?",
              options: [
                { label: "red", description: "warm" },
                { label: "blue", description: "cold" }
              ]
            }
          ]
        }),
        M.usage({ input: 30, output: 5 })
      ),
      done
    ],
    program: turns(["Ask me"], {}, () => Effect.succeed(Approval.answer({ which: ["blue"] })))
  }),
  structured: () => ({
    script: [M.reply(M.text('{"title":"fine"}'), M.usage({ input: 30, output: 5 }))],
    program: (workspace) =>
      Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread(settings(workspace))
        return yield* thread.run("Name it", {
          model: "gpt-5.5",
          effort: "low",
          output: Schema.Struct({ title: Schema.String })
        })
      })
  }),
  retry: () => ({
    config: "model_providers.mock.stream_max_retries = 1\n",
    script: [M.reply(M.text("half an ans", { deltas: true }), M.cut), done],
    program: turns(["Answer"])
  }),
  failure: () => ({
    script: [
      M.httpError(429, { code: "usage_limit_reached", type: "usage_limit_reached", message: "no more" }),
      M.httpError(400, { message: "the request is bad" })
    ],
    program: turns(["Answer", "Answer again"])
  }),
  interruption: () => ({
    script: [M.reply(M.reasoning("let me think", { deltas: true }), M.never), done],
    program: (workspace) =>
      Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread(settings(workspace))
        const thinking = yield* Deferred.make<void>()
        const running = yield* Effect.forkChild(
          observe(thread, "Take your time", {}, (event) =>
            event._tag === "ItemCompleted" && event.item._tag === "Reasoning"
              ? Deferred.succeed(thinking, undefined)
              : Effect.void
          )
        )
        yield* Deferred.await(thinking)
        yield* Fiber.interrupt(running)
        return yield* observe(thread, "And now?")
      })
  }),
  steer: () => ({
    script: [M.reply(M.reasoning("let me think", { deltas: true }), M.never), done],
    program: (workspace) =>
      Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread(settings(workspace))
        const thinking = yield* Deferred.make<void>()
        const running = yield* Effect.forkChild(
          observe(thread, "Take your time", {}, (event) =>
            event._tag === "ItemCompleted" && event.item._tag === "Reasoning"
              ? Deferred.succeed(thinking, undefined)
              : Effect.void
          )
        )
        yield* Deferred.await(thinking)
        yield* thread.steer("But not too long")
        return yield* Fiber.join(running)
      })
  }),
  compaction: () => ({
    script: [
      M.reply(M.text("a long story"), M.usage({ input: 100, output: 50 })),
      M.reply(M.text("the story in short"), M.usage({ input: 150, output: 5 })),
      M.reply(M.text("as I said"), M.usage({ input: 20, output: 3 }))
    ],
    program: (workspace) =>
      Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread(settings(workspace))
        return [
          yield* observe(thread, "Tell me a story"),
          yield* thread.compact(),
          yield* observe(thread, "What was it?")
        ]
      })
  }),
  directory: () => ({
    script: [M.reply(M.text("first"), M.usage({ input: 10, output: 1 })), done],
    program: (workspace) =>
      Effect.gen(function* () {
        const codex = yield* Codex
        const thread = yield* codex.startThread(settings(workspace))
        yield* observe(thread, "One")
        yield* codex.renameThread(thread.id, "a name")
        const read = yield* codex.readThread(thread.id)
        const forked = yield* codex.forkThread(thread.id, settings(workspace))
        const again = yield* observe(forked, "Two")
        yield* codex.archiveThread(thread.id)
        yield* codex.unarchiveThread(thread.id)
        const models = yield* Stream.runCollect(codex.listModels)
        yield* codex.deleteThread(forked.id)
        return {
          read,
          again,
          models: models.length > 0,
          rest: yield* Effect.flip(codex.readThread(forked.id))
        }
      })
  })
}
