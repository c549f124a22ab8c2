/** `effect-codex demo`: the real Codex fixes a small repository, with a scripted model. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import { tmpdir } from "node:os"
import * as Approval from "../../Approval.ts"
import { Codex } from "../../Codex.ts"
import * as CodexBinary from "../../engine/app-server/CodexBinary.ts"
import * as ChildEnvironment from "../../engine/app-server/ChildEnvironment.ts"
import * as AppServer from "../../engine/AppServer.ts"
import * as File from "../../telemetry/File.ts"
import * as ModelServer from "../../testing/ModelServer.ts"
import { ExitWith } from "../CommandEnd.ts"
import * as TurnSession from "../TurnSession.ts"

const source = `export const sum = (numbers) => numbers.reduce((total, n) => total - n, 0)
`
const test = `import { sum } from "./sum.js"

const found = sum([1, 2, 3])
if (found !== 6) {
  console.error(\`FAIL sum([1, 2, 3]) is \${found}, not 6\`)
  process.exit(1)
}
console.log("ok")
`
const patch = `*** Begin Patch
*** Update File: sum.js
@@
-export const sum = (numbers) => numbers.reduce((total, n) => total - n, 0)
+export const sum = (numbers) => numbers.reduce((total, n) => total + n, 0)
*** End Patch`

const LookupTicket = Tool.make("lookup_ticket", {
  description: "Read a ticket of the issue tracker",
  parameters: Schema.Struct({ id: Schema.String }),
  success: Schema.Struct({ title: Schema.String })
}).annotate(Tool.Readonly, true)

const Tickets = Toolkit.make(LookupTicket)

const TicketsLayer = Tickets.toLayer({
  lookup_ticket: () => Effect.succeed({ title: "sum() gives negative numbers" })
})

/** The model's reply to each request. Everything else is the real Codex. */
const script: ModelServer.Script = [
  ModelServer.reply(
    ModelServer.reasoning("I should see the test fail before I touch anything."),
    ModelServer.shell("node sum.test.js"),
    ModelServer.usage({ input: 2140, output: 31, reasoning: 12 })
  ),
  ModelServer.reply(
    ModelServer.text("The test fails. Let me read the ticket and see what changed lately."),
    ModelServer.call("lookup_ticket", { id: "T-42" }),
    ModelServer.shell("git log --oneline", { escalate: "see the history of the repository" }),
    ModelServer.usage({ input: 2410, cachedInput: 2140, output: 58 })
  ),
  ModelServer.reply(
    ModelServer.shell("npm publish --access public", { escalate: "ship it right away" }),
    ModelServer.usage({ input: 2560, cachedInput: 2410, output: 27 })
  ),
  ModelServer.reply(
    ModelServer.text("I may not publish. The sign in sum.js is wrong, so I fix that."),
    ModelServer.patch(patch),
    ModelServer.usage({ input: 2650, cachedInput: 2560, output: 96 })
  ),
  ModelServer.reply(
    ModelServer.shell("node sum.test.js"),
    ModelServer.usage({ input: 2790, cachedInput: 2650, output: 14 })
  ),
  ModelServer.reply(
    ModelServer.text("T-42 is fixed: sum() subtracted where it should add, and the test passes now.", {
      deltas: true,
      every: "15 millis"
    }),
    ModelServer.usage({ input: 2930, cachedInput: 2790, output: 22 })
  )
]

/** Outside its sandbox the agent may read the git history and nothing else. */
const rules: ReadonlyArray<Approval.ApprovalRule> = [
  { kind: "command", command: ["git", "log", "--oneline"], decision: "accept" },
  { decision: "decline" }
]

const succeeds = (command: string, args: ReadonlyArray<string>, options: ChildProcess.CommandOptions) =>
  Effect.gen(function* () {
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    return yield* spawner.exitCode(ChildProcess.make(command, args, { stdin: "ignore", ...options }))
  }).pipe(
    Effect.timeoutOption("5 seconds"),
    Effect.map((code) => Option.isSome(code) && code.value === 0),
    Effect.orElseSucceed(() => false)
  )

