/** Tests against processes: real time, Node's services, and a limit on what must be bounded. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

type Services = NodeServices.NodeServices | Scope.Scope

export const test = <A, E>(name: string, body: () => Effect.Effect<A, E, Services>, timeout?: number) =>
  it.live(name, () => Effect.provide(body(), NodeServices.layer), timeout)

/** What it gives, if it ends in time; a test that says how long something may take fails where it takes longer. */
export const within =
  (limit: Duration.Input) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Effect.timed(effect), ([took, value]) =>
      Effect.sync(() => {
        const most = Duration.toMillis(limit)
        assert.isAtMost(Duration.toMillis(took), most, "it took too long")
        return value
      })
    )

export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(effect), ([took, value]) => [Duration.toMillis(took), value] as const)
