import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FileSystem from "effect/FileSystem"
import { Codex } from "../../src/Codex.ts"
import type * as CodexProtocol from "../../src/engine/CodexProtocol.ts"
import * as CodexFiles from "../../scripts/protocol/CodexFiles.ts"
import * as Messages from "../../scripts/protocol/Messages.ts"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import { isAlive } from "../support/fakeCodex.ts"
import * as JsonShape from "../support/jsonSchemaCompat.ts"
import { test, timed, until } from "../support/live.ts"
import { protocolSchema } from "../support/protocolCompatibility.ts"
import * as Real from "../support/realEngine.ts"

/** Requests that work without an account, a network and a thread. */
const requests: ReadonlyArray<readonly [CodexProtocol.RequestMethod, object?]> = [
  ["account/gatewayOAuth/cancel"],
  ["account/gatewayOAuth/read"],
  ["account/login/start", { type: "apiKey", apiKey: "k" }],
  ["account/logout"],
  ["account/read"],
  ["account/securitySetup/read"],
  ["accountSession/list"],
  ["app/list"],
  ["collaborationMode/list"],
  ["command/exec", { command: ["echo", "hello"] }],
  ["config/mcpServer/reload"],
  ["config/read"],
  ["config/value/write", { keyPath: "model", value: "gpt-5.5", mergeStrategy: "replace" }],
  ["configRequirements/read"],
  ["experimentalFeature/list"],
  ["externalAgentConfig/import/readHistories"],
  ["fs/getMetadata", { path: "/" }],
  ["fs/readDirectory", { path: "/" }],
  ["getAuthStatus"],
  ["hooks/list"],
  ["mcpServerStatus/list"],
  ["memory/reset"],
  ["memory/status"],
  ["model/list"],
  ["modelProvider/capabilities/read"],
  ["modelProvider/list"],
  ["permissionProfile/list"],
  ["plugin/installed"],
  ["project/list"],
  ["remoteControl/status/read"],
  ["rollout/compress"],
  ["server/diagnostics"],
  ["skills/list"],
  ["thread/list"],
  ["thread/loaded/list"],
  ["thread/realtime/listVoices"],
  ["threadSection/list"],
  ["userVerification/status"],
  ["windowsSandbox/readiness"]
]

const sleeping = (file: string) => ["sh", "-c", `echo $$ > ${file}; exec sleep 300`]

describe.concurrent("a request to Codex by its method", () => {
  test(
    "has a reply of the generated type",
    () =>
      Effect.gen(function* () {
        const document: unknown = JSON.parse(yield* protocolSchema)
        const { clientRequests } = Messages.find(CodexFiles.generate({ experimental: true }))
        const types = new Map(clientRequests.map(({ method, result }) => [method, result]))
        const real = yield* Real.make([])
        yield* Effect.gen(function* () {
          const codex = yield* Codex
          for (const [method, params] of requests) {
            // A method from a list has no type of its own.
            const name: string = method
            const reply = yield* codex.request(name, params)
            const schema = { schema: { $ref: `#/definitions/${types.get(method)}` }, document }
            // Codex's type of its configuration allows any other setting.
            const wrong = JsonShape.validate(reply, schema).filter(
              (one) => !/^config\..*: unknown$/.test(one)
            )
            assert.deepStrictEqual(wrong, [], method)
          }
        }).pipe(Effect.provide(real.layer))
      }),
    60_000
  )

  test("may take longer than `requestTimeout` where a command decides", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([], { engine: { requestTimeout: "1 second" } })
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const [took, { exitCode, stdout }] = yield* timed(
          codex.request("command/exec", { command: ["sh", "-c", "sleep 2; echo done"] })
        )
        assert.isAtLeast(took, 2000)
        assert.deepStrictEqual({ exitCode, stdout }, { exitCode: 0, stdout: "done\n" })
      }).pipe(Effect.provide(real.layer))
    }))

  test("ends its command when it is interrupted", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const real = yield* Real.make([])
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const file = `${real.workspace}/pid`
        const command = { command: sleeping(file), sandboxPolicy: { type: "dangerFullAccess" } } as const
        const running = yield* Effect.forkScoped(codex.request("command/exec", command), {
          startImmediately: true
        })
        yield* until("the command runs", real.exists(file))
        yield* until(
          "it has a pid",
          Effect.map(fs.readFileString(file), (text) => text.endsWith("\n"))
        )
        const pid = Number(yield* fs.readFileString(file))
        assert.isTrue(isAlive(pid))
        yield* Fiber.interrupt(running)
        yield* until(
          "the command has ended",
          Effect.sync(() => !isAlive(pid))
        )
      }).pipe(Effect.provide(real.layer))
    }))

  test("interrupts the turn that it started when it is interrupted before the reply", () =>
    Effect.gen(function* () {
      const real = yield* Real.make([ModelServer.reply(ModelServer.delay("1 minute"))])
      yield* Effect.gen(function* () {
        const codex = yield* Codex
        const { id } = yield* real.start()
        const input = [{ type: "text", text: "go", text_elements: [] }] as const
        const starting = yield* Effect.forkScoped(codex.request("turn/start", { threadId: id, input }), {
          startImmediately: true
        })
        yield* Fiber.interrupt(starting)
        const { thread } = yield* codex.request("thread/read", { threadId: id, includeTurns: true })
        assert.deepStrictEqual(
          thread.turns.map(({ status }) => status),
          ["interrupted"]
        )
      }).pipe(Effect.scoped, Effect.provide(real.layer))
    }))
})
