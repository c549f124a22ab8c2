/**
 * Runs every example as a user would: with the built package and the real Codex, on a scripted model. Fails if an example
 * exits with a code other than the expected one or does not print the expected text.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem } from "effect"
import * as Example from "./examples/Example.ts"
import { examples } from "./examples/table.ts"

/** Programs that another example starts, and the script of the installed command line, which `npm run consumer` runs. */
const notRun = new Set(["mcpServer.ts", "cli.sh"])

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const files = yield* fs.readDirectory("examples")
  const notListed = files.filter(
    (file) => /^[A-Za-z]+\.(ts|sh)$/.test(file) && examples[file] === undefined && !notRun.has(file)
  )
  if (notListed.length > 0) return yield* Effect.fail(`not run: ${notListed.join(", ")}`)
  // With names as arguments, only these run.
  const only = process.argv.slice(2)
  const chosen = Object.entries(examples).filter(([file]) =>
    only.length === 0 ? !notRun.has(file) : only.includes(file.replace(/\.ts$/, ""))
  )
  const place = { directory: ".", node: process.execPath, path: process.env["PATH"] ?? "" }
  yield* Effect.forEach(chosen, ([file, example]) => Example.run(file, example, place), { discard: true })
})

program.pipe(Effect.timeout("3 minutes"), Effect.provide(NodeServices.layer), NodeRuntime.runMain)
