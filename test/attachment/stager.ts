/** A process that stages a file, says where, and ends with its standard input. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import { Attachments } from "../../src/attachment/Attachments.ts"

const directory = process.argv[2] ?? ""

const program = Effect.gen(function* () {
  const attachments = yield* Attachments
  const { path } = yield* attachments.stageBytes(Buffer.from("staged"), { name: "x.txt" })
  yield* Effect.sync(() => process.stdout.write(`${path}\n`))
  yield* Effect.callback<void>((resume) => {
    process.stdin.on("end", () => resume(Effect.void)).resume()
  })
})

// Without a folder it is only imported.
if (directory !== "")
  program.pipe(Effect.scoped, Effect.provide(Attachments.layerOptions({ directory })), NodeRuntime.runMain)
