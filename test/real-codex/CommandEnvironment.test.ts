/** What the agent's commands see of the environment of the real Codex. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as M from "../../src/testing/ModelServer.ts"
import * as Real from "../support/realEngine.ts"
import { test } from "../support/live.ts"

const credentials = {
  OPENAI_API_KEY: "openai-canary",
  CODEX_API_KEY: "codex-canary",
  OPENAI_ADMIN_KEY: "admin-canary",
  OPENAI_WEBHOOK_SECRET: "webhook-canary",
  CODEX_PASSWORD: "password-canary",
  OPENAI_BASE_URL: "http://ada:address-canary@127.0.0.1:9",
  HTTP_PROXY: "ada:scheme-canary@127.0.0.1:9",
  AZURE_OPENAI_API_KEY: "azure-canary",
  HTTPS_PROXY: "http://ada:proxy-canary@127.0.0.1:9",
  NO_PROXY: "127.0.0.1"
}

/** Runs `env` as the agent and returns its output and the credential that Codex sends to its model. */
const environmentOfCommands = Effect.fnUntraced(function* (config: string) {
  const real = yield* Real.make([M.reply(M.shell("env; echo seen-$MOCK_API_KEY")), M.reply(M.text("done"))], {
    config
  })
  Object.assign(real.env, credentials)
  yield* Effect.flatMap(real.start(), (thread) => Stream.runDrain(thread.stream("go"))).pipe(
    Effect.provide(real.layer)
  )
  const requests = yield* real.server.requests
  return {
    output: JSON.stringify(requests.at(-1)?.toolOutputs),
    authorization: requests[0]?.headers["authorization"] ?? ""
  }
})

describe("The environment of commands", () => {
  test("H17 hides the credentials of Codex from commands, and Codex still authenticates", () =>
    Effect.gen(function* () {
      const { authorization, output } = yield* environmentOfCommands("")
      assert.include(output, "PATH=")
      assert.notInclude(output, "canary")
      assert.include(output, "seen-")
      assert.notInclude(output, M.environment.MOCK_API_KEY)
      assert.notStrictEqual(authorization, "")
    }))

  test("H17 leaves the choice to a configuration that has its own exclusions", () =>
    Effect.gen(function* () {
      const { output } = yield* environmentOfCommands(
        `[shell_environment_policy]\nignore_default_excludes = true\nexclude = []\n`
      )
      assert.include(output, "openai-canary")
    }))
})
