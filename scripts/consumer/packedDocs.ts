/** Checks that the links inside the packed Markdown pages lead to files of the package. */
import { Effect, FileSystem, Path } from "effect"

/** Code is not a link, even if it looks like one. */
const withoutCode = (markdown: string): string =>
  markdown.replace(/```[\s\S]*?```/g, "").replace(/`[^`\n]*`/g, "")

const linksOf = (markdown: string): ReadonlyArray<string> =>
  [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target) && !target.startsWith("#"))

/** Returns the number of links. Fails with the links of the pages in `directory` that lead nowhere. */
export const check = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const dead: Array<string> = []
  let count = 0
  for (const page of yield* fs.readDirectory(directory, { recursive: true })) {
    if (!page.endsWith(".md") || page.includes("node_modules/")) continue
    for (const target of linksOf(yield* fs.readFileString(path.join(directory, page)))) {
      count++
      const file = path.join(directory, path.dirname(page), target.replace(/#.*/, ""))
      if (!(yield* fs.exists(file))) dead.push(`${page} links to ${target}`)
    }
  }
  if (count === 0) return yield* Effect.fail("the package has no page with a link")
  return dead.length === 0 ? count : yield* Effect.fail(`dead links in the package:\n${dead.join("\n")}`)
})
