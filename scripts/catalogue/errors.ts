/** Every value of `error.type`: where it comes from in the code, and what to do; one without an entry fails the type check. */
import * as CodexError from "../../src/domain/CodexError.ts"
import * as Convention from "../../src/semconv/Convention.ts"

type Reasoned = Extract<CodexError.CodexError, { readonly reason: string }>
type Tags = Exclude<CodexError.CodexError["_tag"], Reasoned["_tag"]>
type Reasons = {
  readonly [Tag in Reasoned["_tag"]]: `${Tag}.${Extract<Reasoned, { readonly _tag: Tag }>["reason"]}`
}[Reasoned["_tag"]]

export interface ErrorEntry {
  readonly error: CodexError.CodexError
  readonly then: string
  /** Whether the same may go well again, where that is not the same for all of them. */
  readonly again?: string
}

const failed = (reason: CodexError.TurnFailedReason, then: string): ErrorEntry => ({
  error: new CodexError.TurnFailed({ reason, detail: "" }),
  then
})
const rejected = (reason: CodexError.AttachmentReason, then: string): ErrorEntry => ({
  error: new CodexError.AttachmentRejected({ reason, path: "", detail: "" }),
  then
})
const exceeded = (reason: CodexError.BudgetReason, then: string): ErrorEntry => ({
  error: new CodexError.BudgetExceeded({ reason, scope: "turn", limit: 0, used: 0 }),
  then
})
const refused = (
  reason: Extract<CodexError.CodexError, { readonly _tag: "InvalidRequest" }>["reason"],
  then: string
): ErrorEntry => ({
  error: new CodexError.InvalidRequest({ reason, method: "", detail: "" }),
  then
})

