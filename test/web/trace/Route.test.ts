import { assert, describe, it } from "@effect/vitest"
import { compareOperations } from "../../../src/web/trace/Operations.ts"
import * as Route from "../../../src/web/trace/Route.ts"
import { span } from "../../support/samplePage.ts"

describe("the address of a view", () => {
  it("names every view", () => {
    const routes: ReadonlyArray<Route.Route> = [
      { view: "list" },
      { view: "turn", turn: 3 },
      { view: "turn", turn: 3, span: 12 },
      { view: "compare", left: 1, right: 0 }
    ]
    for (const route of routes) assert.deepStrictEqual(Route.parse(Route.format(route), 4), route)
  })

  it("shows the list for anything else", () => {
    for (const fragment of [
      "",
      "#",
      "#/turn/4",
      "#/turn/-1",
      "#/turn/1e0",
      "#/compare/0",
      "#/compare/0/4",
      "#/turn/x"
    ])
      assert.deepStrictEqual(Route.parse(fragment, 4), { view: "list" }, fragment)
  })
})

describe("the comparison of two turns", () => {
  it("adds up spans by name, the largest difference first", () => {
    const chat = (durationNanos: number) => span({ name: "chat", kind: "model", durationNanos })
    const git = span({ name: "git", kind: "command", durationNanos: 3, failed: true })
    assert.deepStrictEqual(compareOperations([chat(10), chat(20), git], [chat(100)]), [
      {
        name: "chat",
        kind: "model",
        left: { count: 2, failed: 0, nanos: 30 },
        right: { count: 1, failed: 0, nanos: 100 }
      },
      { name: "git", kind: "command", left: { count: 1, failed: 1, nanos: 3 } }
    ])
  })
})
