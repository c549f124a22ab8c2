import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const built = (path: string) => fileURLToPath(new URL(`../../dist/${path}`, import.meta.url))

/** For the tests in the pages, which `scripts/docsCheck.ts` writes: they use the built package. */
export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-codex$/, replacement: built("index.js") },
      { find: /^effect-codex\/(\w+)$/, replacement: `${built("")}$1/index.js` }
    ]
  },
  test: { include: ["**/*.test.ts"], isolate: false, maxWorkers: 1, update: true, testTimeout: 60_000 }
})
