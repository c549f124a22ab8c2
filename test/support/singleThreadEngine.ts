/** An engine with one thread, whose turns emit what a function plays. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Approval from "../../src/Approval.ts"
import type { Budget } from "../../src/domain/Budget.ts"
import type * as Prices from "../../src/domain/Prices.ts"
import type { Sandbox } from "../../src/domain/TurnOptions.ts"
import * as Thread from "../../src/Thread.ts"
import * as ToolHost from "../../src/tool/ToolHost.ts"
import * as SharedThreads from "../../src/turn/SharedThreads.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as Engine from "../../src/engine/Engine.ts"

export const threadId = ThreadId.make("thread")

/** Opens a thread without tools, whose policy declines everything, on an engine's thread. */
export const openThread = (
  engine: Engine.EngineThread,
  {
    budget = {},
    prices = () => undefined,
    sandbox
  }: {
    readonly budget?: Budget
    readonly prices?: Prices.PriceOf
    readonly sandbox?: Sandbox | undefined
  } = {}
): Thread.Thread => {
  const context = {
    tools: ToolHost.empty,
    policy: Approval.deny,
    sandbox,
    instructions: undefined,
    prices,
    annotations: {}
  }
  const handle = SharedThreads.opening(SharedThreads.make())
    .open(engine, context, budget)
    .pipe(Effect.provideService(Scope.Scope, Scope.makeUnsafe()), Effect.runSync)
  return Thread.make(handle)
}

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
