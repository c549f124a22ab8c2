/** A program with dd-trace, which sends its traces to an agent. */
import tracer from "dd-trace"

tracer.init({
  url: process.env["DD_TRACE_AGENT_URL"],
  service: "shop",
  startupLogs: false,
  flushInterval: 100
})
new tracer.TracerProvider().register()
await import("./turn.mjs")
// dd-trace has no flush: wait for its interval.
await new Promise((resolve) => setTimeout(resolve, 2000))
process.exit()
