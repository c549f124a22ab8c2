import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"
import { fileURLToPath } from "node:url"
import { ModelServer } from "effect-codex/testing"
import * as CodexHome from "../support/codexHome.ts"
import * as Collector from "../support/collector.ts"
import * as CommandLine from "../support/commandLine.ts"
import * as Live from "../support/live.ts"

/** Runs the real Codex with a scripted model, in a home and a directory of its own. */
const run = Effect.fnUntraced(function* (
  script: ModelServer.Script,
  options: CommandLine.CommandLineOptions,
  config?: string
) {
  const fs = yield* FileSystem.FileSystem
  const server = yield* ModelServer.make(script)
  const home = yield* CodexHome.make(server, { config })
  const cwd = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-cli-" })
  const ran = yield* CommandLine.run({
    ...options,
    args: ["run", "--cd", cwd, ...options.args],
    env: { ...home, ...options.env }
  })
  return { ...ran, cwd, home, requests: yield* server.requests, events: CommandLine.jsonLines(ran.stdout) }
})

const bin = fileURLToPath(new URL("../../bin/effect-codex.js", import.meta.url))

// Read once: `runHere` replaces the environment of this process while other tests run.
const directory = process.env["XDG_STATE_HOME"] ?? ""

/** A directory that no sandbox of a test lets the agent write. */
const protectedFolder = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(directory, { recursive: true })
  return yield* fs.makeTempDirectoryScoped({ directory, prefix: "rules-" })
})

const { reply, shell, text, usage } = ModelServer
const hello = [reply(text("Hello from the model", { deltas: true }), usage({ input: 12, output: 4 }))]

// Every test starts several processes, next to other tests: how long they take depends on the machine.
const live = (name: string, body: Parameters<typeof Live.test>[1]) => Live.test(name, body, 180_000)

describe.concurrent("effect-codex run with more than a prompt", () => {
  live("attaches files, resumes the last thread, and stops at its budget", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const loop = Array.from({ length: 9 }, () => reply(shell("true"), usage({ input: 100, output: 10 })))
      const server = yield* ModelServer.make([reply(text("one")), reply(text("two")), ...loop])
      const home = yield* CodexHome.make(server)
      const cwd = yield* Effect.flatMap(
        fs.makeTempDirectoryScoped({ prefix: "effect-codex-cli-" }),
        fs.realPath
      )
      yield* fs.writeFileString(`${cwd}/access.log`, "GET /login 500\n")
      const go = (...args: ReadonlyArray<string>) =>
        CommandLine.run({ args: ["run", "--cd", cwd, ...args], env: home })

      const none = yield* go("--resume", "last", "hello?")
      assert.strictEqual(none.code, 1)
      assert.include(none.stderr, "there is no thread in")

      const sent = yield* go("--attach", `${cwd}/access.log`, "why?")
      assert.deepStrictEqual([sent.code, sent.stdout], [0, "one\n"])
      assert.strictEqual((yield* go("--resume", "last", "and now?")).stdout, "two\n")
      const [first, second] = yield* server.requests
      assert.include(JSON.stringify(first?.body["input"]), "access.log")
      assert.include(JSON.stringify(second?.body["input"]), "why?")

      const missing = yield* go("--attach", `${cwd}/nothing.log`, "why?")
      assert.strictEqual(missing.code, 1)
      assert.include(
        missing.stderr,
        `AttachmentRejected: cannot attach "${cwd}/nothing.log": there is no such file`
      )

      const stopped = yield* go("--max-tokens", "200", "loop")
      assert.strictEqual(stopped.code, 1)
      assert.match(stopped.stderr, /BudgetExceeded: the turn used \d+ of 200 tokens/)
      assert.match(stopped.stderr, /Continue with: effect-codex run --resume/)
    })
  )
})

