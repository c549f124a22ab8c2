/** Tests against processes: in real time, with Node's services and without a log. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"

const services = Layer.merge(NodeServices.layer, Logger.layer([]))

export const test = <A, E>(
  name: string,
  body: () => Effect.Effect<A, E, NodeServices.NodeServices | Scope.Scope>,
  timeout?: number
) => it.live(name, () => Effect.provide(body(), services), timeout)

/** Milliseconds that it took, and what it gave. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(effect), ([took, value]) => [Duration.toMillis(took), value] as const)
