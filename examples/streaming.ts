/** Streams the events of a turn. Ending the stream early interrupts the turn. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Stream } from "effect"
import { AppServer, Codex, type TurnEvent } from "effect-codex"

const show = (event: TurnEvent) => {
  switch (event._tag) {
    case "MessageDelta":
      return Effect.sync(() => process.stdout.write(event.delta))
    case "ItemCompleted":
      return event.item._tag === "CommandExecution"
        ? Console.log(`$ ${event.item.command} -> ${event.item.exitCode}`)
        : Effect.void
    case "TurnCompleted":
      return Console.log(`\n(${Math.round(event.turn.time.thinkingMillis)} ms thinking)`)
    default:
      return Effect.void
  }
}

const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ cwd: ".", sandbox: "read-only" })
  yield* thread.stream("List the files here").pipe(Stream.runForEach(show))
}).pipe(Effect.scoped)

program.pipe(Effect.provide(Codex.layer.pipe(Layer.provide(AppServer.layer))), NodeRuntime.runMain)
