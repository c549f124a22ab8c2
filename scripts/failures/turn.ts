/** Set-ups in which a turn begins and does not complete. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { readdirSync, readFileSync } from "node:fs"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import { type FailureGroup, play } from "./Failure.ts"

const { httpError, reply, text, truncate, cut, never } = ModelServer

/** Kills the Codex whose home this is. */
const killCodex = (home: string) =>
  Effect.sync(() => {
    for (const name of readdirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue
      try {
        const environment = readFileSync(`/proc/${name}/environ`, "utf8").split("\0")
        if (environment.includes(`CODEX_HOME=${home}`)) process.kill(Number(name), "SIGKILL")
      } catch {
        // The process has ended.
      }
    }
  })

const killed = Effect.suspend(() => {
  let codexHome = ""
  return play({
    script: [reply(text("half", { deltas: true }), never)],
    breakHome: ({ CODEX_HOME }) => {
      codexHome = CODEX_HOME
      return Effect.succeed({})
    },
    during: (thread) =>
      thread
        .stream("go")
        .pipe(
          Stream.runForEach((event) => (event._tag === "MessageDelta" ? killCodex(codexHome) : Effect.void))
        )
  })
})

/** A successful answer that is no answer of a model. */
const page = (type: string, body: string) => httpError(200, { headers: { "content-type": type }, body })

export const turn: FailureGroup = {
  title: "During a turn",
  failures: [
    {
      id: "stream-ends",
      setup: "the stream ends before the answer is complete",
      errorType: "TurnFailed.Disconnected",
      class: "transient",
      retryable: true,
      reasons: ["stream disconnected before completion"],
      run: play({ script: [reply(text("half", { deltas: true }), cut)] })
    },
    {
      id: "empty-stream",
      setup: "the connection closes without an answer",
      errorType: "TurnFailed.Disconnected",
      class: "transient",
      retryable: true,
      reasons: ["error sending request"],
      gate: true,
      run: play({ script: [truncate(reply(text("x")), 0)] })
    },
    {
      id: "malformed-sse",
      setup: "the stream is no stream of events",
      errorType: "TurnFailed.Disconnected",
      class: "transient",
      retryable: true,
      reasons: ["stream closed before response.completed"],
      run: play({ script: [page("text/event-stream", "data: {not json}\n\ndata: [1,2\n\n")] })
    },
    {
      id: "html",
      setup: "a proxy answers with a page",
      errorType: "TurnFailed.Disconnected",
      class: "transient",
      retryable: true,
      reasons: ["stream closed before response.completed"],
      run: play({ script: [page("text/html", "<html>Sign in to the Wi-Fi</html>")] })
    },
    {
      id: "timeout-while-retrying",
      setup: "the turn's timeout ends while Codex retries HTTP 500",
      errorType: "TurnTimedOut",
      class: "timeout",
      retryable: false,
      reasons: ["TurnFailed.ServerError", "currently experiencing high demand"],
      run: play({
        script: () => httpError(500, { message: "The server had an error while processing your request" }),
        retries: 20,
        turn: { timeout: "2 seconds" }
      })
    },
    {
      id: "killed",
      setup: "Codex is killed in the middle of a turn",
      errorType: "EngineExited",
      class: "engine",
      retryable: true,
      reasons: ["SIGKILL"],
      run: killed
    }
  ]
}
