import type * as Item from "../domain/Item.ts"

export interface DiffStats {
  readonly added: number
  readonly removed: number
}

/** Counts the lines that a unified diff adds and removes. */
export const ofDiff = (diff: string): DiffStats => {
  let added = 0
  let removed = 0
  const all = diff.split("\n")
  // File names come in pairs. A lone `--- x` is the removed line `-- x`.
  const isName = (at: number) =>
    (all[at]?.startsWith("--- ") ?? false) && (all[at + 1]?.startsWith("+++ ") ?? false)
  for (const [at, line] of all.entries()) {
    if (isName(at) || isName(at - 1)) continue
    if (line.startsWith("+")) added++
    else if (line.startsWith("-")) removed++
  }
  return { added, removed }
}

/** Whether a change has the content of its file, which Codex sends instead of a diff for added and deleted files. */
export const isContent = ({ diff, kind }: Item.Change): boolean =>
  kind !== "update" && !/^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@/m.test(diff)

/** Counts the lines that a change adds to and removes from its file. */
export const ofChange = (change: Item.Change): DiffStats => {
  if (!isContent(change)) return ofDiff(change.diff)
  const { diff, kind } = change
  const count = diff === "" ? 0 : diff.replace(/\n$/, "").split("\n").length
  return kind === "add" ? { added: count, removed: 0 } : { added: 0, removed: count }
}
