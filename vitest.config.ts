import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// Workers and the command lines that tests start load the same modules hundreds of times: Node keeps them compiled.
process.env["NODE_COMPILE_CACHE"] ??= source("./node_modules/.cache/node-compile-cache")

// Staged files of tests stay out of the developer's home, and out of the temporary directory, which Codex's sandbox may write.
process.env["XDG_STATE_HOME"] = source("./node_modules/.cache/state")

export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-codex\/testing$/, replacement: source("./src/testing/index.ts") },
      { find: /^effect-codex$/, replacement: source("./src/index.ts") }
    ]
  },
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: "forks",
    // By default vitest leaves one core free, which on two cores runs the files one at a time. Most tests wait for
    // processes and timers, so two at a time finish in half the time.
    maxWorkers: Math.max(2, availableParallelism())
  }
})
