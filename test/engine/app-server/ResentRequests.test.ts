import { assert, describe, it } from "@effect/vitest"
import type * as JsonRpcConnection from "../../../src/engine/app-server/JsonRpcConnection.ts"
import * as ResentRequests from "../../../src/engine/app-server/ResentRequests.ts"

const approval = "item/commandExecution/requestApproval"

/** A request on one connection, and what was answered there. */
const arrive = (id: number) => {
  const answers: Array<unknown> = []
  const request: JsonRpcConnection.IncomingRequest = {
    id,
    reply: (result) => void answers.push(result),
    refuse: (code) => void answers.push(code)
  }
  return { request, answers }
}

describe("requests that Codex sends again", () => {
  it("are passed on once, and the answer goes to the newest connection", () => {
    const requests = ResentRequests.make()
    const first = arrive(1)
    const second = arrive(1)
    const passed = requests.receive(first.request, approval, { threadId: "t" })
    assert.isUndefined(requests.receive(second.request, approval, { threadId: "t" }))
    passed?.reply("yes")
    passed?.reply("no")
    assert.deepStrictEqual([first.answers, second.answers], [[], ["yes"]])
  })

  it("get the answer again that got lost with its connection", () => {
    const requests = ResentRequests.make()
    requests.receive(arrive(1).request, approval, {})?.refuse(-1, "no")
    const again = arrive(1)
    assert.isUndefined(requests.receive(again.request, approval, {}))
    assert.deepStrictEqual(again.answers, [-1])
  })

  it("are new after Codex no longer waits for them", () => {
    const requests = ResentRequests.make()
    requests.receive(arrive(1).request, approval, {})?.reply("yes")
    requests.resolve(1)
    const other = arrive(1)
    assert.isDefined(requests.receive(other.request, approval, {}))
    assert.deepStrictEqual(other.answers, [])
  })

  it("are forgotten when the turn of their thread ends", () => {
    const requests = ResentRequests.make()
    requests.receive(arrive(1).request, "item/tool/call", { threadId: "t" })?.reply("large")
    requests.receive(arrive(2).request, approval, { threadId: "other" })
    requests.endTurn("t")
    assert.isDefined(requests.receive(arrive(1).request, "item/tool/call", { threadId: "t" }))
    assert.isUndefined(requests.receive(arrive(2).request, approval, { threadId: "other" }))
  })

  it("count as questions of a thread until they are answered, except calls of tools", () => {
    const requests = ResentRequests.make()
    const one = requests.receive(arrive(1).request, approval, { threadId: "t" })
    requests.receive(arrive(2).request, approval, { threadId: "t" })
    requests.receive(arrive(3).request, approval, { threadId: "other" })
    requests.receive(arrive(4).request, "item/tool/call", { threadId: "t" })
    one?.reply("yes")
    assert.deepStrictEqual(requests.questions("t"), [2])
  })
})
