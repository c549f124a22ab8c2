/** Runs the modules of the pages: effects and programs on the real Codex with a scripted model, and tests with vitest. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { AppServer, Attachments, Codex } from "effect-codex"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import { pathToFileURL } from "node:url"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import type { Module } from "./Modules.ts"
import { scripts } from "./Runs.ts"

/** The smallest PNG. */
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

/** The files that the pages name, in the directory in which their code runs. */
const makeProject = Effect.fnUntraced(function* (home: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const project = path.join(home, "project")
  yield* fs.makeDirectory(path.join(home, "shared"))
  yield* fs.makeDirectory(path.join(project, "test"), { recursive: true })
  yield* fs.writeFile(path.join(project, "screenshot.png"), Buffer.from(png, "base64"))
  yield* fs.writeFileString(
    path.join(project, "package.json"),
    JSON.stringify({ type: "module", scripts: { test: "echo tested" } })
  )
  return project
})

export interface Ran {
  readonly module: Module
  readonly problems: ReadonlyArray<string>
  readonly output: string
}

/** Text that a block prints, in order. */
const capture = () => {
  const lines: Array<string> = []
  const print = (...values: ReadonlyArray<unknown>) => {
    lines.push(values.map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join(" "))
  }
  return { lines, console: { ...globalThis.console, log: print, error: print, info: print, warn: print } }
}

/** Replaces the environment of this process until the scope closes: Codex and the library read it when they start. */
const withEnvironment = (env: Readonly<Record<string, string>>, cwd: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = { ...process.env }
      const directory = process.cwd()
      Object.assign(process.env, env)
      process.chdir(cwd)
      return { before, directory }
    }),
    ({ before, directory }) =>
      Effect.sync(() => {
        process.chdir(directory)
        process.env = before
      })
  )

const spawnProgram = Effect.fnUntraced(function* (file: string, env: Readonly<Record<string, string>>) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const handle = yield* spawner.spawn(
    ChildProcess.make(process.execPath, [file], {
      env: { ...env, PATH: process.env["PATH"] },
      extendEnv: false,
      stdin: "ignore"
    })
  )
  const output = yield* handle.all.pipe(Stream.decodeText(), Stream.mkString)
  const code = yield* handle.exitCode
  return { output, problems: code === 0 ? [] : [`exit code ${code}`] }
}, Effect.scoped)

/** Runs effects and programs one after the other, so that each has its own script of the model. */
export const run = Effect.fnUntraced(function* (directory: string, modules: ReadonlyArray<Module>) {
  const path = yield* Path.Path
  let script: ModelServer.Respond | undefined
  const server = yield* ModelServer.make((request, index) =>
    script === undefined ? ModelServer.httpError(500) : script(request, index)
  )
  // Not the temporary directory, which the agent of a writable sandbox can write.
  const home = yield* ModelServer.home(server, { directory: "/var/tmp" })
  const root = path.resolve(directory)
  yield* withEnvironment(home, yield* makeProject(home.HOME))
  const services = yield* Layer.build(
    Layer.mergeAll(Codex.layer, Attachments.layer).pipe(
      Layer.provide(AppServer.layer),
      Layer.merge(NodeServices.layer)
    )
  )
  const runEffect = Effect.fnUntraced(function* (url: string) {
    const { main } = yield* Effect.promise((): Promise<Record<string, unknown>> => import(url))
    if (!isEffect(main))
      return { problems: ["has nothing to run: no `program.pipe(` at the start of a line"], output: "" }
    const { console, lines } = capture()
    const exit = yield* main.pipe(
      Effect.provide(services),
      Effect.provideService(Console.Console, console),
      Effect.exit
    )
    return {
      problems: exit._tag === "Success" ? [] : [Cause.pretty(exit.cause)],
      output: lines.join("\n")
    }
  })
  return yield* Effect.forEach(modules, (module) =>
    Effect.gen(function* () {
      if (module.run === undefined || module.run._tag === "Test") return { problems: [], output: "" }
      script = scripts[module.run.script]
      if (script === undefined)
        return { problems: [`no script "${module.run.script}" of the model`], output: "" }
      const target = path.join(root, module.file)
      if (module.run._tag === "Program") return yield* spawnProgram(target, home)
      const { href } = pathToFileURL(target)
      if (module.run.first !== undefined) {
        const [name, value] = module.run.first
        process.env[name] = value
        const result = yield* runEffect(`${href}?first`)
        delete process.env[name]
        if (result.problems.length > 0) return result
      }
      return yield* runEffect(href)
    }).pipe(
      Effect.timeout("60 seconds"),
      Effect.catch((error) => Effect.succeed({ problems: [error.message], output: "" })),
      Effect.map((result): Ran => ({ module, ...result }))
    )
  )
}, Effect.scoped)

/** Runs the tests of the pages, and returns the problem if one fails. */
export const test = Effect.fnUntraced(function* (directory: string) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const handle = yield* spawner.spawn(
    ChildProcess.make(
      "node_modules/.bin/vitest",
      ["run", "--root", directory, "--config", "../scripts/docs-check/vitest.config.ts"],
      // In CI an inline snapshot that the page leaves out would fail.
      { env: { CI: "" }, extendEnv: true, stdin: "ignore" }
    )
  )
  const output = yield* handle.all.pipe(Stream.decodeText(), Stream.mkString)
  return (yield* handle.exitCode) === 0 ? [] : [`a test of a page fails\n${output}`]
}, Effect.scoped)

/** A module of the pages exports an effect that needs only the services which are built here; the compiler has checked it. */
const isEffect = (
  value: unknown
): value is Effect.Effect<unknown, unknown, Codex | Attachments | NodeServices.NodeServices> =>
  Effect.isEffect(value)
