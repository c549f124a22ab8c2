/** The links of the pages: where they lead in the site, and whether they lead somewhere. Pure. */
import { posix } from "node:path"

/** Returns where a file of the repository is in the site, or `undefined` if the site does not have it. */
export const target = (file: string): string | undefined => {
  if (file === "docs/internals/test-titles.md") return undefined
  if (file === "README.md" || file === "docs/README.md") return "index.md"
  if (file.startsWith("docs/") && file.endsWith("/README.md"))
    return file.slice(5).replace(/README\.md$/, "index.md")
  if (file === "CONTRIBUTING.md" || file === "CHANGELOG.md") return file.toLowerCase()
  if (/^examples(?:\/[\w-]+)*\/?$/.test(file)) return "examples/index.md"
  if (file.startsWith("examples/")) {
    // Browsers show these as they are; VitePress takes other names for pages.
    if (/\.(?:json|ya?ml)$/.test(file)) return file
    return file.endsWith(".ts") ? file.replace(/\.ts$/, ".md") : `${file}.md`
  }
  return file.startsWith("docs/") ? file.slice("docs/".length) : undefined
}

const code = /(```[\s\S]*?\n```|`[^`\n]*`)/

/** Returns the page with links that lead inside the site. `lost` gets each link to what the site does not have. */
export const rewrite = (page: string, text: string, lost: (link: string) => void): string =>
  text
    .split(code)
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part.replaceAll(/\]\(([^)\s#]+)(#[^)\s]*)?\)/g, (link: string, path: string, hash = "") => {
            if (/^[a-z]+:/.test(path)) return link
            const file = posix.join(posix.dirname(page), path)
            const to = target(file)
            if (to === undefined) lost(`${page} links to ${path}`)
            return to === undefined ? link : `](/${to}${hash})`
          })
    )
    .join("")

/** A built page: its path in the site, such as `/cli.html`, and its HTML. */
export interface Html {
  readonly path: string
  readonly html: string
}

/** Returns the number of links between pages, and those that lead to no file or to no heading. */
export const check = (pages: ReadonlyArray<Html>, files: ReadonlySet<string>) => {
  const ids = new Map(
    pages.map(({ html, path }) => [
      path,
      new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id = ""]) => id))
    ])
  )
  const dead: Array<string> = []
  let count = 0
  for (const { html, path } of pages) {
    for (const [, href = ""] of html.matchAll(/<a\b[^>]*?\shref="([^"]*)"/g)) {
      if (/^[a-z]+:/.test(href)) continue
      count++
      const { hash, pathname } = new URL(href.replaceAll("&amp;", "&"), `http://site${path}`)
      const file = decodeURIComponent(pathname).replace(/\/$/, "/index.html")
      const found = files.has(file) ? file : `${file}.html`
      // typedoc numbers repeated headings otherwise than GitHub and VitePress do.
      const id = found.startsWith("/api/") ? "" : decodeURIComponent(hash.slice(1))
      if (!files.has(found)) dead.push(`${path} links to ${href}`)
      else if (id !== "" && ids.get(found)?.has(id) !== true)
        dead.push(`${path} links to ${href}: no such heading`)
    }
  }
  return { count, dead: [...new Set(dead)] }
}
