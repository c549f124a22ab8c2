import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as M from "../../src/testing/ModelServer.ts"
import * as CodexSocket from "../support/codexSocket.ts"
import { test } from "../support/live.ts"
import * as OutlivingTurns from "../support/outlivingTurns.ts"

const partOf = (step: OutlivingTurns.Step) => {
  switch (step._tag) {
    case "Command":
      return step.endless === undefined
        ? M.shell("echo x >> runs", { escalate: "I need it" })
        : M.shell("sleep 100")
    case "Tool":
      return M.call("lookup", {})
    case "Message":
      return M.text(step.text)
  }
}

/** The replies of the model in one turn. A message before a call belongs to the same reply, because alone it ends the turn. */
const toReplies = (steps: ReadonlyArray<OutlivingTurns.Step>) =>
  steps[0]?._tag === "Message" ? [M.reply(...steps.map(partOf))] : steps.map((step) => M.reply(partOf(step)))

describe("the real Codex behind a socket", () => {
  test("shows programs of its turns what the scripted Codex shows", () =>
    Effect.gen(function* () {
      const codex = yield* CodexSocket.make(OutlivingTurns.script.flatMap(toReplies))
      const services = yield* Effect.context<FileSystem.FileSystem>()
      const seen = yield* OutlivingTurns.observe({
        program: codex.layer,
        options: { cwd: codex.workspace, sandbox: "workspace-write", approvalMode: "on-request" },
        crash: Effect.orDie(Effect.provideContext(codex.restart, services))
      })
      assert.deepStrictEqual(seen, OutlivingTurns.expected)
    }))
})
