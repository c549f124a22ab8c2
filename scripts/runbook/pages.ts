/** The pages whose code the gate checks. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"

/** Returns the paths of all pages that people write; those below `docs/api` are generated. */
export const pages = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const docs = yield* fs.readDirectory("docs", { recursive: true })
  const written = docs.filter((file) => file.endsWith(".md") && !file.startsWith("api/")).toSorted()
  return ["README.md", "CONTRIBUTING.md", ...written.map((file) => `docs/${file}`)]
})
