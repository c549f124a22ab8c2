/** When each span and each event is emitted. A missing entry fails the type check. */
import * as Record from "effect/Record"
import * as SpanCatalogue from "../../src/trace/catalogue/SpanCatalogue.ts"

export type { AttributePresence } from "../../src/trace/catalogue/SpanCatalogue.ts"
export type Span = SpanCatalogue.CataloguedSpan
export type Event = SpanCatalogue.CataloguedEvent

export interface SpanEntry extends SpanCatalogue.SpanShape {
  readonly name: string
  /** The parent of the span. */
  readonly parent: string
  readonly when: string
  /** Events whose code exists, and which nothing emits yet. */
  readonly reserved?: ReadonlyArray<Event>
}

export interface EventEntry extends SpanCatalogue.EventShape {
  readonly when: string
}

type Described<Entry, Shape> = Omit<Entry, keyof Shape>

const spanEntries: { readonly [Key in Span]: Described<SpanEntry, SpanCatalogue.SpanShape> } = {
  run: {
    name: "effect-codex run",
    parent: "`TRACEPARENT`, if it is set",
    when: "One run of the command line."
  },
  engineStart: {
    name: "codex.engine.start",
    parent: "the caller that opens the first thread",
    when: "Codex starts and completes its handshake: once, and again after the process died."
  },
  threadStart: {
    name: "codex.thread.start",
    parent: "the caller",
    when: "A thread is started."
  },
  threadResume: {
    name: "codex.thread.resume",
    parent: "the caller",
    when: "A thread is resumed."
  },
  threadFork: {
    name: "codex.thread.fork",
    parent: "the caller",
    when: "A thread is started with a copy of another thread's history."
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
    when: "One turn, from its start to its end; the wait for an earlier turn of the thread is not included. An interrupted turn is not an error."
  },
  chat: {
    name: "chat {model}",
    parent: "`invoke_agent`",
    when: "One request to the model, with one more span for each failed attempt. Its times are exact if Codex reports them. Otherwise they are inferred: from the start of the turn, or the last output of a tool, to the next call, the last message or the failure."
  },
  executeTool: {
    name: "execute_tool {tool}",
    parent: "`invoke_agent`",
    when: "One tool call, including the wait for approval. A command that exits with a code other than 0 is not an error of this span."
  },
  command: {
    name: "{executable}",
    parent: "`execute_tool exec_command`",
    when: "A command, from its approval to its end. A declined command has no span. An exit code other than 0 is an error."
  },
  approval: {
    name: "codex.approval",
    parent: "the `execute_tool` that needs approval",
    when: "A policy or a person decides. A declined request is not an error."
  },
  retry: {
    name: "codex.retry",
    parent: "`invoke_agent`",
    when: "A failed request is retried: from the failure to the first output of the next attempt. It includes both the wait and the model's own time, because Codex does not report them separately."
  },
  compaction: {
    name: "codex.compaction",
    parent: "`invoke_agent`",
    when: "Codex summarises the conversation."
  },
  exec: {
    name: "codex.exec",
    parent: "the caller",
    when: "A command that the program runs with `codex.exec`, from the call to the end of the command. An exit code other than 0 is an error."
  },
  durableSubmit: {
    name: "codex.durable.submit",
    parent: "the caller",
    when: "A durable turn is submitted. All attempts at the turn are below this span, also those of other machines. A key that was submitted before links to its first submission."
  },
  durableRun: {
    name: "codex.durable.run",
    parent: "`codex.durable.submit`",
    when: "One attempt at a durable turn, from the moment a worker takes it until it ends, is left or is lost. A further attempt links to the one before it, which is missing if its worker was killed. A turn that has no submission with a trace is below its first attempt."
  },
  durableApproval: {
    name: "codex.durable.approval",
    parent: "`codex.approval`",
    when: "A request waits in the database: from the time it was asked, also by a worker that is gone, to the decision. It can therefore start before its parent."
  },
  hostStart: {
    name: "codex.host.start",
    parent: "the caller",
    when: "An engine host is started and its Codex answers."
  },
  hostAttach: {
    name: "codex.host.attach",
    parent: "the caller",
    when: "The program finds the Codex of a host that runs, or waits until the host has restarted it."
  },
  hostDrain: {
    name: "codex.host.drain",
    parent: "the caller",
    when: "A host starts a new Codex for new turns; the old one goes on until its turns have ended."
  },
  hostStop: {
    name: "codex.host.stop",
    parent: "the caller",
    when: "A host and everything that it started ends."
  },
  attachmentStage: {
    name: "codex.attachment.stage",
    parent: "the caller that stages files",
    when: "Input files are staged."
  },
  attachmentCleanup: {
    name: "codex.attachment.cleanup",
    parent: "the caller that removes them",
    when: "Staged files are removed."
  }
}

const eventEntries: { readonly [Key in Event]: Described<EventEntry, SpanCatalogue.EventShape> } = {
  tokenUsage: {
    when: "The usage of a request becomes known; the counts are those of this request."
  },
  diff: {
    when: "The diff of the turn changes; sizes only, no text."
  },
  compaction: {
    when: "Codex starts or completes a compaction."
  },
  fileOperation: {
    when: "One operation of a tool on one file."
  },
  exception: {
    when: "The error or defect with which the span ended, if it has a message and capture of the content `errors` is on. Spans of your program have it as well."
  },
  inferenceDetails: {
    when: "Content of a turn or of a call, if `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` selects events. Log exporters receive it; it is never printed."
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
