/** CONTRIBUTING.md and docs/internals/design.md name only paths, npm scripts and layers that exist. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import manifest from "../../package.json" with { type: "json" }
import { layers } from "../../scripts/architecture/layers.ts"

const pages = ["CONTRIBUTING.md", "docs/internals/design.md"]

/** Returns the paths of this repository that a text names, in code or as the target of a link. */
const pathsIn = (text: string): ReadonlyArray<string> =>
  [
    ...text.matchAll(/(?<![\w/.@-])((?:src|test|scripts|docs|bench|examples)\/[\w./-]*\w)/g),
    ...text.matchAll(/`([\w-]+\.(?:md|json|ts))`/g)
  ].map(([, path = ""]) => path)

/** Returns the npm scripts that a text tells the reader to run. */
const scriptsIn = (text: string): ReadonlyArray<string> => [
  ...[...text.matchAll(/npm run ([\w:]+)/g)].map(([, script = ""]) => script),
  ...(/\bnpm test\b/.test(text) ? ["test"] : [])
]

describe("the pages for maintainers", () => {
  for (const page of pages) {
    const text = readFileSync(page, "utf8")

    it(`name only paths that exist: ${page}`, () => {
      // The table of conventions has examples of bad names.
      const good = text.replaceAll("`src/turn/helpers.ts`", "")
      const missing = pathsIn(good).filter(
        (path) =>
          !existsSync(path) && !existsSync(join("src", path)) && !existsSync(join(dirname(page), path))
      )
      assert.deepStrictEqual(missing, [])
      for (const [, link = ""] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
        assert.isTrue(existsSync(join(dirname(page), link)), link)
    })

    it(`name only npm scripts that exist: ${page}`, () => {
      for (const script of scriptsIn(text)) assert.property(manifest.scripts, script)
    })
  }

  it("have a row for every layer of src", () => {
    const design = readFileSync("docs/internals/design.md", "utf8")
    for (const layer of Object.keys(layers).filter((name) => name !== "facades"))
      assert.match(design, new RegExp(`^\\|[^|]*\`${layer}\``, "m"), layer)
    const map = readFileSync("CONTRIBUTING.md", "utf8")
    for (const layer of Object.keys(layers).filter((name) => !name.endsWith(".ts") && name !== "facades"))
      assert.match(map, new RegExp(`^\\| \`src/${layer}\``, "m"), layer)
  })

  it("are checked: a path and a script that do not exist are found", () => {
    assert.deepStrictEqual(pathsIn("see `src/nowhere/X.ts` and scripts/none.ts, `NONE.md`"), [
      "src/nowhere/X.ts",
      "scripts/none.ts",
      "NONE.md"
    ])
    assert.deepStrictEqual(scriptsIn("`npm run none:such -- --x`, npm test"), ["none:such", "test"])
  })
})
