/** Permissions that a policy grants during a turn make no file of this process writable for the agent. */
import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Approval from "../../src/Approval.ts"
import * as Attachments from "../../src/attachment/Attachments.ts"
import * as Otlp from "../../src/telemetry/Otlp.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"
import * as M from "../../src/testing/ModelServer.ts"
import * as AgentCalls from "../support/agentCalls.ts"
import * as Real from "../support/realEngine.ts"
import { test } from "../support/live.ts"

const done = M.reply(M.text("done"))

/** Opens a read-only thread of the real Codex, whose agent asks for `wanted` in its first turn. */
const fixture = Effect.fnUntraced(function* (script: (host: string) => ReadonlyArray<M.Reply>) {
  const fs = yield* FileSystem.FileSystem
  const host = yield* Effect.flatMap(
    fs.makeTempDirectoryScoped({ prefix: "host-files-", directory: "/var/tmp" }),
    fs.realPath
  )
  yield* fs.makeDirectory(`${host}/free`)
  const real = yield* Real.make(script(host), { config: AgentCalls.permissionsTool })
  const outputs = Effect.map(real.server.requests, (requests) =>
    requests.flatMap(({ toolOutputs }) => toolOutputs.map(({ output }) => output)).join("\n")
  )
  return { host, real, outputs, thread: real.start({ sandbox: "read-only" }) }
})

const spool = (directory: string) =>
  Otlp.layer({ spool: { directory }, signals: ["traces"] }).pipe(
    Layer.provide(Layer.succeed(Settings.Environment, { HOME: "/nonexistent" }))
  )

describe.concurrent("Files of the host", () => {
  test("stay out of what a policy grants: the paths that include them are refused, the others are granted", () =>
    Effect.gen(function* () {
      const { host, outputs, real, thread } = yield* fixture((host) => [
        AgentCalls.askWrite(host, `${host}/spool`, `${host}/spool/below`, `${host}/staged`, `${host}/free`),
        M.reply(
          M.shell(
            `echo forged > ${host}/spool/forged; echo forged > ${host}/staged/forged; echo > ${host}/free/made`
          )
        ),
        done
      ])
      const fs = yield* FileSystem.FileSystem
      const asked: Array<Approval.ApprovalRequest> = []
      yield* Effect.flatMap(thread, (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provide(
          Layer.mergeAll(
            real.layer,
            spool(`${host}/spool`),
            Attachments.Attachments.layerOptions({ directory: `${host}/staged` }),
            Approval.layer((request) => Effect.sync(() => (asked.push(request), Approval.acceptForSession)))
          )
        )
      )
      assert.isTrue(yield* fs.exists(`${host}/free/made`))
      for (const path of ["spool/forged", "staged/forged"])
        assert.isFalse(yield* fs.exists(`${host}/${path}`))
      assert.include(yield* outputs, `"write":["${host}/free"]`)
      const [request] = asked
      const paths = request?._tag === "Permissions" ? (request.resolved?.paths ?? []) : []
      assert.isDefined(paths[0]?.hostFiles)
      const contents = Object.fromEntries(
        paths.slice(1).map(({ given, hostFiles }) => [given.slice(host.length + 1), hostFiles])
      )
      assert.deepStrictEqual(contents, {
        spool: "the spool of telemetry",
        "spool/below": "the spool of telemetry",
        staged: "staged attachments",
        free: undefined
      })
    }))

  test("include the home directory of Codex, whose rules say what runs without a request: no policy can grant it", () =>
    Effect.gen(function* () {
      let home = ""
      const real = yield* Real.make(
        [
          () => AgentCalls.askWrite(home),
          () => AgentCalls.askWrite(`${home}/rules`),
          () => M.reply(M.shell(`mkdir -p ${home}/rules; echo > ${home}/rules/owned.rules`)),
          done
        ],
        { config: AgentCalls.permissionsTool }
      )
      home = real.env.CODEX_HOME
      yield* Effect.flatMap(real.start({ sandbox: "read-only" }), (thread) => thread.run("go")).pipe(
        Effect.scoped,
        Effect.provide(Layer.merge(real.layer, Approval.layer(Approval.allow)))
      )
      assert.isFalse(yield* real.exists(`${home}/rules/owned.rules`))
      const [last] = (yield* real.server.requests).slice(-1)
      assert.strictEqual(
        last?.toolOutputs.filter(({ output }) => output.includes('"file_system":null')).length,
        2
      )
    }))

  test("end the next turn as InvalidRequest.AgentWritable if they appear where a policy has granted access", () =>
    Effect.gen(function* () {
      const { host, real, thread } = yield* fixture((host) => [
        AgentCalls.askWrite(`${host}/free`),
        done,
        done
      ])
      yield* Effect.gen(function* () {
        const opened = yield* thread
        yield* opened.run("go")
        const error = yield* Effect.scoped(
          Effect.andThen(Layer.build(spool(`${host}/free/spool`)), Effect.flip(opened.run("go")))
        )
        assert.strictEqual(error.errorType, "InvalidRequest.AgentWritable")
        assert.include(error.message, `an approval lets the agent write "${host}/free"`)
        const staged = Effect.gen(function* () {
          const attachments = yield* Attachments.Attachments
          const attachment = yield* attachments.stageBytes(new TextEncoder().encode("x"), { name: "a.txt" })
          return yield* Effect.flip(opened.run([{ _tag: "Attachment", attachment }]))
        }).pipe(
          Effect.scoped,
          Effect.provide(Attachments.Attachments.layerOptions({ directory: `${host}/free/staged` }))
        )
        assert.strictEqual((yield* staged).errorType, "AttachmentRejected.AgentWritable")
        assert.strictEqual((yield* opened.run("go")).message, "done")
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(real.layer, Approval.layer(Approval.allow))))
    }))
})
