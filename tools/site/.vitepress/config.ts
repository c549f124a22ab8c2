import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig, type DefaultTheme } from "vitepress"

const root = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

/** The sidebar is the map of the pages: a group for each heading, a link for each item of a list. */
const sidebar = (): Array<DefaultTheme.SidebarItem> => {
  const groups: Array<{ text: string; items: Array<DefaultTheme.SidebarItem>; collapsed?: boolean }> = []
  for (const line of readFileSync(root("docs/README.md"), "utf8").split("\n")) {
    const [, text] = /^## (.*)/.exec(line) ?? []
    if (text !== undefined) groups.push({ text, items: [] })
    const [, title = "", target] = /^(?:-|\d+\.) \[([^\]]+)\]\(([^)]+)\)/.exec(line) ?? []
    if (target !== undefined)
      groups
        .at(-1)
        ?.items.push({ text: title, link: target === "../CONTRIBUTING.md" ? "/contributing" : `/${target}` })
  }
  groups.find(({ text }) => text === "Reference")?.items.push({ text: "API", link: "/api/" })
  return groups.map((group) => (group.text === "Internals" ? { ...group, collapsed: true } : group))
}

/** Anchors are those of GitHub, so that links to headings work in both. */
const slugify = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
    .replaceAll(" ", "-")

export default defineConfig({
  title: "effect-codex",
  description: "Run the real Codex from Effect: threads, turns, tools and approvals as Effect programs.",
  lang: "en",
  srcDir: root("tools/site/.site/pages"),
  outDir: root("tools/site/.site/html"),
  cacheDir: root("tools/site/.site/cache"),
  // Any other dead link ends the build.
  ignoreDeadLinks: [/^https?:\/\/localhost/],
  metaChunk: true,
  // Braces in the text of a page are text, not attributes.
  markdown: { attrs: { disable: true }, anchor: { slugify } },
  themeConfig: {
    sidebar: sidebar(),
    outline: "deep",
    search: { provider: "local" },
    nav: [
      { text: "Guides", link: "/install" },
      { text: "Reference", link: "/cli" },
      { text: "Examples", link: "/examples/" }
    ]
  }
})
