import type * as Item from "../domain/Item.ts"

export interface DiffStats {
  readonly added: number
  readonly removed: number
}

/** Lines added and removed by a unified diff. */
export const ofDiff = (diff: string): DiffStats => {
  let added = 0
  let removed = 0
  const all = diff.split("\n")
  // The names of a file are a pair: alone, `--- x` is a line `-- x` that was removed.
  const isName = (at: number) =>
    (all[at]?.startsWith("--- ") ?? false) && (all[at + 1]?.startsWith("+++ ") ?? false)
  for (const [at, line] of all.entries()) {
    if (isName(at) || isName(at - 1)) continue
    if (line.startsWith("+")) added++
    else if (line.startsWith("-")) removed++
  }
  return { added, removed }
}

/** Whether a change holds the content of its file: Codex gives that instead of a diff of one that is new or gone. */
export const isContent = ({ diff, kind }: Item.Change): boolean =>
  kind !== "update" && !/^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@/m.test(diff)

/** Lines added and removed in one file. */
export const ofChange = (change: Item.Change): DiffStats => {
  if (!isContent(change)) return ofDiff(change.diff)
  const { diff, kind } = change
  const count = diff === "" ? 0 : diff.replace(/\n$/, "").split("\n").length
  return kind === "add" ? { added: count, removed: 0 } : { added: 0, removed: count }
}
