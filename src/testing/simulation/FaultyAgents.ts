/** The sub-agents of a turn of the faulty engine. They work on when the turn has nothing more to do. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as CodexError from "../../domain/CodexError.ts"
import { ThreadId, TurnId } from "../../domain/Ids.ts"
import type { SubAgents } from "../../domain/TurnOptions.ts"
import type * as Engine from "../../engine/Engine.ts"
import * as FaultyTurn from "./FaultyTurn.ts"
import * as SeededRandom from "./SeededRandom.ts"

export interface FaultyAgents {
  /** Starts a sub-agent with this name. */
  readonly start: (handlers: Engine.Handlers, name: string) => Effect.Effect<void>
  /** Interrupts the sub-agents that still work, or awaits them. */
  readonly end: (mode: SubAgents) => Effect.Effect<void>
}

const interrupted = new CodexError.TurnInterrupted({ by: "codex" })

export const make = (
  options: FaultyTurn.FaultyEngineOptions,
  rootThreadId: ThreadId,
  rootTurnId: TurnId,
  settings: Engine.EngineThreadOptions
): FaultyAgents => {
  const { history, seed } = options
  const working = new Set<Fiber.Fiber<void>>()
  return {
    start: (handlers, name) =>
      Effect.suspend(() => {
        const threadId = ThreadId.make(name)
        const turnId = TurnId.make(`${name}-turn`)
        const agent = handlers.agent?.({ threadId, turnId })
        if (agent === undefined) return Effect.void
        history.count("sub-agents")
        const engineTurn = history.begin(threadId, `sub-agent ${name}`, false, rootThreadId)
        const turn: FaultyTurn.FaultyTurn = {
          engineTurn,
          handlers: agent,
          random: SeededRandom.make(seed, `agent ${name}`),
          turnId,
          rootTurnId,
          options: settings,
          settings: options,
          background: SeededRandom.make(seed, `background ${name}`),
          left: new Map()
        }
        const work = FaultyTurn.play(turn, name, Effect.void).pipe(
          Effect.exit,
          Effect.onExit((exit) =>
            Effect.sync(() => {
              const ended = Exit.isSuccess(exit) ? exit.value : exit
              history.end(engineTurn, FaultyTurn.describeExit(ended))
              agent.end(
                Exit.isSuccess(ended)
                  ? "completed"
                  : Option.getOrElse(Exit.findErrorOption(ended), () => interrupted)
              )
            })
          ),
          Effect.asVoid
        )
        // The first event of the sub-agent may interrupt the turn, which must know the sub-agent to interrupt it.
        return Effect.uninterruptibleMask((restore) =>
          Effect.map(Effect.forkDetach(restore(work), { startImmediately: true }), (fiber) => {
            working.add(fiber)
            fiber.addObserver(() => working.delete(fiber))
          })
        )
      }),
    end: (mode) =>
      Effect.suspend(() =>
        mode === "await" ? Effect.asVoid(Fiber.awaitAll(working)) : Fiber.interruptAll(working)
      )
  }
}
