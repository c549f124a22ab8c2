/**
 * Runs every example as a user would: with the built package and the real Codex, on a scripted model. Fails if an example
 * exits with a code other than 0 or does not print the expected text.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as serviceClient from "./examples/serviceClient.ts"
import * as ModelServer from "../src/testing/ModelServer.ts"
import * as ReviewReply from "../test/support/reviewReply.ts"

const { call, httpError, reply, shell, text, usage } = ModelServer
const answer = (message: string) => reply(text(message, { deltas: true }), usage({ input: 120, output: 12 }))

/** A review that finds a file which stays open. */
const reviewed = [
  reply(shell("git diff"), usage({ input: 100, output: 10 })),
  reply(text(ReviewReply.message), usage({ input: 200, output: 20 }))
]

interface Example {
  readonly script: ModelServer.Script
  readonly prints: ReadonlyArray<string>
  /** Spans that the OTLP receiver must receive. */
  readonly exports?: ReadonlyArray<string>
  /** Uses the example while it runs. Default: waits for its end. */
  readonly drive?: typeof serviceClient.drive
  /** The exit code. Default: 0. */
  readonly exits?: number
}

const examples: Readonly<Record<string, Example>> = {
  quickstart: { script: [answer("It runs Codex.")], prints: ["It runs Codex.", "120 tokens in, 12 out"] },
  tools: {
    script: [
      reply(call("lookup_ticket", { id: "T-42" }), call("lookup_ticket", { id: "T-1" })),
      (request) =>
        answer(
          request.toolOutputs.some(({ output }) => output.includes("negative numbers")) &&
            request.toolOutputs.some(({ output }) => output.includes("NoSuchTicket"))
            ? "About sums."
            : "The tool did not answer."
        )
    ],
    prints: ["About sums."]
  },
  approvals: {
    script: [
      reply(shell("docker ps", { escalate: "look" }), shell("rm -rf build", { escalate: "clean up" })),
      answer("Looked, not cleaned.")
    ],
    prints: ["docker ps", "declined"]
  },
  limits: {
    script: [
      httpError(429, {
        body: JSON.stringify({
          error: {
            type: "usage_limit_reached",
            plan_type: "plus",
            message: "The usage limit has been reached",
            resets_at: Math.floor(Date.now() / 1000) + 7200
          }
        })
      })
    ],
    prints: ["The limit resets at 20", ": too long to wait."]
  },
  cost: {
    script: [
      reply(text("It runs Codex."), usage({ input: 1000, cachedInput: 400, output: 100 })),
      reply(shell("cat *.ts"), usage({ input: 5000, output: 100 })),
      answer("Too late.")
    ],
    prints: ["$0.0062, context 1100 of ", "Stopped after $0.0342 of $0.02 (thread)"]
  },
  grants: {
    script: [answer("Added and removed."), answer("Added.")],
    prints: ["took back 0 grants"]
  },
  conversations: {
    script: (request) => {
      const input = JSON.stringify(request.body["input"])
      if (input.includes("in one commit")) return answer("The build.")
      if (input.includes("in small commits")) return answer("The types.")
      return answer(JSON.stringify({ steps: ["types", "code"], risk: "low" }))
    },
    prints: ["2 steps, risk low", "The build.", "The types.", "Splitting the module", "132 tokens so far"]
  },
  goal: {
    script: [
      answer("One module is left."),
      reply(call("update_goal", { status: "complete" }), usage({ input: 120, output: 12 })),
      answer("Every module has one.")
    ],
    prints: [
      "turn: One module is left.",
      "turn: Every module has one.",
      "complete after 2 turns and 396 tokens"
    ]
  },
  queue: {
    script: [
      reply(shell("git status --short", { escalate: "look" }), shell("npm publish", { escalate: "publish" })),
      answer("Looked, not published.")
    ],
    prints: ["│ git status --short", "│ npm publish", "Looked, not published."]
  },
  instrumented: {
    script: [reply(call("lookup_ticket", { id: "T-42" })), answer("About sums.")],
    prints: [
      "About sums.",
      "in the trace 00-",
      "triage\n",
      "\n  invoke_agent codex\n",
      "\n    execute_tool lookup_ticket\n      GET\n"
    ]
  },
  service: {
    script: serviceClient.script,
    prints: ["Listening on http://127.0.0.1:"],
    drive: serviceClient.drive,
    // It ends by SIGTERM.
    exits: 130
  },
  promise: {
    script: [
      reply(call("lookup_ticket", { id: "T-42" })),
      answer("A build that fails."),
      answer(JSON.stringify({ priority: "urgent", summary: "It fails." })),
      answer(JSON.stringify({ priority: "high", summary: "It fails." })),
      reply(ModelServer.never)
    ],
    prints: ["called lookup_ticket\nA build that fails.\nhigh: It fails. (24 tokens)\ninterrupted"]
  },
  promiseReview: {
    script: [...reviewed, answer("One file stays open.")],
    prints: [
      "::error file=/repo/a.ts,line=3,endLine=5,title=Close the file::It stays open.",
      "One file stays open. (1 findings block the merge)"
    ],
    exits: 1
  },
  languageModel: {
    script: [
      answer("A test that fails sometimes."),
      answer(JSON.stringify({ priority: "high", summary: "The build fails." })),
      answer("Green turns red again.")
    ],
    prints: ["A test that fails sometimes. (12 tokens)", "high: The build fails.", "> "]
  },
  chat: {
    script: [
      reply(call("lookup_ticket", { id: "T-1" }), call("lookup_ticket", { id: "T-2" })),
      (request) =>
        answer(
          request.toolOutputs.map(({ output }) => output).join() ===
            '{"title":"The build fails"},{"title":"The docs are old"}'
            ? "A build and a text."
            : "The tool did not answer."
        ),
      (request) =>
        answer(JSON.stringify(request.body).includes("A build and a text.") ? "The build." : "Which ones?")
    ],
    prints: ["looked up { title: 'The build fails' }", "A build and a text.\nThe build."]
  },
  streaming: { script: [reply(shell("ls")), answer("One file.")], prints: ["-> 0", "One file.", "thinking"] },
  exec: {
    script: [],
    prints: [
      "touch exits with 1: ",
      "Read-only file system",
      "> line 1\n> line 2\n> line 3\n",
      "apple pear",
      "name? Ada\nhello Ada\n50 120\n"
    ]
  },
  plan: {
    script: [
      answer("Two files.\n<proposed_plan>\n# Split the parser\n- lexer\n- grammar\n</proposed_plan>\n"),
      reply(call("update_plan", { plan: [{ step: "Move the lexer", status: "in_progress" }] })),
      reply(call("update_plan", { plan: [{ step: "Move the lexer", status: "completed" }] })),
      answer("Done.")
    ],
    prints: ["# Split the parser\n- lexer", "[~] Move the lexer\n[x] Move the lexer", "Done. (1 steps)"]
  },
  review: {
    script: [...reviewed, answer("The open file.")],
    prints: [
      "P1 /repo/a.ts:3-5 Close the file (90 % sure)",
      "patch is incorrect: It leaks.",
      "The open file. (330 tokens for the review)",
      "1 findings block the merge"
    ]
  },
  production: {
    script: [answer("None.")],
    prints: ["None."],
    exports: ["nightly triage", "invoke_agent codex", "chat gpt-5.5"]
  }
}

