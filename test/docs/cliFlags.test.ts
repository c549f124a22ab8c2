/** docs/cli.md documents every command and every flag. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { pages } from "../../src/cli/generated/helpPages.ts"

const text = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8")

/** The sections of the page by their title. */
const sections = new Map(
  text
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf("\n")), section] as const)
)

/** The section of a command, or of its group. */
const sectionOf = (path: ReadonlyArray<string>): string => {
  for (let length = path.length; length > 1; length--) {
    const section = sections.get(`\`${path.slice(0, length).join(" ")}\``)
    if (section !== undefined) return section
  }
  return ""
}

const documents = (section: string, name: string): boolean =>
  new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(section)

const runSection = sectionOf(["effect-codex", "run"])

describe("docs/cli.md", () => {
  for (const { commands, flags, path } of Object.values(pages))
    if (commands.length === 0)
      it(`documents every flag of ${path.join(" ")}`, () => {
        const section = sectionOf(path)
        assert.include(section, path.slice(1).join(" "))
        // A command with the options of `run` says so instead of repeating them.
        const all = /options(?: and exit codes)? are those of `run`/.test(section)
          ? section + runSection
          : section
        const missing = flags.filter(({ names }) => !names.some((name) => documents(all, name)))
        assert.deepStrictEqual(
          missing.map(({ names }) => names[0]),
          []
        )
      })

  it("documents the flags of every command, with all their names", () => {
    const section = sections.get("Every command") ?? ""
    const flags = pages["effect-codex"]?.globalFlags ?? []
    assert.isAtLeast(flags.length, 5)
    for (const { names, value } of flags) {
      for (const name of names) assert.isTrue(documents(section, name), name)
      for (const choice of value?.split("|") ?? []) assert.include(section, `\`${choice}\``)
    }
  })

  it("finds a flag that is missing", () => {
    assert.isFalse(documents("`--json-lines`", "--json"))
    assert.isTrue(documents("`-c key=value`, `--json`", "-c"))
  })
})
