/**
 * Records the golden traces again, on the real Codex that is installed:
 * `node test/golden-traces/record.ts [--check] [name ...]`. `--check` writes nothing and shows the differences.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { parseArgs } from "node:util"
import * as Golden from "../../src/testing/Golden.ts"
import * as Check from "../../src/trace/Check.ts"
import { scenarios } from "../golden/scenarios.ts"
import { fileOf, run } from "./run.ts"

class Different extends Data.TaggedError("Different")<{ readonly names: ReadonlyArray<string> }> {
  override get message() {
    return `other than recorded: ${this.names.join(", ")}`
  }
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { check: { type: "boolean", default: false } }
})

const main = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const names = positionals.length > 0 ? positionals : Object.keys(scenarios)
  const different: Array<string> = []
  for (const name of names) {
    const make = scenarios[name]
    if (make === undefined) return yield* Effect.die(new Error(`no scenario ${name}`))
    const { findings, text } = yield* Effect.scoped(run(make()))
    const before = yield* Effect.orElseSucceed(fs.readFileString(fileOf(name)), () => "")
    if (before !== text) different.push(name)
    yield* Console.log(before === text ? `${name}: the same` : `${name}\n${Golden.diff(before, text)}`)
    for (const line of Check.lines(findings)) yield* Console.log(line)
    if (!values.check) yield* fs.writeFileString(fileOf(name), text)
  }
  if (values.check && different.length > 0) return yield* new Different({ names: different })
})

NodeRuntime.runMain(Effect.provide(main, NodeServices.layer))
