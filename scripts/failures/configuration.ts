/** Set-ups in which Codex's configuration is wrong. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { type FailureGroup, type Home, play } from "./Failure.ts"

const append = (text: string) => (home: Home) =>
  FileSystem.FileSystem.use((fs) =>
    Effect.flatMap(fs.readFileString(`${home.CODEX_HOME}/config.toml`), (config) =>
      fs.writeFileString(`${home.CODEX_HOME}/config.toml`, `${config}\n${text}\n`)
    )
  ).pipe(Effect.as({}))

export const configuration: FailureGroup = {
  title: "Configuration",
  failures: [
    {
      id: "broken-toml",
      setup: "`config.toml` is not TOML",
      errorType: "InvalidRequest.BadConfig",
      class: "config",
      retryable: false,
      reasons: ["config.toml:", "extra `=`"],
      run: play({ breakHome: append("model = = 1") })
    },
    {
      id: "wrong-type",
      setup: "a setting of `config.toml` has a value of the wrong type",
      errorType: "InvalidRequest.BadConfig",
      class: "config",
      retryable: false,
      reasons: ["wanted string or table"],
      run: play({ breakHome: append("[history]\npersistence = 3") })
    },
    {
      id: "unknown-key",
      setup: "`config.toml` has an unknown key",
      errorType: "none",
      reasons: [],
      run: play({ breakHome: append("[no_such_table]\nno_such_key = true") })
    },
    {
      id: "unknown-provider",
      setup: "`model_provider` names no provider",
      errorType: "InvalidRequest.BadConfig",
      class: "config",
      retryable: false,
      reasons: ["elsewhere"],
      run: play({ config: 'model_provider = "elsewhere"' })
    },
    {
      id: "missing-key",
      setup: "the variable of the provider's key is not set",
      errorType: "TurnFailed.MissingKey",
      class: "config",
      retryable: false,
      reasons: ["MOCK_API_KEY"],
      gate: true,
      run: play({ breakHome: () => Effect.succeed({ MOCK_API_KEY: undefined }) })
    },
    {
      id: "broken-mcp",
      setup: "an MCP server of `config.toml` does not start",
      errorType: "none",
      reasons: [],
      run: play({ config: '[mcp_servers.docs]\ncommand = "/nowhere/docs-server"' })
    },
    {
      id: "required-mcp",
      setup: "the same server is `required`",
      errorType: "InvalidRequest.McpServerFailed",
      class: "config",
      retryable: false,
      reasons: ["docs: No such file or directory"],
      run: play({ config: '[mcp_servers.docs]\ncommand = "/nowhere/docs-server"\nrequired = true' })
    }
  ]
}