/**
 * Creates a repository with a failing test. Without git it is a plain directory, and the git commands of the demo fail.
 */
const makeRepository = Effect.fnUntraced(function* (env: Record<string, string>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-demo-" })
  const write = (name: string, text: string) => fs.writeFileString(path.join(directory, name), text)
  yield* write(
    "package.json",
    `${JSON.stringify({ name: "demo", private: true, type: "module" }, null, 2)}\n`
  )
  yield* write("sum.js", source)
  yield* write("sum.test.js", test)
  const git = (...args: ReadonlyArray<string>) =>
    succeeds("git", ["-c", "user.name=demo", "-c", "user.email=demo@localhost", ...args], {
      cwd: directory,
      env,
      extendEnv: false
    })
  yield* git("init", "--quiet")
  yield* git("add", ".")
  yield* git("commit", "--quiet", "--message", "Add sum")
  return directory
})

/** Whether Codex's sandbox can start on this machine. In some containers it cannot. */
const sandboxWorks = Effect.fnUntraced(function* (env: Record<string, string>, cwd: string) {
  const binary = yield* CodexBinary.find(undefined, process.env)
  return yield* succeeds(binary.command, [...binary.args, "sandbox", "--", "true"], {
    cwd,
    env,
    extendEnv: false
  })
})

export const handle = Effect.fnUntraced(function* () {
  const path = yield* Path.Path
  const fs = yield* FileSystem.FileSystem
  const server = yield* ModelServer.make(script)
  const home = yield* ModelServer.home(server)
  const env = ChildEnvironment.select(process.env, [], home)
  const repository = yield* makeRepository(env)
  const traces = path.join(
    yield* fs.makeTempDirectory({ directory: tmpdir(), prefix: "effect-codex-trace-" }),
    "traces.jsonl"
  )

  yield* Console.error(
    "The real Codex fixes a failing test in a temporary repository; a script plays the model.\n"
  )
  const sandboxed = yield* Effect.orElseSucceed(sandboxWorks(env, repository), () => true)
  if (!sandboxed) {
    yield* Console.error(
      "Codex's sandbox cannot start on this machine; the demo runs with full access in its temporary repository.\n"
    )
  }
  const open = Effect.gen(function* () {
    const codex = yield* Codex
    return yield* codex.startThread({
      cwd: repository,
      sandbox: sandboxed ? "workspace-write" : "danger-full-access",
      approvalMode: "on-request",
      // The trace is in the directory for temporary files, which the agent must not write.
      config: {
        "sandbox_workspace_write.exclude_slash_tmp": true,
        "sandbox_workspace_write.exclude_tmpdir_env_var": true
      },
      tools: yield* Tickets,
      source: "demo"
    })
  })
  const services = Layer.mergeAll(
    Codex.layer.pipe(
      Layer.provide(AppServer.layerOptions({ env: home })),
      Layer.provideMerge(Approval.layer(Approval.rules(rules)))
    ),
    TicketsLayer
  )
  const exit = yield* TurnSession.run(
    open,
    {
      work: { _tag: "Prompt", text: "Fix ticket T-42: the test of this repository fails.", attach: [] },
      turn: { timeout: 30_000 },
      json: false
    },
    services,
    File.layer({ path: traces, signals: ["traces"] })
  )
  yield* Console.error(`\nTrace (OTLP JSON lines): ${traces}`)
  // A checkout runs its sources with the Node of its packages, because an older one cannot run TypeScript.
  const program = import.meta.url.endsWith(".ts") ? "npx node src/cli/main.ts" : "npx effect-codex"
  yield* Console.error(`See it in a browser: ${program} trace html ${traces} -o trace.html`)
  if (exit !== 0) return yield* new ExitWith({ code: exit })
}, Effect.scoped)
