/** Each value of `error.type`: an example of the error, and what to do about it. A missing entry fails the type check. */
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
  /** Whether a retry may succeed, for errors where that differs from case to case. */
  readonly again?: string
}

const failed = (
  reason: CodexError.TurnFailedReason,
  then: string,
  detail: string,
  status?: number
): ErrorEntry => ({
  error: new CodexError.TurnFailed({ reason, detail, ...(status === undefined ? {} : { status }) }),
  then
})
const rejected = (
  reason: CodexError.AttachmentReason,
  then: string,
  path = "build.log",
  detail = ""
): ErrorEntry => ({
  error: new CodexError.AttachmentRejected({ reason, path, detail }),
  then
})
const exceeded = (
  reason: CodexError.BudgetReason,
  then: string,
  limit: number,
  used: number
): ErrorEntry => ({
  error: new CodexError.BudgetExceeded({ reason, scope: "turn", limit, used }),
  then
})
const refused = (
  reason: CodexError.InvalidRequestReason,
  then: string,
  detail: string,
  method = "thread/start"
): ErrorEntry => ({
  error: new CodexError.InvalidRequest({ reason, method, detail }),
  then
})
const unavailable = (
  reason: CodexError.StorageUnavailableReason,
  then: string,
  detail: string
): ErrorEntry => ({
  error: new CodexError.StorageUnavailable({ reason, detail }),
  then
})

