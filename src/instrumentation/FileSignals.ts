/** What a piece of work did with files, by kind and size and without a path. */
import type * as Item from "../domain/Item.ts"
import type * as Signal from "./Signal.ts"
import * as DiffStats from "./DiffStats.ts"

/** The kinds of what it is to do, one for each time. */
export const kindsOf = (item: Item.Work): ReadonlyArray<Item.FileOperation> =>
  item._tag === "CommandExecution"
    ? item.operations
    : item._tag === "FileChange"
      ? item.changes.map((change) => change.kind)
      : []

const none: ReadonlyArray<Signal.Signal> = []
const unknown = { bytes: undefined, added: undefined, removed: undefined }

/** The size of a file is known where Codex gives its content: of one that is new or gone. */
const ofChange = (change: Item.Change): Signal.FileOperationKind => ({
  kind: change.kind,
  bytes: DiffStats.isContent(change) ? Buffer.byteLength(change.diff) : undefined,
  ...DiffStats.ofChange(change)
})

const operationsOf = (item: Item.Work): ReadonlyArray<Signal.FileOperationKind> =>
  item._tag === "FileChange"
    ? item.changes.map(ofChange)
    : kindsOf(item).map((kind) => ({ kind, ...unknown }))

/** The signals of work that is over. */
export const of = (item: Item.Work, at: number): ReadonlyArray<Signal.Signal> => {
  // A command that found nothing has still searched; a patch that failed has changed nothing.
  const ran = item.status === "completed" || (item.status === "failed" && item._tag === "CommandExecution")
  if (!ran) return none
  const operations = operationsOf(item)
  const performed: ReadonlyArray<Signal.Signal> =
    operations.length > 0 ? [{ _tag: "FileOperations", at, callId: item.id, operations }] : none
  if (item._tag !== "FileChange") return performed
  const sum = (key: "added" | "removed") =>
    operations.reduce((sum, operation) => sum + (operation[key] ?? 0), 0)
  return [...performed, { _tag: "FilesChanged", at, added: sum("added"), removed: sum("removed") }]
}
