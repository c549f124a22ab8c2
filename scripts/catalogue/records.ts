/** When each log record is emitted. A signal without an entry fails the type check. */
import * as Record from "effect/Record"
import * as RecordCatalogue from "../../src/trace/catalogue/RecordCatalogue.ts"

export { annotatedAttributes, levels, idFields } from "../../src/trace/catalogue/RecordCatalogue.ts"

type Tag = keyof typeof RecordCatalogue.records

export interface RecordEntry extends RecordCatalogue.RecordShape {
  readonly when: string
  /** The code exists, and nothing calls it yet. */
  readonly reserved?: true
}

const entries: { readonly [Key in Tag]: Omit<RecordEntry, keyof RecordCatalogue.RecordShape> } = {
  TurnStart: {
    when: "Codex accepts the turn."
  },
  TurnStop: {
    when: "The turn completes or is interrupted (`stop`), or fails (`exception`)."
  },
  ModelStart: {
    when: "A request to the model starts."
  },
  ModelStop: {
    when: "The request ends, or one attempt at it fails."
  },
  ToolStart: {
    when: "A tool call starts."
  },
  ToolStop: {
    when: "The tool call ends, or fails."
  },
  CommandStop: {
    when: "A command exits with 0 or is interrupted, or fails."
  },
  ApprovalStart: {
    when: "The agent requests approval."
  },
  ApprovalStop: {
    when: "The request is decided; the end of the turn declines a request without an answer."
  },
  UsageUpdated: {
    when: "The usage of a request becomes known."
  },
  DiffUpdated: {
    when: "The diff of the turn changes."
  },
  FileOperations: {
    when: "A tool has worked with files."
  },
  FilesChanged: {
    when: "A patch is applied."
  },
  Compaction: {
    when: "Codex compacts the conversation."
  },
  Retry: {
    when: "An attempt fails and another follows. The failed attempt is a `chat` span of its own."
  },
  RetryStop: {
    when: "The next attempt produces its first output, or fails too."
  },
  LimitUpdated: {
    when: "Codex reports how much of a limit of the account is used: one record for each window."
  },
  StartFailed: {
    when: "The engine does not start, or a thread cannot be opened."
  },
  ExecStart: {
    when: "The program starts a command with `codex.exec`."
  },
  ExecStop: {
    when: "The command exits with 0 or is interrupted, or it fails."
  },
  AttachmentStart: {
    when: "Staging, or removing staged files, starts."
  },
  AttachmentStop: {
    when: "It ends, or fails."
  },
  DurableStart: {
    when: "A worker starts an attempt at a durable turn."
  },
  DurableAttach: {
    when: "A worker finds a durable turn in Codex and does not start it again."
  },
  DurableMove: {
    when: "The thread of a durable turn moves from a lost engine to the engine of this worker."
  },
  DurableStop: {
    when: "The outcome of a durable turn is stored; the duration is that since the submission."
  },
  QueueUpdate: {
    when: "A worker counts the turns that have not ended, and the requests that wait for an answer."
  },
  StateLock: {
    when: "A worker takes the lock of a database file or does not get it, or another worker took a turn over."
  },
  Reconnect: {
    when: "A connection to Codex that broke works again, or is given up."
  },
  HostStop: {
    when: "The program has started, found, drained or stopped an engine host, or that failed."
  },
  HostUpdate: {
    when: "A program that uses an engine host reads its state."
  }
}

export const records: { readonly [Key in Tag]: RecordEntry } = Record.map(entries, (entry, key) => ({
  ...entry,
  ...RecordCatalogue.records[key]
}))