export const errors: Readonly<Record<Tags | Reasons, ErrorEntry>> = {
  CodexNotFound: {
    error: new CodexError.CodexNotFound({ tried: ['CODEX_PATH "/opt/codex"'] }),
    then: "Install `@openai/codex`, or set `CODEX_PATH`."
  },
  CodexVersionUnsupported: {
    error: new CodexError.CodexVersionUnsupported({ version: "0.1.0", minimum: "0.169.0", path: "codex" }),
    then: "Install a newer `@openai/codex`."
  },
  "EngineStartFailed.Timeout": {
    error: new CodexError.EngineStartFailed({
      reason: "Timeout",
      detail: "waiting for the lock of the state"
    }),
    then: "Run `codex app-server` by hand. On a slow host, raise `startTimeout`."
  },
  "EngineStartFailed.Exited": {
    error: new CodexError.EngineStartFailed({
      reason: "Exited",
      detail: "thread 'main' panicked: no runtime"
    }),
    then: "The message has the last error of Codex; `detail` has more of its output."
  },
  "EngineStartFailed.Rejected": {
    error: new CodexError.EngineStartFailed({ reason: "Rejected", detail: "unsupported client" }),
    then: "The message has Codex's reason, most likely an incompatible version."
  },
  "EngineStartFailed.NotExecutable": {
    error: new CodexError.EngineStartFailed({
      reason: "NotExecutable",
      detail: "spawn /opt/codex EACCES",
      path: "/opt/codex"
    }),
    then: "Make the file executable for this user, or install `@openai/codex` on this machine: its binary depends on the platform."
  },
  "EngineStartFailed.BadHome": {
    error: new CodexError.EngineStartFailed({
      reason: "BadHome",
      detail: 'Error: CODEX_HOME points to "/opt/home", but that path does not exist',
      path: "/opt/home"
    }),
    then: "Create the directory, or set `CODEX_HOME` to another one. This user must be able to read and write it, and its disk needs space."
  },
  "EngineStartFailed.BadConfig": {
    error: new CodexError.EngineStartFailed({
      reason: "BadConfig",
      detail: "Error: config.toml:3:9: extra `=`, expected nothing"
    }),
    then: "Correct the setting that the message names, in `config.toml` or in the option `config`."
  },
  "EngineStartFailed.BadHost": {
    error: new CodexError.EngineStartFailed({
      reason: "BadHost",
      path: "/srv/host",
      detail: '"/srv/host" is accessible to other users; make it private with chmod 700'
    }),
    then: "Use a directory of this user with mode 700, outside the directories that agents may write."
  },
  "EngineStartFailed.HostConflict": {
    error: new CodexError.EngineStartFailed({
      reason: "HostConflict",
      path: "/srv/host",
      detail: "it runs with another config or env"
    }),
    then: "Give every program of the directory the same `config` and `env`, or none, and no `codexPath` to an older Codex. After a change of them, run `effect-codex host stop`."
  },
  EngineExited: {
    error: new CodexError.EngineExited({ code: 101, stderr: "Error: out of memory" }),
    then: "Resume the thread by its id. If it happens again, check the memory of the host and the error's `stderr`."
  },
  "EngineUnreachable.NotConnected": {
    error: new CodexError.EngineUnreachable({
      reason: "NotConnected",
      endpoint: "/run/codex/app-server.sock",
      detail: "connect ENOENT /run/codex/app-server.sock"
    }),
    then: "Start `codex app-server --listen`, or correct the path or URL."
  },
  "EngineUnreachable.Refused": {
    error: new CodexError.EngineUnreachable({
      reason: "Refused",
      endpoint: "wss://codex.example.com",
      detail: "Unexpected server response: 401"
    }),
    then: "Give the token that `--ws-token-file` names."
  },
  "EngineUnreachable.Lost": {
    error: new CodexError.EngineUnreachable({
      reason: "Lost",
      endpoint: "/run/codex/app-server.sock",
      detail: "connection closed"
    }),
    then: "The turn may still run. Attach to its thread, or resume the thread by its id, when Codex can be reached."
  },
  ProtocolError: {
    error: new CodexError.ProtocolError({
      detail: "codex app-server did not answer turn/start in time"
    }),
    then: "Codex and this library are incompatible: compare the version with the tested one."
  },
  "InvalidRequest.InputTooLarge": refused(
    "InputTooLarge",
    "Send less in one input.",
    "the input has 1200000 characters",
    "turn/start"
  ),
  "InvalidRequest.BadParams": refused(
    "BadParams",
    "Fix the program: the message names the mistake.",
    'cwd "/srv/app" is not a directory'
  ),
  "InvalidRequest.TurnNotFound": refused(
    "TurnNotFound",
    "No durable turn has this key: it was never submitted to this database, or was pruned.",
    'there is no durable turn "order-1842"',
    "durable/turn"
  ),
  "InvalidRequest.ThreadNotFound": refused(
    "ThreadNotFound",
    "The thread was deleted, was ephemeral, or is in another `CODEX_HOME`.",
    "no rollout found for thread id 01a1",
    "thread/resume"
  ),
  "InvalidRequest.NoTurnRunning": refused(
    "NoTurnRunning",
    "The turn has ended. `codex.readThread` has it, and `thread.run` with its key returns its outcome.",
    "no turn is running",
    "thread/attach"
  ),
  "InvalidRequest.Rejected": refused(
    "Rejected",
    "The message has Codex's reason.",
    "the thread is closed",
    "turn/start"
  ),
  "InvalidRequest.AgentWritable": refused(
    "AgentWritable",
    "Move the spool or the telemetry file to a directory that the sandbox may not write: the message names it.",
    "the spool is in /tmp/spool, which the sandbox may write",
    "turn/start"
  ),
  "InvalidRequest.BadConfig": refused(
    "BadConfig",
    "Correct the setting that the message names, in `config.toml` or in the option `config`.",
    "failed to load configuration: config.toml:3:9: extra `=`, expected nothing"
  ),
  "InvalidRequest.McpServerFailed": refused(
    "McpServerFailed",
    "Run the server's command by hand. Without `required`, threads start without the server.",
    "required MCP servers failed to initialize: docs: No such file or directory (os error 2)"
  ),
  ThreadBusy: {
    error: new CodexError.ThreadBusy({
      method: "thread/resume",
      detail: "thread 01a1 already has an active writer"
    }),
    then: "Close the thread in the other process, or try again later: Codex allows one writer for each stored thread."
  },
  "TurnFailed.MissingKey": failed(
    "MissingKey",
    "Set the variable that the message names, in this process or in the engine's option `env`.",
    "Missing environment variable: `OPENAI_API_KEY`."
  ),
  "TurnFailed.Unauthorized": failed(
    "Unauthorized",
    "Run `codex login`, or check the provider's key.",
    "Incorrect API key provided",
    401
  ),
  "TurnFailed.RateLimited": failed(
    "RateLimited",
    "Wait for `retryAfter`; run fewer turns at once.",
    "Please try again in 20s",
    429
  ),
  "TurnFailed.UsageLimit": failed(
    "UsageLimit",
    "Check the account's plan or budget. If `resetsAt` is known, `Retry.untilReset` waits for it; no other retry helps.",
    "You've hit your usage limit"
  ),
  "TurnFailed.ContextOverflow": failed(
    "ContextOverflow",
    "Compact, or start a new thread.",
    "Your input exceeds the context window of this model"
  ),
  "TurnFailed.BadRequest": failed(
    "BadRequest",
    "The message has the provider's reason: change the model, the options, the output schema or the URL.",
    "Unsupported parameter: 'reasoning.effort'"
  ),
  "TurnFailed.ModelNotFound": failed(
    "ModelNotFound",
    "Check the name of the model and the account's access to it.",
    "The model 'gpt-none' does not exist"
  ),
  "TurnFailed.Overloaded": failed(
    "Overloaded",
    "Try again later.",
    "The engine is currently overloaded",
    503
  ),
  "TurnFailed.ServerError": failed(
    "ServerError",
    "Try again later; check the provider's status page.",
    "We're currently experiencing high demand"
  ),
  "TurnFailed.Disconnected": failed(
    "Disconnected",
    "Try again. If it persists, check proxy and network.",
    "stream disconnected before completion"
  ),
  "TurnFailed.Other": failed("Other", "The message has Codex's own reason.", "sandbox denied the command"),
  TurnStalled: {
    error: new CodexError.TurnStalled({ detail: "codex sent nothing for 10m in the middle of the turn" }),
    then: "Codex stopped sending events or did not end the turn: resume the thread. If it happens again, check the Codex version."
  },
  TurnTimedOut: {
    error: new CodexError.TurnTimedOut({ timeoutMillis: 300_000 }),
    then: "See in the trace where the time went; then set a longer `timeout`, or give a smaller task."
  },
  CommandTimedOut: {
    error: new CodexError.CommandTimedOut({ timeoutMillis: 60_000 }),
    then: "Run the command by hand to see how long it takes; then set a longer `timeout`, or give it the input that it waits for."
  },
  "AttachmentRejected.NotFound": rejected("NotFound", "Attach a file that exists.", "missing.log", "ENOENT"),
  "AttachmentRejected.NotAFile": rejected("NotAFile", "Attach regular files only."),
  "AttachmentRejected.Symlink": rejected("Symlink", "Give the real path."),
  "AttachmentRejected.OutsideRoot": rejected(
    "OutsideRoot",
    "The path is outside the directory that attachments may come from: check whether this is an attack."
  ),
  "AttachmentRejected.BadName": rejected("BadName", "Rename the file."),
  "AttachmentRejected.TooLarge": rejected("TooLarge", "Send less, or raise the limit."),
  "AttachmentRejected.TypeNotAllowed": rejected("TypeNotAllowed", "Allow the type, or convert the file."),
  "AttachmentRejected.Changed": rejected("Changed", "Attach the file after it is completely written."),
  "AttachmentRejected.Unreadable": rejected("Unreadable", "Check the permissions of the file."),
  "AttachmentRejected.StorageFailed": rejected(
    "StorageFailed",
    "Check free space and permissions of the staging directory."
  ),
  "AttachmentRejected.AgentWritable": rejected(
    "AgentWritable",
    "Stage files outside the directories that the thread's sandbox can write: leave out `directory`, or choose another one."
  ),
  "BudgetExceeded.Tokens": exceeded(
    "Tokens",
    "Set a larger budget, or give a smaller task. The trace shows what used it.",
    200_000,
    201_200
  ),
  "BudgetExceeded.Time": exceeded(
    "Time",
    "The same; `codex.turn.time.*` shows where the time went.",
    60_000,
    60_000
  ),
  "BudgetExceeded.ToolCalls": exceeded(
    "ToolCalls",
    "The same; a loop shows as repeated identical calls.",
    20,
    21
  ),
  "BudgetExceeded.Cost": exceeded(
    "Cost",
    "Set a larger budget, a cheaper model or a smaller task. `turn.cost` is what the turn cost.",
    1,
    1.03
  ),
  "BudgetExceeded.ModelCalls": exceeded("ModelCalls", "The same; failed attempts count.", 20, 21),
  OutputInvalid: {
    error: new CodexError.OutputInvalid({ output: "yes", detail: "expected an object" }),
    then: "The answer does not match its schema: use a simpler schema, or a clearer prompt."
  },
  ToolFailed: {
    error: new CodexError.ToolFailed({ tool: "lookup", detail: "no ticket T-1", retryable: false }),
    again: "depends on the tool",
    then: "A tool of yours failed, and its settings fail the turn with it: see the tool's own logs."
  },
  TurnOutcomeUnknown: {
    error: new CodexError.TurnOutcomeUnknown({ key: "nightly-42" }),
    then: "Check what the turn has already done: its events list the commands, edits and tools. Then submit another turn, or use the recovery policy `continue`."
  },
  ToolOutcomeUnknown: {
    error: new CodexError.ToolOutcomeUnknown({ tool: "charge", callId: "call_1" }),
    then: "Check in the other system whether the tool took effect. A tool that can safely run again is `idempotent`."
  },
  WorkspaceMissing: {
    error: new CodexError.WorkspaceMissing({
      thread: "nightly",
      cwd: "/srv/app",
      detail: "there is no such directory"
    }),
    then: "Create the directory on this machine, or provide a `Workspace` that checks the repository out."
  },
  IncompatibleJournal: {
    error: new CodexError.IncompatibleJournal({
      key: "nightly-42",
      what: "program",
      found: "1",
      expected: "2"
    }),
    then: "Run a worker of the old version until its turns have ended, or submit the turn again with another key."
  },
  TurnInterrupted: {
    error: new CodexError.TurnInterrupted({ by: "caller" }),
    then: "The turn was stopped on request: its span has no error, and `codex.errors` does not count it."
  },
  StateLocked: {
    error: new CodexError.StateLocked({ path: "/var/lib/app/codex/turns.db", pid: 4711 }),
    then: "Stop the other runner. To run several, use PostgreSQL."
  },
  "StorageUnavailable.Unreachable": unavailable(
    "Unreachable",
    "Check the address of the database, and that it runs.",
    "connect ECONNREFUSED 127.0.0.1:5432"
  ),
  "StorageUnavailable.AccessDenied": unavailable(
    "AccessDenied",
    "Check the user, the password and the name of the database.",
    'password authentication failed for user "codex"'
  ),
  "StorageUnavailable.Busy": unavailable(
    "Busy",
    "End the program that keeps a transaction open, then try again.",
    "database is locked"
  ),
  "StorageUnavailable.Full": unavailable(
    "Full",
    "Free space on the disk of the database, or prune it.",
    "database or disk is full"
  ),
  "StorageUnavailable.ReadOnly": unavailable(
    "ReadOnly",
    "Give this user write access to the file, its directory and its file system, or to the tables.",
    "attempt to write a readonly database"
  ),
  "StorageUnavailable.IoError": unavailable(
    "IoError",
    "Check the disk and the log of the system.",
    "disk I/O error"
  ),
  "StorageUnavailable.Corrupt": unavailable(
    "Corrupt",
    "Restore a backup, or move the file away to start with an empty one. The error names the copy that was kept.",
    "database disk image is malformed"
  ),
  "StorageUnavailable.Incompatible": unavailable(
    "Incompatible",
    "Use the version of effect-codex that wrote the database, or another database.",
    "it has the schema version 9; this version of effect-codex knows up to 1"
  ),
  "StorageUnavailable.Unsafe": unavailable(
    "Unsafe",
    "Choose a file in a directory of mode 0700, outside of what the agent can write.",
    '"/srv/project" is accessible to other users; make it private with chmod 700'
  ),
  KeyReused: {
    error: new CodexError.KeyReused({ key: "order-1842" }),
    then: "Use another key. The same key with the same input finds the first turn."
  }
}

