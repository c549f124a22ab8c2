/** The map of the pages, from which the site takes its sidebar, and the links of the site. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import * as Links from "../../scripts/site/Links.ts"

/** Pages that a script writes end as it says. */
const generated = new Set(["failures.md"])

const map = readFileSync("docs/README.md", "utf8")

describe("docs/README.md", () => {
  it("lists every page once", () => {
    const pages = [
      ...readdirSync("docs"),
      ...readdirSync("docs/internals").map((file) => `internals/${file}`)
    ].filter((file) => file.endsWith(".md") && file !== "README.md" && file !== "internals/test-titles.md")
    const listed = [...map.matchAll(/^- \[[^\]]+\]\(([^)]+)\): \S/gm)].map(([, file = ""]) => file)
    assert.deepStrictEqual(
      listed.toSorted(),
      [...pages, "../CONTRIBUTING.md"].toSorted(),
      "list the page in docs/README.md"
    )
  })

  it("leads from each guide to a next step", () => {
    const [guides = ""] = map.split("## Reference")
    for (const [, file = ""] of guides.matchAll(/^- \[[^\]]+\]\(([^)]+)\)/gm))
      if (!generated.has(file))
        assert.match(
          readFileSync(`docs/${file}`, "utf8").trimEnd().split("\n").at(-1) ?? "",
          /^Next: \[.+\]\(.+\)/,
          file
        )
  })
})

describe("the links of the site", () => {
  it("lead inside the site, and stay as they are in code", () => {
    const lost: Array<string> = []
    const text =
      "[a](tools.md#x) [b](../examples/exec.ts) [c](https://x.y) [d](#z) `[e](f.md)` [g](../src/index.ts)"
    assert.strictEqual(
      Links.rewrite("docs/cli.md", text, (link) => lost.push(link)),
      "[a](/tools.md#x) [b](/examples/exec.md) [c](https://x.y) [d](#z) `[e](f.md)` [g](../src/index.ts)"
    )
    assert.deepStrictEqual(lost, ["docs/cli.md links to ../src/index.ts"])
    assert.strictEqual(Links.target("docs/README.md"), "index.md")
    assert.strictEqual(Links.target("examples/collectors"), "examples/index.md")
    assert.strictEqual(Links.target("examples/collectors/jaeger.yaml"), "examples/collectors/jaeger.yaml")
    assert.strictEqual(Links.target("examples/cli.sh"), "examples/cli.sh.md")
  })

  it("are dead without a file or a heading", () => {
    const html = (path: string, body: string) => ({ path, html: body })
    const pages = [
      html(
        "/a.html",
        '<h2 id="x"></h2><a class="b" href="/b.html#y">b</a><a href="#x">x</a><a href="https://c.d">c</a>'
      ),
      html("/b.html", '<h2 id="y"></h2><a href="/a">a</a><a href="/gone.html">g</a><a href="/a.html#z">z</a>')
    ]
    assert.deepStrictEqual(Links.check(pages, new Set(["/a.html", "/b.html"])), {
      count: 5,
      dead: ["/b.html links to /gone.html", "/b.html links to /a.html#z: no such heading"]
    })
  })
})
