/**
 * Records the golden transcripts again with the installed Codex: `node scripts/recordGolden.ts [--check] [name ...]`.
 * `--check` writes nothing and shows the differences from the files.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Golden from "../test/golden/files.ts"
import { record } from "../test/golden/run.ts"
import { scenarios } from "../test/golden/scenarios.ts"

const [check, names] = [
  process.argv.includes("--check"),
  process.argv.slice(2).filter((word) => !word.startsWith("--"))
]

const main = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  yield* fs.makeDirectory(Golden.folder, { recursive: true })
  let changed = 0
  for (const [name, make] of Object.entries(scenarios)) {
    if (names.length > 0 && !names.includes(name)) continue
    const text = Golden.print({ name, ...(yield* Effect.scoped(record(make()))) })
    const file = Golden.fileOf(name)
    const before = yield* Effect.orElseSucceed(fs.readFileString(file), () => "")
    const differences = Golden.difference(before, text)
    console.log(`${differences.length === 0 ? "same   " : "changed"} ${name}`)
    if (differences.length === 0) continue
    changed++
    for (const line of before === "" ? ["  new"] : differences.slice(0, 40)) console.log(line)
    if (!check) yield* fs.writeFileString(file, text)
  }
  if (check && changed > 0) process.exitCode = 1
})

main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
