/**
 * Installs the packed package in an empty project, on the oldest supported Node line, and checks what the README promises:
 * its program and the programs of examples/ type-check and run against the real Codex, their tests pass, also after a new
 * recording, and every command of the command line works. Then it installs the package beside the oldest and the newest
 * supported OpenTelemetry SDK, and lints the package itself.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Path } from "effect"
import * as ModelServer from "../src/testing/ModelServer.ts"
import * as Commands from "./consumer/commands.ts"
import * as NodeSdk from "./consumer/nodeSdk.ts"
import * as PackedDocs from "./consumer/packedDocs.ts"
import { sh } from "./consumer/shell.ts"
import * as Example from "./examples/Example.ts"
import { examples } from "./examples/table.ts"
import manifest from "../package.json" with { type: "json" }

const oldestNode = "22.23.3"

/** The three files in the README: a program, its entry point and its test. */
const readmeFiles = ["triage.ts", "main.ts", "triage.test.ts"]

/**
 * The programs of the package: a quick start, a review bot by Effect and by promises, a service, tools and MCP, telemetry, a
 * long-lived worker, and every command. The tests beside them are the test suite of a user.
 */
const programs = [
  "quickstart.ts",
  "review.ts",
  "promiseReview.ts",
  "service.ts",
  "tools.ts",
  "mcp.ts",
  "production.ts",
  "worker.ts",
  "cli.sh"
]

/** Returns the TypeScript blocks of a page, in order. */
const codeBlocks = (markdown: string): ReadonlyArray<string> =>
  [...markdown.matchAll(/```ts[^\n]*\n([\s\S]*?)```/g)].map(([, code = ""]) => code)

const tsconfig = {
  compilerOptions: {
    strict: true,
    exactOptionalPropertyTypes: true,
    target: "es2024",
    module: "nodenext",
    noEmit: true,
    allowImportingTsExtensions: true,
    types: ["node"],
    skipLibCheck: false
  },
  include: ["*.ts", "examples/*.ts"],
  // Needs packages of OpenTelemetry, which the projects below install.
  exclude: ["examples/instrumented.ts"]
}

/** The answer of the model: JSON that matches the schema of the README's program. */
const answer = JSON.stringify({ priority: "high", summary: "The build fails." })

const pinned = (names: ReadonlyArray<keyof typeof manifest.devDependencies>) =>
  names.map((name) => `${name}@${manifest.devDependencies[name]}`)

/** Longer declarations hide the types in the schemas they are derived from. */
const maxDeclarationLines = 600

/** Linters of packages. `esm-only` accepts that CommonJS cannot load the package with `require`. */
const linters = [
  ["publint@0.3.25", "run", "--strict"],
  ["@arethetypeswrong/cli@0.18.5", "--profile", "esm-only"]
] as const

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
  for (const file of yield* fs.readDirectory("dist", { recursive: true })) {
    // Generated types name every object of the protocol, so none of them hides in a schema.
    if (!file.endsWith(".d.ts") || file.includes("/generated/")) continue
    const lines = (yield* fs.readFileString(path.join("dist", file))).split("\n").length
    if (lines > maxDeclarationLines)
      return yield* Effect.fail(
        `dist/${file} has ${lines} lines; name its types with an interface or a class`
      )
  }
  yield* Console.log(`ok    no declaration file is longer than ${maxDeclarationLines} lines`)
  const tarball = `./effect-codex-${manifest.version}.tgz`
  yield* write(
    "package.json",
    JSON.stringify({ name: "consumer", private: true, type: "module", allowScripts: { node: true } })
  )
  yield* write("tsconfig.json", JSON.stringify(tsconfig))
  const blocks = codeBlocks(yield* fs.readFileString("README.md"))
  if (blocks.length !== readmeFiles.length)
    return yield* Effect.fail(
      `README.md has ${blocks.length} TypeScript blocks, expected ${readmeFiles.join(", ")}`
    )
  yield* Effect.forEach(readmeFiles, (name, at) => write(name, blocks[at] ?? ""))
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
  const installed = path.join(folder, "node_modules", "effect-codex")
  const pages = yield* PackedDocs.check(installed)
  yield* Console.log(`ok    ${pages} links between the pages of the package`)

  const version = yield* inProject({}, "node", "--version")
  yield* Console.log(`ok    installed, on Node ${version.trim()}`)

  // As a user copies them: from the package.
  yield* fs.copy(path.join(installed, "examples"), path.join(folder, "examples"))
  yield* inProject({}, "tsc")
  yield* Console.log("ok    the README's program and all examples type-check")

  const server = yield* ModelServer.make((request) =>
    request.toolOutputs.length > 0 || !JSON.stringify(request.body["input"]).includes("T-42")
      ? ModelServer.reply(ModelServer.text(answer, { deltas: true }))
      : ModelServer.reply(ModelServer.call("lookup_ticket", { id: "T-42" }))
  )
  const home = yield* ModelServer.home(server)
  const output = yield* inProject(home, "node", "main.ts")
  if (!output.includes("priority: 'high'")) return yield* Effect.fail(output)
  yield* Console.log("ok    the README's program runs the real Codex")

  yield* inProject(home, "vitest", "run")
  yield* Console.log("ok    the README's test and the tests of the examples pass")

  yield* fs.remove(path.join(folder, "examples", "cassettes"), { recursive: true })
  yield* inProject({ ...home, RECORD: "1" }, "vitest", "run", "cassette")
  yield* inProject({}, "vitest", "run", "cassette")
  yield* Console.log("ok    a test records the real Codex, and passes with the recording")

  yield* Commands.check(yield* fs.readFileString("examples/cli.sh"), (...args) =>
    inProject({}, "effect-codex", ...args)
  )
  yield* Console.log("ok    examples/cli.sh uses every command")

  const place = {
    directory: folder,
    node: path.join(folder, "node_modules", ".bin", "node"),
    path: `${path.join(folder, "node_modules", ".bin")}:${process.env["PATH"] ?? ""}`
  }
  yield* Effect.forEach(
    programs,
    (file) => {
      const example = examples[file]
      return example === undefined ? Effect.fail(`no ${file}`) : Example.run(file, example, place)
    },
    { concurrency: 1 }
  )

  for (const version of NodeSdk.versions) {
    yield* NodeSdk.check(path.join(folder, tarball), version, sh)
    yield* Console.log(`ok    one redacted trace beside @opentelemetry/sdk-node@${version}`)
  }
  for (const [linter, ...options] of linters) {
    yield* sh(folder, {}, "npx", "--yes", linter, ...options, tarball)
    yield* Console.log(`ok    ${linter}`)
  }
}).pipe(Effect.scoped)

check.pipe(Effect.timeout("15 minutes"), Effect.provide(NodeServices.layer), NodeRuntime.runMain)
