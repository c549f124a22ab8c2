/** Sends large bodies to the relay of Codex's own spans: `node floodRelay.ts URL TURN`. */

const [url = "", turnId = ""] = process.argv.slice(2)
const megabyte = 1024 * 1024

/** A body of spans that all name the running turn, at least as large as asked. */
const bodyOf = (turnId: string, bytes: number): Buffer => {
  const span = (at: number, name: string) => ({
    traceId: "a".repeat(32),
    spanId: at.toString(16).padStart(16, "0"),
    parentSpanId: (at + 1).toString(16).padStart(16, "0"),
    name,
    startTimeUnixNano: "1795249361848786651",
    endTimeUnixNano: "1795249361848786652",
    attributes: [{ key: "turn.id", value: { stringValue: turnId } }]
  })
  const count = Math.ceil(bytes / JSON.stringify(span(0, "codex.sampling")).length)
  const spans = Array.from({ length: count }, (_, at) =>
    span(at, at % 2 === 0 ? "codex.sampling" : "model_client.stream_responses_api")
  )
  return Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }))
}

const post = async (body: Buffer) => {
  const response = await fetch(url, { method: "POST", body })
  await response.arrayBuffer()
}

await post(bodyOf(turnId, 7.6 * megabyte))
const medium = bodyOf(turnId, 0.9 * megabyte)
for (let at = 0; at < 4; at++) await post(medium)
const junk = Buffer.alloc(7.9 * megabyte, "x")
for (let at = 0; at < 12; at++) await Promise.all(Array.from({ length: 10 }, () => post(junk)))