/** An OTLP receiver that keeps all request bodies. */
const receiver = Effect.acquireRelease(
  Effect.promise(async () => {
    const bodies: Array<string> = []
    const server = createServer((request, response) => {
      let body = ""
      request.setEncoding("utf8")
      request.on("data", (chunk: string) => (body += chunk))
      request.on("end", () => {
        bodies.push(body)
        response.writeHead(200, { "content-type": "application/json" }).end("{}")
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    return { bodies, server, url: `http://127.0.0.1:${port}` }
  }),
  ({ server }) => Effect.sync(() => server.close())
)

const runExample = Effect.fnUntraced(function* (name: string, example: Example) {
  const server = yield* ModelServer.make(example.script)
  // Not the temporary directory, which the agent of a writable sandbox can write.
  const home = yield* ModelServer.home(server, { directory: "/var/tmp" })
  const collector = yield* receiver
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const handle = yield* spawner.spawn(
    ChildProcess.make(process.execPath, [`examples/${name}.ts`], {
      env: {
        ...home,
        PATH: process.env["PATH"],
        ...(example.drive === undefined
          ? {}
          : { PORT: "0", SERVICE_ROOT: home.HOME, SERVICE_TOKENS: "ada:a-secret,bob:b-secret" }),
        ...(example.exports === undefined
          ? {}
          : { CODEX_OTLP_ENABLE: "1", CODEX_OTLP_ENDPOINT: collector.url })
      },
      extendEnv: false,
      stdin: "ignore"
    })
  )
  const output = yield* example.drive === undefined
    ? handle.all.pipe(Stream.decodeText(), Stream.mkString)
    : example.drive(handle, { home: home.CODEX_HOME, root: home.HOME })
  const code = yield* handle.exitCode
  const missing = [
    ...example.prints.filter((part) => !output.includes(part)),
    ...(example.exports ?? []).filter((span) => !collector.bodies.some((body) => body.includes(span))),
    ...(yield* server.unexpected)
  ]
  if (code === (example.exits ?? 0) && missing.length === 0) return yield* Console.log(`ok    ${name}`)
  yield* Console.error(`wrong ${name}: exit ${code}, missing ${JSON.stringify(missing)}\n${output}`)
  return yield* Effect.fail(name)
}, Effect.scoped)

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const files = yield* fs.readDirectory("examples")
  const notListed = files.filter(
    (file) => /^[A-Za-z]+\.ts$/.test(file) && examples[file.replace(".ts", "")] === undefined
  )
  if (notListed.length > 0) return yield* Effect.fail(`not run: ${notListed.join(", ")}`)
  // With names as arguments, only these run.
  const only = process.argv.slice(2)
  const chosen = Object.entries(examples).filter(([name]) => only.length === 0 || only.includes(name))
  yield* Effect.forEach(chosen, ([name, example]) => runExample(name, example), { discard: true })
})

program.pipe(Effect.timeout("2 minutes"), Effect.provide(NodeServices.layer), NodeRuntime.runMain)
