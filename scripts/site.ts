/**
 * Builds the pages of docs/ into a static site with VitePress, and checks all links of the site.
 *
 *     node scripts/site.ts [--serve]
 *
 * The site is in `tools/site/.site/html`. VitePress has a package of its own, `tools/site`, which is installed when it is missing.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, FileSystem, Path } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { parseArguments } from "./scriptArguments.ts"
import * as Links from "./site/Links.ts"

const site = "tools/site/.site"
const pages = `${site}/pages`
const html = `${site}/html`

const run = Effect.fnUntraced(function* (cwd: string, command: string, ...args: ReadonlyArray<string>) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const handle = yield* spawner.spawn(
    ChildProcess.make(command, args, {
      cwd,
      extendEnv: true,
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit"
    })
  )
  const code = yield* handle.exitCode
  if (code !== 0) return yield* Effect.fail(`${command} ${args.join(" ")} exits with ${code}`)
}, Effect.scoped)

/** The pages of the repository that the site has, without the examples. */
const sources = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const docs = yield* fs.readDirectory("docs", { recursive: true })
  return ["CONTRIBUTING.md", "CHANGELOG.md", ...docs.map((file) => `docs/${file}`)]
})

/** A page with the code of an example. */
const examplePage = (file: string, code: string): string => {
  const name = file.replace(/^examples\//, "")
  const language = /\.(ts|sh|mjs)$/.exec(name)?.[1] ?? "text"
  return `# ${name}\n\nAn example of [the repository](/examples/index.md), which the gate runs.\n\n\`\`\`${language}\n${code.trimEnd()}\n\`\`\`\n`
}

const stage = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const lost: Array<string> = []
  const write = Effect.fnUntraced(function* (file: string, text: string) {
    yield* fs.makeDirectory(path.join(pages, path.dirname(file)), { recursive: true })
    yield* fs.writeFileString(path.join(pages, file), text)
  })
  yield* fs.remove(site, { recursive: true, force: true })
  const map = yield* fs.readFileString("docs/README.md")
  for (const file of yield* sources) {
    const to = Links.target(file)
    if (to === undefined || (yield* fs.stat(file)).type !== "File") continue
    const text = yield* fs.readFileString(file)
    // Old titles and new ones, which only a search in the repository needs.
    if (file === "docs/internals/test-titles.md") continue
    if (file.endsWith(".md")) {
      yield* write(
        to,
        Links.rewrite(file, text, (link) => lost.push(link))
      )
      const listed =
        file === "docs/README.md" ||
        file.startsWith("docs/api/") ||
        map.includes(`](${file.replace("docs/", "")})`)
      if (!listed && file.startsWith("docs/")) lost.push(`docs/README.md does not list ${file}`)
    } else yield* write(`public/${to}`, text)
  }
  const examples: Array<string> = []
  for (const file of (yield* fs.readDirectory("examples", { recursive: true })).toSorted()) {
    const from = `examples/${file}`
    if ((yield* fs.stat(from)).type !== "File") continue
    const text = yield* fs.readFileString(from)
    const to = Links.target(from) ?? from
    yield* to === from ? write(`public/${from}`, text) : write(to, examplePage(from, text))
    examples.push(`- [${file}](/${to})`)
  }
  yield* write(
    "examples/index.md",
    `# Examples\n\nWhole programs, which the gate runs against the real Codex, and the configurations and dashboards for telemetry.\n\n${examples.join("\n")}\n`
  )
  if (lost.length > 0) return yield* Effect.fail(lost.join("\n"))
})

const checkLinks = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const files = (yield* fs.readDirectory(html, { recursive: true })).map((file) => `/${file}`)
  const built = yield* Effect.forEach(
    files.filter((file) => file.endsWith(".html") && file !== "/404.html"),
    (path) => Effect.map(fs.readFileString(`${html}${path}`), (text): Links.Html => ({ path, html: text }))
  )
  const { count, dead } = Links.check(built, new Set(files))
  if (dead.length > 0 || count === 0) return yield* Effect.fail(`dead links in the site:\n${dead.join("\n")}`)
  yield* Console.log(`ok    ${built.length} pages, ${count} links`)
})

const program = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { values } = parseArguments(
    `Builds the pages of docs/ into a static site in tools/site/.site/html, and checks all links.

Usage: npm run site -- [options]

  --serve    then serve the site on http://localhost:4173`,
    { options: { serve: { type: "boolean" } } }
  )
  if (!(yield* fs.exists("tools/site/node_modules/vitepress")))
    yield* run("tools/site", "npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund")
  yield* stage
  yield* run("tools/site", "node_modules/.bin/vitepress", "build")
  yield* checkLinks
  if (values.serve === true) yield* run("tools/site", "node_modules/.bin/vitepress", "preview")
})

program.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