describe.concurrent("effect-codex run", () => {
  live("puts the last message on stdout and the rest on stderr", () =>
    Effect.gen(function* () {
      const ran = yield* run([reply(text("Looking."), shell("echo seen; exit 3")), ...hello], {
        args: ["say hello"]
      })
      assert.strictEqual(ran.stdout, "Hello from the model\n")
      assert.strictEqual(ran.code, 0)
      assert.include(ran.stderr, "Looking.")
      assert.include(ran.stderr, "$ echo seen; exit 3")
      assert.match(ran.stderr, /exit 3 \(/)
      assert.notInclude(ran.stderr, "Hello from the model")
      assert.match(ran.stderr, /time .* = thinking .* \+ tools .* \+ approval .* \+ overhead/)
      assert.include(ran.stderr, "12 in (0 cached), 4 out")
      for (const span of [
        "effect-codex run",
        "invoke_agent codex",
        "chat gpt-5.5",
        "execute_tool exec_command",
        "echo"
      ]) {
        assert.include(ran.stderr, span)
      }
    })
  )

  live("prints every event as a line of JSON, and the outcome as the last", () =>
    Effect.gen(function* () {
      const ran = yield* run([reply(shell("exit 3", { callId: "c1" })), ...hello], {
        args: ["--json", "say hello"]
      })
      assert.strictEqual(ran.code, 0)
      const types = ran.events.map((event) => event["type"])
      assert.strictEqual(types[0], "turn.started")
      assert.include(types, "message.delta")
      const completed = ran.events.find(
        (event) =>
          event["type"] === "item.completed" && JSON.stringify(event["item"]).includes("command_execution")
      )
      assert.include(JSON.stringify(completed), '"exitCode":3')
      const last = ran.events.at(-1)
      assert.strictEqual(last?.["type"], "turn.completed")
      assert.strictEqual(last?.["message"], "Hello from the model")
      assert.deepStrictEqual(last?.["usage"], {
        input: 12,
        cachedInput: 0,
        cacheWrite: 0,
        output: 4,
        reasoning: 0
      })
      assert.strictEqual(last?.["error"], null)
      assert.strictEqual(ran.stdout.trimEnd().split("\n").length, ran.events.length)
    })
  )

  live("reads the prompt from stdin if it is missing or -", () =>
    Effect.forEach(
      [[], ["-"]],
      Effect.fnUntraced(function* (args) {
        const ran = yield* run(hello, { args, stdin: "from a pipe" })
        assert.strictEqual(ran.code, 0)
        assert.strictEqual(ran.requests[0]?.lastUserText, "from a pipe")
      }),
      { concurrency: 2 }
    )
  )

  live("declines everything that needs approval without a terminal, and accepts it with --approve all", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const cases = [
        [[], false],
        [["--approve", "never"], false],
        [["--approve", "ask"], false],
        [["--approve", "all"], true]
      ] as const
      yield* Effect.forEach(
        cases,
        Effect.fnUntraced(function* ([approve, created]) {
          const marker = path.join(yield* fs.makeTempDirectoryScoped(), "made")
          const ran = yield* run([reply(shell(`touch ${marker}`, { escalate: "make it" })), ...hello], {
            args: [...approve, "go"]
          })
          assert.strictEqual(ran.code, 0)
          assert.strictEqual(yield* fs.exists(marker), created)
          assert.include(ran.stderr, created ? "accepted" : "declined")
        }),
        { concurrency: 2 }
      )
    })
  )

  live("reads rules from a file", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const folder = yield* fs.makeTempDirectoryScoped()
      const file = path.join(yield* protectedFolder, "rules.json")
      yield* fs.writeFileString(
        file,
        JSON.stringify([{ command: ["touch", path.join(folder, "yes")], decision: "accept" }])
      )
      const ran = yield* run(
        [
          reply(
            shell(`touch ${path.join(folder, "yes")}`, { escalate: "one" }),
            shell(`touch ${path.join(folder, "yes")}; touch ${path.join(folder, "no")}`, { escalate: "two" })
          ),
          ...hello
        ],
        { args: ["--approve", file, "go"] }
      )
      assert.strictEqual(ran.code, 0)
      assert.isTrue(yield* fs.exists(path.join(folder, "yes")))
      assert.isFalse(yield* fs.exists(path.join(folder, "no")))
    })
  )

  live("H07 does not use rules that an earlier run could write, unless the user trusts the file", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const rules = (folder: string) =>
        JSON.stringify([{ command: ["touch", `${folder}/owned`], decision: "accept" }])
      const server = yield* ModelServer.make((request) => {
        const [, cwd = ""] = /<cwd>([^<]+)<\/cwd>/.exec(JSON.stringify(request.body)) ?? []
        if (request.toolOutputs.length > 0) return reply(text("done"))
        return JSON.stringify(request.body).includes("first run")
          ? reply(shell(`echo '${rules(cwd)}' > rules.json`))
          : reply(shell(`touch ${cwd}/owned`, { escalate: "it is needed" }))
      })
      const home = yield* CodexHome.make(server)
      const cwd = yield* Effect.flatMap(
        fs.makeTempDirectoryScoped({ prefix: "effect-codex-cli-" }),
        fs.realPath
      )
      const file = `${cwd}/rules.json`
      yield* fs.writeFileString(file, "[]")
      const go = (...args: ReadonlyArray<string>) =>
        CommandLine.run({ args: ["run", "--cd", cwd, ...args], env: home, cwd })
      assert.strictEqual((yield* go("first run")).code, 0)
      assert.strictEqual(yield* fs.readFileString(file), `${rules(cwd)}\n`)
      const refused = yield* go("--approve", "rules.json", "second run")
      assert.strictEqual(refused.code, 2)
      assert.include(refused.stderr, `the agent can write "${cwd}"`)
      assert.include(refused.stderr, "--trust-rules-file")
      assert.isFalse(yield* fs.exists(`${cwd}/owned`))
      const trusted = yield* go("--approve", "rules.json", "--trust-rules-file", "third run")
      assert.strictEqual(trusted.code, 0)
      assert.isTrue(yield* fs.exists(`${cwd}/owned`))
    })
  )

  live("passes overrides and the model to Codex", () =>
    Effect.gen(function* () {
      const ran = yield* run(hello, {
        args: [
          "-c",
          'model_reasoning_effort="low"',
          "-c",
          'model_verbosity="high"',
          "--model",
          "gpt-5.1-codex",
          "go"
        ]
      })
      const body = ran.requests[0]?.body
      assert.strictEqual(body?.["model"], "gpt-5.1-codex")
      assert.include(JSON.stringify(body?.["reasoning"]), "low")
    })
  )

  live("resumes a thread", () =>
    Effect.gen(function* () {
      const server = yield* ModelServer.make([...hello, ...hello])
      const home = yield* CodexHome.make(server)
      const first = yield* CommandLine.run({ args: ["run", "--json", "first"], env: home })
      const threadId = CommandLine.jsonLines(first.stdout).at(-1)?.["threadId"]
      assert.isString(threadId)
      const second = yield* CommandLine.run({
        args: ["run", "--json", "--resume", String(threadId), "second"],
        env: home
      })
      assert.strictEqual(second.code, 0)
      assert.strictEqual(CommandLine.jsonLines(second.stdout).at(-1)?.["threadId"], threadId)
      const [, request] = yield* server.requests
      assert.include(JSON.stringify(request?.body), "Hello from the model")
    })
  )

  live("exits with 124 after a timeout and reports it", () =>
    Effect.gen(function* () {
      const ran = yield* run([reply(text("Half", { deltas: true }), ModelServer.never)], {
        args: ["--json", "--timeout", "1s", "go"]
      })
      assert.strictEqual(ran.code, 124)
      const last = ran.events.at(-1)
      assert.strictEqual(last?.["type"], "turn.failed")
      assert.include(JSON.stringify(last?.["error"]), '"_tag":"TurnTimedOut"')
      assert.isString(last?.["turnId"])
    })
  )

  live("exits with 1 if the turn fails, and reports the error class", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make
      const ran = yield* run([ModelServer.httpError(429, { code: "insufficient_quota" })], {
        args: ["--json", "go"],
        env: { CODEX_OTLP_ENABLE: "1", CODEX_OTLP_ENDPOINT: collector.url }
      })
      assert.strictEqual(ran.code, 1)
      for (const name of ["effect-codex run", "invoke_agent codex"]) {
        const span = (yield* collector.spans).find((span) => span.name === name)
        assert.isTrue(span?.error, name)
        assert.strictEqual(span?.attributes["error.type"], "TurnFailed.UsageLimit", name)
      }
      const last = ran.events.at(-1)
      assert.strictEqual(last?.["type"], "turn.failed")
      assert.deepInclude(last?.["error"], {
        _tag: "TurnFailed",
        reason: "UsageLimit",
        class: "quota",
        retryable: false
      })
    })
  )

  live("exits with 3 without a usable engine", () =>
    Effect.gen(function* () {
      const ran = yield* CommandLine.run({
        args: ["run", "--json", "go"],
        env: { CODEX_PATH: "/nowhere/codex" }
      })
      assert.strictEqual(ran.code, 3)
      const last = CommandLine.jsonLines(ran.stdout).at(-1)
      assert.deepInclude(last, { type: "turn.failed", threadId: null, turnId: null, usage: null, time: null })
      assert.include(JSON.stringify(last?.["error"]), '"_tag":"CodexNotFound"')
    })
  )

  live("interrupts the turn on Ctrl-C, prints what it did, and exits with 130", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const marker = path.join(yield* fs.makeTempDirectoryScoped(), "survived")
      const ran = yield* run([reply(shell(`echo started; sleep 3; touch ${marker}`)), ...hello], {
        args: ["--sandbox", "danger-full-access", "--json", "go"],
        interruptAt: '"item.started","item":{"type":"command_execution"'
      })
      assert.strictEqual(ran.code, 130)
      const last = ran.events.at(-1)
      assert.strictEqual(last?.["type"], "turn.interrupted")
      assert.deepInclude(last?.["error"], { _tag: "TurnInterrupted", class: "aborted" })
      yield* Effect.sleep("3500 millis")
      assert.isFalse(yield* fs.exists(marker))
    })
  )

  live("rejects invalid arguments with 2 and explains the valid ones", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const bad = path.join(yield* fs.makeTempDirectoryScoped(), "bad.json")
      yield* fs.writeFileString(bad, '[{"comand":["ls"],"decision":"accept"}]')
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
        [["run", "--sandbox", "none", "go"], "workspace-write"],
        [["run", "--timeout", "soon", "go"], "500ms, 20s, 5m"],
        [["run", "-c", "model", "go"], "key=value"],
        [["run", "--approve", bad, "--trust-rules-file", "go"], "comand"],
        [["run", "--approve", bad, "go"], "--trust-rules-file"],
        [["run", "--approve", "/nowhere.json", "go"], "cannot read"],
        [["run", "--nonsense", "go"], "nonsense"],
        [["walk"], "walk"]
      ]
      yield* Effect.forEach(
        cases,
        Effect.fnUntraced(function* ([args, hint]) {
          const ran = yield* CommandLine.runHere({ args })
          assert.strictEqual(ran.code, 2, args.join(" "))
          assert.include(`${ran.stdout}${ran.stderr}`, hint)
        })
      )
      const ran = yield* CommandLine.run({ args: ["run"] })
      assert.strictEqual(ran.code, 2)
      assert.include(ran.stderr, "there is no prompt")
      assert.strictEqual((yield* CommandLine.run({ args: ["--help"] })).code, 0)
      assert.strictEqual((yield* CommandLine.runHere({ args: ["run", "--help"] })).code, 0)
    })
  )

  live("keeps its log out of stdout", () =>
    Effect.gen(function* () {
      const ran = yield* run(hello, { args: ["--json", "go"], env: { CODEX_OTLP_ENABLE: "1" } })
      assert.strictEqual(ran.code, 0)
      assert.include(ran.stderr, "http://localhost:4318")
      assert.strictEqual(ran.stdout.trimEnd().split("\n").length, ran.events.length)
    })
  )

  live("exports one trace, as a child of TRACEPARENT", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make
      const traceId = "0af7651916cd43dd8448eb211c80319c"
      const parent = "b7ad6b7169203331"
      const ran = yield* run([reply(shell("exit 3")), ...hello], {
        args: ["go"],
        env: {
          TRACEPARENT: `00-${traceId}-${parent}-01`,
          CODEX_OTLP_ENABLE: "1",
          CODEX_OTLP_ENDPOINT: collector.url
        }
      })
      assert.strictEqual(ran.code, 0)
      const spans = yield* collector.spans
      const root = spans.find((span) => span.name === "effect-codex run")
      assert.strictEqual(root?.parentSpanId, parent)
      const ids = new Set([parent, ...spans.map((span) => span.spanId)])
      for (const span of spans) {
        assert.strictEqual(span.traceId, traceId)
        assert.isTrue(ids.has(span.parentSpanId ?? ""), `${span.name} has no parent`)
        assert.strictEqual(span.attributes["codex.originator"], "cli", span.name)
      }
      assert.includeMembers(
        spans.map((span) => span.name),
        ["codex.engine.start", "codex.thread.start", "invoke_agent codex", "execute_tool exec_command"]
      )
    })
  )
})

