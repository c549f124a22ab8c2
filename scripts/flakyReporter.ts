/** A reporter of vitest for runs with `--retry`: lists the tests that failed at first and then passed. */
import type { Reporter, TestModule } from "vitest/node"

const firstLine = (text: string): string => text.split("\n", 1)[0] ?? ""

/** Returns one line per test that needed another try: its file, its title, and why the first try failed. */
export const flakyTests = (modules: ReadonlyArray<TestModule>): ReadonlyArray<string> =>
  modules.flatMap((module) =>
    [...module.children.allTests("passed")]
      .filter((test) => (test.diagnostic()?.retryCount ?? 0) > 0)
      .map((test) => {
        const reason = test.result().errors?.[0]?.message ?? ""
        return `flaky: ${module.relativeModuleId} › ${test.fullName}${reason === "" ? "" : ` (${firstLine(reason)})`}`
      })
  )

export default class FlakyReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    for (const line of flakyTests(modules)) console.log(line)
  }
}
