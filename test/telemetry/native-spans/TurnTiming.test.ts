import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, layer } from "@effect/vitest"
import type { ReadableSpan } from "@opentelemetry/sdk-trace"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { attribute } from "../../../src/semconv/Convention.ts"
import * as HeldTurns from "./heldTurns.ts"
import { idOf, millis, parentId } from "./run.ts"

const phases = ["thinking", "tools", "approval"] as const

const nativeName = {
  thinking: attribute.nativeTimeInference,
  tools: attribute.nativeTimeTools,
  approval: attribute.nativeTimeWaiting
}

/** Clocks round to milliseconds, at both ends. */
const rounding = 2

const sum = (values: ReadonlyArray<number>) => values.reduce((total, value) => total + value, 0)

const byStart = (spans: ReadonlyArray<ReadableSpan>, isChosen: (span: ReadableSpan) => boolean) =>
  spans.filter(isChosen).toSorted((a, b) => millis(a.startTime) - millis(b.startTime))

const callOf = ({ attributes }: ReadableSpan) => attributes[attribute.toolCallId]

/**
 * Nothing here depends on the speed of the machine: a cause is held up only while this process has seen that it is open,
 * and times are compared with times that this process measured. `npm run bench -- timing` compares the milliseconds with
 * Codex's own.
 */
const check = Effect.fnUntraced(function* (kind: string) {
  const turn = (yield* HeldTurns.HeldTurns).get(kind)
  if (turn === undefined) return assert.fail(`no turn ${kind}`)
  const { held, spans, time, wallMillis } = turn
  const native = spans.find(HeldTurns.isTask)
  const steps = HeldTurns.kinds[kind] ?? []

  // Each cause was held up once, so a phase without a cause is empty, for Codex too.
  const tools = steps.flat()
  assert.strictEqual(held.thinking.length, steps.length + 1)
  assert.strictEqual(held.tools.length, tools.length)
  assert.strictEqual(held.approval.length, tools.filter((step) => step === "escalated command").length)
  let charged = 0
  for (const phase of phases) {
    const ours = time[`${phase}Millis`]
    const theirs = Number(native?.attributes[nativeName[phase]] ?? NaN)
    if (held[phase].length === 0) {
      assert.deepStrictEqual([ours, theirs], [0, 0], phase)
      continue
    }
    // The tools of one reply overlap.
    const atLeast = kind === "parallel" && phase === "tools" ? Math.max(...held.tools) : sum(held[phase])
    charged += atLeast
    assert.isAtLeast(ours, atLeast - rounding * held[phase].length, `our ${phase}`)
    assert.isAtLeast(theirs, atLeast - rounding * held[phase].length, `${phase} of Codex`)
  }

  // What was held up is in its own phase, so it is in no other one: nothing is counted twice.
  assert.strictEqual(
    sum(phases.map((phase) => time[`${phase}Millis`])) + time.overheadMillis,
    time.totalMillis
  )
  assert.isAtMost(time.totalMillis, wallMillis + rounding)
  assert.isAtMost(
    time.overheadMillis,
    wallMillis - charged + rounding * sum(phases.map((phase) => held[phase].length + 1))
  )

  // The same requests and calls as Codex, each call of Codex inside ours, in the same order.
  const requests = byStart(spans, ({ name }) => name === "run_sampling_request")
  const chats = byStart(spans, ({ attributes }) => attributes[attribute.operationName] === "chat")
  assert.strictEqual(chats.length, held.thinking.length)
  assert.strictEqual(requests.length, chats.length)
  const ourTools = byStart(spans, ({ attributes }) => attributes[attribute.operationName] === "execute_tool")
  const nativeTools = spans.filter(({ attributes }) => attributes["codex.native.tool_source"] === "direct")
  const calls = steps.flatMap((reply, index) => reply.map((_, at) => `${kind}/${index}/${at}`))
  assert.deepStrictEqual(ourTools.map(callOf), calls)
  assert.deepStrictEqual(
    ourTools.map((tool) => nativeTools.filter((span) => parentId(span) === idOf(tool)).map(callOf)),
    calls.map((call) => [call])
  )
  assert.strictEqual(nativeTools.length, calls.length)
  // Each cause was held up after its start, so the starts are far apart.
  const order = byStart([...chats, ...ourTools], () => true).map((span) => callOf(span) ?? "request")
  assert.deepStrictEqual(order, [
    ...steps.flatMap((reply, index) => ["request", ...reply.map((_, at) => `${kind}/${index}/${at}`)]),
    "request"
  ])
})

describe("the phases of a turn's time have the causes that Codex's own have", () => {
  layer(Layer.provide(HeldTurns.layer, Layer.merge(NodeServices.layer, Logger.layer([]))), {
    excludeTestServices: true
  })((it) => {
    for (const kind of Object.keys(HeldTurns.kinds)) it.effect(kind, () => check(kind))
  })
})
