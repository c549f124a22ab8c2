/** docs/errors.md is what the code says, and the code knows every error that the installed Codex has a name for. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import { createRequire } from "node:module"
import { difference } from "../../scripts/catalogue/markdown.ts"
import { errors } from "../../scripts/catalogue/errors.ts"
import { document, file } from "../../scripts/errorDocs.ts"
import * as CodexError from "../../src/domain/CodexError.ts"
import * as ErrorMapping from "../../src/engine/app-server/ErrorMapping.ts"
import { test } from "../support/live.ts"

const Info = Schema.Struct({
  definitions: Schema.Struct({
    v2: Schema.Struct({
      CodexErrorInfo: Schema.Struct({
        oneOf: Schema.optionalKey(Schema.Array(Schema.Unknown)),
        anyOf: Schema.optionalKey(Schema.Array(Schema.Unknown))
      })
    })
  })
})

const namesIn = (schema: unknown): ReadonlyArray<string> => {
  if (typeof schema !== "object" || schema === null) return []
  const { enum: literals, required } = schema as {
    enum?: ReadonlyArray<string>
    required?: ReadonlyArray<string>
  }
  return [...(literals ?? []), ...(required ?? [])]
}

describe("docs/errors.md", () => {
  it.effect("equals the output of the generator", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const found = yield* fs.readFileString(file)
      assert.strictEqual(found === document() ? "" : difference(found, document()), "")
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it("has a reason and a next step in every message, and no tag", () => {
    for (const [name, { error }] of Object.entries(errors)) {
      const start = error.message.slice(0, -`; ${error.nextStep}`.length)
      assert.strictEqual(`${start}; ${error.nextStep}`, error.message)
      assert.isAbove(error.nextStep.length, 10, name)
      assert.isAbove(start.length, 20, name)
      assert.notInclude(error.message, `${error._tag}: `)
      assert.notMatch(error.message, /[\r\n]|\(\)|: ;|""|\b0 of 0\b/)
    }
  })

  it("has the reason of Codex or the system in the message, on one line", () => {
    const given = "first line\n  second line."
    const carrying: ReadonlyArray<CodexError.CodexError> = [
      new CodexError.TurnFailed({ reason: "Other", detail: given }),
      new CodexError.InvalidRequest({ reason: "Rejected", method: "turn/start", detail: given }),
      new CodexError.ToolFailed({ tool: "t", detail: given, retryable: false }),
      new CodexError.AttachmentRejected({ reason: "NotFound", path: "/x", detail: given }),
      new CodexError.ThreadBusy({ method: "thread/resume", detail: given })
    ]
    for (const error of carrying) assert.match(error.message, /first line second line\.?\)?; /, error._tag)
    const stderr = `2026-11-22T01:00:00Z ERROR codex: no bubblewrap\nWARNING: no aliases\nError: out of memory\n`
    for (const error of [
      new CodexError.EngineExited({ stderr }),
      new CodexError.EngineStartFailed({ reason: "Exited", detail: stderr })
    ])
      assert.match(error.message, /: out of memory; /)
  })

  it("has no reason of Codex or the provider in the summary", () => {
    const secret = "the words of a prompt"
    for (const error of [
      new CodexError.TurnFailed({ reason: "Other", detail: secret }),
      new CodexError.EngineExited({ stderr: secret }),
      new CodexError.EngineStartFailed({ reason: "BadHome", detail: secret, path: `/${secret}` }),
      new CodexError.OutputInvalid({ output: secret, detail: secret }),
      new CodexError.ToolFailed({ tool: "t", detail: secret, retryable: false }),
      new CodexError.AttachmentRejected({ reason: "NotFound", path: "/x", detail: secret }),
      new CodexError.TurnTimedOut({ timeoutMillis: 1, retrying: { errorType: "x", detail: secret } })
    ]) {
      assert.notInclude(error.summary, secret, error._tag)
      assert.include(error.summary, error.nextStep)
    }
  })

  it("has no message that quotes the answer of the model", () => {
    const secret = "the words of an answer"
    assert.notInclude(new CodexError.OutputInvalid({ output: secret, detail: secret }).message, secret)
  })

  it("lists only errors that can be encoded and decoded", () => {
    const codec = Schema.toCodecJson(CodexError.CodexError)
    for (const { error } of Object.values(errors)) {
      const again = Schema.decodeUnknownSync(codec)(
        JSON.parse(JSON.stringify(Schema.encodeUnknownSync(codec)(error)))
      )
      assert.strictEqual(again.message, error.message)
      assert.deepStrictEqual(
        [again.class, again.retryable, again.errorType],
        [error.class, error.retryable, error.errorType]
      )
    }
  })
})

test("maps every error that the installed Codex names", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    const folder = yield* fs.makeTempDirectoryScoped()
    const bin = createRequire(import.meta.url).resolve("@openai/codex/bin/codex.js")
    const made = yield* spawner.exitCode(
      ChildProcess.make(process.execPath, [
        bin,
        "app-server",
        "generate-json-schema",
        "--experimental",
        "--out",
        folder
      ])
    )
    assert.strictEqual(Number(made), 0)
    const all = yield* fs.readFileString(path.join(folder, "codex_app_server_protocol.schemas.json"))
    const { CodexErrorInfo } = Schema.decodeUnknownSync(Schema.fromJsonString(Info))(all).definitions.v2
    const names = [...(CodexErrorInfo.oneOf ?? []), ...(CodexErrorInfo.anyOf ?? [])].flatMap(namesIn)
    assert.include(names, "contextWindowExceeded")
    const unknown = names.filter(
      (name) => name !== "other" && !ErrorMapping.reasons.has(name) && !ErrorMapping.nonFatalErrors.has(name)
    )
    assert.deepStrictEqual(unknown, [])
  }))
