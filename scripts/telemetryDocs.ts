/** Writes docs/telemetry.md from the catalogues; `--check` fails if the page is out of date. */
import { Struct } from "effect"
import * as Convention from "../src/semconv/Convention.ts"
import { type Attribute, attributes } from "./catalogue/attributes.ts"
import { classes, errors, others } from "./catalogue/errors.ts"
import { code, table } from "./catalogue/markdown.ts"
import { main } from "./catalogue/page.ts"
import { instrumentOf, metrics, nameOf } from "./catalogue/metrics.ts"
import { annotatedAttributes, levels, records, idFields } from "./catalogue/records.ts"
import { type AttributePresence, events, spans } from "./catalogue/spans.ts"

export const file = "docs/telemetry.md"

const keys = Struct.keys

const nameOfAttribute = (key: Attribute): string => Convention.attribute[key]
const oldAttributes: Readonly<Partial<Record<Attribute, string>>> = Convention.v1_41.attribute
const oldMetrics: Readonly<Record<string, string>> = Convention.v1_41.metric

const attributeTable = (listed: AttributePresence): string =>
  table(
    ["attribute", "type", "present", "meaning"],
    keys(listed).map((key) => {
      const { meaning, type } = attributes[key]
      const old = oldAttributes[key]
      const renamed = old === undefined ? "" : ` (v1.41: ${code(old)})`
      return [code(nameOfAttribute(key)), type, listed[key] ?? "", `${meaning}${renamed}`]
    })
  )

const spanSection = (): ReadonlyArray<string> =>
  keys(spans).flatMap((key) => {
    const { attributes: listed, events: seen, kind, name, parent, when } = spans[key]
    return [
      `### ${code(name)}`,
      when,
      `Kind ${kind.toUpperCase()}, in ${parent}.${seen === undefined ? "" : ` Events: ${seen.map((event) => code(Convention.event[event])).join(", ")}.`}`,
      attributeTable(listed)
    ]
  })

const eventSection = (): ReadonlyArray<string> =>
  keys(events)
    .filter((key) => events[key].on === "span")
    .flatMap((key) => [
      `### ${code(Convention.event[key])}`,
      events[key].when,
      attributeTable(events[key].attributes)
    ])

const recordTable = (): string =>
  table(
    ["record", "level", "when", "says"],
    keys(records).flatMap((key) => {
      const { fields, reserved, stages, subjects, when } = records[key]
      return [
        [
          subjects.flatMap((subject) => stages.map((stage) => code(`codex.${subject}.${stage}`))).join(", "),
          stages.map((stage) => levels[stage]).join(", "),
          reserved === undefined ? when : `${when} Not emitted in this version.`,
          keys(fields).map(code).join(", ")
        ]
      ]
    })
  )

const fieldTable = (): string => {
  const named = new Map<string, Set<string>>()
  for (const { fields } of Object.values(records)) {
    for (const [name, key] of [...Object.entries(fields), ...Object.entries(idFields)]) {
      named.set(name, (named.get(name) ?? new Set()).add(code(nameOfAttribute(key))))
    }
  }
  return table(
    ["in a line", "attribute of the record"],
    [...named]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, found]) => [code(name), [...found].join(" or ")])
  )
}

const metricSection = (): ReadonlyArray<string> =>
  keys(metrics).flatMap((key) => {
    const { attributes: listed, bad, reserved, then } = metrics[key]
    const instrument = instrumentOf(key)
    if (instrument === undefined) return []
    const { boundaries, description, kind, unit } = instrument
    const shape = `${kind}, unit ${code(unit)}`
    const old = key === "tokenUsage" ? "only with the names of v1.41" : undefined
    const renamed = old ?? (oldMetrics[key] === undefined ? undefined : `v1.41: ${code(oldMetrics[key])}`)
    return [
      `### ${code(nameOf(key))}`,
      `${description} (${[shape, ...(renamed === undefined ? [] : [renamed])].join("; ")})`,
      ...(reserved === undefined ? [] : [`Not recorded in this version: ${reserved}.`]),
      `- Attributes: ${keys(listed)
        .map(
          (label) =>
            `${code(nameOfAttribute(label))}${listed[label] === "always" ? "" : ` (${listed[label]})`}`
        )
        .join(", ")}.`,
      ...(boundaries.length === 0 ? [] : [`- Buckets: ${boundaries.join(", ")}.`]),
      `- A bad value: ${bad}`,
      `- What next: ${then}`
    ]
  })

const errorTable = (): string =>
  table(
    ["`error.type`", "class", "again?", "what next"],
    Object.values(errors).map(({ again, error, then }) => [
      code(error.errorType),
      error.class,
      again ?? (error.retryable ? "yes" : "no"),
      then
    ])
  )

const classTable = (): string =>
  table(
    ["class", "meaning"],
    Object.entries(classes).map(([name, meaning]) => [code(name), meaning])
  )

const otherTable = (): string =>
  table(
    ["`error.type`", "on", "meaning"],
    keys(others).map((key) => [code(Convention.errorType[key]), others[key].on, others[key].meaning])
  )

const glossary = (): string =>
  table(
    ["attribute", "type", "meaning"],
    keys(attributes)
      .toSorted((a, b) => (nameOfAttribute(a) < nameOfAttribute(b) ? -1 : 1))
      .map((key) => {
        const { content, meaning, reserved, type } = attributes[key]
        const notes = [
          ...(content === true ? ["content, off by default"] : []),
          ...(reserved === undefined ? [] : [reserved])
        ]
        return [
          code(nameOfAttribute(key)),
          type,
          notes.length === 0 ? meaning : `${meaning} (${notes.join("; ")})`
        ]
      })
  )

