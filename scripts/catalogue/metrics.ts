/** What a bad value of every metric tells, and what to do about it; one that has no entry fails the type check. */
import * as Record from "effect/Record"
import * as MetricCatalogue from "../../src/trace/catalogue/MetricCatalogue.ts"
import type { Carried } from "./spans.ts"

export { instrumentOf, nameOf } from "../../src/trace/catalogue/MetricCatalogue.ts"
export type Metric = MetricCatalogue.Metric

export interface MetricEntry {
  readonly attributes: Carried
  readonly bad: string
  readonly then: string
  readonly reserved?: string
}

const entries: { readonly [Key in Metric]: Omit<MetricEntry, "attributes"> } = {
  inferenceDuration: {
    bad: "More than one in twenty with an `error.type`, or a p95 that doubles: the provider refuses, fails or is slow. Turns may still complete, for Codex tries again.",
    then: "Split by `error.type` and `http.response.status_code`. 401 and 403: the credentials. 429: fewer turns at once, or a higher limit. 5xx: the provider's status page. No error and slow: split by model, then look at the time to the first chunk."
  },
  timeToFirstChunk: {
    bad: "It rises while the time between chunks does not: the provider queues, or the prompts have grown.",
    then: "Compare with input tokens of a request. If they grew too, compact or start new threads earlier, and look at the share of cached tokens; if not, it is the provider."
  },
  timePerOutputChunk: {
    bad: "It rises: the model writes more slowly, or what reads its stream is held up.",
    then: "Compare models and providers. If all of them rise at once, look at CPU and network of your own host."
  },
  inputTokens: {
    bad: "It grows faster than the number of turns: conversations get long, tools answer with too much, or a turn loops.",
    then: "Look at requests in one turn and at input tokens of one request, then at the longest `invoke_agent` spans. Compact, cut what tools give back, start new threads."
  },
  outputTokens: {
    bad: "It grows with the same number of turns: longer answers, or more reasoning.",
    then: "Compare with the tokens of reasoning. Lower the effort of the turn, or ask for shorter answers."
  },
  cachedTokens: {
    bad: "Its share of input falls: the beginning of prompts changes from request to request, and the input costs full price.",
    then: "Look for what changes early in the prompt: instructions with a time in them, tools in a changing order, a different model between turns."
  },
  cacheWriteTokens: {
    bad: "It stays near the input while cached tokens stay low: the cache is written and not read.",
    then: "The same as for cached tokens; also turns of one thread that are further apart than the provider keeps its cache."
  },
  reasoningTokens: {
    bad: "Most of the output is reasoning: you pay for thought that may not be needed.",
    then: "Try a lower effort on these turns and compare what comes of them."
  },
  requestInputTokens: {
    bad: "A p95 near the context window of the model: turns are about to fail with `TurnFailed.ContextOverflow`.",
    then: "Compact, or start a new thread; find the tool whose output is large."
  },
  requestOutputTokens: {
    bad: "A long tail: single responses that never get to the point, or write whole files where a patch would do.",
    then: "Find them by `gen_ai.usage.output_tokens` on `chat` spans and read these turns."
  },
  invokeAgentDuration: {
    bad: "A p95 that rises, or a rising share with an `error.type`.",
    then: "Look at the components first: they say whether model, tools, approval or overhead took the time. Then at `codex.errors`."
  },
  inferenceCalls: {
    bad: "A tail above 32: the agent goes in circles, or many attempts fail.",
    then: "Read one such turn in the trace: the same command over and over is a loop; `chat` spans with errors are retries."
  },
  toolCalls: {
    bad: "A tail that grows, or nothing but 0 for an agent that should work with tools.",
    then: "Many: as for requests in one turn. None: check that the thread is given its tools and that the sandbox lets commands run."
  },
  executeToolDuration: {
    bad: "One tool has a slow tail or a rising share with `error.type`.",
    then: "Subtract `codex.approval.duration`, for the wait is part of it. `ToolFailed`: the tool answered with a failure, see its spans and its own logs; of `exec_command`, see the spans of commands below."
  },
  componentDuration: {
    bad: "`approval` leads: people are the bottleneck. `overhead` is more than a few per cent: Codex, its start or its retries are. `tools` leads: commands are slow. `thinking` leads: as it should be.",
    then: "Approval: more rules, fewer questions. Overhead: look for waits between failed `chat` spans, and for `codex.engine.start` below requests. Tools: the slowest command spans."
  },
  approvalDuration: {
    bad: "A p90 of minutes with source `user`: nobody is there. Seconds with source `policy`: the policy asks something slow.",
    then: "Route questions to whoever answers; decide the common ones by rules; give policies a timeout, after which the answer is no."
  },
  approvalCount: {
    bad: "`decline` with source `default` or `timeout`: questions nobody answered, and work that was not done. Many `accept` of one kind: people press yes without reading.",
    then: "Provide a policy (`Approval.layer`); make a rule of what is always accepted; look at the declined ones as `codex.approval` spans."
  },
  commandCount: {
    bad: "A rising share of `codex.command.success` = `false`. Some is normal: tests fail until they are fixed.",
    then: "Group command spans by name and `process.exit.code`: 127 is a program that is missing, 126 and 1 right after each other in one sandbox is what the sandbox forbids."
  },
  fileChangeLines: {
    bad: "Far more lines than people review, or many removed and few added.",
    then: "Find the turns by `codex.diff.*` on the `codex.diff.updated` event; ask for approval of patches there."
  },
  fileOperations: {
    bad: "`delete` where nothing should be deleted; `search` and `read` without end: the agent does not find what it needs.",
    then: "Tighten the sandbox or the rules; tell the agent in its instructions where things are."
  },
  attachmentStaged: {
    bad: "More staged than cleaned, for long.",
    then: "Look for turns that never ended, and for folders left behind by a process that was killed."
  },
  attachmentCleaned: {
    bad: "It stops while files are still staged.",
    then: "Look for turns that never ended; then for the permissions of the staging folder."
  },
  attachmentBytes: {
    bad: "It grows faster than the number of files: somebody attaches large ones.",
    then: "Bound the size of what may be attached."
  },
  errors: {
    bad: "Turns, threads and engines that failed. Any of class `config`, `auth`, `engine` or `protocol`: nothing will run until somebody looks. Of `transient`, `quota` or `timeout`: a rising rate.",
    then: "Look the `error.type` up [below](#errortype). An interrupted turn is none and is not counted."
  },
  telemetryExported: {
    bad: "It stands still while turns run: nothing arrives at the receiver.",
    then: "Look at the dropped ones; nothing dropped either: is the export on, and are these turns sampled?"
  },
  telemetryDropped: {
    bad: "Anything above 0: what you see of turns is incomplete.",
    then: "`rejected`: the receiver refuses it (credentials, path, size). `export_failed` or `timeout`: it is down or slow. `queue_full`: a larger `OTEL_BSP_MAX_QUEUE_SIZE` or less sampled. `shutdown`: the receiver was too slow in the end. A log line names the details, once a minute."
  },
  telemetrySpooled: {
    bad: "It grows while exported stands still: the receiver is away.",
    then: "Bring the receiver back before the spool is full or too old."
  },
  telemetryQueue: {
    bad: "It stays near its limit: the receiver takes less than is made, and the next are dropped.",
    then: "A faster receiver, larger batches, or sampling."
  },
  samplingTurns: {
    bad: "`codex.sampling.early` = `true`: turns were decided before they were over, for too many spans were held. `first` that goes on growing: names that never come twice.",
    then: "A higher bound of spans or bytes held; fewer turns at once. Made-up names of tools or models where `first` grows."
  },
  tokenUsage: {
    bad: "As the counters of the latest revision: see input and output tokens.",
    then: "The same; `gen_ai.token.type` tells the two apart."
  }
}

export const metrics: { readonly [Key in Metric]: MetricEntry } = Record.map(entries, (entry, key) => ({
  ...entry,
  ...MetricCatalogue.metrics[key]
}))