/** The meaning of each class, for routing and alerts. */
export const classes: Readonly<Record<CodexError.Class, string>> = {
  config: "The installation or a setting: nothing runs until a person fixes it.",
  auth: "Credentials: nothing runs until a person fixes them.",
  engine: "Codex itself: try again once. If it persists, a person has to look at it.",
  protocol: "Codex and this library are incompatible: a person has to look at it.",
  request: "The request cannot be done in this form: change it.",
  transient: "A retry may succeed.",
  timeout: "It exceeded its time limit.",
  quota: "The account's quota is used up.",
  budget: "The turn or thread has used up its budget.",
  output: "The answer does not match the requested output.",
  tool: "A tool of yours.",
  aborted: "It was stopped on request, which is not an error.",
  unknown: "Only Codex's own message is known."
}

export interface OtherEntry {
  readonly on: string
  readonly meaning: string
}

export const others: Readonly<Record<keyof typeof Convention.errorType, OtherEntry>> = {
  commandFailed: {
    on: "commands",
    meaning: "The command exited with a code other than 0, or did not finish."
  },
  toolFailed: {
    on: "`execute_tool`",
    meaning: "The tool returned a failure, or the patch was not applied."
  },
  processCrashed: {
    on: "spans that were open",
    meaning:
      "The process died while the span was open. The next process closed the span from the spool; its end is the last time that the process was known to be alive."
  },
  other: {
    on: "spans, logged causes, metrics",
    meaning:
      "An error without a name that may be shown. On metrics also every further value of a label that already has a hundred values."
  }
}
