/** The configuration of the tests for `npm run matrix`, in which the version under test counts as the oldest supported one. */
import { mergeConfig } from "vitest/config"
import base from "../../vitest.config.ts"

const minimum = process.env["MATRIX_CODEX_MINIMUM"]

export default mergeConfig(base, {
  root: new URL("../..", import.meta.url).pathname,
  plugins: [
    {
      name: "codex-minimum",
      transform: (code: string, id: string) =>
        minimum !== undefined && id.endsWith("/CodexBinary.ts")
          ? code.replace(/(export const oldest = )"[^"]+"/, `$1"${minimum}"`)
          : undefined
    }
  ]
})
