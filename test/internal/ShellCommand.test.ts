import { assert, describe, it } from "@effect/vitest"
import * as ShellCommand from "../../src/internal/ShellCommand.ts"

describe("F39 a command line", () => {
  it("F39 that sets a variable is not one simple command", () => {
    for (const line of ["LD_PRELOAD=x ls", "PATH+=. ls", "A=1"])
      assert.isUndefined(ShellCommand.argv(line), line)
    assert.deepStrictEqual(ShellCommand.argv("ls A=1"), ["ls", "A=1"])
  })

  it("F39 with shell syntax is not one simple command, not even inside quotes", () => {
    for (const line of [
      "a; b",
      "a | b",
      "a & b",
      "a $x",
      "a `b`",
      "a > b",
      "a < b",
      "a (b)",
      "a {b}",
      "a *",
      "a ?"
    ])
      assert.isUndefined(ShellCommand.argv(line), line)
    for (const line of ["a [b]", "a #b", "a !b", "a ~/b", "~/a", "a\nb", "a 'b;c'", "a 'b", "a \\"])
      assert.isUndefined(ShellCommand.argv(line), line)
  })

  it("F39 keeps a backslash in double quotes unless it escapes a special character", () => {
    assert.deepStrictEqual(ShellCommand.words('"a\\b" "a\\"b" a\\ b ""'), ["a\\b", 'a"b', "a b", ""])
  })

  it("F39 is unwrapped only from `bash -c` and `bash -lc` with one script", () => {
    for (const flag of ["-c", "-lc"])
      assert.strictEqual(ShellCommand.script(`/bin/bash ${flag} 'rm x'`), "rm x")
    for (const line of ["bash -ic 'rm x'", "bash -c 'rm x' y", "notbash -c 'rm x'", "bash -x 'rm x'"])
      assert.strictEqual(ShellCommand.script(line), line)
  })

  it("H22 is unwrapped only from the shells that Codex itself starts", () => {
    for (const shell of ["bash", "sh", "zsh", "/bin/bash", "/bin/sh", "/usr/bin/zsh"])
      assert.strictEqual(ShellCommand.script(`${shell} -c 'npm test'`), "npm test", shell)
    for (const shell of [
      "./bash",
      "x/bash",
      "../bin/sh",
      "/tmp/bash",
      "/srv/bin/bash",
      "/bin/../tmp/sh",
      "/usr/local/bin/bash2",
      "dash",
      "fish",
      "//bin/bash",
      "BASH"
    ]) {
      const line = `${shell} -c 'npm test'`
      assert.strictEqual(ShellCommand.script(line), line, shell)
      assert.deepStrictEqual(ShellCommand.argv(line), [shell, "-c", "npm test"])
    }
  })

  it("F39 is named after the program that it starts", () => {
    assert.strictEqual(ShellCommand.executable("bash -c 'A=1 /usr/bin/git status'"), "git")
    assert.strictEqual(ShellCommand.executable(`${"x".repeat(65)} a`), "sh")
  })
})
