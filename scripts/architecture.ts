/** Prints the figures that the structure of `src` is held to. `node scripts/architecture.ts [--surface]` */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as PublicApi from "./architecture/PublicApi.ts"
import * as SourceTree from "./architecture/SourceTree.ts"

const root = fileURLToPath(new URL("../src", import.meta.url))
const files = SourceTree.read(root)

if (process.argv.includes("--surface")) {
  const names = PublicApi.entryPoints.map(
    (entry) => `# ${entry}\n${SourceTree.publicNames(files, entry).join("\n")}\n`
  )
  writeFileSync(new URL("../test/publicSurface.txt", import.meta.url), names.join("\n"))
}

const long = files.filter(({ lines, path }) => lines > 450 && !SourceTree.isGenerated(path))
const [largest] = SourceTree.folderShares(files)
const share = largest === undefined ? 0 : largest.share
const figures: ReadonlyArray<readonly [name: string, found: ReadonlyArray<string>]> = [
  ["import cycles", SourceTree.cycles(files).map((cycle) => cycle.join(", "))],
  ["imports against the layering", SourceTree.layerViolations(files)],
  ["files over 450 lines", long.map(({ lines, path }) => `${path} (${lines})`)],
  ["names used twice", SourceTree.namesUsedTwice(files)]
]

for (const [name, found] of figures) {
  console.log(`${name} ${found.length}`)
  for (const line of found) console.log(`  ${line}`)
}
console.log(`largest folder ${largest?.folder} ${(share * 100).toFixed(1)} % of src`)
process.exitCode = figures.some(([, found]) => found.length > 0) || share >= 0.25 ? 1 : 0
