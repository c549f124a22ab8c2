/** An engine with one thread, whose turns emit what a function plays. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as Engine from "../../src/engine/Engine.ts"

export const threadId = ThreadId.make("thread")

/** Makes an engine whose turns run `play`. Everything but starting the thread and running its turns dies. */
export const layer = (play: (handlers: Engine.Handlers) => Promise<void>): Layer.Layer<Engine.Engine> => {
  const thread: Engine.EngineThread = {
    id: threadId,
    model: "model",
    provider: "openai",
    cwd: "/",
    turn: (_input, _options, handlers) => Effect.promise(() => play(handlers)),
    compact: () => Effect.void,
    steer: () => Effect.void
  }
  const unused = Effect.die("an engine with a single thread does not do this")
  return Layer.succeed(
    Engine.Engine,
    Engine.Engine.of({
      ready: Effect.void,
      startThread: () => Effect.succeed(thread),
      resumeThread: () => unused,
      forkThread: () => unused,
      listThreads: () => unused,
      readThread: () => unused,
      renameThread: () => unused,
      archiveThread: () => unused,
      unarchiveThread: () => unused,
      deleteThread: () => unused,
      listModels: () => unused,
      request: () => unused
    })
  )
}
