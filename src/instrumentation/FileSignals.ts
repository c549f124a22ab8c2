/** Signals about the file operations of a tool call: kinds and sizes, without paths. */
import type * as Item from "../domain/Item.ts"
import type * as Signal from "./Signal.ts"
import * as DiffStats from "./DiffStats.ts"

/** Returns the kind of each file operation that an item announces. */
export const kindsOf = (item: Item.Work): ReadonlyArray<Item.FileOperation> =>
  item._tag === "CommandExecution"
    ? item.operations
    : item._tag === "FileChange"
      ? item.changes.map((change) => change.kind)
      : []

const none: ReadonlyArray<Signal.Signal> = []
const unknown = { bytes: undefined, added: undefined, removed: undefined }

/** Codex sends the content of added and deleted files only, so only their size is known. */
const ofChange = (change: Item.Change): Signal.FileOperationKind => ({
  kind: change.kind,
  bytes: DiffStats.isContent(change) ? Buffer.byteLength(change.diff) : undefined,
  ...DiffStats.ofChange(change)
})

const operationsOf = (item: Item.Work): ReadonlyArray<Signal.FileOperationKind> =>
  item._tag === "FileChange"
    ? item.changes.map(ofChange)
    : kindsOf(item).map((kind) => ({ kind, ...unknown }))

/** Returns the signals of a completed item. */
export const of = (item: Item.Work, at: number): ReadonlyArray<Signal.Signal> => {
  // A failed command has still read or searched; a failed patch has changed nothing.
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