export const errors: Readonly<Record<Tags | Reasons, ErrorEntry>> = {
  CodexNotFound: {
    error: new CodexError.CodexNotFound({ tried: [] }),
    then: "Install `@openai/codex`, or set `CODEX_PATH`."
  },
  CodexVersionUnsupported: {
    error: new CodexError.CodexVersionUnsupported({ version: "0.1.0", minimum: "0.169.0", path: "codex" }),
    then: "Install a newer `@openai/codex`."
  },
  "EngineStartFailed.Timeout": {
    error: new CodexError.EngineStartFailed({ reason: "Timeout", detail: "" }),
    then: "Run `codex app-server` by hand; give `startTimeout` more on a slow host."
  },
  "EngineStartFailed.Exited": {
    error: new CodexError.EngineStartFailed({ reason: "Exited", detail: "" }),
    then: "The error's `detail` is the end of what Codex said: mostly its `config.toml`."
  },
  "EngineStartFailed.Rejected": {
    error: new CodexError.EngineStartFailed({ reason: "Rejected", detail: "" }),
    then: "The error's `detail` is why; a Codex of another version, most likely."
  },
  EngineExited: {
    error: new CodexError.EngineExited({ stderr: "" }),
    then: "Resume the thread by its id. If it comes again: memory of the host, and the error's `stderr`."
  },
  ProtocolError: {
    error: new CodexError.ProtocolError({ detail: "" }),
    then: "Codex and this library no longer fit: compare the version with the tested one."
  },
  "InvalidRequest.InputTooLarge": refused("InputTooLarge", "Send less in one input."),
  "InvalidRequest.BadParams": refused("BadParams", "A mistake of the program: the message names it."),
  "InvalidRequest.ThreadNotFound": refused(
    "ThreadNotFound",
    "The thread is gone, was ephemeral, or lives in another `CODEX_HOME`."
  ),
  "InvalidRequest.Rejected": refused("Rejected", "The message is why Codex refused."),
  "TurnFailed.Unauthorized": failed("Unauthorized", "`codex login`, or the provider's key."),
  "TurnFailed.RateLimited": failed("RateLimited", "Wait as long as `retryAfter` says; fewer turns at once."),
  "TurnFailed.UsageLimit": failed("UsageLimit", "The account's plan or budget; trying again does not help."),
  "TurnFailed.ContextOverflow": failed("ContextOverflow", "Compact, or start a new thread."),
  "TurnFailed.BadRequest": failed(
    "BadRequest",
    "The provider refused the request: the error's `detail` says what of it."
  ),
  "TurnFailed.ModelNotFound": failed(
    "ModelNotFound",
    "The name of the model, or the account's access to it."
  ),
  "TurnFailed.Overloaded": failed("Overloaded", "Try again later."),
  "TurnFailed.ServerError": failed("ServerError", "Try again later; the provider's status page."),
  "TurnFailed.Disconnected": failed("Disconnected", "Try again; if it stays, proxy and network."),
  "TurnFailed.Other": failed("Other", "The error's `detail` has Codex's own words."),
  TurnStalled: {
    error: new CodexError.TurnStalled({ detail: "" }),
    then: "Codex fell silent or forgot to end the turn: resume the thread; if it comes again, its version."
  },
  TurnTimedOut: {
    error: new CodexError.TurnTimedOut({ timeoutMs: 0 }),
    then: "The trace shows where the time went; then a longer `timeout`, or a smaller task."
  },
  "AttachmentRejected.NotFound": rejected("NotFound", "Attach a file that is there."),
  "AttachmentRejected.NotAFile": rejected("NotAFile", "Attach regular files only."),
  "AttachmentRejected.Symlink": rejected("Symlink", "Give the real path."),
  "AttachmentRejected.OutsideRoot": rejected(
    "OutsideRoot",
    "Somebody named a file outside the folder that attachments may come from: is that an attempt?"
  ),
  "AttachmentRejected.BadName": rejected("BadName", "Rename the file."),
  "AttachmentRejected.TooLarge": rejected("TooLarge", "Send less, or raise the limit."),
  "AttachmentRejected.TypeNotAllowed": rejected("TypeNotAllowed", "Allow the type, or convert the file."),
  "AttachmentRejected.Changed": rejected("Changed", "Attach it once it is written."),
  "AttachmentRejected.Unreadable": rejected("Unreadable", "The permissions of the file."),
  "AttachmentRejected.StorageFailed": rejected(
    "StorageFailed",
    "Space and permissions of the staging folder."
  ),
  "BudgetExceeded.Tokens": exceeded(
    "Tokens",
    "A larger budget, or a smaller task: the trace shows who used it."
  ),
  "BudgetExceeded.Time": exceeded("Time", "The same; `codex.turn.time.*` says where the time went."),
  "BudgetExceeded.ToolCalls": exceeded(
    "ToolCalls",
    "The same; a loop shows as the same call again and again."
  ),
  "BudgetExceeded.ModelCalls": exceeded("ModelCalls", "The same; failed attempts count."),
  OutputInvalid: {
    error: new CodexError.OutputInvalid({ output: "", detail: "" }),
    then: "The answer does not fit its schema: a simpler schema, or a clearer prompt."
  },
  ToolFailed: {
    error: new CodexError.ToolFailed({ tool: "lookup", detail: "", retryable: false }),
    again: "as it says",
    then: "A tool of yours failed, and its policy is that the turn fails with it: the tool's own logs."
  },
  TurnInterrupted: {
    error: new CodexError.TurnInterrupted({ by: "caller" }),
    then: "Somebody stopped the turn: no error of its span, and never in `codex.errors`."
  }
}

/** What kind of trouble a class is, for whoever routes it. */
export const classes: Readonly<Record<CodexError.Class, string>> = {
  config: "The installation or a setting: nothing will run until somebody looks.",
  auth: "Credentials: nothing will run until somebody looks.",
  engine: "Codex itself: try again once; if it stays, somebody has to look.",
  protocol: "Codex and this library do not fit: somebody has to look.",
  request: "What was asked cannot be done as asked: change it.",
  transient: "May go well the next time.",
  timeout: "Took longer than it was given.",
  quota: "The account has no more of it.",
  budget: "The turn or thread has used what you gave it.",
  output: "The answer is not what was asked for.",
  tool: "A tool of yours.",
  aborted: "Somebody stopped it: no error.",
  unknown: "Codex's own words are all there is."
}

export interface OtherEntry {
  readonly on: string
  readonly meaning: string
}

export const others: Readonly<Record<keyof typeof Convention.errorType, OtherEntry>> = {
  commandFailed: {
    on: "commands",
    meaning: "The command exited with something else than 0, or never ran to its end."
  },
  toolFailed: {
    on: "`execute_tool`",
    meaning: "The tool answered with a failure, or the patch was not applied."
  },
  processCrashed: {
    on: "spans that were open",
    meaning:
      "The process died while the span was open; it was closed from the spool by the next one, with the time of the last sign of life as its end."
  },
  other: {
    on: "spans, logged causes, metrics",
    meaning:
      "What has no name that may be shown; on metrics also any further value once a label has a hundred of them."
  }
}
