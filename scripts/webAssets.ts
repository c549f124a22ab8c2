/**
 * Bundles the pages of `src/web` into files of the package. `node scripts/webAssets.ts DIRECTORY` writes them; the command
 * line imports `bundle` when it runs from source.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"

const root = fileURLToPath(new URL("..", import.meta.url))
const web = join(root, "src/web")

/** The entry and the stylesheets of each page, below `src/web`. */
const pages = {
  tracePage: {
    entry: "trace/tracePage.ts",
    styles: ["ui/ui.css", "waterfall/waterfall.css", "trace/tracePage.css"]
  },
  servePage: { entry: "serve/servePage.tsx", styles: ["ui/ui.css", "serve/servePage.css"] }
}

const names = ["tracePage", "servePage"] as const

/** Returns the script and the style of a page. */
export const bundle = async (
  name: keyof typeof pages
): Promise<{ readonly script: string; readonly style: string }> => {
  const { entry, styles } = pages[name]
  const build = await rolldown({
    input: join(web, entry),
    platform: "browser",
    tsconfig: join(web, "tsconfig.json"),
    logLevel: "warn"
  })
  try {
    const { output } = await build.generate({ format: "esm", minify: true })
    const [script, ...others] = output
    if (others.length > 0) throw new Error("the page must be one script")
    return {
      script: script.code,
      style: styles.map((file) => readFileSync(join(web, file), "utf8")).join("")
    }
  } finally {
    await build.close()
  }
}

const [, program, directory] = process.argv
if (program === fileURLToPath(import.meta.url) && directory !== undefined) {
  mkdirSync(directory, { recursive: true })
  // The page of `serve` contains preact, whose license must be part of each copy.
  copyFileSync(join(root, "node_modules/preact/LICENSE"), join(directory, "preact.LICENSE.txt"))
  for (const name of names) {
    const { script, style } = await bundle(name)
    writeFileSync(join(directory, `${name}.js`), script)
    writeFileSync(join(directory, `${name}.css`), style)
    console.log(
      `${name}: ${(script.length / 1024).toFixed(1)} kB of script, ${(style.length / 1024).toFixed(1)} kB of style`
    )
  }
}
