/**
 * Installs the packed package in an empty project, on the oldest Node line that is supported, and does there what the
 * README promises: its program type-checks and runs against the real Codex, its test passes, its command line works.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Path, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import * as ModelServer from "../src/testing/ModelServer.ts"
import manifest from "../package.json" with { type: "json" }

const oldestNode = "22.23.3"

const program = `
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Schema, Stream } from "effect"
import { AppServer, Approval, Codex, OtlpLayer } from "effect-codex"
import { Tool, Toolkit } from "effect/ai"

const dir = process.cwd()

const Lookup = Tool.make("lookup_ticket", {
  description: "Read a ticket", parameters: Schema.Struct({ id: Schema.String }),
  success: Schema.Struct({ title: Schema.String }), failure: Schema.Struct({ reason: Schema.String })
})
const Tickets = Toolkit.make(Lookup)

const program = Effect.gen(function*() {
  const codex = yield* Codex
  const tools = yield* Tickets
  const thread = yield* codex.startThread({ cwd: dir, sandbox: "workspace-write", approvalMode: "on-request", tools, source: "docs" })
  yield* thread.stream("first prompt").pipe(
    Stream.runForEach((event) => Console.log(event._tag)))
  const turn = yield* thread.run("second prompt")
  return [thread.id, turn.id, turn.message, turn.items, turn.usage, turn.diff, turn.time] as const
}).pipe(Effect.scoped)

program.pipe(
  Effect.tap(([, , message]) => Console.log(message)),
  Effect.provide(Tickets.toLayer({ lookup_ticket: ({ id }) => Effect.succeed({ title: id }) })),
  Effect.provide(Codex.layer.pipe(Layer.provide(AppServer.layer), Layer.provideMerge(Approval.layer(Approval.deny)), Layer.provideMerge(OtlpLayer))),
  NodeRuntime.runMain
)
`

const test = `
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { Codex } from "effect-codex"
import { Captured, Scripted, TestLayer } from "effect-codex/testing"

it.effect("a test of a user", () =>
  Effect.gen(function*() {
    yield* Scripted.play([Scripted.message("done")])
    const codex = yield* Codex
    const thread = yield* codex.startThread()
    assert.strictEqual((yield* thread.run("go")).message, "done")
    assert.include(yield* Captured.tree, "invoke_agent")
  }).pipe(Effect.scoped, Effect.provide(TestLayer)))
`

const tsconfig = {
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    target: "es2024",
    module: "nodenext",
    noEmit: true,
    types: ["node"],
    skipLibCheck: false
  },
  include: ["*.ts"]
}

const pinned = (names: ReadonlyArray<keyof typeof manifest.devDependencies>) =>
  names.map((name) => `${name}@${manifest.devDependencies[name]}`)

/** Runs a command to its end; one that fails takes the whole with it. */
const sh = Effect.fnUntraced(function* (
  cwd: string,
  env: Readonly<Record<string, string>>,
  command: string,
  ...args: ReadonlyArray<string>
) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const handle = yield* spawner.spawn(
    ChildProcess.make(command, args, { cwd, env, extendEnv: true, stdin: "ignore" })
  )
  const output = yield* handle.all.pipe(Stream.decodeText(), Stream.mkString)
  const code = yield* handle.exitCode
  if (code === 0) return output
  yield* Console.error(`${command} ${args.join(" ")}: exit ${code}\n${output}`)
  return yield* Effect.fail(command)
}, Effect.scoped)

const check = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-consumer-" })
  const write = (name: string, text: string) => fs.writeFileString(path.join(folder, name), text)
  const inProject = (
    env: Readonly<Record<string, string>>,
    command: string,
    ...args: ReadonlyArray<string>
  ) =>
    sh(
      folder,
      { PATH: `${path.join(folder, "node_modules", ".bin")}:${process.env["PATH"] ?? ""}`, ...env },
      command,
      ...args
    )

  yield* sh(".", {}, "npm", "pack", "--pack-destination", folder)
  const tarball = `./effect-codex-${manifest.version}.tgz`
  yield* write(
    "package.json",
    JSON.stringify({ name: "consumer", private: true, type: "module", allowScripts: { node: true } })
  )
  yield* write("tsconfig.json", JSON.stringify(tsconfig))
  yield* write("program.ts", program)
  yield* write("user.test.ts", test)
  yield* Console.log("installing the package in an empty project")
  yield* inProject(
    {},
    "npm",
    "install",
    "--no-audit",
    "--no-fund",
    tarball,
    `node@${oldestNode}`,
    ...pinned([
      "@openai/codex",
      "effect",
      "@effect/platform-node",
      "@effect/vitest",
      "@types/node",
      "typescript",
      "vitest"
    ])
  )
  const version = yield* inProject({}, "node", "--version")
  yield* Console.log(`ok    installed, on Node ${version.trim()}`)

  yield* inProject({}, "tsc")
  yield* Console.log("ok    type-checks")

  const server = yield* ModelServer.make(() => ModelServer.reply(ModelServer.text("hello", { deltas: true })))
  const home = yield* ModelServer.home(server)
  const output = yield* inProject(home, "node", "program.ts")
  if (!output.includes("TurnCompleted") || !output.trimEnd().endsWith("hello"))
    return yield* Effect.fail(output)
  yield* Console.log("ok    runs the real Codex")

  yield* inProject({}, "vitest", "run")
  yield* Console.log("ok    tests with TestLayer")

  const answer = yield* inProject(home, "effect-codex", "run", "--json", "say hello")
  if (!answer.includes('"type":"turn.completed"')) return yield* Effect.fail(answer)
  yield* Console.log("ok    effect-codex run")
}).pipe(Effect.scoped)

check.pipe(Effect.timeout("5 minutes"), Effect.provide(NodeServices.layer), NodeRuntime.runMain)
