/** What each program in examples/ does with a scripted model, and what it prints. */
import { Effect } from "effect"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import * as ReviewReply from "../../test/support/reviewReply.ts"
import * as HostProject from "../consumer/HostProject.ts"
import type { Example } from "./Example.ts"
import * as serviceClient from "./serviceClient.ts"
import * as workerClient from "./workerClient.ts"

const { call, httpError, reply, shell, text, usage } = ModelServer
const answer = (message: string) => reply(text(message, { deltas: true }), usage({ input: 120, output: 12 }))

/** The model reviews the diff in the prompt, reads the file, and finds a file which stays open. */
const finding = reply(text(ReviewReply.message), usage({ input: 200, output: 20 }))
const reviewed: ReadonlyArray<ModelServer.Reply | ModelServer.Respond> = [
  (request) =>
    request.lastUserText.includes("+with a change")
      ? reply(shell("cat README.md"), usage({ input: 100, output: 10 }))
      : answer("The prompt has no diff."),
  finding
]

const mcpCall = (server: string, name: string, args: object) =>
  ModelServer.item({
    type: "function_call",
    namespace: `mcp__${server}`,
    name,
    arguments: JSON.stringify(args),
    call_id: "mcp_1"
  })

export const examples: Readonly<Record<string, Example>> = {
  "quickstart.ts": {
    script: [answer("It runs Codex.")],
    prints: ["It runs Codex.", "120 tokens in, 12 out"]
  },
  "tools.ts": {
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
  "approvals.ts": {
    script: [
      reply(shell("docker ps", { escalate: "look" }), shell("rm -rf build", { escalate: "clean up" })),
      answer("Looked, not cleaned.")
    ],
    prints: ["docker ps", "declined"]
  },
  "limits.ts": {
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
  "cost.ts": {
    script: [
      reply(text("It runs Codex."), usage({ input: 1000, cachedInput: 400, output: 100 })),
      reply(shell("cat *.ts"), usage({ input: 5000, output: 100 })),
      answer("Too late.")
    ],
    prints: ["$0.0062, context 1100 of ", "Stopped after $0.0342 of $0.02 (thread)"]
  },
  "grants.ts": {
    script: [answer("Added and removed."), answer("Added.")],
    prints: ["took back 0 grants"]
  },
  "conversations.ts": {
    script: (request) => {
      const input = JSON.stringify(request.body["input"])
      if (input.includes("in one commit")) return answer("The build.")
      if (input.includes("in small commits")) return answer("The types.")
      return answer(JSON.stringify({ steps: ["types", "code"], risk: "low" }))
    },
    prints: ["2 steps, risk low", "The build.", "The types.", "Splitting the module", "132 tokens so far"]
  },
  "goal.ts": {
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
  "queue.ts": {
    script: [
      reply(shell("git status --short", { escalate: "look" }), shell("npm publish", { escalate: "publish" })),
      answer("Looked, not published.")
    ],
    prints: ["│ git status --short", "│ npm publish", "Looked, not published."]
  },
  "instrumented.ts": {
    script: [reply(call("lookup_ticket", { id: "T-42" })), answer("About sums.")],
    prints: [
      "About sums.",
      "in the trace 00-",
      "triage\n",
      "\n  invoke_agent codex\n",
      "\n    execute_tool lookup_ticket\n      GET\n"
    ]
  },
  "service.ts": {
    script: serviceClient.script,
    prints: ["Listening on http://127.0.0.1:"],
    env: ({ root }) => ({ PORT: "0", SERVICE_ROOT: root, SERVICE_TOKENS: "ada:a-secret,bob:b-secret" }),
    drive: serviceClient.drive,
    // It ends by SIGTERM.
    exits: 130
  },
  "engineHost.ts": {
    // A second request to the model would get another answer.
    script: [answer("It runs Codex."), answer("It was asked again.")],
    prints: ["the host goes on: true", "It runs Codex."],
    env: ({ home }) => ({ HOST_DIR: `${home}/host` })
  },
  "worker.ts": {
    script: workerClient.script,
    prints: ["waiting for jobs", "draining 1 jobs"],
    env: ({ root }) => ({ WORKER_DIR: root }),
    drive: workerClient.drive,
    exits: 130
  },
  "durable.ts": {
    script: [
      reply(shell("git status --short", { escalate: "look" })),
      (request) => answer(request.toolOutputs.length === 1 ? "It is clean." : "The command did not run.")
    ],
    prints: ["submitted look-1", "│ git status --short", "It is clean."],
    env: ({ root }) => ({ DURABLE_DIR: root })
  },
  "mcp.ts": {
    script: [
      reply(call("run_checks", { names: ["types", "lint"] })),
      (request) =>
        request.toolOutputs.some(({ output }) => output.includes("no errors") && output.includes("1 warning"))
          ? reply(mcpCall("notes", "add_note", { text: "one warning" }))
          : answer("The checks did not answer."),
      (request) =>
        answer(
          request.toolOutputs.some(({ output }) => output.includes('"notes":1'))
            ? "Noted."
            : "The server did not answer."
        )
    ],
    prints: ['progress: [{"name":"types","passed":true', "approval: Accept", "Noted."]
  },
  "promise.ts": {
    script: [
      reply(call("lookup_ticket", { id: "T-42" })),
      answer("A build that fails."),
      answer(JSON.stringify({ priority: "urgent", summary: "It fails." })),
      answer(JSON.stringify({ priority: "high", summary: "It fails." })),
      reply(ModelServer.never)
    ],
    prints: ["called lookup_ticket\nA build that fails.\nhigh: It fails. (24 tokens)\ninterrupted"]
  },
  "promiseReview.ts": {
    script: [...reviewed, answer("One file stays open.")],
    prints: [
      "::error file=/repo/a.ts,line=3,endLine=5,title=Close the file::It stays open.",
      "One file stays open. (1 findings block the merge)"
    ],
    repository: true,
    exits: 1
  },
  "languageModel.ts": {
    script: [
      answer("A test that fails sometimes."),
      answer(JSON.stringify({ priority: "high", summary: "The build fails." })),
      answer("Green turns red again.")
    ],
    prints: ["A test that fails sometimes. (12 tokens)", "high: The build fails.", "> "]
  },
  "chat.ts": {
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
  "streaming.ts": {
    script: [reply(shell("ls")), answer("One file.")],
    prints: ["-> 0", "One file.", "thinking"]
  },
  "exec.ts": {
    script: [],
    prints: [
      "touch exits with 1: ",
      "Read-only file system",
      "> line 1\n> line 2\n> line 3\n",
      "apple pear",
      "name? Ada\nhello Ada\n50 120\n"
    ]
  },
  "plan.ts": {
    script: [
      answer("Two files.\n<proposed_plan>\n# Split the parser\n- lexer\n- grammar\n</proposed_plan>\n"),
      reply(call("update_plan", { plan: [{ step: "Move the lexer", status: "in_progress" }] })),
      reply(call("update_plan", { plan: [{ step: "Move the lexer", status: "completed" }] })),
      answer("Done.")
    ],
    prints: ["# Split the parser\n- lexer", "[~] Move the lexer\n[x] Move the lexer", "Done. (1 steps)"]
  },
  "review.ts": {
    script: reviewed,
    prints: ["P1 /repo/a.ts:3-5 Close the file (90 % sure)", "patch is incorrect: It leaks.", "330 tokens"],
    repository: true,
    exits: 1
  },
  "production.ts": {
    script: [answer(`None, and the key is ${HostProject.secret}.`)],
    prints: ["None, and the key is"],
    env: () => ({
      SHOP_API_KEY: HostProject.secret,
      OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "SPAN_ONLY"
    }),
    exports: Effect.fnUntraced(function* (collector) {
      yield* HostProject.checkTrace(yield* collector.spans, yield* collector.bytes, {
        "nightly triage": "",
        "codex.thread.start": "nightly triage",
        "invoke_agent codex": "nightly triage",
        "chat gpt-5.5": "invoke_agent codex"
      })
    })
  },
  "cli.sh": {
    script: (request) => {
      if (request.lastUserText.includes("Review the current code changes")) return finding
      if (JSON.stringify(request.body["input"]).includes("Every module has a test"))
        return request.toolOutputs.length === 0
          ? reply(call("update_goal", { status: "complete" }), usage({ input: 120, output: 12 }))
          : answer("Every module has one.")
      return answer(`An answer to ${request.lastUserText}`)
    },
    prints: [
      "git version",
      "no login",
      "An answer to What does this repository do?",
      '"type":"turn.completed"',
      '"title":"Close the file"',
      "Every module has one.",
      "An answer to What do the tests test?",
      "An answer to Which files are there?",
      "the worker has ended"
    ],
    repository: true
  }
}