const renames = (): string =>
  table(
    ["latest", "v1.41"],
    [
      ...keys(oldAttributes).map((key) => [code(nameOfAttribute(key)), code(oldAttributes[key] ?? "")]),
      ...keys(Convention.metric).flatMap((key) =>
        oldMetrics[key] === undefined ? [] : [[code(Convention.metric[key]), code(oldMetrics[key])]]
      ),
      ...(["inputTokens", "outputTokens"] as const).map((key) => [
        code(Convention.metric[key]),
        `${code(Convention.v1_41.metric.tokenUsage)} with ${code(nameOfAttribute("tokenType"))}`
      ]),
      ...(
        [
          "cachedTokens",
          "cacheWriteTokens",
          "reasoningTokens",
          "requestInputTokens",
          "requestOutputTokens"
        ] as const
      ).map((key) => [code(Convention.metric[key]), "not recorded"])
    ]
  )

/** Returns the whole page. */
export const document = (): string =>
  `${[
    "# Telemetry reference",
    "Generated by `node scripts/telemetryDocs.ts` from the catalogue in `src/trace/catalogue/` and `scripts/catalogue/`; do not edit. [settings.md](settings.md) explains how to turn telemetry on and where to send it; [a program that already has OpenTelemetry](existing-opentelemetry.md) needs no exporter of this library.",
    "Names come from the OpenTelemetry GenAI conventions (state of October 2026) and the core semantic conventions 1.44; names that they do not cover start with `codex.`. `CODEX_OTEL_SEMCONV=1.41` selects [the older names](#names-of-v141). Telemetry contains no prompt, answer, argument, output, command line, path or diff unless you enable that kind of [content](#attributes). Secrets are masked before every exporter.",
    "```text\neffect-codex run             the command line only\n├ codex.engine.start\n├ codex.thread.start, codex.thread.resume, codex.thread.fork\n├ Codex.{method}             one request about threads or models, outside any turn\n└ invoke_agent {agent}       one turn\n   ├ chat {model}            one request to the model, or one attempt at it\n   ├ codex.retry             from a failed attempt to the first output of the next\n   ├ codex.compaction\n   └ execute_tool {tool}     one tool call\n      ├ codex.approval       one decision\n      └ {executable}         the command\n\ncodex.durable.submit         a program submits a durable turn\n├ codex.durable.run          one attempt of one worker; each links to the one before\n│  ├ codex.thread.start, codex.thread.resume\n│  └ invoke_agent {agent}    and below its codex.approval: codex.durable.approval\n└ codex.durable.run          the next attempt, of another worker or on another machine\n\ncodex.host.start, codex.host.attach, codex.host.drain, codex.host.stop\n```",
    "A thread has no span, because it outlives traces. Its turns share `gen_ai.conversation.id`, and each turn links to the previous turn that this process has seen. Spans that your own code opens inside tools and policies are below `execute_tool` and `codex.approval`, and have the common attributes of the turn.",
    "A failed span has the status ERROR and an `error.type`, without a message. An interrupted or declined operation has the status UNSET.",
    "## Spans",
    ...spanSection(),
    "## Span events",
    ...eventSection(),
    "## Log records",
    "Log exporters receive a record when something in a turn starts, stops, fails or changes. With `Logging.layer`, each record is also a line on stderr: `[codex] turn stop duration_ms=… result=completed …`. A record has the trace id and span id of its span. Records of level Debug need a minimum log level of Debug.",
    recordTable(),
    `Each record has ${keys(idFields).map(code).join(" and ")}, and the attributes ${annotatedAttributes.map((key) => code(nameOfAttribute(key))).join(", ")} if the thread has them.`,
    fieldTable(),
    "Records that your program logs inside a turn have the same annotations. A logged cause adds `error.type`, `codex.error.class` and `codex.error.retryable`, and, only if capture of the content `errors` is on, `exception.message` and `exception.stacktrace`.",
    `### ${code(Convention.event.inferenceDetails)}`,
    events.inferenceDetails.when,
    attributeTable(events.inferenceDetails.attributes),
    "## Metrics",
    "Metrics are recorded before sampling. No label identifies a thread, turn, user or call. In Prometheus, dots become underscores, and counters end in `_total`. Each label has at most a hundred values; further values become `_OTHER`. [examples/dashboards](../examples/dashboards) has dashboards and alert rules.",
    ...metricSection(),
    "## error.type",
    "A closed list, the same on spans, metrics and records. The attribute is absent on success.",
    errorTable(),
    `${code(Convention.attribute.errorClass)} is for routing and alerts:`,
    classTable(),
    "Values that are not errors of a turn:",
    otherTable(),
    "A span that your own code opens in a tool or a policy has the `_tag` of its failure (and its `reason`, if that is a name), or the class of its defect.",
    "## Attributes",
    "Token counts are inclusive: input includes cached tokens, and output includes reasoning tokens. Do not add them.",
    glossary(),
    "## Names of v1.41",
    "`CODEX_OTEL_SEMCONV=latest` (the default) or `1.41`, for back ends that read the older names. Names that are not in this table are the same in both.",
    renames()
  ].reduce(
    (text, block) =>
      text === ""
        ? block
        : `${text}${text.endsWith("\n") || (/\n?- [^\n]*$/.test(text) && block.startsWith("- ")) ? "\n" : "\n\n"}${block}`,
    ""
  )}\n`

if (import.meta.main) main(file, document)