describe.concurrent("the bin", () => {
  live("reports the version it needs on an old Node, and exits with 2", () =>
    Effect.gen(function* () {
      const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
      const pretend = 'Object.defineProperty(process.versions, "node", { value: "20.20.2" })'
      const handle = yield* spawner.spawn(
        ChildProcess.make(process.execPath, ["--import", `data:text/javascript,${pretend}`, bin, "--help"])
      )
      const said = yield* handle.stderr.pipe(Stream.decodeText(), Stream.mkString)
      assert.strictEqual(yield* handle.exitCode, 2)
      assert.include(said, "22.19")
    })
  )

  live("runs from a checkout", () =>
    Effect.gen(function* () {
      const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
      const help = yield* spawner.string(ChildProcess.make(process.execPath, [bin, "--help"]))
      assert.include(help, "demo")
    })
  )
})

describe.concurrent("effect-codex demo", () => {
  live("shows the real Codex at work and leaves nothing behind but the trace", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const temporary = yield* fs.makeTempDirectoryScoped()
      const ran = yield* CommandLine.run({
        program: bin,
        args: ["demo"],
        env: { TMPDIR: temporary, HOME: temporary }
      })
      assert.strictEqual(ran.code, 0, ran.stderr)
      assert.include(ran.stdout, "T-42 is fixed")
      for (const part of [
        "exit 1",
        "accepted",
        "declined",
        "lookup_ticket",
        "± update",
        "exit 0",
        "codex.approval"
      ]) {
        assert.include(ran.stderr, part)
      }
      const [folder, ...others] = yield* fs.readDirectory(temporary)
      assert.deepStrictEqual(others, [])
      const file = path.join(temporary, folder ?? "", "traces.jsonl")
      assert.include(ran.stderr, file)
      assert.deepStrictEqual(yield* fs.readDirectory(path.dirname(file)), ["traces.jsonl"])
      assert.include(yield* fs.readFileString(file), "invoke_agent codex")
    })
  )
})
