/** When every log record of a turn is told; a signal that has no entry fails the type check. */
import * as Record from "effect/Record"
import * as RecordCatalogue from "../../src/trace/catalogue/RecordCatalogue.ts"

export { annotated, levels, where } from "../../src/trace/catalogue/RecordCatalogue.ts"

type Tag = keyof typeof RecordCatalogue.records

export interface RecordEntry extends RecordCatalogue.RecordShape {
  readonly when: string
  /** It has its code, and nothing calls that yet. */
  readonly reserved?: true
}

const entries: { readonly [Key in Tag]: Omit<RecordEntry, keyof RecordCatalogue.RecordShape> } = {
  TurnStart: {
    when: "Codex has taken the turn."
  },
  TurnStop: {
    when: "The turn completed or was interrupted; or it failed."
  },
  ModelStart: {
    when: "A request to the model."
  },
  ModelStop: {
    when: "Its end; or one attempt at it failed."
  },
  ToolStart: {
    when: "A call of a tool."
  },
  ToolStop: {
    when: "Its end; or it failed."
  },
  CommandStop: {
    when: "A command exited with 0 or was interrupted; or it failed."
  },
  ApprovalStart: {
    when: "The agent asks."
  },
  ApprovalStop: {
    when: "It has its answer, also where the end of the turn was the answer."
  },
  UsageUpdated: {
    when: "The usage of a request became known."
  },
  DiffUpdated: {
    when: "The change that the turn has made so far."
  },
  FileOperations: {
    when: "What a tool did with files."
  },
  FilesChanged: {
    when: "A patch was applied."
  },
  Compaction: {
    when: "Codex compacts the conversation."
  },
  Retry: {
    when: "An attempt failed and another follows. The failed one is a `chat` span of its own."
  },
  RetryStop: {
    when: "The first is heard of that next attempt, or it failed, too."
  },
  StartFailed: {
    when: "The engine did not come up, or a thread could not be opened."
  },
  AttachmentStart: {
    when: "Files are staged, or removed again."
  },
  AttachmentStop: {
    when: "They are; or it failed."
  }
}

export const records: { readonly [Key in Tag]: RecordEntry } = Record.map(entries, (entry, key) => ({
  ...entry,
  ...RecordCatalogue.records[key]
}))
