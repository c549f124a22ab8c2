import { assert, describe, it } from "@effect/vitest"
import * as ScriptTools from "../../../src/engine/app-server/ScriptTools.ts"

describe("the tools of a script", () => {
  const cases: ReadonlyArray<readonly [script: string, names: ReadonlyArray<string>]> = [
    ["text('hello')", []],
    ["text(JSON.stringify(ALL_TOOLS))", []],
    ["await tools.exec_command({ cmd: 'ls' })", ["exec_command"]],
    ["await Promise.all([tools.a({}), tools . b({}), tools?.c?.({})])", ["a", "b", "c"]],
    [`tools["mcp__x__y"]({}); tools['z']()`, ["mcp__x__y", "z"]],
    ["tools[name]({})", ["*"]],
    ["const { exec_command } = tools; exec_command({})", ["*"]],
    ["const t = tools; t.exec_command({})", ["*"]],
    ["globalThis['to' + 'ols'].exec_command({})", ["*"]]
  ]
  for (const [script, names] of cases) {
    it(`are ${JSON.stringify(names)} in ${script}`, () => {
      assert.deepStrictEqual(ScriptTools.namesIn(script), names)
    })
  }

  it("are limited in number, and a script with more has an unknown one", () => {
    const names = ScriptTools.namesIn("tools.a();".repeat(5_000))
    assert.lengthOf(names, 101)
    assert.strictEqual(names.at(-1), "*")
  })
})
