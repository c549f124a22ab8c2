/** What every span and every event is about; one that has no entry fails the type check. */
import * as Record from "effect/Record"
import * as SpanCatalogue from "../../src/trace/catalogue/SpanCatalogue.ts"

export type { Carried } from "../../src/trace/catalogue/SpanCatalogue.ts"
export type Span = SpanCatalogue.CataloguedSpan
export type Event = SpanCatalogue.CataloguedEvent

export interface SpanEntry extends SpanCatalogue.SpanShape {
  readonly name: string
  /** The span that it is in, where that is one of these. */
  readonly parent: string
  readonly when: string
  /** Events that have their code, which nothing calls yet. */
  readonly reserved?: ReadonlyArray<Event>
}

export interface EventEntry extends SpanCatalogue.EventShape {
  readonly when: string
}

type Told<Entry, Shape> = Omit<Entry, keyof Shape>

const spanEntries: { readonly [Key in Span]: Told<SpanEntry, SpanCatalogue.SpanShape> } = {
  run: {
    name: "effect-codex run",
    parent: "`TRACEPARENT`, if it is set",
    when: "Around everything that one run of the command line does."
  },
  engineStart: {
    name: "codex.engine.start",
    parent: "whoever opened the first thread",
    when: "Codex is spawned and shakes hands: once, and again after it died."
  },
  threadStart: {
    name: "codex.thread.start",
    parent: "the caller",
    when: "A conversation is opened."
  },
  threadResume: {
    name: "codex.thread.resume",
    parent: "the caller",
    when: "A conversation is taken up again."
  },
  threadFork: {
    name: "codex.thread.fork",
    parent: "the caller",
    when: "A conversation is opened that begins with what was said in another one."
  },
  listThreads: {
    name: "Codex.listThreads",
    parent: "the caller",
    when: "One page of the list of threads is requested. A list of several pages has a span for each."
  },
  readThread: { name: "Codex.readThread", parent: "the caller", when: "A thread is read with its turns." },
  renameThread: { name: "Codex.renameThread", parent: "the caller", when: "A thread is renamed." },
  archiveThread: { name: "Codex.archiveThread", parent: "the caller", when: "A thread is archived." },
  unarchiveThread: {
    name: "Codex.unarchiveThread",
    parent: "the caller",
    when: "A thread is restored from the archive."
  },
  deleteThread: { name: "Codex.deleteThread", parent: "the caller", when: "A thread is deleted." },
  listModels: {
    name: "Codex.listModels",
    parent: "the caller",
    when: "One page of the list of models is requested. A list of several pages has a span for each."
  },
  request: {
    name: "Codex.request",
    parent: "the caller",
    when: "The program calls a method of `codex app-server` with `codex.request`."
  },
  invokeAgent: {
    name: "invoke_agent {agent}",
    parent: "the caller",
    when: "One turn, from its start (not from when it began to wait for another) to its end. An interrupted turn is no error."
  },
  chat: {
    name: "chat {model}",
    parent: "`invoke_agent`",
    when: "One request to the model, and one more for each attempt that failed. Its bounds are exact where Codex tells them, else inferred: from the start of the turn, or the last output of a tool, to the next call, the last message or the failure."
  },
  executeTool: {
    name: "execute_tool {tool}",
    parent: "`invoke_agent`",
    when: "One call of a tool, the wait for approval included. A command that exits with something else than 0 is a tool that worked."
  },
  command: {
    name: "{executable}",
    parent: "`execute_tool exec_command`",
    when: "A command that ran, from its approval to its end; one that was declined has none. An exit code other than 0 is an error."
  },
  approval: {
    name: "codex.approval",
    parent: "the `execute_tool` that it is about",
    when: "A policy or a person decides: as long as that took. A no is no error."
  },
  retry: {
    name: "codex.retry",
    parent: "`invoke_agent`",
    when: "A request failed and is made again: from the failure to the first that is heard of the next attempt. The wait and the model's own time are both in it, for Codex does not tell them apart."
  },
  compaction: {
    name: "codex.compaction",
    parent: "`invoke_agent`",
    when: "Codex summarises the conversation."
  },
  attachmentStage: {
    name: "codex.attachment.stage",
    parent: "whoever stages them",
    when: "Input files are staged."
  },
  attachmentCleanup: {
    name: "codex.attachment.cleanup",
    parent: "whoever removes them",
    when: "Staged files are removed again."
  }
}

const eventEntries: { readonly [Key in Event]: Told<EventEntry, SpanCatalogue.EventShape> } = {
  tokenUsage: {
    when: "The usage of a request became known; the numbers are those of that request."
  },
  diff: {
    when: "The change that the turn has made so far; sizes, no text."
  },
  compaction: {
    when: "Codex began to compact the conversation, or had done so."
  },
  fileOperation: {
    when: "One thing that a tool did with one file."
  },
  exception: {
    when: "What the span ended with, an error or a defect that has a message; only where the content `errors` is asked for. Spans of your program have it as well."
  },
  inferenceDetails: {
    when: "Content of a turn or of a call, where `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` asks for events. It goes to exporters of logs and is never printed."
  }
}

export const spans: { readonly [Key in Span]: SpanEntry } = Record.map(spanEntries, (entry, key) => ({
  ...entry,
  ...SpanCatalogue.spans[key]
}))

export const events: { readonly [Key in Event]: EventEntry } = Record.map(eventEntries, (entry, key) => ({
  ...entry,
  ...SpanCatalogue.events[key]
}))
