/**
 * Writes `src/redaction/generated/SecretlintPatterns.ts`: the patterns of secretlint's recommended rules. `--check` fails
 * if the file is not what the installed version of secretlint gives.
 *
 * The rules themselves are no use at run time: they report to a linter, each of them reads the whole text, and some
 * skip a token because it is an example. Their patterns are not exported, so this script runs each rule on an empty
 * text and records the patterns that the rule searches it with.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { rules } from "@secretlint/secretlint-rule-preset-recommend"
import manifest from "@secretlint/secretlint-rule-preset-recommend/package.json" with { type: "json" }

const target = new URL("../src/redaction/generated/SecretlintPatterns.ts", import.meta.url)

// Rules for text around a secret, not for the form of the secret: redaction has its own, which take linear time.
const contextual = /rule-(?:basicauth|database-connection-string|privatekey|filter-comments|gcp)$/
// An account id is no secret; a webhook and the value of a setting are masked by rules of redaction.
const ignoredSource = /ACCOUNT|SECRET\|secret|https\?|_authToken|https:\\\/\\\/|-----BEGIN/

const patternsOf = async (rule: (typeof rules)[number]): Promise<ReadonlyArray<RegExp>> => {
  const found: Array<RegExp> = []
  const content = {
    matchAll: (pattern: RegExp) => {
      found.push(pattern)
      return [][Symbol.iterator]()
    }
  }
  const context = {
    createTranslator: () => () => "",
    report: () => {},
    ignore: () => {},
    registerRule: () => {}
  }
  const create: (...args: ReadonlyArray<unknown>) => { readonly file?: (source: unknown) => unknown } =
    Reflect.get(rule, "create").bind(rule)
  try {
    const source = { content, filePath: "x.txt", ext: ".txt", contentType: "text" }
    await create(context, { enableIDScanRule: false }).file?.(source)
  } catch {
    // The rule uses the text in another way, so it has no pattern of its own to record.
  }
  return found
}

/** Makes a pattern part of a larger one: without names of groups, without captures, without Unicode classes. */
const toPart = (pattern: RegExp): string =>
  pattern.source
    .replaceAll("\\p{L}", "[A-Za-z]")
    .replaceAll(/\(\?<[A-Za-z]+>/g, "(?:")
    .replaceAll(/(?<!\\)\((?!\?)/g, "(?:")

/** Returns the fixed text that a match starts with, as a pattern: a cheap test before the search for the whole. */
const prefixOf = (part: string): string => {
  const start = part.replace(/^(?:\\b|\(\?<!\[A-Za-z\]\))/, "")
  const prefix = /^(?:\(\?:[\w|]+\)|[\w-]|\\\.)+/.exec(start)?.[0] ?? ""
  if (prefix.length < 3) throw new Error(`no fixed start: ${part}`)
  return prefix
}

/** Returns the whole text of the generated file. */
export const generate = async (): Promise<string> => {
  const parts = new Map<string, string>()
  for (const rule of rules) {
    if (contextual.test(rule.meta.id)) continue
    for (const pattern of await patternsOf(rule)) {
      if (!ignoredSource.test(pattern.source) && !pattern.flags.includes("i"))
        parts.set(toPart(pattern), rule.meta.id)
    }
  }
  return [
    "/**",
    ` * Patterns of the rules of secretlint ${manifest.version} (MIT, https://github.com/secretlint/secretlint), written by`,
    " * `node scripts/secretPatterns.ts`. Do not edit.",
    " */",
    "export const patterns: ReadonlyArray<string> = [",
    [...parts]
      .map(
        ([part, id]) => `  // ${id.replace(/^@secretlint\/secretlint-rule-/, "")}\n  ${JSON.stringify(part)}`
      )
      .join(",\n"),
    "]",
    "",
    "/** The starts of all matches. */",
    `export const prefixes: ReadonlyArray<string> = ${JSON.stringify([...new Set([...parts.keys()].map(prefixOf))], null, 2)}`,
    ""
  ].join("\n")
}

if (import.meta.main) {
  const text = await generate()
  if (!process.argv.includes("--check")) writeFileSync(target, text)
  else if (readFileSync(target, "utf8") !== text) {
    console.error(
      "src/redaction/generated/SecretlintPatterns.ts is stale: run node scripts/secretPatterns.ts"
    )
    process.exitCode = 1
  }
}
