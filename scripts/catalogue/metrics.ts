/** What a bad value of each metric looks like, and what to do about it. A missing entry fails the type check. */
import * as Record from "effect/Record"
import * as MetricCatalogue from "../../src/trace/catalogue/MetricCatalogue.ts"
import type { AttributePresence } from "./spans.ts"

export { instrumentOf, nameOf } from "../../src/trace/catalogue/MetricCatalogue.ts"
export type Metric = MetricCatalogue.Metric

export interface MetricEntry {
  readonly attributes: AttributePresence
  readonly bad: string
  readonly then: string
  readonly reserved?: string
}

const entries: { readonly [Key in Metric]: Omit<MetricEntry, "attributes"> } = {
  inferenceDuration: {
    bad: "More than one in twenty with an `error.type`, or a p95 that doubles: the provider refuses, fails or is slow. Turns may still complete, because Codex retries.",
    then: "Split by `error.type` and `http.response.status_code`. 401 and 403: the credentials. 429: fewer turns at once, or a higher limit. 5xx: the provider's status page. Slow without errors: split by model, then look at the time to the first chunk."
  },
  timeToFirstChunk: {
    bad: "It rises while the time between chunks does not: the provider queues, or the prompts have grown.",
    then: "Compare with input tokens of a request. If they grew too, compact or start new threads earlier, and look at the share of cached tokens. Otherwise the provider is the cause."
  },
  timePerOutputChunk: {
    bad: "It rises: the model writes more slowly, or the reader of its stream is blocked.",
    then: "Compare models and providers. If all of them rise at the same time, look at the CPU and network of your own host."
  },
  inputTokens: {
    bad: "It grows faster than the number of turns: conversations get long, tools return too much, or a turn loops.",
    then: "Look at requests in one turn and at input tokens of one request, then at the longest `invoke_agent` spans. Compact, shorten tool results, start new threads."
  },
  outputTokens: {
    bad: "It grows with the same number of turns: longer answers, or more reasoning.",
    then: "Compare with reasoning tokens. Lower the effort of the turn, or ask for shorter answers."
  },
  cachedTokens: {
    bad: "Its share of input falls: the beginning of the prompt changes between requests, so the input costs the full price.",
    then: "Look for changes early in the prompt: instructions that contain a time, tools in a changing order, a different model between turns."
  },
  cacheWriteTokens: {
    bad: "It stays near the input while cached tokens stay low: the cache is written and not read.",
    then: "The same as for cached tokens. Also look for turns of one thread that are further apart than the lifetime of the provider's cache."
  },
  reasoningTokens: {
    bad: "Most of the output is reasoning: you pay for reasoning that may be unnecessary.",
    then: "Try a lower effort on these turns and compare the results."
  },
  requestInputTokens: {
    bad: "A p95 near the context window of the model: turns are about to fail with `TurnFailed.ContextOverflow`.",
    then: "Compact, or start a new thread. Find the tool with the large output."
  },
  requestOutputTokens: {
    bad: "A long tail: some responses ramble, or write whole files instead of a patch.",
    then: "Find them by `gen_ai.usage.output_tokens` on `chat` spans and read these turns."
  },
  invokeAgentDuration: {
    bad: "A p95 that rises, or a rising share with an `error.type`.",
    then: "Look at the components first: they show whether the model, tools, approval or overhead took the time. Then look at `codex.errors`."
  },
  inferenceCalls: {
    bad: "A tail above 32: the agent loops, or many attempts fail.",
    then: "Read one such turn in the trace: a repeated command is a loop; `chat` spans with errors are retries."
  },
  toolCalls: {
    bad: "A growing tail, or only 0 for an agent that should use tools.",
    then: "Many: as for requests in one turn. None: check that the thread has its tools and that the sandbox allows commands."
  },
  executeToolDuration: {
    bad: "One tool has a slow tail or a rising share with `error.type`.",
    then: "Subtract `codex.approval.duration`, because the wait is included. `ToolFailed`: the tool returned a failure; see its spans and its own logs. For `exec_command`, see the command spans below it."
  },
  componentDuration: {
    bad: "`approval` leads: people are the bottleneck. `overhead` is more than a few per cent: Codex, its start or its retries take the time. `tools` leads: commands are slow. `thinking` leads: this is normal.",
    then: "Approval: more rules, fewer questions. Overhead: look for waits between failed `chat` spans, and for `codex.engine.start` below requests. Tools: look at the slowest command spans."
  },
  approvalDuration: {
    bad: "A p90 of minutes with source `user`: no person is available. Seconds with source `policy`: the policy calls something slow.",
    then: "Route requests to a person who answers; decide common requests with rules; give policies a timeout, after which the request is declined."
  },
  approvalCount: {
    bad: "`decline` with source `default` or `timeout`: requests that received no answer, and work that was not done. Many `accept` decisions of one kind: people accept without reading.",
    then: "Provide a policy (`Approval.layer`); write a rule for requests that are always accepted; look at declined requests as `codex.approval` spans."
  },
  commandCount: {
    bad: "A rising share of `codex.command.success` = `false`. Some is normal: tests fail until they are fixed.",
    then: "Group command spans by name and `process.exit.code`: 127 means a missing program; 126 followed by 1 in one sandbox means that the sandbox forbids the command."
  },
  execDuration: {
    bad: "A p99 near the timeouts of the program, or a rising share with `error.type`: `CommandFailed` is an exit code other than 0, `CommandTimedOut` a timeout.",
    then: "Group `codex.exec` spans by `process.executable.name` and `process.exit.code`; a program that works elsewhere may need another `sandbox`."
  },
  fileChangeLines: {
    bad: "Far more lines than people can review, or many removed lines and few added ones.",
    then: "Find the turns by `codex.diff.*` on the `codex.diff.updated` event; require approval of patches there."
  },
  fileOperations: {
    bad: "`delete` in places where no file should be deleted; endless `search` and `read`: the agent does not find what it needs.",
    then: "Tighten the sandbox or the rules; describe in the agent's instructions where things are."
  },
  durableTurns: {
    bad: "`submitted` grows for minutes: turns come faster than the workers run them, or no worker runs. `running` without end: turns are stuck. Every worker reports the same number: query it with `max`, not with `sum`.",
    then: "Look at `codex.durable.queue.age` and at the workers: `effect-codex turns list --db …` names the worker of each turn. Start more workers, or raise `concurrency`. Many turns of one thread wait for each other; use more threads."
  },
  durableQueueAge: {
    bad: "It rises with the clock: nothing takes turns from the queue.",
    then: "Check that a worker runs and reaches the database and its engine: `codex.durable.locks`, `codex.engine.reconnect.duration`, and the log of the worker. Behind one long turn, the later turns of its thread wait as well."
  },
  durableQueueWait: {
    bad: "A p95 of minutes: turns wait for earlier turns of their thread, or for a free place in a worker.",
    then: "If `codex.durable.turns` with `running` is at the `concurrency` of all workers, add workers. Otherwise look for threads with many turns."
  },
  durableDuration: {
    bad: "A p95 that rises, or a rising share of `failed`.",
    then: "Compare with the wait in the queue and with `gen_ai.invoke_agent.duration`: the rest is the wait for approvals and for lost workers. The trace of a turn has a `codex.durable.run` span for each attempt."
  },
  durableAttaches: {
    bad: "It rises without a deployment: workers end and start again.",
    then: "Look at the ends of the workers, and at `codex.durable.failovers`. After a deployment it is the number of turns that went on meanwhile, which is normal."
  },
  durableFailovers: {
    bad: "Anything above 0 outside of a deployment that kills its workers.",
    then: "`worker_lost`: find out why the worker ended (memory, a signal, its machine), or why it froze. `engine_lost`: read the log of Codex or of the engine host. `machine_lost`: the engine of the thread was not reached for `takeOverAfter`."
  },
  durableLocks: {
    bad: "`refused`: a second worker tries to use a SQLite file, and ends. `lost`: another worker took a turn over from one that still runs, because it was frozen or cut off.",
    then: "`refused`: run one worker for each SQLite file, or use PostgreSQL. `lost`: look for pauses of the machine and of the network; raise `failover` if the worker is only busy."
  },
  durableApprovals: {
    bad: "It grows: people do not answer, or do not know that they are asked. Query it with `max`, as every worker reports the same number.",
    then: "`effect-codex approvals list --db …` shows them. Notify people from `approvals.pending`, decide common requests with rules."
  },
  durableApprovalAge: {
    bad: "It comes near `approvalExpiry` (24 hours by default): the request is declined then, and the work is not done.",
    then: "Answer the oldest one: `effect-codex approvals list --db …`."
  },
  reconnectDuration: {
    bad: "More than a few a day, or any with an `error.type`: the connection was given up, and its turns failed or wait for another worker.",
    then: "Look at the network between the program and Codex, and whether Codex was restarted. Turns go on meanwhile; a gap in the deltas is marked."
  },
  hostDuration: {
    bad: "Failures of `start` or `drain`, or a `start` of more than a few seconds.",
    then: "`effect-codex host status`, then `host.log` in the directory of the host: it has the output of Codex."
  },
  hostProcesses: {
    bad: "`running` is 0, or `restarting` stays at 1: Codex does not start. `draining` for hours: a turn does not end.",
    then: "`effect-codex host status` shows why it did not start, and the running turns of each process. Interrupt the turn that does not end."
  },
  hostClients: {
    bad: "More than the programs that you run: some leave connections open.",
    then: "Look for programs that were not ended. Absent where the system does not show connections (only Linux does)."
  },
  hostRestarts: {
    bad: "It rises: Codex crashes.",
    then: "Read `host.log` in the directory of the host. The turns of a crashed Codex fail with `EngineExited`; durable turns continue."
  },
  attachmentStaged: {
    bad: "More staged than cleaned, for a long time.",
    then: "Look for turns that never ended, and for directories left behind by a killed process."
  },
  attachmentCleaned: {
    bad: "It stops while files are still staged.",
    then: "Look for turns that never ended; then check the permissions of the staging directory."
  },
  attachmentBytes: {
    bad: "It grows faster than the number of files: callers attach large files.",
    then: "Limit the size of attachments."
  },
  limitUsed: {
    bad: "Near 1: the next turns fail with `TurnFailed.UsageLimit` until the window resets.",
    then: "Read `codex.limits` for the time of the reset. Run fewer turns, or fall back to another model (`Retry.withModels`). Codex reports limits only with a login."
  },
  cost: {
    bad: "It grows faster than the number of turns, or more of it comes from an expensive model.",
    then: "Compare models, then look at input and cached tokens. Limit it with `budget.usd`. It exists only for models with a price."
  },
  errors: {
    bad: "Turns, threads and engines that failed. Any of class `config`, `auth`, `engine` or `protocol`: nothing runs until a person intervenes. Of `transient`, `quota` or `timeout`: a rising rate.",
    then: "Look up the `error.type` [below](#errortype). An interrupted turn is not an error and is not counted."
  },
  telemetryExported: {
    bad: "It does not rise while turns run: nothing arrives at the receiver.",
    then: "Look at `codex.telemetry.dropped`. If nothing is dropped either, check that export is on and that these turns are sampled."
  },
  telemetryDropped: {
    bad: "Anything above 0: the telemetry of turns is incomplete.",
    then: "`rejected`: the receiver refuses the data (credentials, path, size). `export_failed` or `timeout`: the receiver is down or slow. `queue_full`: raise `OTEL_BSP_MAX_QUEUE_SIZE` or sample less. `shutdown`: the receiver was too slow at the end of the program. A log line has the details, at most once a minute."
  },
  telemetrySpooled: {
    bad: "It grows while `codex.telemetry.exported` does not: the receiver is unreachable.",
    then: "Restore the receiver before the spool is full or its records expire."
  },
  telemetryQueue: {
    bad: "It stays near its limit: the receiver accepts less than the program produces, and further items are dropped.",
    then: "Use a faster receiver, larger batches, or sampling."
  },
  samplingTurns: {
    bad: "`codex.sampling.early` = `true`: the sampler decided about turns before their end, because it held too many spans. A `first` that keeps growing: names that never repeat.",
    then: "Raise the limit of held spans or bytes, or run fewer turns at once. If `first` grows, look for invented names of tools or models."
  },
  tokenUsage: {
    bad: "As for the counters of the latest revision: see input and output tokens.",
    then: "The same; `gen_ai.token.type` distinguishes input from output."
  }
}

export const metrics: { readonly [Key in Metric]: MetricEntry } = Record.map(entries, (entry, key) => ({
  ...entry,
  ...MetricCatalogue.metrics[key]
}))
