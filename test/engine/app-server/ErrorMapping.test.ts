import { assert, describe, it } from "@effect/vitest"
import * as CodexError from "../../../src/domain/CodexError.ts"
import * as ErrorMapping from "../../../src/engine/app-server/ErrorMapping.ts"
import * as JsonRpcConnection from "../../../src/engine/app-server/JsonRpcConnection.ts"

const exited = (stderr: string, code = 1) => new CodexError.EngineExited({ code, stderr })
const paths = { binary: "/opt/codex", home: "/opt/home" }

describe("the error of a start", () => {
  for (const [stderr, reason] of [
    ['Error: CODEX_HOME points to "/opt/home", but that path does not exist\n', "BadHome"],
    ["Error: Permission denied (os error 13)\n", "BadHome"],
    ["Error: No space left on device (os error 28)\n", "BadHome"],
    ["Error: Read-only file system (os error 30)\n", "BadHome"],
    ["Error: failed to initialize sqlite state runtime under /opt/home: disk is full\n", "BadHome"],
    ["Error: error loading config.toml: 3:9\n", "BadConfig"]
  ] as const)
    it(`is ${reason} for ${stderr.trim()}`, () => {
      const error = ErrorMapping.startFailed(exited(stderr), paths)
      assert.deepInclude(error, { reason, class: "config", retryable: false })
      assert.include(error.message, stderr.replace("Error: ", "").trim())
      if (reason === "BadHome") assert.include(error.message, '"/opt/home"')
    })

  it("is NotExecutable if a shell or the linker cannot run the file", () => {
    for (const code of [126, 127])
      assert.deepInclude(ErrorMapping.startFailed(exited("not found", code), paths), {
        errorType: "EngineStartFailed.NotExecutable",
        class: "config",
        path: "/opt/codex"
      })
  })

  it("is Exited and retryable otherwise", () => {
    assert.deepInclude(ErrorMapping.startFailed(exited("thread 'main' panicked", 101), paths), {
      errorType: "EngineStartFailed.Exited",
      class: "engine",
      retryable: true
    })
  })
})

describe("the error of a request", () => {
  const errorOf = (text: string) =>
    ErrorMapping.fromRpcError(
      "thread/start",
      new JsonRpcConnection.RpcError({ method: "thread/start", code: -32600, text, inputTooLarge: false }),
      () => exited("")
    )

  it("is config for a configuration that Codex cannot load, and for a required MCP server", () => {
    for (const [text, errorType] of [
      ["failed to load configuration: /x/config.toml:3:9: extra `=`", "InvalidRequest.BadConfig"],
      ["required MCP servers failed to initialize: docs: No such file", "InvalidRequest.McpServerFailed"]
    ] as const) {
      const error = errorOf(text)
      assert.deepInclude(error, { errorType, class: "config", retryable: false })
      assert.include(error.message, text)
    }
    assert.deepInclude(errorOf("something else"), { errorType: "InvalidRequest.Rejected", class: "request" })
  })
})

describe("the error of a turn", () => {
  it("is config for a missing key", () => {
    const error = ErrorMapping.classify({
      message: "Missing environment variable: `OPENAI_API_KEY`.",
      codexErrorInfo: "other"
    })
    assert.deepInclude(error, { reason: "MissingKey", class: "config", retryable: false })
    assert.include(error.message, "`OPENAI_API_KEY`")
  })

  it("has the reason of a retry and not the count of the attempts", () => {
    for (const message of ["Reconnecting... 2/5", "Reconnecting... waiting for network"])
      assert.strictEqual(
        ErrorMapping.classify({ message, additionalDetails: "connection refused" }).detail,
        "connection refused"
      )
  })

  it("has no secret in its text if the engine masks them", () => {
    const error = ErrorMapping.classify(
      { message: "Incorrect API key provided: sk-1234" },
      { at: 0, mask: (text) => text.replace(/sk-\w+/, "[masked]") }
    )
    assert.include(error.message, "provided: [masked]; ")
    assert.notInclude(JSON.stringify(error), "sk-1234")
  })
})
