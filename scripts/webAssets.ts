/**
 * Bundles the pages of `src/web` into files of the package. `node scripts/webAssets.ts DIRECTORY` writes them; the command
 * line imports `bundle` when it runs from source.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"

const root = fileURLToPath(new URL("..", import.meta.url))
const web = join(root, "src/web")

const styles = ["ui/ui.css", "waterfall/waterfall.css", "trace/tracePage.css"]

/** Returns the script and the style of the page of traces. */
export const bundle = async (): Promise<{ readonly script: string; readonly style: string }> => {
  const build = await rolldown({
    input: join(web, "trace/tracePage.ts"),
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
  const { script, style } = await bundle()
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, "tracePage.js"), script)
  writeFileSync(join(directory, "tracePage.css"), style)
  console.log(
    `the page of traces: ${(script.length / 1024).toFixed(1)} kB of script, ${(style.length / 1024).toFixed(1)} kB of style`
  )
}
