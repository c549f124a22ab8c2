/** Writes a generated page of the docs, or compares it with `--check`. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Data, Effect, FileSystem } from "effect"
import { difference } from "./markdown.ts"

class Outdated extends Data.TaggedError("Outdated")<{ readonly file: string; readonly detail: string }> {
  override get message() {
    return `${this.file} is not what the code says; run \`npm run docs\`\n${this.detail}`
  }
}

export const main = (file: string, document: () => string): void => {
  const program = Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    if (!process.argv.includes("--check")) return yield* fs.writeFileString(file, document())
    const found = yield* Effect.orElseSucceed(fs.readFileString(file), () => "")
    if (found !== document()) return yield* new Outdated({ file, detail: difference(found, document()) })
    yield* Console.log(`${file} is up to date`)
  })
  NodeRuntime.runMain(Effect.provide(program, NodeServices.layer))
}
